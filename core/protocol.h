/* SPDX-License-Identifier: MIT */
/*
 * protocol - what the module, the helper and `carrel` say to each other.
 *
 * SOCK_SEQPACKET, one message a packet, fixed layouts, native byte order (both ends are on one
 * machine). Every message starts with struct message_head; a message of another version, size or
 * type than the one awaited is an error, never guessed at. So that a package can be upgraded while
 * sessions live, PROTOCOL_VERSION changes whenever a layout does, and a peer that sees another
 * version says so.
 *
 *   module                     helper, then warden
 *   REQUEST            ──▶
 *                      ◀──     REPLY  + pidfd, cgroup descriptors (SCM_RIGHTS)
 *   (joins, and compares)      (waits for the sandbox's PID 1 to be done)
 *                      ◀──     READY
 *   …session…
 *   CLOSE              ──▶     (ends the sandbox; no answer)
 *
 *   carrel                     warden, on its socket in /run/carrel
 *   QUERY              ──▶
 *                      ◀──     INFO
 *   QUERY_SESSIONS     ──▶     (which of them first)
 *                      ◀──     SESSIONS
 *   LIMITS             ──▶     (the user's limits have changed; no answer. Also from helpers)
 *
 *   another helper             warden, for tmp_scope = user
 *   TMP_QUERY          ──▶
 *                      ◀──     TMP + pidfd of its PID 1, root of its private tmpfs
 *
 *   helper                     its sandbox's PID 1
 *   TMP                ──▶     (where the private directories are; helper/share.h)
 *                      ◀──     TMP_DONE + root of its private tmpfs
 *   GO                 ──▶
 *
 * With instance=user a login may join a sandbox that lives (core/pod.h). The module asks its warden
 * first, which says RETRY when anything about the decision may have changed since:
 *
 *   module                     warden, on the user's pod socket
 *   REQUEST            ──▶
 *                      ◀──     REPLY, READY        (or REPLY with REPLY_RETRY)
 *   CLOSE              ──▶
 *
 * Then a helper is started, which decides afresh and hands the login over. The session is the
 * warden's from GO on; it is the one to say READY to the module, so that no login is open of which
 * no warden knows:
 *
 *   helper                     warden, on the user's pod socket
 *   ADOPT              ──▶                         + the module's socket, the leader's pidfd
 *                      ◀──     ADOPTED             + PID 1's pidfd
 *   (sends REPLY to the module)
 *   GO                 ──▶                         (warden to module: READY)
 */
#ifndef CARREL_PROTOCOL_H
#define CARREL_PROTOCOL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cgroup_place.h"
#include "core/failure.h"

#define PROTOCOL_MAGIC 0x4c524143u /* "CARL" */
#define PROTOCOL_VERSION 3
#define PROTOCOL_NAME_MAX 256 /* with NUL; useradd(8) allows 256 at the most */
#define PROTOCOL_TEXT_MAX 256
#define PROTOCOL_CGROUPS_MAX 8
#define PROTOCOL_FDS_MAX (1 + PROTOCOL_CGROUPS_MAX)
#define PROTOCOL_NS_TYPES 5 /* as ns.h has them */
#define PROTOCOL_ID_MAX 48
#define PROTOCOL_HOME_MAX 1024
/* Of one user's groups; a request that has both still fits into a socket's default buffer. */
#define PROTOCOL_GIDS_MAX 8192
#define PROTOCOL_GROUPS_MAX 65536 /* bytes of all group names, with a NUL each */

enum message_type {
	MESSAGE_SPAWNED = 1, /* the spawn's own: carries the helper's pidfd */
	MESSAGE_REQUEST,
	MESSAGE_REPLY,
	MESSAGE_READY,
	MESSAGE_CLOSE,
	MESSAGE_QUERY,
	MESSAGE_INFO,
	MESSAGE_GO, /* the helper's: to the sandbox's PID 1 with the cgroup views, to a warden with an anchor */
	MESSAGE_QUERY_SESSIONS,
	MESSAGE_SESSIONS,
	MESSAGE_TMP_QUERY,
	MESSAGE_TMP,
	MESSAGE_TMP_DONE,
	MESSAGE_ADOPT,
	MESSAGE_ADOPTED,
	MESSAGE_LIMITS,
};

struct message_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t size; /* of the whole message */
};

/* A message that is nothing but its head: CLOSE, QUERY, SPAWNED, GO, TMP_QUERY, LIMITS. */
struct message_plain {
	struct message_head head;
};

/*
 * Who logs in is the caller's to say: it is root, has its NSS modules loaded, and asks NSS for just
 * this anyway; so the helper can do without, which makes it small and quick to start. The one message
 * of variable size: it ends with gid_count group ids (the primary one and those that have no name are
 * among them), then group_bytes of group names, each with its NUL.
 */
struct message_request {
	struct message_head head;
	uint32_t timeout_ms; /* what is left for everything the helper does */
	uint32_t debug; /* 0 or 1 */
	uint32_t uid, gid;
	uint32_t gid_count, group_bytes;
	char user[PROTOCOL_NAME_MAX]; /* as NSS has it (pw_name); all texts are NUL-terminated */
	char home[PROTOCOL_HOME_MAX];
	char service[PROTOCOL_NAME_MAX];
	char tty[PROTOCOL_NAME_MAX]; /* or "" */
	char rhost[PROTOCOL_NAME_MAX]; /* or "" */
	uint32_t gids[PROTOCOL_GIDS_MAX + PROTOCOL_GROUPS_MAX / sizeof(uint32_t)];
};
#define PROTOCOL_REQUEST_SIZE(gid_count, group_bytes)                                              \
	(offsetof(struct message_request, gids) + (size_t)(gid_count) * sizeof(uint32_t) +         \
	 (size_t)(group_bytes))

/* Where the group names are: behind as many ids as gid_count says. */
static inline char *protocol_group_names(struct message_request *request)
{
	return (char *)(request->gids + request->gid_count);
}

enum reply_verdict {
	REPLY_REFUSED, /* could not be confined: text says why */
	REPLY_IGNORE, /* the policy leaves this login alone */
	REPLY_CONFINED, /* the sandbox waits to be joined */
	REPLY_RETRY, /* from a pod's warden alone: have a helper decide */
};

/* What the user may be told, besides the general sentence. */
enum reply_notice { NOTICE_NONE, NOTICE_SESSIONS_MAX, NOTICE_FROZEN };

struct message_reply {
	struct message_head head;
	uint32_t verdict;
	uint32_t notice;
	uint64_t namespaces; /* CLONE_NEW* flags for setns(2) */
	uint64_t bounding_set; /* capability bits that stay */
	uint32_t no_new_privs;
	uint32_t cgroup_count;
	int32_t oom_score_adj; /* what the session starts with */
	char id[PROTOCOL_ID_MAX];
	char text[FAILURE_TEXT_MAX]; /* why refused */
	/* Inodes of the sandbox's namespaces (ns.h), for the caller to compare with its own. */
	uint64_t ns_inodes[PROTOCOL_NS_TYPES];
	struct cgroup_place cgroups[PROTOCOL_CGROUPS_MAX]; /* in the order of the descriptors */
	/*
	 * The inode of the pid namespace that the warden is in; 0: the caller is known to be in it too.
	 * From inside another sandbox (su) there is no way into this one (setns(2)).
	 */
	uint64_t warden_pid_ns;
};

/* The sandbox is whole, or why it is not. */
struct message_ready {
	struct message_head head;
	uint32_t good;
	char text[FAILURE_TEXT_MAX];
};

struct message_info {
	struct message_head head;
	uint32_t uid;
	int32_t warden_pid, init_pid, leader_pid; /* as the warden's pid namespace has them */
	uint32_t sessions;
	uint32_t namespaces; /* bits of enum choice_namespace */
	int64_t started; /* CLOCK_REALTIME, seconds */
	char id[PROTOCOL_ID_MAX];
	char user[PROTOCOL_NAME_MAX];
	char service[PROTOCOL_NAME_MAX];
	char tty[PROTOCOL_NAME_MAX];
	char rhost[PROTOCOL_NAME_MAX];
	/* Directories of the user's slice, "" where the controller is not used. */
	char memory_dir[PROTOCOL_TEXT_MAX], cpu_dir[PROTOCOL_TEXT_MAX], pids_dir[PROTOCOL_TEXT_MAX];
};

/* The sessions in a sandbox, a part at a time: `first` is the index of the first that is wanted. */
struct message_query_sessions {
	struct message_head head;
	uint32_t first;
};

struct session_record {
	int32_t leader_pid; /* as the warden's pid namespace has it */
	int64_t started; /* CLOCK_REALTIME, seconds */
	char service[PROTOCOL_NAME_MAX];
	char tty[PROTOCOL_NAME_MAX];
	char rhost[PROTOCOL_NAME_MAX];
};

/* What logins of one kind are given, as a helper has decided; kept by the warden that they join. */
struct login_terms {
	uint64_t fingerprint; /* of the request (pod.h) */
	uint64_t stamp; /* of the policy's files (policy_stamp.h); 0: decide each time */
	uint64_t shape; /* of the sandbox (plan_shape()) */
	uint64_t limits; /* of the slice (plan_limits_hash()) */
	uint64_t bounding_set;
	uint64_t sessions_max; /* or CONVERT_MAX */
	uint64_t runtime_max; /* seconds, or CONVERT_MAX */
	uint32_t no_new_privs;
	uint32_t linger; /* on_logout, when it is the last one out */
	uint32_t notify;
	uint32_t controllers; /* bits of enum cgroup_controller_id */
	int32_t oom_score_adj;
	uint32_t spare; /* no padding: 0 */
};

/* The user's limits have been set, to a plan's, or could not all be. */
struct message_limits {
	struct message_head head;
	uint64_t limits; /* plan_limits_hash(); 0: not known */
};

struct message_adopt {
	struct message_head head;
	uint32_t uid;
	int32_t leader_pid;
	uint32_t others; /* sessions of the user outside this sandbox */
	uint32_t anyway; /* 1: also where the shape differs */
	uint64_t pid_ns; /* the inode of the helper's */
	struct login_terms terms;
	char service[PROTOCOL_NAME_MAX];
	char tty[PROTOCOL_NAME_MAX];
	char rhost[PROTOCOL_NAME_MAX];
};

#define PROTOCOL_SESSIONS_PART 16
struct message_sessions {
	struct message_head head;
	uint32_t total; /* sessions there are */
	uint32_t count; /* in this part; 0: `first` was beyond the last */
	struct session_record sessions[PROTOCOL_SESSIONS_PART];
};

enum tmp_place {
	TMP_FRESH, /* nowhere yet: no descriptors */
	TMP_SHARED, /* in a live sandbox: a pidfd of its PID 1, the root of its private tmpfs */
	TMP_DISK, /* a detached mount of a directory on disk */
};

struct message_tmp {
	struct message_head head;
	uint32_t place;
	uint64_t mount_ns; /* of TMP_SHARED: inode of that sandbox's mount namespace */
};

/* With the root of the tmpfs, unless it is gone. */
struct message_tmp_done {
	struct message_head head;
	uint32_t gone; /* 1: that sandbox has ended, send another place */
	uint32_t kept; /* 1: more is in use than the size that was wanted, which could not be set */
};

enum adopt_verdict {
	ADOPT_TAKEN,
	ADOPT_DIFFERS, /* the sandbox has another shape: service says for whom it was made */
	ADOPT_FULL, /* sessions_max */
	ADOPT_UNABLE, /* it can't be joined from where the caller is, or is out of descriptors */
};

struct message_adopted {
	struct message_head head;
	uint32_t verdict;
	uint32_t sessions; /* in this sandbox, without the new one */
	uint64_t namespaces; /* as in the reply, like the next ones */
	uint64_t ns_inodes[PROTOCOL_NS_TYPES];
	uint64_t limits; /* taken to be in force (plan_limits_hash()); 0: not known */
	char id[PROTOCOL_ID_MAX];
	char service[PROTOCOL_NAME_MAX];
};

/* Fill in the head. */
void protocol_head(struct message_head *head, enum message_type type, size_t size);

/*
 * Is `bytes`, of which `size` were received, a whole and valid message of this type? Texts must be
 * NUL-terminated, enums and counts in range. Pure. Returns 0 or -EPROTO.
 */
int protocol_check(const void *bytes, size_t size, enum message_type type, struct failure *reterr);

/* Send one message with up to PROTOCOL_FDS_MAX descriptors; never blocks, never raises SIGPIPE. */
int protocol_send(int socket, const void *message, size_t size, const int *fds, size_t fd_count,
		  struct failure *reterr);

/*
 * Receive one message of the given type until the deadline (sys_now_ms() terms). Descriptors arrive
 * close-on-exec in ret_fds (room for PROTOCOL_FDS_MAX; pass NULL when none are expected: then any
 * that came are closed and the message refused). -ETIME: too late. -ECONNRESET: the peer has gone.
 */
int protocol_receive(int socket, enum message_type type, void *ret_message, size_t size,
		     int *ret_fds, size_t *ret_fd_count, int64_t deadline_ms,
		     struct failure *reterr);

/* The type of the message that waits in the socket, which stays there; -errno, -EAGAIN: none yet. */
int protocol_peek(int socket);

/* Copy a text into a message's field; -ENAMETOOLONG when it does not fit. */
int protocol_text(char *field, size_t size, const char *text);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * registry - live sandboxes: CARREL_RUN/UID/ID is the listening socket of the warden of sandbox ID.
 *
 * A name in the file system proves nothing; a warden that answers does. So there is no state to go
 * stale: a socket that refuses connections belonged to a warden that was killed, and whoever holds
 * the user's lock removes it. CARREL_RUN/UID/lock (flock(2)) orders creation, counting and removal
 * of one user's sandboxes and cgroups; it goes with the directory, so a lock is taken only when its
 * file is still linked.
 *
 * Directories are root's, 0700. CARREL_RUN is /run/carrel.
 */
#ifndef CARREL_REGISTRY_H
#define CARREL_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/failure.h"
#include "core/protocol.h"

/* Names in a user's directory that are no sandbox's. */
#define REGISTRY_LOCK "lock"
#define REGISTRY_POD "pod" /* where logins join a sandbox (pod.h) */

/* One user's part of the registry, locked. */
struct registry_user {
	uint32_t uid;
	int dir_fd, lock_fd; /* -1: not open */
};

/*
 * Make the directory and take the lock; waits until the deadline. -ENOENT with create=false when
 * the user has no directory.
 */
int registry_lock(uint32_t uid, bool create, int64_t deadline_ms, struct registry_user *ret_user,
		  struct failure *reterr);
/* Let the lock go; the directory stays. Both do nothing where it is not held. */
void registry_unlock(struct registry_user *user);
/* The last one out: remove the lock and the directory when no sandbox is left in it, and unlock. */
void registry_leave(struct registry_user *user);
/* The same for who has just seen, under this lock, that none is left (registry_any()). */
void registry_leave_empty(struct registry_user *user);

/*
 * Are there `max` sandboxes or more? Names are counted first, which is quick; only when those are too
 * many are the wardens probed, and the sockets of dead ones removed. *ret_count is then exact, else an
 * upper bound below max.
 */
int registry_count(const struct registry_user *user, size_t max, size_t *ret_count,
		   struct failure *reterr);

/* Does any warden of the user live? Removes the sockets of dead ones that it meets before. */
int registry_any(const struct registry_user *user, bool *ret_any, struct failure *reterr);
/*
 * The same, having looked at all of them: no dead one's socket is left. For who cleans up. -EBUSY: one that
 * was killed is not quite dead.
 */
int registry_clean(const struct registry_user *user, bool *ret_any, struct failure *reterr);
/*
 * The same of those whose slices are in the same cgroups (cgroup_root()): a login from inside another
 * sandbox (su) has its own below that sandbox's, whatever the user has elsewhere.
 */
int registry_any_in(const struct registry_user *user, uint64_t root, bool *ret_any,
		    struct failure *reterr);

/*
 * Is the sandbox `id` the only one of the user's that is registered? By names alone, and without the lock: so
 * dead ones count. False where it can't be told.
 */
bool registry_is_alone(uint32_t uid, const char *id);

/*
 * Connect to a warden, without blocking. *ret_socket; -ECONNREFUSED, -ENOENT: it is dead; -EAGAIN: it
 * lives, with a full backlog.
 */
int registry_connect(uint32_t uid, const char *id, int *ret_socket, struct failure *reterr);
/*
 * Is there nobody behind the socket of this name? `socket` is the caller's, a SOCK_DGRAM for as many names as it
 * asks about: where a warden listens, the kernel refuses another type of socket with EPROTOTYPE (connect(2)),
 * without waking it up.
 */
bool registry_is_dead(int socket, uint32_t uid, const char *id);

/* When it registered: nanoseconds, greater than those of all that registered before it (CLOCK_BOOTTIME). */
int registry_time(uint32_t uid, const char *id, int64_t *ret_time, struct failure *reterr);
/*
 * Of those that registered before that time the last one: 1 with its id and time, 0 when there is none. It
 * may be dead. Needs no lock: those that are before one's own can only become fewer.
 */
int registry_before(uint32_t uid, int64_t before, char ret_id[PROTOCOL_ID_MAX], int64_t *ret_time,
		    struct failure *reterr);

/*
 * Choose an id, make the socket and listen on it (close-on-exec, non-blocking). The id of a `manager`
 * (the user's own systemd) ends in "m": registry_count() passes over it. One whose slices
 * are not in the host's own cgroups (`root`) ends in that inode, which registry_any_in() looks at.
 */
int registry_listen(const struct registry_user *user, bool manager, uint64_t root,
		    char ret_id[PROTOCOL_ID_MAX], int *ret_socket, struct failure *reterr);
/* That root, from an id. */
uint64_t registry_root(const char *id);
/* Is this the id of a manager? */
bool registry_is_manager(const char *id);
int registry_unlink(const struct registry_user *user, const char *id, struct failure *reterr);

/* The uids that have a directory; the caller frees *ret_uids. */
int registry_users(uint32_t **ret_uids, size_t *ret_count, struct failure *reterr);

/*
 * Ask all wardens at once, waiting for the slowest until the deadline, and a little beyond it while
 * answers still come. *ret_infos is the caller's
 * to free: *ret_count that answered, and after them *ret_silent of which nothing is set but id, uid and
 * warden_pid (from the socket; 0: unknown): wardens that live but did not answer in time.
 */
int registry_query(int64_t deadline_ms, struct message_info **ret_infos, size_t *ret_count,
		   size_t *ret_silent, struct failure *reterr);
/* The same, of one user's wardens alone. */
int registry_query_user(uint32_t uid, int64_t deadline_ms, struct message_info **ret_infos,
			size_t *ret_count, size_t *ret_silent, struct failure *reterr);

/* Ask the one warden of this id. -ENOENT: there is none; -ETIME: it does not answer. */
int registry_query_one(uint32_t uid, const char *id, int64_t deadline_ms,
		       struct message_info *ret_info, struct failure *reterr);
/*
 * The pid of the warden that listens there, also when it hangs. Who has a pidfd of that pid, opened
 * before, has the warden's: it listens as long as it lives. Errors as above.
 */
int registry_warden_pid(uint32_t uid, const char *id, pid_t *ret_pid, struct failure *reterr);
/*
 * Ask it for the sessions in its sandbox; *ret_sessions is the caller's to free. Those that end while
 * the parts are asked for may be missing, or another one with them.
 */
int registry_query_sessions(uint32_t uid, const char *id, int64_t deadline_ms,
			    struct session_record **ret_sessions, size_t *ret_count,
			    struct failure *reterr);

/*
 * Tell the user's wardens that limits of the user have changed, to a plan's (plan_limits_hash()): those with
 * notify = tty watch what has one, and one that takes logins in knows which of them need a helper to set
 * their own. 0: what the slice holds is not known, since not all of them could be set; then every login needs
 * one. By whoever holds the user's lock, or of two the later one may be heard first. Waits for nobody; best
 * effort.
 */
void registry_tell_limits(uint32_t uid, uint64_t limits);

#endif

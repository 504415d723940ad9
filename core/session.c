/* SPDX-License-Identifier: MIT */
#include "core/session.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/join.h"
#include "core/ns.h"
#include "core/pod.h"
#include "core/spawn.h"
#include "core/sys.h"

#define KILL_WAIT_MS 1000
#define REASON_WAIT_MS 1000 /* at most, for why the sandbox has gone that is to be joined */
#define POD_WAIT_MS 1000 /* at most, for the warden of a pod: after that a helper has its turn */

struct session {
	pid_t owner; /* the process that opened it: only that one can go back */
	int socket;
	int helper_pidfd; /* until it is open */
	int64_t deadline_ms;
	struct message_reply reply;
	struct join join;
	bool prepared; /* the join is */
	bool in_pod; /* the socket leads to the warden of a pod */
	bool entered; /* that pod, or tried to */
	uint32_t uid;
	unsigned int timeout_seconds;
	bool refused; /* by a helper that cleans up after itself */
	char *helper;
};

/* The descriptors of a reply, until the join has used them. */
struct reply_fds {
	int fds[PROTOCOL_FDS_MAX];
	size_t count;
};

static void cleanup_reply_fds(struct reply_fds *reply_fds)
{
	for (size_t i = 0; i < reply_fds->count; i++)
		(void)close(reply_fds->fds[i]);
	reply_fds->count = 0;
}

/*
 * A helper or warden that was killed may leave cgroups and its socket. Have another one look, and
 * do not wait for it: its alarm ends it should it hang.
 */
static void start_sweep(const char *helper, unsigned int timeout_seconds)
{
	_close_ int socket = -1, pidfd = -1;
	struct failure failure;

	(void)spawn_helper(helper, "--sweep", timeout_seconds, &socket, &pidfd, &failure);
}

static int check_caller(struct failure *reterr)
{
	if (geteuid() != 0)
		return failure_say(reterr, EPERM, "the calling process is not root (euid %u)",
				   (unsigned int)geteuid());
	int threads = ns_thread_count(reterr);

	if (threads < 0)
		return threads;
	if (threads > 1)
		return failure_say(
			reterr, EBUSY,
			"the calling process has %d threads: a session can't be confined "
			"without taking the others along",
			threads);
	return 0;
}

/* Bytes of all group names, with a NUL each. */
static size_t names_size(const struct login *login)
{
	size_t size = 0;

	for (char *const *name = login->groups; name && *name; name++)
		size += strlen(*name) + 1;
	return size;
}

/* All group ids, then all group names, one after the other. There is room for them. */
static void pack_groups(const struct login *login, struct message_request *message)
{
	if (login->gid_count > 0)
		memcpy(message->gids, login->gids, login->gid_count * sizeof(*login->gids));
	message->gid_count = (uint32_t)login->gid_count;

	char *names = protocol_group_names(message);

	for (char *const *name = login->groups; name && *name; name++) {
		size_t len = strlen(*name) + 1;

		memcpy(names + message->group_bytes, *name, len);
		message->group_bytes += (uint32_t)len;
	}
}

static int make_request(const struct session *session, const struct session_request *request,
			struct message_request *message, struct failure *reterr)
{
	const struct login *login = request->login;
	int64_t left_ms = session->deadline_ms - sys_now_ms();

	memset(message, 0, PROTOCOL_REQUEST_SIZE(0, 0));
	message->timeout_ms = left_ms > 1 ? (uint32_t)left_ms : 1;
	message->debug = request->debug;
	message->uid = login->uid;
	message->gid = login->gid;
	if (protocol_text(message->user, sizeof(message->user), login->user) < 0)
		return failure_say(reterr, ENAMETOOLONG,
				   "the user name has %zu characters, %d are "
				   "allowed",
				   strlen(login->user), PROTOCOL_NAME_MAX - 1);
	if (protocol_text(message->service, sizeof(message->service), login->service) < 0)
		return failure_say(reterr, ENAMETOOLONG, "the service name has %zu characters",
				   strlen(login->service));
	if (protocol_text(message->home, sizeof(message->home), login->home) < 0)
		return failure_say(reterr, ENAMETOOLONG,
				   "the home directory's path has %zu "
				   "characters",
				   strlen(login->home));
	/* For display alone: one that is too long is left out. */
	if (request->tty)
		(void)protocol_text(message->tty, sizeof(message->tty), request->tty);
	if (request->rhost)
		(void)protocol_text(message->rhost, sizeof(message->rhost), request->rhost);
	pack_groups(login, message);
	protocol_head(&message->head, MESSAGE_REQUEST,
		      PROTOCOL_REQUEST_SIZE(message->gid_count, message->group_bytes));
	return 0;
}

/* Await the reply. */
static int await_reply(int socket, int64_t deadline_ms, struct message_reply *ret_reply,
		       struct reply_fds *ret_fds, struct failure *reterr)
{
	int r = protocol_receive(socket, MESSAGE_REPLY, ret_reply, sizeof(*ret_reply), ret_fds->fds,
				 &ret_fds->count, deadline_ms, reterr);

	if (r < 0)
		return r;
	size_t due = ret_reply->verdict == REPLY_CONFINED ? 1 + ret_reply->cgroup_count : 0;

	if (ret_fds->count != due)
		return failure_say(reterr, EPROTO,
				   "a reply with %zu descriptors where %zu were due",
				   ret_fds->count, due);
	return 0;
}

/* The helper says when PID 1 has mounted everything and is carrel-init. */
static int await_ready(struct session *session, struct failure *reterr)
{
	struct message_ready ready = {.good = 0};
	int r = protocol_receive(session->socket, MESSAGE_READY, &ready, sizeof(ready), NULL, NULL,
				 session->deadline_ms, reterr);

	if (r < 0)
		return failure_wrap(reterr, "wait for the sandbox to be ready");
	if (ready.good)
		return 0;
	session->refused = true;
	return failure_say(reterr, EXDEV, "%s", ready.text);
}

/*
 * PID 1 works on while the caller joins: when it fails, there is nothing left to be joined, and the reason
 * is in the helper's next message.
 */
static void learn_reason(struct session *session, struct failure *reterr)
{
	struct failure reason;
	int64_t soon_ms = sys_now_ms() + REASON_WAIT_MS;

	if (soon_ms < session->deadline_ms)
		session->deadline_ms = soon_ms;
	(void)await_ready(session, &reason);
	if (session->refused)
		*reterr = reason;
}

static int enter(struct session *session, const struct reply_fds *reply_fds, struct failure *reterr)
{
	session->join.reply = &session->reply;
	session->join.pidfd = reply_fds->fds[0];
	session->join.cgroup_fds = reply_fds->fds + 1;
	int r = join_apply(&session->join, reterr);

	session->join.pidfd = -1;
	session->join.cgroup_fds = NULL;
	if (r < 0 && !session->in_pod)
		learn_reason(session, reterr);
	if (r < 0)
		return r;
	r = await_ready(session, reterr);
	if (r == 0) {
		join_restore_cwd(&session->join);
	} else {
		struct failure leaving;

		if (join_undo(&session->join, &leaving) < 0)
			r = failure_say(reterr, session->join.inside ? ENOTRECOVERABLE : -r,
					"%.200s (and then: %.200s)", reterr->text, leaving.text);
	}
	return r;
}

static struct session *session_new(const char *helper, unsigned int timeout_seconds)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->owner = getpid();
	session->socket = session->helper_pidfd = -1;
	session->join = JOIN_NONE;
	session->timeout_seconds = timeout_seconds;
	session->deadline_ms = sys_now_ms() + (int64_t)timeout_seconds * 1000;
	session->helper = strdup(helper);
	if (!session->helper) {
		free(session);
		return NULL;
	}
	return session;
}

/* To a helper, or to a warden that has taken the session over from one. 0 or -errno. */
static int say_close(const struct session *session)
{
	struct message_plain message;
	struct failure ignored;

	protocol_head(&message.head, MESSAGE_CLOSE, sizeof(message));
	return protocol_send(session->socket, &message, sizeof(message), NULL, 0, &ignored);
}

/* Whatever went wrong, the helper does not outlive it, and nothing of it stays. */
static void end_helper(struct session *session)
{
	if (session->helper_pidfd < 0 || session->refused)
		return;
	(void)say_close(session);
	(void)sys_pidfd_send_signal(session->helper_pidfd, SIGKILL);
	/* Until it is dead its socket answers, and the sweep would leave it be. */
	(void)sys_wait_readable(session->helper_pidfd, sys_now_ms() + KILL_WAIT_MS);
	start_sweep(session->helper, session->timeout_seconds + 1);
}

static int start_helper(struct session *session, struct failure *reterr)
{
	/* One second more than we wait: the alarm is for a helper that nobody is left to kill. */
	return spawn_helper(session->helper, NULL, session->timeout_seconds + 1, &session->socket,
			    &session->helper_pidfd, reterr);
}

int session_start(const char *helper, uint32_t uid, unsigned int timeout_seconds,
		  struct session **ret_session, struct failure *reterr)
{
	int r = check_caller(reterr);

	if (r < 0)
		return r;
	struct session *session = session_new(helper, timeout_seconds);

	if (!session)
		return failure_set(reterr, ENOMEM, "prepare a session");
	session->uid = uid;
	session->in_pod = pod_connect(uid, &session->socket) == 0;
	r = session->in_pod ? 0 : start_helper(session, reterr);
	if (r < 0)
		session_forget(session);
	else
		*ret_session = session;
	return r;
}

static int send_request(struct session *session, const struct session_request *request,
			struct failure *reterr)
{
	const struct login *login = request->login;
	size_t names = names_size(login);

	if (login->gid_count > PROTOCOL_GIDS_MAX)
		return failure_say(reterr, E2BIG, "the user is in %zu groups, %d are allowed",
				   login->gid_count, PROTOCOL_GIDS_MAX);
	if (names > PROTOCOL_GROUPS_MAX)
		return failure_say(reterr, E2BIG,
				   "the names of the user's groups need more than %d bytes",
				   PROTOCOL_GROUPS_MAX);
	_free_ struct message_request *message =
		malloc(PROTOCOL_REQUEST_SIZE(login->gid_count, names));

	if (!message)
		return failure_set(reterr, ENOMEM, "prepare a request");
	int r = make_request(session, request, message, reterr);

	if (r == 0)
		r = protocol_send(session->socket, message, message->head.size, NULL, 0, reterr);
	return r;
}

/* Not when it is needed, but while the other side is busy and we are not. */
static int prepare_join(struct session *session, struct failure *reterr)
{
	int r = session->prepared ? 0 : join_prepare(&session->join, reterr);

	session->prepared = r == 0;
	if (r < 0) {
		/* A helper may be asked after a pod: then it is tried again. */
		join_free(&session->join);
		session->join = JOIN_NONE;
	}
	session->join.uid = session->uid;
	return r;
}

/* The part of session_open() that has a helper to talk to. */
static int converse(struct session *session, const struct session_request *request,
		    enum session_outcome *ret_outcome, enum reply_notice *ret_notice,
		    struct failure *reterr)
{
	__attribute__((cleanup(cleanup_reply_fds))) struct reply_fds reply_fds = {.count = 0};
	int r = send_request(session, request, reterr);

	if (r == 0)
		r = prepare_join(session, reterr);
	if (r == 0)
		r = await_reply(session->socket, session->deadline_ms, &session->reply, &reply_fds,
				reterr);
	if (r == -ECONNRESET || r == -EPIPE)
		return failure_say(reterr, -r, "%s ended without an answer", session->helper);
	if (r < 0)
		return failure_wrap(reterr, "ask %s for a sandbox", session->helper);
	switch ((enum reply_verdict)session->reply.verdict) {
	case REPLY_IGNORE:
		*ret_outcome = SESSION_IGNORED;
		return 0;
	case REPLY_CONFINED:
		*ret_outcome = SESSION_CONFINED;
		r = enter(session, &reply_fds, reterr);
		if (session->join.frozen)
			*ret_notice = NOTICE_FROZEN;
		return r;
	case REPLY_RETRY:
		return failure_say(reterr, EPROTO, "%s answered as only a warden may",
				   session->helper);
	case REPLY_REFUSED:
		break;
	}
	session->refused = true;
	*ret_notice = (enum reply_notice)session->reply.notice;
	return failure_say(reterr, EACCES, "%s", session->reply.text);
}

/* Pods --------------------------------------------------------------------------------------- */

/* There is no way into a sandbox from inside another one: its warden is elsewhere then. */
static bool is_reachable(const struct session *session)
{
	struct failure ignored;
	uint64_t own;

	return ns_own_pid_ns(&own, &ignored) == 0 && own == session->reply.warden_pid_ns;
}

/* Ask the warden of the pod. 0: confined; 1: nothing has been changed, and a helper is to decide. */
static int try_pod(struct session *session, const struct session_request *request)
{
	__attribute__((cleanup(cleanup_reply_fds))) struct reply_fds reply_fds = {.count = 0};
	int64_t now_ms = sys_now_ms();
	int64_t half_ms = now_ms + (session->deadline_ms - now_ms) / 2;
	struct failure failure;
	int r = send_request(session, request, &failure);

	if (r == 0)
		r = prepare_join(session, &failure);
	if (r == 0)
		r = await_reply(session->socket,
				half_ms < now_ms + POD_WAIT_MS ? half_ms : now_ms + POD_WAIT_MS,
				&session->reply, &reply_fds, &failure);
	if (r < 0 || session->reply.verdict != REPLY_CONFINED || !is_reachable(session))
		return 1;
	session->entered = true;
	return enter(session, &reply_fds, &failure) == 0 ? 0 : 1;
}

/*
 * Whatever went wrong with the pod (it ended just now, its warden hangs), the login gets a sandbox
 * from a helper. The warden is told, should it still come to answer.
 */
static int leave_pod(struct session *session, struct failure *reterr)
{
	int r = 0;

	session->in_pod = session->refused = false;
	(void)say_close(session);
	close_fd(&session->socket);
	/* What has been joined has been left again, or the process is nowhere to go on from. */
	if (session->entered) {
		r = join_undo(&session->join, reterr);
		if (r < 0 && session->join.inside)
			r = -(reterr->err = ENOTRECOVERABLE);
		join_free(&session->join);
		session->join = JOIN_NONE;
		session->prepared = false;
	}
	memset(&session->reply, 0, sizeof(session->reply));
	return r < 0 ? r : start_helper(session, reterr);
}

int session_open(struct session *session, const struct session_request *request,
		 enum session_outcome *ret_outcome, enum reply_notice *ret_notice,
		 struct failure *reterr)
{
	enum session_outcome outcome = SESSION_IGNORED;

	*ret_notice = NOTICE_NONE;
	if (session->in_pod) {
		if (try_pod(session, request) == 0) {
			*ret_outcome = SESSION_CONFINED;
			return 0;
		}
		int left = leave_pod(session, reterr);

		if (left < 0)
			return left;
	}
	int r = converse(session, request, &outcome, ret_notice, reterr);

	if (r < 0) {
		end_helper(session);
	} else {
		*ret_outcome = outcome;
		close_fd(&session->helper_pidfd);
	}
	return r;
}

int session_close(struct session *session, struct failure *reterr)
{
	int r = 0;

	/*
	 * A child that inherited the session (systemd's sd-pam closes for its parent) is inside the
	 * sandbox's pid namespace, from where there is no way back, nor a need for one.
	 */
	if (session->owner == getpid())
		r = join_undo(&session->join, reterr);
	if (say_close(session) < 0 && session->owner == getpid())
		start_sweep(session->helper, session->timeout_seconds + 1);
	session_forget(session);
	return r;
}

void session_forget(struct session *session)
{
	if (!session)
		return;
	join_free(&session->join);
	close_fd(&session->helper_pidfd);
	close_fd(&session->socket);
	free(session->helper);
	free(session);
}

bool session_has_own_pids(const struct session *session)
{
	return session->reply.namespaces & CLONE_NEWPID;
}

const char *session_id(const struct session *session)
{
	return session->reply.id;
}

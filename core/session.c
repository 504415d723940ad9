/* SPDX-License-Identifier: MIT */
#include "core/session.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/join.h"
#include "core/spawn.h"
#include "core/sys.h"

#define KILL_WAIT_MS 1000

struct session {
	pid_t owner; /* the process that opened it: only that one can go back */
	int socket;
	struct message_reply reply;
	struct join join;
	unsigned int timeout_seconds;
	bool refused; /* by a helper that cleans up after itself */
	char *helper;
	int oom_score_adj; /* the caller's own */
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

	(void)spawn_helper(helper, "--sweep", NULL, timeout_seconds, &socket, &pidfd, &failure);
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

/* All group names, one after the other, each with its NUL. */
static int pack_groups(char *const *names, struct message_request *message, struct failure *reterr)
{
	for (; names && *names; names++) {
		size_t len = strlen(*names) + 1;

		if (len > sizeof(message->groups) - message->group_bytes)
			return failure_say(reterr, E2BIG,
					   "the names of the user's groups need more than %d bytes",
					   PROTOCOL_GROUPS_MAX);
		memcpy(message->groups + message->group_bytes, *names, len);
		message->group_bytes += (uint32_t)len;
	}
	return 0;
}

static int make_request(const struct session_request *request, struct message_request *message,
			struct failure *reterr)
{
	const struct login *login = request->login;

	memset(message, 0, PROTOCOL_REQUEST_SIZE(0));
	message->timeout_ms = request->timeout_seconds * 1000;
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
	int r = pack_groups(login->groups, message, reterr);

	protocol_head(&message->head, MESSAGE_REQUEST, PROTOCOL_REQUEST_SIZE(message->group_bytes));
	return r;
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

/* Tell the warden that we are inside, and have it compare. */
static int verify(struct session *session, int64_t deadline_ms, struct failure *reterr)
{
	struct message_plain joined;
	struct message_verified verified = {.good = 0};

	protocol_head(&joined.head, MESSAGE_JOINED, sizeof(joined));
	/* A helper that has failed has said so, and ended perhaps: what it said is worth more. */
	(void)protocol_send(session->socket, &joined, sizeof(joined), NULL, 0, reterr);
	int r = protocol_receive(session->socket, MESSAGE_VERIFIED, &verified, sizeof(verified),
				 NULL, NULL, deadline_ms, reterr);

	if (r < 0)
		return r;
	if (verified.good)
		return 0;
	session->refused = true;
	return failure_say(reterr, EXDEV, "%s", verified.text);
}

static int read_oom_score_adj(int *ret_value, struct failure *reterr)
{
	char text[16];
	_close_ int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got < 0)
		return failure_set(reterr, errno, "read the own OOM score");
	text[got] = '\0';
	*ret_value = (int)strtol(text, NULL, 10);
	return 0;
}

/* The helper may have set it, whether or not it came to say so. */
static int restore_oom_score_adj(int value, struct failure *reterr)
{
	char text[16];
	_close_ int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%d", value);

	if (fd < 0 || write(fd, text, (size_t)len) != len)
		return failure_set(reterr, errno, "set the own OOM score back to %d", value);
	return 0;
}

static int leave(struct session *session, struct failure *reterr)
{
	int r = join_undo(&session->join, reterr);
	struct failure failure;

	if (session->reply.oom_score_adj_changed &&
	    restore_oom_score_adj(session->oom_score_adj, &failure) < 0 && r == 0) {
		*reterr = failure;
		r = -failure.err;
	}
	return r;
}

static int enter(struct session *session, const struct reply_fds *reply_fds, int64_t deadline_ms,
		 struct failure *reterr)
{
	session->join.reply = &session->reply;
	session->join.pidfd = reply_fds->fds[0];
	session->join.cgroup_fds = reply_fds->fds + 1;
	int r = join_apply(&session->join, reterr);

	session->join.pidfd = -1;
	session->join.cgroup_fds = NULL;
	if (r < 0) {
		struct failure ignored;

		(void)restore_oom_score_adj(session->oom_score_adj, &ignored);
		return r;
	}
	r = verify(session, deadline_ms, reterr);
	if (r == 0) {
		join_restore_cwd(&session->join);
	} else {
		struct failure leaving;

		if (leave(session, &leaving) < 0)
			r = failure_say(reterr, -r, "%.200s (and then: %.200s)", reterr->text,
					leaving.text);
	}
	return r;
}

static struct session *session_new(const struct session_request *request)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->owner = getpid();
	session->socket = -1;
	session->join.saved = (struct ns_saved){.fds = {-1, -1, -1, -1, -1}};
	session->timeout_seconds = request->timeout_seconds;
	session->helper = strdup(request->helper);
	if (!session->helper) {
		free(session);
		return NULL;
	}
	return session;
}

/* The request is in the helper's socket before it starts: it waits for nobody. */
static int start_helper(struct session *session, const struct session_request *request,
			int *ret_pidfd, struct failure *reterr)
{
	_free_ struct message_request *message = malloc(sizeof(*message));

	if (!message)
		return failure_set(reterr, ENOMEM, "prepare a request");
	int r = make_request(request, message, reterr);

	if (r < 0)
		return r;
	r = read_oom_score_adj(&session->oom_score_adj, reterr);
	if (r < 0)
		return r;
	/* One second more than we wait: the alarm is for a helper that nobody is left to kill. */
	return spawn_helper(request->helper, NULL, &message->head, request->timeout_seconds + 1,
			    &session->socket, ret_pidfd, reterr);
}

/* The part of session_open() that has a helper to talk to. */
static int converse(struct session *session, const struct session_request *request,
		    int64_t deadline_ms, enum session_outcome *ret_outcome,
		    enum reply_notice *ret_notice, struct failure *reterr)
{
	__attribute__((cleanup(cleanup_reply_fds))) struct reply_fds reply_fds = {.count = 0};
	int r = await_reply(session->socket, deadline_ms, &session->reply, &reply_fds, reterr);

	if (r < 0)
		return failure_wrap(reterr, "ask %s for a sandbox", request->helper);
	switch ((enum reply_verdict)session->reply.verdict) {
	case REPLY_IGNORE:
		*ret_outcome = SESSION_IGNORED;
		return 0;
	case REPLY_CONFINED:
		*ret_outcome = SESSION_CONFINED;
		return enter(session, &reply_fds, deadline_ms, reterr);
	case REPLY_REFUSED:
		break;
	}
	session->refused = true;
	*ret_notice = (enum reply_notice)session->reply.notice;
	return failure_say(reterr, EACCES, "%s", session->reply.text);
}

int session_open(const struct session_request *request, enum session_outcome *ret_outcome,
		 struct session **ret_session, enum reply_notice *ret_notice,
		 struct failure *reterr)
{
	int64_t deadline_ms = sys_now_ms() + (int64_t)request->timeout_seconds * 1000;
	_close_ int helper_pidfd = -1;
	enum session_outcome outcome = SESSION_IGNORED;
	int r;

	*ret_notice = NOTICE_NONE;
	r = check_caller(reterr);
	if (r < 0)
		return r;
	struct session *session = session_new(request);

	if (!session)
		return failure_set(reterr, ENOMEM, "prepare a session");
	r = start_helper(session, request, &helper_pidfd, reterr);
	if (r < 0) {
		session_forget(session);
		return r;
	}
	r = converse(session, request, deadline_ms, &outcome, ret_notice, reterr);
	if (r < 0) {
		/* Whatever went wrong, the helper does not outlive it, and nothing of it stays. */
		if (!session->refused) {
			(void)sys_pidfd_send_signal(helper_pidfd, SIGKILL);
			/* Until it is dead its socket answers, and the sweep would leave it be. */
			(void)sys_wait_readable(helper_pidfd, sys_now_ms() + KILL_WAIT_MS);
			start_sweep(request->helper, request->timeout_seconds + 1);
			struct failure ignored;

			(void)restore_oom_score_adj(session->oom_score_adj, &ignored);
		}
		session_forget(session);
		return r;
	}
	*ret_outcome = outcome;
	if (outcome == SESSION_IGNORED)
		session_forget(session);
	else
		*ret_session = session;
	return 0;
}

int session_close(struct session *session, struct failure *reterr)
{
	struct message_plain message;
	struct failure sending;
	int r = 0;

	/*
	 * A child that inherited the session (systemd's sd-pam closes for its parent) is inside the
	 * sandbox's pid namespace, from where there is no way back, nor a need for one.
	 */
	if (session->owner == getpid())
		r = leave(session, reterr);
	protocol_head(&message.head, MESSAGE_CLOSE, sizeof(message));
	if (protocol_send(session->socket, &message, sizeof(message), NULL, 0, &sending) < 0 &&
	    session->owner == getpid())
		start_sweep(session->helper, session->timeout_seconds + 1);
	session_forget(session);
	return r;
}

void session_forget(struct session *session)
{
	if (!session)
		return;
	join_free(&session->join);
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

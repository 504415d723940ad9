/* SPDX-License-Identifier: MIT */
#include "helper/share.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/mnt_share.h"
#include "core/registry.h"
#include "core/sys.h"
#include "helper/log.h"

#define CLIENT_WAIT_MS 200 /* for the query of a client that has connected */
#define BACKLOG_PAUSE_MS 2
#define ASK_ATTEMPTS 10 /* with a warden that lives and closes the connection without an answer */
#define ASK_PAUSE_MS 2

/* -EAGAIN is a full backlog: it lives. */
static int connect_patiently(uint32_t uid, const char *id, int64_t deadline_ms, int *ret_socket,
			     struct failure *reterr)
{
	int r;

	while ((r = registry_connect(uid, id, ret_socket, reterr)) == -EAGAIN &&
	       sys_now_ms() < deadline_ms)
		(void)poll(NULL, 0, BACKLOG_PAUSE_MS);
	return r;
}

/*
 * Ask a warden once: 1 when it has directories to share, 0 when it has none, or is dead. -EPIPE, -ECONNRESET:
 * it has closed the connection, because it ends, or because we were held for longer than it waits for a query
 * (CLIENT_WAIT_MS). -EPROTO: it is another version's.
 */
static int ask(uint32_t uid, const char *id, int64_t deadline_ms, struct message_tmp *ret_message,
	       int ret_fds[PROTOCOL_FDS_MAX], struct failure *reterr)
{
	struct message_plain query;
	_close_ int fd = -1;
	size_t count = 0;
	int r = connect_patiently(uid, id, deadline_ms, &fd, reterr);

	if (r == -ECONNREFUSED || r == -ENOENT)
		return 0;
	protocol_head(&query.head, MESSAGE_TMP_QUERY, sizeof(query));
	if (r == 0)
		r = protocol_send(fd, &query, sizeof(query), NULL, 0, reterr);
	if (r == 0)
		r = protocol_receive(fd, MESSAGE_TMP, ret_message, sizeof(*ret_message), ret_fds,
				     &count, deadline_ms, reterr);
	if (r < 0)
		return failure_wrap(reterr, "ask the warden of %s for the private directories", id);
	if (ret_message->place == TMP_SHARED && count == 2)
		return 1;
	while (count-- > 0)
		(void)close(ret_fds[count]);
	return 0;
}

/* One that has ended meanwhile refuses the next connection; one that has not is asked again. */
static int ask_again(uint32_t uid, const char *id, int64_t deadline_ms,
		     struct message_tmp *ret_message, int ret_fds[PROTOCOL_FDS_MAX],
		     struct failure *reterr)
{
	int r = -EPIPE;

	for (int i = 0; i < ASK_ATTEMPTS && (r == -EPIPE || r == -ECONNRESET); i++) {
		if (i > 0 && sys_now_ms() >= deadline_ms)
			break;
		if (i > 0)
			(void)poll(NULL, 0, ASK_PAUSE_MS);
		r = ask(uid, id, deadline_ms, ret_message, ret_fds, reterr);
	}
	return r;
}

/*
 * Half of the time that is left, so that one that hangs keeps nobody out: the login goes on without it, with
 * the directories of another, or fresh ones, and the log has why.
 */
static int ask_patiently(uint32_t uid, const char *id, int64_t deadline_ms,
			 struct message_tmp *ret_message, int ret_fds[PROTOCOL_FDS_MAX],
			 struct failure *reterr)
{
	int64_t now_ms = sys_now_ms();
	int r = ask_again(uid, id, now_ms + (deadline_ms - now_ms) / 2, ret_message, ret_fds,
			  reterr);

	if (r != -ETIME && r != -EAGAIN && r != -EPIPE && r != -ECONNRESET && r != -EPROTO)
		return r;
	log_line(LOG_WARNING, "%s: its directories are not shared with this login", reterr->text);
	return 0;
}

/* To the nearest that has some; *ret_message and *ret_fds stay as they are when none has. */
static int search(struct share *share, int64_t deadline_ms, struct message_tmp *ret_message,
		  int ret_fds[PROTOCOL_FDS_MAX], struct failure *reterr)
{
	char id[PROTOCOL_ID_MAX];
	int r;

	while ((r = registry_before(share->uid, share->before, id, &share->before, reterr)) > 0) {
		struct message_tmp message = {.place = TMP_FRESH};

		r = ask_patiently(share->uid, id, deadline_ms, &message, ret_fds, reterr);
		if (r > 0)
			*ret_message = message;
		if (r != 0)
			return r;
	}
	return r;
}

/* PID 1 that has ended says why through its pipe. */
static int unless_ended(int r)
{
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static int tell(struct share *share, struct sandbox *sandbox, int64_t deadline_ms,
		struct failure *reterr)
{
	struct message_tmp message = {.place = TMP_FRESH};
	int fds[PROTOCOL_FDS_MAX] = {-1, -1};
	int found = search(share, deadline_ms, &message, fds, reterr);

	if (found < 0)
		return found;
	share->visits = found > 0;
	protocol_head(&message.head, MESSAGE_TMP, sizeof(message));
	int r = protocol_send(sandbox->go_fd, &message, sizeof(message), fds, found ? 2 : 0,
			      reterr);

	for (int i = 0; found && i < 2; i++)
		(void)close(fds[i]);
	return unless_ended(r);
}

int share_begin(struct share *share, const struct plan *plan, uint32_t uid, const char *id,
		struct sandbox *sandbox, int64_t deadline_ms, struct failure *reterr)
{
	*share = (struct share){.needed = mnt_shares_tmpfs(plan), .uid = uid};
	if (!share->needed)
		return 0;
	int r = registry_time(uid, id, &share->before, reterr);

	return r < 0 ? r : tell(share, sandbox, deadline_ms, reterr);
}

int share_finish(struct share *share, struct sandbox *sandbox, int64_t deadline_ms, int *ret_root,
		 struct failure *reterr)
{
	struct message_tmp_done done = {.gone = 1};
	int fds[PROTOCOL_FDS_MAX];
	size_t count = 0;
	int r = 0;

	while (r == 0 && share->needed && done.gone) {
		r = protocol_receive(sandbox->go_fd, MESSAGE_TMP_DONE, &done, sizeof(done), fds,
				     &count, deadline_ms, reterr);
		if (r == 0 && done.gone)
			r = tell(share, sandbox, deadline_ms, reterr);
	}
	if (r < 0 || !share->needed)
		return unless_ended(r);
	if (done.kept)
		log_line(LOG_NOTICE,
			 "the private directories of uid %u keep their size: more is in use than "
			 "the policy's tmp_size or tmp_inodes, or there was no limit before",
			 share->uid);
	if (count != 1)
		return failure_say(reterr, EPROTO, "PID 1 sent %zu roots of a tmpfs", count);
	share->needed = share->visits = false;
	*ret_root = fds[0];
	return 0;
}

bool share_answer(const struct warden *warden, int client)
{
	struct message_tmp answer = {.place = TMP_FRESH};
	struct message_plain query;
	struct message_head head;
	struct failure ignored;
	int fds[] = {warden->sandbox.init_pidfd, warden->share_fd};

	if (sys_wait_readable(client, sys_now_ms() + CLIENT_WAIT_MS) <= 0 ||
	    recv(client, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT) != (ssize_t)sizeof(head) ||
	    head.type != MESSAGE_TMP_QUERY)
		return false;
	if (protocol_receive(client, MESSAGE_TMP_QUERY, &query, sizeof(query), NULL, NULL,
			     sys_now_ms(), &ignored) < 0)
		return true;
	if (warden->share_fd >= 0)
		answer.place = TMP_SHARED;
	answer.mount_ns = warden->sandbox.ids.inodes[0]; /* ns.h: the mount namespace is first */
	protocol_head(&answer.head, MESSAGE_TMP, sizeof(answer));
	(void)protocol_send(client, &answer, sizeof(answer), fds, warden->share_fd >= 0 ? 2 : 0,
			    &ignored);
	return true;
}

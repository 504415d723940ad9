/* SPDX-License-Identifier: MIT */
#include "helper/answer.h"

#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/protocol.h"
#include "core/sys.h"
#include "helper/share.h"

#define CLIENT_WAIT_MS 200 /* for the query of a client that has connected */

/* The one session of this sandbox. */
static uint32_t list_sessions(const struct warden *warden, uint32_t first,
			      struct session_record *ret_sessions)
{
	const struct message_info *info = &warden->info;

	if (first > 0)
		return 0;
	ret_sessions->leader_pid = info->leader_pid;
	ret_sessions->started = info->started;
	memcpy(ret_sessions->service, info->service, sizeof(info->service));
	memcpy(ret_sessions->tty, info->tty, sizeof(info->tty));
	memcpy(ret_sessions->rhost, info->rhost, sizeof(info->rhost));
	return 1;
}

static void answer_sessions(const struct warden *warden, int client)
{
	struct message_query_sessions query;
	struct message_sessions sessions;
	struct failure ignored;

	if (protocol_receive(client, MESSAGE_QUERY_SESSIONS, &query, sizeof(query), NULL, NULL,
			     sys_now_ms(), &ignored) < 0)
		return;
	memset(&sessions, 0, sizeof(sessions));
	protocol_head(&sessions.head, MESSAGE_SESSIONS, sizeof(sessions));
	sessions.total = warden->info.sessions;
	sessions.count = list_sessions(warden, query.first, sessions.sessions);
	(void)protocol_send(client, &sessions, sizeof(sessions), NULL, 0, &ignored);
}

void answer_client(struct warden *warden)
{
	struct message_plain query;
	struct message_head head;
	struct failure ignored;
	_close_ int client = accept4(warden->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	/* Only root reaches the socket's directory. A client that just looks is no error. */
	if (client < 0 || sys_wait_readable(client, sys_now_ms() + CLIENT_WAIT_MS) <= 0 ||
	    share_answer(warden, client))
		return;
	if (recv(client, &head, sizeof(head), MSG_PEEK) == (ssize_t)sizeof(head) &&
	    head.type == MESSAGE_QUERY_SESSIONS) {
		answer_sessions(warden, client);
		return;
	}
	if (protocol_receive(client, MESSAGE_QUERY, &query, sizeof(query), NULL, NULL, sys_now_ms(),
			     &ignored) == 0)
		(void)protocol_send(client, &warden->info, sizeof(warden->info), NULL, 0, &ignored);
}

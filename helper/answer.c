/* SPDX-License-Identifier: MIT */
#include "helper/answer.h"

#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/protocol.h"
#include "core/sys.h"
#include "helper/share.h"

#define CLIENT_WAIT_MS 200 /* for the query of a client that has connected */

static void describe(const struct member *member, struct session_record *ret_session)
{
	ret_session->leader_pid = member->leader;
	ret_session->started = member->started;
	(void)protocol_text(ret_session->service, sizeof(ret_session->service),
			    member->service ? member->service : "");
	(void)protocol_text(ret_session->tty, sizeof(ret_session->tty),
			    member->tty ? member->tty : "");
	(void)protocol_text(ret_session->rhost, sizeof(ret_session->rhost),
			    member->rhost ? member->rhost : "");
}

/* Of the sessions that are in, those from the index `first` on. */
static uint32_t list_sessions(const struct warden *warden, uint32_t first,
			      struct session_record ret_sessions[PROTOCOL_SESSIONS_PART])
{
	uint32_t index = 0, count = 0;

	for (size_t i = 0; i < warden->sessions.count && count < PROTOCOL_SESSIONS_PART; i++) {
		const struct member *member = &warden->sessions.members[i];

		if (member->state != MEMBER_LIVE || index++ < first)
			continue;
		describe(member, &ret_sessions[count++]);
	}
	return count;
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

static bool receive_plain(int client, enum message_type type)
{
	struct message_plain message;
	struct failure ignored;

	return protocol_receive(client, type, &message, sizeof(message), NULL, NULL, sys_now_ms(),
				&ignored) == 0;
}

static void hear_limits(struct warden *warden, int client)
{
	struct message_limits message;
	struct failure ignored;

	if (protocol_receive(client, MESSAGE_LIMITS, &message, sizeof(message), NULL, NULL,
			     sys_now_ms(), &ignored) < 0)
		return;
	warden->door.limits = message.limits;
	notify_start(&warden->notify, &warden->info, &warden->sessions);
}

void answer_client(struct warden *warden)
{
	struct failure ignored;
	_close_ int client = accept4(warden->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	/* Only root reaches the socket's directory. A client that just looks is no error. */
	if (client < 0 || sys_wait_readable(client, sys_now_ms() + CLIENT_WAIT_MS) <= 0 ||
	    share_answer(warden, client))
		return;
	switch (protocol_peek(client)) {
	case MESSAGE_QUERY_SESSIONS:
		answer_sessions(warden, client);
		return;
	case MESSAGE_LIMITS:
		hear_limits(warden, client);
		return;
	case MESSAGE_QUERY:
		if (receive_plain(client, MESSAGE_QUERY))
			(void)protocol_send(client, &warden->info, sizeof(warden->info), NULL, 0,
					    &ignored);
		return;
	default:
		return;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * with_message - good messages of the protocol, for tests. Include it after cmocka.h.
 */
#ifndef CARREL_TESTS_WITH_MESSAGE_H
#define CARREL_TESTS_WITH_MESSAGE_H

#include <stdlib.h>

#include "core/protocol.h"

union any {
	struct message_head head;
	struct message_plain plain;
	struct message_request request;
	struct message_reply reply;
	struct message_ready ready;
	struct message_info info;
	struct message_sessions sessions;
	struct message_tmp tmp;
	struct message_tmp_done tmp_done;
	struct message_adopt adopt;
	struct message_adopted adopted;
	struct message_limits limits;
};

static inline size_t size_of(enum message_type type)
{
	switch (type) {
	case MESSAGE_REQUEST:
		return PROTOCOL_REQUEST_SIZE(0, 0);
	case MESSAGE_REPLY:
		return sizeof(struct message_reply);
	case MESSAGE_READY:
		return sizeof(struct message_ready);
	case MESSAGE_INFO:
		return sizeof(struct message_info);
	case MESSAGE_QUERY_SESSIONS:
		return sizeof(struct message_query_sessions);
	case MESSAGE_SESSIONS:
		return sizeof(struct message_sessions);
	case MESSAGE_TMP:
		return sizeof(struct message_tmp);
	case MESSAGE_TMP_DONE:
		return sizeof(struct message_tmp_done);
	case MESSAGE_ADOPT:
		return sizeof(struct message_adopt);
	case MESSAGE_ADOPTED:
		return sizeof(struct message_adopted);
	case MESSAGE_LIMITS:
		return sizeof(struct message_limits);
	default:
		return sizeof(struct message_plain);
	}
}

/* A good message of a type. */
static inline void *make(enum message_type type)
{
	size_t size = size_of(type);
	union any *any = calloc(1, sizeof(*any));

	assert_non_null(any);
	protocol_head(&any->head, type, size);
	if (type == MESSAGE_REQUEST) {
		any->request.timeout_ms = 1;
		any->request.user[0] = 'a';
	}
	if (type == MESSAGE_SESSIONS)
		any->sessions.total = any->sessions.count = PROTOCOL_SESSIONS_PART;
	if (type == MESSAGE_ADOPT)
		any->adopt.leader_pid = 1;
	return any;
}

/* A request with as many groups and bytes of their names. */
static inline struct message_request *make_groups(uint32_t gids, uint32_t bytes)
{
	struct message_request *request = calloc(1, sizeof(*request));

	assert_non_null(request);
	protocol_head(&request->head, MESSAGE_REQUEST, PROTOCOL_REQUEST_SIZE(gids, bytes));
	request->timeout_ms = 1;
	request->user[0] = 'a';
	request->gid_count = gids;
	request->group_bytes = bytes;
	return request;
}

#endif

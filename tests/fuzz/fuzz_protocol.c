/* SPDX-License-Identifier: MIT */
/*
 * fuzz_protocol: any bytes as a message, by itself and over a socket. The first byte says which type
 * is awaited, the second what is done to the rest (FLAG_*, and how many descriptors go with it). What
 * is taken must keep the promises of protocol.h, and no descriptor may be left over whatever came.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/protocol.h"

#define FLAG_WHOLE 1 /* the head is put right, and the size: else few get past them */
#define FLAG_MAGIC 2 /* only magic and version are */
#define FLAG_NO_FDS 4 /* the receiver expects no descriptors */
#define FDS_SHIFT 4 /* the upper half: how many are sent */

static void require(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* How many ids and bytes of names a whole request has: its last byte says. */
static void group_sizes(const uint8_t *data, size_t size, uint32_t *ret_gids, uint32_t *ret_bytes)
{
	uint8_t last = size > 0 ? data[size - 1] : 0;

	*ret_gids = last >> 5;
	*ret_bytes = last & 31;
}

static size_t due_size(enum message_type type, const uint8_t *data, size_t size)
{
	uint32_t gids, group_bytes;

	switch (type) {
	case MESSAGE_REQUEST:
		group_sizes(data, size, &gids, &group_bytes);
		return PROTOCOL_REQUEST_SIZE(gids, group_bytes);
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
	default:
		return sizeof(struct message_plain);
	}
}

/* A message in memory of exactly its size, so that each byte read past its end is seen. */
static char *make(enum message_type type, unsigned int flags, const uint8_t *data, size_t size,
		  size_t *ret_size)
{
	size_t length = flags & FLAG_WHOLE ? due_size(type, data, size) : size;
	char *bytes = calloc(1, length ? length : 1);

	require(bytes != NULL, "memory");
	memcpy(bytes, data, size < length ? size : length);
	if (length >= sizeof(struct message_head)) {
		struct message_head *head = (struct message_head *)bytes;

		if (flags & FLAG_WHOLE)
			protocol_head(head, type, length);
		if (flags & FLAG_MAGIC) {
			head->magic = PROTOCOL_MAGIC;
			head->version = PROTOCOL_VERSION;
		}
	}
	if ((flags & FLAG_WHOLE) && type == MESSAGE_REQUEST) {
		struct message_request *request = (struct message_request *)bytes;

		group_sizes(data, size, &request->gid_count, &request->group_bytes);
	}
	*ret_size = length;
	return bytes;
}

#define ENDS(text) (memchr(text, '\0', sizeof(text)) != NULL)

static void check_request(const struct message_request *request, size_t size)
{
	const char *names = (const char *)(request->gids + request->gid_count);

	require(size == PROTOCOL_REQUEST_SIZE(request->gid_count, request->group_bytes),
		"the groups are all there");
	require(ENDS(request->user) && request->user[0] && ENDS(request->home) &&
			ENDS(request->service) && ENDS(request->tty) && ENDS(request->rhost),
		"a request's texts end");
	require(request->group_bytes <= PROTOCOL_GROUPS_MAX &&
			(!request->group_bytes || names[request->group_bytes - 1] == '\0'),
		"the last group's name ends");
	require(request->gid_count <= PROTOCOL_GIDS_MAX, "a request's group ids");
	for (uint32_t i = 0; i < request->gid_count; i++)
		require(request->gids[i] != UINT32_MAX, "a group id is one");
	require(request->uid != UINT32_MAX && request->gid != UINT32_MAX && request->timeout_ms > 0,
		"a request's numbers");
}

static void check_reply(const struct message_reply *reply)
{
	require(reply->verdict <= REPLY_RETRY && reply->notice <= NOTICE_FROZEN &&
			reply->cgroup_count <= PROTOCOL_CGROUPS_MAX &&
			abs(reply->oom_score_adj) <= 1000,
		"a reply's numbers");
	require(ENDS(reply->id) && ENDS(reply->text), "a reply's texts end");
	for (size_t i = 0; i < PROTOCOL_CGROUPS_MAX; i++)
		require(ENDS(reply->cgroups[i].mount) && ENDS(reply->cgroups[i].controller),
			"a reply's cgroups end");
}

static void check_adopt(const struct message_adopt *adopt)
{
	require(ENDS(adopt->service) && ENDS(adopt->tty) && ENDS(adopt->rhost), "texts end");
	require(adopt->leader_pid > 0 && adopt->terms.linger <= 1 && adopt->terms.notify <= 1,
		"numbers are in range");
}

static void check_info(const struct message_info *info)
{
	require(ENDS(info->id) && ENDS(info->user) && ENDS(info->service) && ENDS(info->tty) &&
			ENDS(info->rhost) && ENDS(info->memory_dir) && ENDS(info->cpu_dir) &&
			ENDS(info->pids_dir),
		"an info's texts end");
}

static void check_sessions(const struct message_sessions *message)
{
	require(message->count <= PROTOCOL_SESSIONS_PART && message->count <= message->total,
		"a part's count");
	for (uint32_t i = 0; i < message->count; i++)
		require(ENDS(message->sessions[i].service) && ENDS(message->sessions[i].tty) &&
				ENDS(message->sessions[i].rhost),
			"a session's texts end");
}

static int check(const char *bytes, size_t size, enum message_type type)
{
	struct failure failure;
	const struct message_head *head = (const struct message_head *)bytes;

	memset(&failure, '#', sizeof(failure));
	int r = protocol_check(bytes, size, type, &failure);

	require(r == 0 || r == -EPROTO, "0 or -EPROTO");
	if (r < 0) {
		require(failure.err == EPROTO && ENDS(failure.text) && failure.text[0],
			"a failure says why");
		return r;
	}
	require(size >= sizeof(*head) && head->magic == PROTOCOL_MAGIC && head->size == size &&
			head->type == type && head->version == PROTOCOL_VERSION,
		"what is taken has a good head");
	if (type == MESSAGE_REQUEST)
		check_request((const struct message_request *)bytes, size);
	else if (type == MESSAGE_REPLY)
		check_reply((const struct message_reply *)bytes);
	else if (type == MESSAGE_INFO)
		check_info((const struct message_info *)bytes);
	else if (type == MESSAGE_TMP)
		require(((const struct message_tmp *)bytes)->place <= TMP_DISK, "a place");
	else if (type == MESSAGE_ADOPT)
		check_adopt((const struct message_adopt *)bytes);
	else if (type == MESSAGE_READY)
		require(ENDS(((const struct message_ready *)bytes)->text), "its text ends");
	else if (type == MESSAGE_SESSIONS)
		check_sessions((const struct message_sessions *)bytes);
	return 0;
}

static void send_raw(int socket, char *bytes, size_t size, size_t fd_count)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * 16)];
	} control;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	if (fd_count > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		for (size_t i = 0; i < fd_count; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &socket, sizeof(int));
	}
	require(sendmsg(socket, &msg, 0) == (ssize_t)size, "the packet is sent");
}

/* The lowest free descriptor: it is the same afterwards when none has been left open. */
static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	require(fd >= 0, "a descriptor");
	(void)close(fd);
	return fd;
}

static void receive(char *bytes, size_t size, enum message_type type, unsigned int flags, int good)
{
	static struct message_request room; /* the largest of all */
	int before = lowest_free(), pair[2], fds[PROTOCOL_FDS_MAX];
	size_t sent = flags >> FDS_SHIFT, count = 0, allowed = PROTOCOL_FDS_MAX;
	struct failure failure;

	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a socket pair");
	send_raw(pair[1], bytes, size, sent);
	if (flags & FLAG_NO_FDS)
		allowed = 0;
	int r = protocol_receive(pair[0], type, &room, sizeof(room), allowed ? fds : NULL, &count,
				 0, &failure);

	require((r == 0) == (good && sent <= allowed), "a socket changes no verdict");
	require(r == 0 ? count == (allowed ? sent : 0) : count == 0, "as many as were sent");
	for (size_t i = 0; i < count; i++)
		require(close(fds[i]) == 0, "a descriptor that came is open");
	(void)close(pair[0]);
	(void)close(pair[1]);
	require(lowest_free() == before, "no descriptor is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	enum message_type type = (enum message_type)(data[0] % MESSAGE_ADOPTED + MESSAGE_SPAWNED);
	unsigned int flags = data[1];
	size_t length;
	_free_ char *bytes = make(type, flags, data + 2, size - 2, &length);
	int good = check(bytes, length, type) == 0;

	receive(bytes, length, type, flags, good);
	return 0;
}

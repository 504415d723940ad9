/* SPDX-License-Identifier: MIT */
#include "core/protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/cleanup.h"
#include "core/sys.h"

static const struct {
	const char *name;
	size_t size;
} messages[] = {
	[MESSAGE_SPAWNED] = {"spawned", sizeof(struct message_plain)},
	[MESSAGE_REQUEST] = {"request", sizeof(struct message_request)},
	[MESSAGE_REPLY] = {"reply", sizeof(struct message_reply)},
	[MESSAGE_READY] = {"ready", sizeof(struct message_ready)},
	[MESSAGE_CLOSE] = {"close", sizeof(struct message_plain)},
	[MESSAGE_QUERY] = {"query", sizeof(struct message_plain)},
	[MESSAGE_INFO] = {"info", sizeof(struct message_info)},
	[MESSAGE_GO] = {"go", sizeof(struct message_plain)},
	[MESSAGE_QUERY_SESSIONS] = {"query for sessions", sizeof(struct message_query_sessions)},
	[MESSAGE_SESSIONS] = {"sessions", sizeof(struct message_sessions)},
	[MESSAGE_TMP_QUERY] = {"query for private directories", sizeof(struct message_plain)},
	[MESSAGE_TMP] = {"private directories", sizeof(struct message_tmp)},
	[MESSAGE_TMP_DONE] = {"private directories done", sizeof(struct message_tmp_done)},
	[MESSAGE_ADOPT] = {"adopt", sizeof(struct message_adopt)},
	[MESSAGE_ADOPTED] = {"adopted", sizeof(struct message_adopted)},
	[MESSAGE_LIMITS] = {"limits", sizeof(struct message_limits)},
};
_Static_assert(ARRAY_SIZE(messages) == MESSAGE_LIMITS + 1, "a row for each message");

void protocol_head(struct message_head *head, enum message_type type, size_t size)
{
	head->magic = PROTOCOL_MAGIC;
	head->version = PROTOCOL_VERSION;
	head->type = (uint16_t)type;
	head->size = (uint32_t)size;
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* (gid_t)-1 is "no change" to the system calls that take it, which would be root's group. */
static bool groups_good(const struct message_request *request)
{
	const char *names = (const char *)(request->gids + request->gid_count);

	for (uint32_t i = 0; i < request->gid_count; i++) {
		if (request->gids[i] == UINT32_MAX)
			return false;
	}
	return request->group_bytes == 0 || names[request->group_bytes - 1] == '\0';
}

static bool request_good(const struct message_request *request)
{
	return ends(request->user, sizeof(request->user)) &&
	       ends(request->service, sizeof(request->service)) &&
	       ends(request->tty, sizeof(request->tty)) &&
	       ends(request->rhost, sizeof(request->rhost)) && request->user[0] != '\0' &&
	       ends(request->home, sizeof(request->home)) && request->debug <= 1 &&
	       request->timeout_ms > 0 && request->uid != UINT32_MAX &&
	       request->gid != UINT32_MAX && groups_good(request);
}

/* The size that a message of this type must have; a request says itself how many groups it has. */
static size_t due_size(const void *bytes, size_t size, enum message_type type)
{
	const struct message_request *request = bytes;

	if (type != MESSAGE_REQUEST)
		return messages[type].size;
	if (size < PROTOCOL_REQUEST_SIZE(0, 0) || request->gid_count > PROTOCOL_GIDS_MAX ||
	    request->group_bytes > PROTOCOL_GROUPS_MAX)
		return 0;
	return PROTOCOL_REQUEST_SIZE(request->gid_count, request->group_bytes);
}

static bool reply_good(const struct message_reply *reply)
{
	if (reply->verdict > REPLY_RETRY || reply->notice > NOTICE_FROZEN ||
	    reply->no_new_privs > 1 || reply->cgroup_count > PROTOCOL_CGROUPS_MAX ||
	    reply->oom_score_adj < -1000 || reply->oom_score_adj > 1000)
		return false;
	for (size_t i = 0; i < PROTOCOL_CGROUPS_MAX; i++) {
		const struct cgroup_place *place = &reply->cgroups[i];

		if (!ends(place->mount, sizeof(place->mount)) ||
		    !ends(place->controller, sizeof(place->controller)))
			return false;
	}
	return ends(reply->text, sizeof(reply->text)) && ends(reply->id, sizeof(reply->id));
}

static bool info_good(const struct message_info *info)
{
	return ends(info->id, sizeof(info->id)) && ends(info->user, sizeof(info->user)) &&
	       ends(info->service, sizeof(info->service)) && ends(info->tty, sizeof(info->tty)) &&
	       ends(info->rhost, sizeof(info->rhost)) &&
	       ends(info->memory_dir, sizeof(info->memory_dir)) &&
	       ends(info->cpu_dir, sizeof(info->cpu_dir)) &&
	       ends(info->pids_dir, sizeof(info->pids_dir));
}

static bool sessions_good(const struct message_sessions *message)
{
	if (message->count > PROTOCOL_SESSIONS_PART || message->count > message->total)
		return false;
	for (uint32_t i = 0; i < message->count; i++) {
		const struct session_record *session = &message->sessions[i];

		if (!ends(session->service, sizeof(session->service)) ||
		    !ends(session->tty, sizeof(session->tty)) ||
		    !ends(session->rhost, sizeof(session->rhost)))
			return false;
	}
	return true;
}

static bool tmp_done_good(const struct message_tmp_done *done)
{
	return done->gone <= 1 && done->kept <= 1;
}

static bool adopt_good(const struct message_adopt *adopt)
{
	const struct login_terms *terms = &adopt->terms;

	return adopt->anyway <= 1 && adopt->leader_pid > 0 && adopt->uid != UINT32_MAX &&
	       terms->no_new_privs <= 1 && terms->linger <= 1 && terms->notify <= 1 &&
	       terms->oom_score_adj >= -1000 && terms->oom_score_adj <= 1000 &&
	       ends(adopt->service, sizeof(adopt->service)) &&
	       ends(adopt->tty, sizeof(adopt->tty)) && ends(adopt->rhost, sizeof(adopt->rhost));
}

static bool adopted_good(const struct message_adopted *adopted)
{
	return adopted->verdict <= ADOPT_UNABLE && ends(adopted->id, sizeof(adopted->id)) &&
	       ends(adopted->service, sizeof(adopted->service));
}

int protocol_check(const void *bytes, size_t size, enum message_type type, struct failure *reterr)
{
	const struct message_head *head = bytes;
	bool good = true;

	if (size < sizeof(*head) || head->magic != PROTOCOL_MAGIC)
		return failure_say(reterr, EPROTO, "a %zu byte message that is not carrel's", size);
	if (head->version != PROTOCOL_VERSION)
		return failure_say(reterr, EPROTO,
				   "the peer speaks protocol version %u, this side %u: was carrel "
				   "upgraded in between?",
				   head->version, PROTOCOL_VERSION);
	size_t due = due_size(bytes, size, type);

	if (head->type != type || head->size != due || size != due)
		return failure_say(reterr, EPROTO,
				   "a message of type %u and %zu bytes where a %s of %zu was due",
				   head->type, size, messages[type].name, due);
	if (type == MESSAGE_REQUEST)
		good = request_good(bytes);
	else if (type == MESSAGE_REPLY)
		good = reply_good(bytes);
	else if (type == MESSAGE_INFO)
		good = info_good(bytes);
	else if (type == MESSAGE_TMP)
		good = ((const struct message_tmp *)bytes)->place <= TMP_DISK;
	else if (type == MESSAGE_TMP_DONE)
		good = tmp_done_good(bytes);
	else if (type == MESSAGE_ADOPT)
		good = adopt_good(bytes);
	else if (type == MESSAGE_ADOPTED)
		good = adopted_good(bytes);
	else if (type == MESSAGE_READY)
		good = ends(((const struct message_ready *)bytes)->text, FAILURE_TEXT_MAX);
	else if (type == MESSAGE_SESSIONS)
		good = sessions_good(bytes);
	if (!good)
		return failure_say(reterr, EPROTO, "a %s message with a field out of range",
				   messages[type].name);
	return 0;
}

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int) * PROTOCOL_FDS_MAX)];
};

int protocol_send(int socket, const void *message, size_t size, const int *fds, size_t fd_count,
		  struct failure *reterr)
{
	struct iovec iov = {.iov_base = (void *)message, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;
	ssize_t sent;

	if (fd_count > PROTOCOL_FDS_MAX)
		return failure_say(reterr, E2BIG, "send %zu descriptors in a message", fd_count);
	if (fd_count > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * fd_count);
	}
	do
		sent = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return failure_set(reterr, errno, "send a %s message",
				   messages[((const struct message_head *)message)->type].name);
	return 0;
}

/*
 * The room for control data is rounded up (CMSG_SPACE): one descriptor more than is due may fit. What
 * does not is closed. false: there were too many.
 */
static bool take_fds(struct msghdr *msg, int *ret_fds, size_t *ret_count)
{
	bool fits = true;
	size_t count = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		size_t here = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < here; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (count < PROTOCOL_FDS_MAX) {
				ret_fds[count++] = fd;
			} else {
				(void)close(fd);
				fits = false;
			}
		}
	}
	*ret_count = count;
	return fits;
}

static int receive_packet(int socket, enum message_type type, void *ret_message, size_t size,
			  int *ret_fds, size_t *ret_fd_count, struct failure *reterr)
{
	union control control;
	struct iovec iov = {.iov_base = ret_message, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t got;

	memset(&control, 0, sizeof(control));
	do
		got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return failure_set(reterr, errno, "receive a %s message", messages[type].name);
	bool fits = take_fds(&msg, ret_fds, ret_fd_count);

	if (got == 0)
		return failure_say(reterr, ECONNRESET, "the peer ended without a %s message",
				   messages[type].name);
	if (!fits || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return failure_say(reterr, EPROTO, "a %s message that was cut",
				   messages[type].name);
	return protocol_check(ret_message, (size_t)got, type, reterr);
}

int protocol_receive(int socket, enum message_type type, void *ret_message, size_t size,
		     int *ret_fds, size_t *ret_fd_count, int64_t deadline_ms,
		     struct failure *reterr)
{
	int fds[PROTOCOL_FDS_MAX];
	size_t count = 0;
	int ready = sys_wait_readable(socket, deadline_ms);

	if (ready < 0)
		return failure_set(reterr, errno, "wait for a %s message", messages[type].name);
	if (ready == 0)
		return failure_say(reterr, ETIME, "no %s message came in time",
				   messages[type].name);
	int r = receive_packet(socket, type, ret_message, size, fds, &count, reterr);

	if (r == 0 && count > 0 && !ret_fds)
		r = failure_say(reterr, EPROTO, "a %s message with %zu descriptors too many",
				messages[type].name, count);
	if (r < 0 || !ret_fds) {
		for (size_t i = 0; i < count; i++)
			(void)close(fds[i]);
		return r;
	}
	memcpy(ret_fds, fds, sizeof(int) * count);
	*ret_fd_count = count;
	return 0;
}

int protocol_peek(int socket)
{
	struct message_head head;
	ssize_t got;

	do
		got = recv(socket, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (got == 0)
		return -ECONNRESET;
	return got == (ssize_t)sizeof(head) ? head.type : -EPROTO;
}

int protocol_text(char *field, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size)
		return -ENAMETOOLONG;
	memset(field, 0, size);
	memcpy(field, text, len + 1);
	return 0;
}

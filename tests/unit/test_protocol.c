/* SPDX-License-Identifier: MIT */
/* protocol: what is no whole, valid message of the awaited type is an error; descriptors never leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/protocol.h"
#include "core/sys.h"

#define SOON_MS 50

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
};

static size_t size_of(enum message_type type)
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
	default:
		return sizeof(struct message_plain);
	}
}

/* A good message of a type. */
static void *make(enum message_type type)
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

static int check(const void *message, size_t size, enum message_type type)
{
	struct failure failure = {0};
	int r = protocol_check(message, size, type, &failure);

	if (r < 0) {
		assert_int_equal(r, -EPROTO);
		assert_true(failure.text[0] != '\0');
		assert_non_null(memchr(failure.text, '\0', sizeof(failure.text)));
	}
	return r;
}

static void every_type_is_taken_as_itself_alone(void **state)
{
	(void)state;
	for (int type = MESSAGE_SPAWNED; type <= MESSAGE_LIMITS; type++) {
		_free_ void *message = make((enum message_type)type);

		for (int due = MESSAGE_SPAWNED; due <= MESSAGE_LIMITS; due++) {
			int r = check(message, size_of((enum message_type)type),
				      (enum message_type)due);

			assert_int_equal(r, type == due ? 0 : -EPROTO);
		}
	}
}

static void every_shorter_size_is_refused(void **state)
{
	(void)state;
	for (int type = MESSAGE_SPAWNED; type <= MESSAGE_LIMITS; type++) {
		_free_ char *message = make((enum message_type)type);

		for (size_t size = 0; size < size_of((enum message_type)type); size++) {
			/* In memory of just this size: what is read beyond it is seen by ASan. */
			_free_ char *cut = malloc(size + (size == 0));

			assert_non_null(cut);
			memcpy(cut, message, size);
			assert_int_equal(check(cut, size, (enum message_type)type), -EPROTO);
		}
	}
}

static void the_size_in_the_head_must_agree(void **state)
{
	(void)state;
	for (int type = MESSAGE_SPAWNED; type <= MESSAGE_LIMITS; type++) {
		_free_ union any *any = make((enum message_type)type);
		size_t size = size_of((enum message_type)type);

		any->head.size++;
		assert_int_equal(check(any, size, (enum message_type)type), -EPROTO);
		any->head.size -= 2;
		assert_int_equal(check(any, size, (enum message_type)type), -EPROTO);
	}
}

static void another_magic_is_not_ours(void **state)
{
	_free_ union any *any = make(MESSAGE_CLOSE);

	(void)state;
	any->head.magic ^= 1;
	assert_int_equal(check(any, size_of(MESSAGE_CLOSE), MESSAGE_CLOSE), -EPROTO);
}

static void another_version_is_said_to_be_one(void **state)
{
	_free_ union any *any = make(MESSAGE_INFO);
	struct failure failure = {0};

	(void)state;
	any->head.version++;
	/* Whatever its size and type are: they may have changed with the version. */
	any->head.size = 7;
	any->head.type = 99;
	assert_int_equal(protocol_check(any, sizeof(any->head), MESSAGE_INFO, &failure), -EPROTO);
	assert_non_null(strstr(failure.text, "version"));
	assert_non_null(strstr(failure.text, "upgraded"));
}

static void types_out_of_range_are_refused(void **state)
{
	static const uint16_t types[] = {0, MESSAGE_ADOPTED + 1, 255, UINT16_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_free_ union any *any = make(MESSAGE_CLOSE);

		any->head.type = types[i];
		assert_int_equal(check(any, size_of(MESSAGE_CLOSE), MESSAGE_CLOSE), -EPROTO);
	}
}

#define TEXT(type, member, field)                                                                  \
	{                                                                                          \
		type, offsetof(struct member, field), sizeof(((struct member *)0)->field), #field  \
	}

static const struct {
	enum message_type type;
	size_t at, size;
	const char *name;
} texts[] = {
	TEXT(MESSAGE_REQUEST, message_request, user),
	TEXT(MESSAGE_REQUEST, message_request, home),
	TEXT(MESSAGE_REQUEST, message_request, service),
	TEXT(MESSAGE_REQUEST, message_request, tty),
	TEXT(MESSAGE_REQUEST, message_request, rhost),
	TEXT(MESSAGE_REPLY, message_reply, id),
	TEXT(MESSAGE_REPLY, message_reply, text),
	TEXT(MESSAGE_REPLY, message_reply, cgroups[0].mount),
	TEXT(MESSAGE_REPLY, message_reply, cgroups[0].controller),
	TEXT(MESSAGE_REPLY, message_reply, cgroups[PROTOCOL_CGROUPS_MAX - 1].mount),
	TEXT(MESSAGE_REPLY, message_reply, cgroups[PROTOCOL_CGROUPS_MAX - 1].controller),
	TEXT(MESSAGE_READY, message_ready, text),
	TEXT(MESSAGE_INFO, message_info, id),
	TEXT(MESSAGE_INFO, message_info, user),
	TEXT(MESSAGE_INFO, message_info, service),
	TEXT(MESSAGE_INFO, message_info, tty),
	TEXT(MESSAGE_INFO, message_info, rhost),
	TEXT(MESSAGE_INFO, message_info, memory_dir),
	TEXT(MESSAGE_INFO, message_info, cpu_dir),
	TEXT(MESSAGE_INFO, message_info, pids_dir),
	TEXT(MESSAGE_ADOPT, message_adopt, service),
	TEXT(MESSAGE_ADOPT, message_adopt, tty),
	TEXT(MESSAGE_ADOPT, message_adopt, rhost),
	TEXT(MESSAGE_ADOPTED, message_adopted, id),
	TEXT(MESSAGE_ADOPTED, message_adopted, service),
};

static void texts_without_an_end_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_free_ char *message = make(texts[i].type);

		memset(message + texts[i].at, 'x', texts[i].size - 1);
		if (check(message, size_of(texts[i].type), texts[i].type) != 0)
			fail_msg("a full %s is refused", texts[i].name);
		message[texts[i].at + texts[i].size - 1] = 'x';
		if (check(message, size_of(texts[i].type), texts[i].type) == 0)
			fail_msg("%s without an end is taken", texts[i].name);
	}
}

#define NUMBER(type, member, field, good, bad)                                                     \
	{                                                                                          \
		type, offsetof(struct member, field), (uint32_t)(good), (uint32_t)(bad), #field    \
	}

static const struct {
	enum message_type type;
	size_t at;
	uint32_t good, bad;
	const char *name;
} numbers[] = {
	NUMBER(MESSAGE_REQUEST, message_request, timeout_ms, UINT32_MAX, 0),
	NUMBER(MESSAGE_TMP, message_tmp, place, TMP_DISK, TMP_DISK + 1),
	NUMBER(MESSAGE_TMP_DONE, message_tmp_done, gone, 1, 2),
	NUMBER(MESSAGE_TMP_DONE, message_tmp_done, kept, 1, 2),
	NUMBER(MESSAGE_REQUEST, message_request, debug, 1, 2),
	NUMBER(MESSAGE_REQUEST, message_request, uid, UINT32_MAX - 1, UINT32_MAX),
	NUMBER(MESSAGE_REQUEST, message_request, gid, UINT32_MAX - 1, UINT32_MAX),
	NUMBER(MESSAGE_REPLY, message_reply, verdict, REPLY_RETRY, REPLY_RETRY + 1),
	NUMBER(MESSAGE_REPLY, message_reply, verdict, REPLY_IGNORE, UINT32_MAX),
	NUMBER(MESSAGE_REPLY, message_reply, notice, NOTICE_FROZEN, NOTICE_FROZEN + 1),
	NUMBER(MESSAGE_REPLY, message_reply, no_new_privs, 1, 2),
	NUMBER(MESSAGE_REPLY, message_reply, cgroup_count, PROTOCOL_CGROUPS_MAX,
	       PROTOCOL_CGROUPS_MAX + 1),
	NUMBER(MESSAGE_REPLY, message_reply, cgroup_count, 0, UINT32_MAX),
	NUMBER(MESSAGE_SESSIONS, message_sessions, count, PROTOCOL_SESSIONS_PART,
	       PROTOCOL_SESSIONS_PART + 1),
	NUMBER(MESSAGE_SESSIONS, message_sessions, count, 0, UINT32_MAX),
	NUMBER(MESSAGE_REPLY, message_reply, oom_score_adj, 1000, 1001),
	NUMBER(MESSAGE_REPLY, message_reply, oom_score_adj, -1000, -1001),
	NUMBER(MESSAGE_ADOPT, message_adopt, uid, UINT32_MAX - 1, UINT32_MAX),
	NUMBER(MESSAGE_ADOPT, message_adopt, leader_pid, 1, 0),
	NUMBER(MESSAGE_ADOPT, message_adopt, leader_pid, INT32_MAX, -1),
	NUMBER(MESSAGE_ADOPT, message_adopt, anyway, 1, 2),
	NUMBER(MESSAGE_ADOPT, message_adopt, terms.no_new_privs, 1, 2),
	NUMBER(MESSAGE_ADOPT, message_adopt, terms.linger, 1, 2),
	NUMBER(MESSAGE_ADOPT, message_adopt, terms.notify, 1, 2),
	NUMBER(MESSAGE_ADOPT, message_adopt, terms.oom_score_adj, -1000, -1001),
	NUMBER(MESSAGE_ADOPT, message_adopt, terms.oom_score_adj, 1000, 1001),
	NUMBER(MESSAGE_ADOPTED, message_adopted, verdict, ADOPT_UNABLE, ADOPT_UNABLE + 1),
};

static void numbers_out_of_range_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		_free_ char *message = make(numbers[i].type);

		memcpy(message + numbers[i].at, &numbers[i].good, sizeof(uint32_t));
		if (check(message, size_of(numbers[i].type), numbers[i].type) != 0)
			fail_msg("%s = %u is refused", numbers[i].name, numbers[i].good);
		memcpy(message + numbers[i].at, &numbers[i].bad, sizeof(uint32_t));
		if (check(message, size_of(numbers[i].type), numbers[i].type) == 0)
			fail_msg("%s = %u is taken", numbers[i].name, numbers[i].bad);
	}
}

static void a_request_needs_a_user(void **state)
{
	_free_ union any *any = make(MESSAGE_REQUEST);

	(void)state;
	any->request.user[0] = '\0';
	assert_int_equal(check(any, size_of(MESSAGE_REQUEST), MESSAGE_REQUEST), -EPROTO);
}

/* A request with as many groups and bytes of their names. */
static struct message_request *make_groups(uint32_t gids, uint32_t bytes)
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

/* In memory of just this size: what is read beyond it is seen by ASan. */
static int check_cut(const struct message_request *request, size_t size)
{
	_free_ char *cut = malloc(size);

	assert_non_null(cut);
	memcpy(cut, request, size);
	return check(cut, size, MESSAGE_REQUEST);
}

static void groups_are_as_long_as_they_say(void **state)
{
	_free_ struct message_request *request = make_groups(0, 8);

	(void)state;
	memcpy(protocol_group_names(request), "abc\0def", 8);
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(0, 8)), 0);
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(0, 9)), -EPROTO);
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(0, 7)), -EPROTO);
	protocol_group_names(request)[7] = 'x';
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(0, 8)), -EPROTO);
}

static void names_come_behind_the_ids(void **state)
{
	_free_ struct message_request *request = make_groups(3, 4);

	(void)state;
	assert_ptr_equal(protocol_group_names(request), &request->gids[3]);
	memcpy(protocol_group_names(request), "abc", 4);
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(3, 4)), 0);
	/* The sum is the same, and what ends the names is another byte. */
	request->gids[1] = 0x01010101;
	request->gid_count = 1;
	request->group_bytes = 12;
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(3, 4)), 0);
	request->gid_count = 4;
	request->group_bytes = 0;
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(3, 4)), 0);
	request->gid_count = 5;
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(3, 4)), -EPROTO);
	request->gid_count = 2;
	request->group_bytes = 4;
	assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(3, 4)), -EPROTO);
}

static void no_group_id_means_no_change(void **state)
{
	_free_ struct message_request *request = make_groups(3, 0);

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		request->gids[i] = UINT32_MAX - 1;
		assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(3, 0)), 0);
		request->gids[i] = UINT32_MAX;
		assert_int_equal(check_cut(request, PROTOCOL_REQUEST_SIZE(3, 0)), -EPROTO);
		request->gids[i] = 0;
	}
}

static void groups_end_at_their_limit(void **state)
{
	static const uint32_t over[][2] = {
		{0, PROTOCOL_GROUPS_MAX + 1},
		{PROTOCOL_GIDS_MAX + 1, 0},
		{0, UINT32_MAX},
		{UINT32_MAX, 0},
		/* Their sizes, in 32 bits, come to little. */
		{UINT32_MAX / 4 + 1, 0},
		{UINT32_MAX / 4 + 1, PROTOCOL_GROUPS_MAX},
	};
	_free_ struct message_request *request =
		make_groups(PROTOCOL_GIDS_MAX, PROTOCOL_GROUPS_MAX);

	(void)state;
	assert_int_equal(check(request, sizeof(*request), MESSAGE_REQUEST), 0);
	for (size_t i = 0; i < ARRAY_SIZE(over); i++) {
		request->gid_count = over[i][0];
		request->group_bytes = over[i][1];
		request->head.size = (uint32_t)PROTOCOL_REQUEST_SIZE(over[i][0], over[i][1]);
		assert_int_equal(check(request, sizeof(*request), MESSAGE_REQUEST), -EPROTO);
		if (request->head.size <= sizeof(*request))
			assert_int_equal(check(request, request->head.size, MESSAGE_REQUEST),
					 -EPROTO);
	}
}

static void texts_fit_or_are_not_copied(void **state)
{
	char field[4] = "old";

	(void)state;
	assert_int_equal(protocol_text(field, sizeof(field), "abcd"), -ENAMETOOLONG);
	assert_string_equal(field, "old");
	assert_int_equal(protocol_text(field, sizeof(field), "a"), 0);
	/* Nothing of what was there goes out. */
	assert_memory_equal(field, "a\0\0\0", 4);
	assert_int_equal(protocol_text(field, sizeof(field), "abc"), 0);
	assert_string_equal(field, "abc");
}

/* Over a socket --------------------------------------------------------------------------------- */

struct wire {
	int ours, theirs, descriptors;
};

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static int wire_setup(void **state)
{
	static struct wire wire;
	int pair[2];

	wire.descriptors = count_descriptors();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	wire.ours = pair[0];
	wire.theirs = pair[1];
	*state = &wire;
	return 0;
}

static int wire_teardown(void **state)
{
	struct wire *wire = *state;

	close_fd(&wire->ours);
	close_fd(&wire->theirs);
	return count_descriptors() == wire->descriptors ? 0 : -1;
}

static int receive(const struct wire *wire, enum message_type type, int *ret_fds, size_t *ret_count)
{
	static union any any;
	struct failure failure = {0};
	int r = protocol_receive(wire->ours, type, &any, sizeof(any), ret_fds, ret_count,
				 sys_now_ms() + SOON_MS, &failure);

	assert_true(r == 0 || failure.text[0] != '\0');
	return r;
}

static void send_good(const struct wire *wire, enum message_type type, const int *fds, size_t count)
{
	_free_ void *message = make(type);
	struct failure failure;

	assert_int_equal(protocol_send(wire->theirs, message, size_of(type), fds, count, &failure),
			 0);
}

static void every_type_comes_through(void **state)
{
	for (int type = MESSAGE_SPAWNED; type <= MESSAGE_LIMITS; type++) {
		send_good(*state, (enum message_type)type, NULL, 0);
		assert_int_equal(receive(*state, (enum message_type)type, NULL, NULL), 0);
	}
}

static void descriptors_come_close_on_exec(void **state)
{
	struct wire *wire = *state;
	int sent[PROTOCOL_FDS_MAX], got[PROTOCOL_FDS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < PROTOCOL_FDS_MAX; i++)
		sent[i] = wire->theirs;
	send_good(wire, MESSAGE_REPLY, sent, PROTOCOL_FDS_MAX);
	assert_int_equal(receive(wire, MESSAGE_REPLY, got, &count), 0);
	assert_int_equal(count, PROTOCOL_FDS_MAX);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		(void)close(got[i]);
	}
}

static void descriptors_nobody_asked_for_are_closed(void **state)
{
	struct wire *wire = *state;
	int sent[2] = {wire->theirs, wire->theirs};

	send_good(wire, MESSAGE_CLOSE, sent, 2);
	assert_int_equal(receive(wire, MESSAGE_CLOSE, NULL, NULL), -EPROTO);
}

static void descriptors_of_a_bad_message_are_closed(void **state)
{
	struct wire *wire = *state;
	int got[PROTOCOL_FDS_MAX];
	size_t count = 99;

	send_good(wire, MESSAGE_CLOSE, &wire->theirs, 1);
	assert_int_equal(receive(wire, MESSAGE_REPLY, got, &count), -EPROTO);
	assert_int_equal(count, 99);
}

static void send_raw(const struct wire *wire, const void *bytes, size_t size, size_t fd_count)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * 64)];
	} control = {{0}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd_count > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		for (size_t i = 0; i < fd_count; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &wire->theirs, sizeof(int));
	}
	assert_true(sendmsg(wire->theirs, &msg, 0) >= 0);
}

static void more_descriptors_than_there_is_room_for(void **state)
{
	_free_ void *message = make(MESSAGE_REPLY);
	int got[PROTOCOL_FDS_MAX];
	size_t count;

	send_raw(*state, message, size_of(MESSAGE_REPLY), PROTOCOL_FDS_MAX + 10);
	assert_int_equal(receive(*state, MESSAGE_REPLY, got, &count), -EPROTO);
}

static void too_many_descriptors_are_not_sent(void **state)
{
	struct wire *wire = *state;
	int sent[PROTOCOL_FDS_MAX + 1] = {0};
	_free_ void *message = make(MESSAGE_REPLY);
	struct failure failure;

	assert_int_equal(protocol_send(wire->theirs, message, size_of(MESSAGE_REPLY), sent,
				       PROTOCOL_FDS_MAX + 1, &failure),
			 -E2BIG);
}

static void a_longer_packet_is_refused(void **state)
{
	struct wire *wire = *state;
	char bytes[sizeof(struct message_ready) + 1] = {0};
	struct message_ready ready;
	struct failure failure;

	protocol_head((struct message_head *)bytes, MESSAGE_READY, sizeof(ready));
	send_raw(wire, bytes, sizeof(bytes), 0);
	assert_int_equal(protocol_receive(wire->ours, MESSAGE_READY, &ready, sizeof(ready), NULL,
					  NULL, sys_now_ms() + SOON_MS, &failure),
			 -EPROTO);
}

static void an_empty_packet_is_an_end(void **state)
{
	send_raw(*state, "", 0, 1);
	assert_int_equal(receive(*state, MESSAGE_CLOSE, NULL, NULL), -ECONNRESET);
}

static void the_largest_request_comes_through(void **state)
{
	const struct wire *wire = *state;
	_free_ struct message_request *request =
		make_groups(PROTOCOL_GIDS_MAX, PROTOCOL_GROUPS_MAX);
	struct failure failure;

	assert_int_equal(protocol_send(wire->theirs, request, sizeof(*request), NULL, 0, &failure),
			 0);
	assert_int_equal(receive(wire, MESSAGE_REQUEST, NULL, NULL), 0);
}

static void the_peer_has_gone(void **state)
{
	struct wire *wire = *state;
	_free_ void *message = make(MESSAGE_CLOSE);
	struct failure failure;

	close_fd(&wire->theirs);
	assert_int_equal(receive(wire, MESSAGE_REPLY, NULL, NULL), -ECONNRESET);
	/* No SIGPIPE either. */
	assert_int_equal(protocol_send(wire->ours, message, size_of(MESSAGE_CLOSE), NULL, 0,
				       &failure),
			 -EPIPE);
}

static void what_was_sent_before_the_end_counts(void **state)
{
	struct wire *wire = *state;

	send_good(wire, MESSAGE_CLOSE, NULL, 0);
	close_fd(&wire->theirs);
	assert_int_equal(receive(wire, MESSAGE_CLOSE, NULL, NULL), 0);
}

static void waiting_ends_with_the_deadline(void **state)
{
	int64_t start_ms = sys_now_ms();

	assert_int_equal(receive(*state, MESSAGE_REPLY, NULL, NULL), -ETIME);
	assert_true(sys_now_ms() - start_ms >= SOON_MS);
}

static void a_deadline_in_the_past_only_looks(void **state)
{
	struct wire *wire = *state;
	struct message_plain plain;
	struct failure failure;

	assert_int_equal(protocol_receive(wire->ours, MESSAGE_CLOSE, &plain, sizeof(plain), NULL,
					  NULL, 0, &failure),
			 -ETIME);
	send_good(wire, MESSAGE_CLOSE, NULL, 0);
	assert_int_equal(protocol_receive(wire->ours, MESSAGE_CLOSE, &plain, sizeof(plain), NULL,
					  NULL, 0, &failure),
			 0);
}

static void a_full_socket_never_blocks(void **state)
{
	struct wire *wire = *state;
	_free_ void *message = make(MESSAGE_INFO);
	struct failure failure;
	int r = 0;

	for (int i = 0; i < 10000 && r == 0; i++)
		r = protocol_send(wire->theirs, message, size_of(MESSAGE_INFO), NULL, 0, &failure);
	assert_int_equal(r, -EAGAIN);
}

#define over_wire(test) cmocka_unit_test_setup_teardown(test, wire_setup, wire_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_taken_as_itself_alone),
		cmocka_unit_test(every_shorter_size_is_refused),
		cmocka_unit_test(the_size_in_the_head_must_agree),
		cmocka_unit_test(another_magic_is_not_ours),
		cmocka_unit_test(another_version_is_said_to_be_one),
		cmocka_unit_test(types_out_of_range_are_refused),
		cmocka_unit_test(texts_without_an_end_are_refused),
		cmocka_unit_test(numbers_out_of_range_are_refused),
		cmocka_unit_test(a_request_needs_a_user),
		cmocka_unit_test(groups_are_as_long_as_they_say),
		cmocka_unit_test(names_come_behind_the_ids),
		cmocka_unit_test(no_group_id_means_no_change),
		cmocka_unit_test(groups_end_at_their_limit),
		cmocka_unit_test(texts_fit_or_are_not_copied),
		over_wire(every_type_comes_through),
		over_wire(descriptors_come_close_on_exec),
		over_wire(descriptors_nobody_asked_for_are_closed),
		over_wire(descriptors_of_a_bad_message_are_closed),
		over_wire(more_descriptors_than_there_is_room_for),
		over_wire(too_many_descriptors_are_not_sent),
		over_wire(a_longer_packet_is_refused),
		over_wire(an_empty_packet_is_an_end),
		over_wire(the_largest_request_comes_through),
		over_wire(the_peer_has_gone),
		over_wire(what_was_sent_before_the_end_counts),
		over_wire(waiting_ends_with_the_deadline),
		over_wire(a_deadline_in_the_past_only_looks),
		over_wire(a_full_socket_never_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

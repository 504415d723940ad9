/* SPDX-License-Identifier: MIT */
/* protocol: what is no whole, valid message of the awaited type is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/cleanup.h"
#include "tests/unit/with_message.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

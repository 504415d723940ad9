/* SPDX-License-Identifier: MIT */
/* sessions and runtime: the list of a warden's logins, and when each is warned and ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/convert.h"
#include "helper/runtime.h"
#include "helper/sessions.h"

static int some_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void members_keep_their_order_and_close_what_they_hold(void **state)
{
	struct sessions sessions = {.count = 0};
	int fds[20];

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		fds[i] = some_fd();
		struct member *member = sessions_add(&sessions, fds[i]);

		assert_non_null(member);
		member->state = MEMBER_LIVE;
		member->leader = (pid_t)(100 + i);
		member_describe(member, "sshd", i % 2 ? "pts/1" : "", NULL);
	}
	assert_int_equal(sessions_count(&sessions), 20);
	assert_null(sessions.members[0].tty);
	assert_string_equal(sessions.members[1].tty, "pts/1");
	sessions_remove(&sessions, 0);
	assert_false(is_open(fds[0]));
	assert_int_equal(sessions_oldest(&sessions)->leader, 101);
	sessions_remove(&sessions, 18);
	sessions_remove(&sessions, 5);
	assert_int_equal(sessions.count, 17);
	for (size_t i = 0; i < sessions.count; i++)
		assert_int_equal(sessions.members[i].leader, 101 + i + (i >= 5));
	sessions_free(&sessions);
	for (size_t i = 0; i < 20; i++)
		assert_false(is_open(fds[i]));
}

static void who_only_knocks_is_no_session(void **state)
{
	struct sessions sessions = {.count = 0};

	(void)state;
	for (size_t i = 0; i < SESSIONS_PENDING_MAX; i++)
		assert_non_null(sessions_add(&sessions, some_fd()));
	assert_int_equal(sessions_count(&sessions), 0);
	assert_null(sessions_oldest(&sessions));
	/* Beyond that the socket stays the caller's. */
	int fd = some_fd();

	assert_null(sessions_add(&sessions, fd));
	assert_true(is_open(fd));
	(void)close(fd);
	/* One that may come in at any moment counts, but is not shown. */
	sessions.members[3].state = MEMBER_OFFERED;
	assert_int_equal(sessions_count(&sessions), 1);
	assert_null(sessions_oldest(&sessions));
	sessions_free(&sessions);
}

static void each_member_is_polled_for_what_it_can_say(void **state)
{
	struct sessions sessions = {.count = 0};
	const struct pollfd fixed[] = {{.fd = 1000}, {.fd = 1001}};
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_non_null(sessions_add(&sessions, some_fd()));
	sessions.members[1].state = MEMBER_OFFERED;
	sessions.members[1].adopter_fd = some_fd();
	sessions.members[2].state = MEMBER_LIVE;
	sessions.members[2].leader_fd = some_fd();
	sessions.members[2].anchor_fd = some_fd();
	const struct pollfd *polls = sessions_polls(&sessions, fixed, 2, &count);

	assert_non_null(polls);
	assert_int_equal(count, 2 + 3 * SESSIONS_POLLS);
	assert_int_equal(polls[1].fd, 1001);
	assert_int_equal(polls[2].fd, sessions.members[0].socket);
	assert_int_equal(polls[3].fd, -1);
	assert_int_equal(polls[4].fd, -1);
	assert_int_equal(polls[5].fd, sessions.members[1].adopter_fd);
	assert_int_equal(polls[8].fd, sessions.members[2].socket);
	assert_int_equal(polls[9].fd, sessions.members[2].leader_fd);
	assert_int_equal(polls[10].fd, sessions.members[2].anchor_fd);
	sessions_free(&sessions);
}

static void check_steps(uint64_t seconds, const int64_t *ages, size_t count)
{
	struct runtime_step steps[RUNTIME_STAGES];

	assert_int_equal(runtime_steps(seconds, steps), count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(steps[i].age_ms, ages[i]);
	if (count == 0)
		return;
	assert_int_equal(steps[count - 1].stage, RUNTIME_KILL);
	assert_int_equal(steps[count - 2].stage, RUNTIME_END);
	assert_int_equal(steps[count - 3].stage, RUNTIME_HANG_UP);
	assert_int_equal(steps[count - 4].stage, RUNTIME_SAY);
	for (size_t i = 0; i + 4 < count; i++)
		assert_int_equal(steps[i].stage, RUNTIME_WARN);
}

static void warnings_come_five_minutes_and_one_before_the_end(void **state)
{
	(void)state;
	check_steps(3600, (int64_t[]){3300000, 3540000, 3600000, 3600300, 3605000, 3610000}, 6);
	check_steps(301, (int64_t[]){1000, 241000, 301000, 301300, 306000, 311000}, 6);
	check_steps(300, (int64_t[]){240000, 300000, 300300, 305000, 310000}, 5);
	check_steps(61, (int64_t[]){1000, 61000, 61300, 66000, 71000}, 5);
	check_steps(60, (int64_t[]){30000, 60000, 60300, 65000, 70000}, 5);
	check_steps(1, (int64_t[]){500, 1000, 1300, 6000, 11000}, 5);
	check_steps(CONVERT_MAX, NULL, 0);
	check_steps(UINT64_MAX / 1000, NULL, 0);
}

static void the_next_time_is_that_of_the_first_who_is_due(void **state)
{
	struct sessions sessions = {.count = 0};
	struct message_info info = {.uid = 1};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct member *member = sessions_add(&sessions, some_fd());

		assert_non_null(member);
		member->state = MEMBER_LIVE;
		member->terms.runtime_max = CONVERT_MAX;
		member->started_ms = 1000;
	}
	assert_int_equal(runtime_attend(&info, &sessions, 5000), 0);
	sessions.members[1].terms.runtime_max = 1000;
	sessions.members[2].terms.runtime_max = 900;
	assert_int_equal(runtime_attend(&info, &sessions, 5000), 1000 + 600 * 1000);
	/* One that is not in yet has all its time before it. */
	sessions.members[2].state = MEMBER_OFFERED;
	assert_int_equal(runtime_attend(&info, &sessions, 5000), 1000 + 700 * 1000);
	sessions_free(&sessions);
}

static void a_session_that_is_cut_short_has_a_while_to_log_out(void **state)
{
	struct message_info info = {.user = "anna", .memory_dir = "/nonexistent"};
	struct sessions sessions = {.count = 0};
	int link[2];

	(void)state;
	assert_int_equal(sessions_reserve(&sessions), 0);
	assert_int_equal(pipe(link), 0);
	struct member *member = sessions_add(&sessions, -1);

	assert_non_null(member);
	member->state = MEMBER_LIVE;
	member->anchor_fd = link[0];
	member->started_ms = 1000;
	member->terms.runtime_max = CONVERT_MAX;
	assert_int_equal(runtime_attend(&info, &sessions, 5000), 0);
	runtime_cut(member, 5000);
	/* Its end would be seen again and again. */
	assert_int_equal(member->anchor_fd, -1);
	assert_int_equal(fcntl(link[0], F_GETFD), -1);
	assert_int_equal(runtime_attend(&info, &sessions, 5000), 8000);
	assert_int_equal(runtime_attend(&info, &sessions, 7999), 8000);
	assert_int_equal(runtime_attend(&info, &sessions, 8000), 13000);
	assert_int_equal(runtime_attend(&info, &sessions, 13000), 18000);
	assert_int_equal(runtime_attend(&info, &sessions, 18000), 0);
	/* Whichever comes first. */
	member->cuts = 0;
	member->terms.runtime_max = 301;
	assert_int_equal(runtime_attend(&info, &sessions, 1500), 2000);
	(void)close(link[1]);
	sessions_free(&sessions);
}

static void times_are_said_in_words(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} times[] = {
		{1, "1 second"},    {30, "30 seconds"}, {60, "1 minute"},   {90, "90 seconds"},
		{300, "5 minutes"}, {3600, "1 hour"},	{28800, "8 hours"}, {86400, "1 day"},
		{172800, "2 days"}, {0, "0 seconds"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char text[32];

		runtime_text(times[i].seconds, text, sizeof(text));
		assert_string_equal(text, times[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_keep_their_order_and_close_what_they_hold),
		cmocka_unit_test(who_only_knocks_is_no_session),
		cmocka_unit_test(each_member_is_polled_for_what_it_can_say),
		cmocka_unit_test(warnings_come_five_minutes_and_one_before_the_end),
		cmocka_unit_test(the_next_time_is_that_of_the_first_who_is_due),
		cmocka_unit_test(a_session_that_is_cut_short_has_a_while_to_log_out),
		cmocka_unit_test(times_are_said_in_words),
	};

	return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}

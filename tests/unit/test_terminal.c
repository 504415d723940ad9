/* SPDX-License-Identifier: MIT */
/* terminal: who is signalled is below the session's leader, and not below who has its pid by now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/sys.h"
#include "helper/terminal.h"

#define SOON_MS 5000
#define NOT_MS 200

static const char *child_name; /* NULL: as the leader */

/* One that ends at once, or a leader that is there with an only child, and ends when that does. */
static pid_t start(bool has_child)
{
	int ready[2];

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		pid_t child = has_child ? fork() : -1;

		if (child == 0) {
			if (child_name)
				(void)prctl(PR_SET_NAME, child_name, 0, 0, 0);
			(void)close(ready[1]);
			(void)pause();
			_exit(0);
		}
		(void)close(ready[1]);
		(void)waitpid(child, NULL, 0);
		_exit(0);
	}
	char byte;

	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0);
	(void)close(ready[0]);
	return pid;
}

static void a_leader_that_has_gone_has_nobody_below_it(void **state)
{
	struct message_info info = {.uid = 0};
	struct member member = {.state = MEMBER_LIVE, .leader = start(true)};
	pid_t gone = start(false);
	_close_ int leader_fd = sys_pidfd_open(member.leader), gone_fd = sys_pidfd_open(gone);

	(void)state;
	assert_true(leader_fd >= 0 && gone_fd >= 0);
	assert_int_equal(sys_wait_readable(gone_fd, sys_now_ms() + SOON_MS), 1);
	/* As when the pid is another process's by now. */
	member.leader_fd = gone_fd;
	terminal_kill(&info, &member);
	assert_int_equal(sys_wait_readable(leader_fd, sys_now_ms() + NOT_MS), 0);
	member.leader_fd = leader_fd;
	terminal_kill(&info, &member);
	assert_int_equal(sys_wait_readable(leader_fd, sys_now_ms() + SOON_MS), 1);
	assert_int_equal(waitpid(member.leader, NULL, 0), member.leader);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
}

static void who_has_the_leader_s_name_is_left_to_it(void **state)
{
	struct message_info info = {.uid = 0};

	(void)state;
	for (int other = 0; other < 2; other++) {
		child_name = other ? "program" : NULL;
		struct member member = {.state = MEMBER_LIVE, .leader = start(true)};
		_close_ int leader_fd = sys_pidfd_open(member.leader);

		assert_true(leader_fd >= 0);
		member.leader_fd = leader_fd;
		terminal_end(&info, &member);
		assert_int_equal(sys_wait_readable(leader_fd,
						   sys_now_ms() + (other ? SOON_MS : NOT_MS)),
				 other);
		terminal_kill(&info, &member);
		assert_int_equal(waitpid(member.leader, NULL, 0), member.leader);
	}
	child_name = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leader_that_has_gone_has_nobody_below_it),
		cmocka_unit_test(who_has_the_leader_s_name_is_left_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

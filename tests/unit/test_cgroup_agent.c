/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/cgroup_agent.h"
#include "core/sys.h"

/* Instead of the C library's: sh in carrel-systemd's place, with its arguments. */
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	(void)path;
	return posix_spawnp(pid, "sh", actions, attributes, argv, envp);
}

static int run(const char *script, struct failure *reterr)
{
	char *arguments[] = {(char *)"carrel-systemd", (char *)"-c", (char *)script, NULL};

	return cgroup_agent_run(arguments, sys_now_ms() + 5000, reterr);
}

static void its_end_decides(void **state)
{
	struct failure failure;

	(void)state;
	assert_int_equal(run("exit 0", &failure), 0);
	assert_int_equal(run("echo no such unit; exit 1", &failure), -EIO);
	assert_string_equal(failure.text, "ask systemd: no such unit");
	assert_int_equal(run("kill -9 $$", &failure), -EIO);
}

static void without_its_end_nothing_is_taken_for_done(void **state)
{
	struct failure failure;

	(void)state;
	assert_ptr_not_equal(signal(SIGCHLD, SIG_IGN), SIG_ERR);
	assert_int_equal(run("exit 1", &failure), -ECHILD);
	assert_int_equal(run("exit 0", &failure), -ECHILD);
	assert_ptr_not_equal(signal(SIGCHLD, SIG_DFL), SIG_ERR);
	assert_int_equal(run("exit 0", &failure), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_end_decides),
		cmocka_unit_test(without_its_end_nothing_is_taken_for_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* registry_pids: numbers of the caller's own namespace stay, those that can't be told any more become 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/registry_pids.h"

static void same_namespace(void **state)
{
	int32_t init = 12, leader = 4711;
	int32_t *const pids[] = {&init, &leader};

	(void)state;
	registry_translate(getpid(), pids, ARRAY_SIZE(pids));
	assert_int_equal(init, 12);
	assert_int_equal(leader, 4711);
}

static void other_namespace(void **state)
{
	int32_t init = 12, leader = 4711;
	int32_t *const pids[] = {&init, &leader};

	(void)state;
	registry_translate(0, pids, ARRAY_SIZE(pids));
	assert_int_equal(init, 0);
	assert_int_equal(leader, 0);
}

static void warden_has_ended(void **state)
{
	int32_t init = 12, leader = 4711;
	int32_t *const pids[] = {&init, &leader};
	pid_t warden = fork();

	(void)state;
	assert_true(warden >= 0);
	if (warden == 0)
		_exit(0);
	assert_int_equal(waitpid(warden, NULL, 0), warden);
	registry_translate(warden, pids, ARRAY_SIZE(pids));
	assert_int_equal(init, 0);
	assert_int_equal(leader, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_namespace),
		cmocka_unit_test(other_namespace),
		cmocka_unit_test(warden_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

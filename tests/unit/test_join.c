/* SPDX-License-Identifier: MIT */
/* join_prepare: what it notes of the process, and that a directory that can't be named is not looked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/join.h"
#include "tests/unit/with_directory.h"

#define LEVELS 20 /* of LEVEL characters: more than PATH_MAX */
#define LEVEL 250

static void the_cwd_is_noted(void **state)
{
	struct join join = JOIN_NONE;
	struct failure failure;

	(void)state;
	assert_int_equal(chdir("/usr"), 0);
	assert_int_equal(join_prepare(&join, &failure), 0);
	assert_string_equal(join.cwd, "/usr");
	assert_non_null(strchr(join.cgroups, ':'));
	join_free(&join);
}

static void one_without_a_name_is_not(void **state)
{
	struct join join = JOIN_NONE;
	struct failure failure;
	char name[LEVEL + 1];

	memset(name, 'd', LEVEL);
	name[LEVEL] = '\0';
	(void)state;
	_Static_assert(LEVELS * LEVEL > PATH_MAX, "too deep for a path");
	assert_int_equal(chdir(test_directory), 0);
	for (int i = 0; i < LEVELS; i++) {
		assert_int_equal(mkdir(name, 0700), 0);
		assert_int_equal(chdir(name), 0);
	}
	assert_int_equal(join_prepare(&join, &failure), 0);
	assert_null(join.cwd);
	join_free(&join);
	for (int i = 0; i < LEVELS; i++) {
		assert_int_equal(chdir(".."), 0);
		assert_int_equal(rmdir(name), 0);
	}
	assert_int_equal(chdir("/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cwd_is_noted),
		cmocka_unit_test_setup_teardown(one_without_a_name_is_not, directory_setup,
						directory_teardown),
	};

	return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}

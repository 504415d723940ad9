/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/cgroup_place.h"

static const char hybrid[] = "12:cpu,cpuacct:/a\n"
			     "4:memory:/jobs/one\n"
			     "3:pids:/\n"
			     "2:name=systemd:/b\n"
			     "0::/user.slice/x\n";

static int find(const char *controller, const char *text, char *path, size_t size)
{
	struct cgroup_place place = {.mount = "/sys/fs/cgroup"};

	assert_true(strlen(controller) < sizeof(place.controller));
	(void)snprintf(place.controller, sizeof(place.controller), "%s", controller);
	return cgroup_place_find(&place, text, path, size);
}

static void expect(const char *controller, const char *text, const char *want)
{
	char path[64] = "untouched";

	assert_int_equal(find(controller, text, path, sizeof(path)), 0);
	assert_string_equal(path, want);
}

static void each_hierarchy_has_its_line(void **state)
{
	(void)state;
	expect("memory", hybrid, "/jobs/one");
	expect("pids", hybrid, "/");
	expect("cpu", hybrid, "/a");
	expect("cpuacct", hybrid, "/a");
	expect("", hybrid, "/user.slice/x");
}

static void a_missing_hierarchy_is_an_error(void **state)
{
	char path[64] = "untouched";

	(void)state;
	assert_int_equal(find("cpuset", hybrid, path, sizeof(path)), -ENOENT);
	assert_int_equal(find("", "4:memory:/x\n", path, sizeof(path)), -ENOENT);
	assert_int_equal(find("memory", "", path, sizeof(path)), -ENOENT);
	assert_string_equal(path, "untouched");
}

/* "cpu" is no part of "cpuset", and a name= hierarchy is not v2. */
static void only_whole_names_count(void **state)
{
	char path[64];

	(void)state;
	expect("cpu", "5:cpuset:/wrong\n4:cpuacct,cpu:/right", "/right");
	assert_int_equal(find("mem", hybrid, path, sizeof(path)), -ENOENT);
	expect("", "10::/wrong\n1:name=x:/wrong\n0::/right\n", "/right");
}

/* What a user can put into a path is a colon, not a line of its own. */
static void paths_keep_their_colons(void **state)
{
	(void)state;
	expect("memory", "4:memory:/a:b:memory:c\n", "/a:b:memory:c");
}

static void broken_lines_are_passed_over(void **state)
{
	(void)state;
	expect("memory", "\n4\n4:memory\nmemory:/x\n:\n::\n7:memory:/good\n", "/good");
}

static void a_long_path_is_refused(void **state)
{
	char path[8] = "before";

	(void)state;
	assert_int_equal(find("memory", "4:memory:/1234567", path, sizeof(path)), -ENAMETOOLONG);
	assert_string_equal(path, "before");
	assert_int_equal(find("memory", "4:memory:/123456", path, sizeof(path)), 0);
	assert_string_equal(path, "/123456");
}

static void slices_are_known_by_their_end(void **state)
{
	(void)state;
	assert_true(cgroup_place_is_slice("/carrel.slice/user-1000.slice", 1000));
	assert_true(
		cgroup_place_is_slice("/carrel.slice/user-7.slice/carrel.slice/user-8.slice", 8));
	assert_false(
		cgroup_place_is_slice("/carrel.slice/user-7.slice/carrel.slice/user-8.slice", 7));
	assert_false(cgroup_place_is_slice("/carrel.slice/user-1000.slice/x", 1000));
	assert_false(cgroup_place_is_slice("/carrel.slice/user-11000.slice", 1000));
	assert_false(cgroup_place_is_slice("/xcarrel.slice/user-1000.slice", 1000));
	assert_false(cgroup_place_is_slice("/", 1000));
	assert_false(cgroup_place_is_slice("", 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_hierarchy_has_its_line),
		cmocka_unit_test(a_missing_hierarchy_is_an_error),
		cmocka_unit_test(only_whole_names_count),
		cmocka_unit_test(paths_keep_their_colons),
		cmocka_unit_test(broken_lines_are_passed_over),
		cmocka_unit_test(a_long_path_is_refused),
		cmocka_unit_test(slices_are_known_by_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

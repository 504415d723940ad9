/* SPDX-License-Identifier: MIT */
/* cgroup_marks: a name counts as a whole line, with or without the "-" of what has been lifted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cgroup_marks.h"

static void whole_lines(void **state)
{
	const char *text = "MemoryMax\n-TasksMax\nIOWeight\n";

	(void)state;
	assert_int_equal(cgroup_marks_find(text, "MemoryMax"), MARK_SET);
	assert_int_equal(cgroup_marks_find(text, "TasksMax"), MARK_LIFTED);
	assert_int_equal(cgroup_marks_find(text, "IOWeight"), MARK_SET);
	assert_int_equal(cgroup_marks_find(text, "Weight"), MARK_NONE);
	assert_int_equal(cgroup_marks_find(text, "Memory"), MARK_NONE);
	assert_int_equal(cgroup_marks_find(text, "CPUWeight"), MARK_NONE);
}

static void behind_a_longer_name(void **state)
{
	(void)state;
	assert_int_equal(cgroup_marks_find("MemoryMaxX\nXMemoryMax\n-MemoryMax", "MemoryMax"),
			 MARK_LIFTED);
	assert_int_equal(cgroup_marks_find("", "MemoryMax"), MARK_NONE);
	assert_int_equal(cgroup_marks_find("x-MemoryMax\n", "MemoryMax"), MARK_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lines),
		cmocka_unit_test(behind_a_longer_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

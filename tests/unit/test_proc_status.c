/* SPDX-License-Identifier: MIT */
/* proc_status: fields are found at the beginning of lines alone, and behind a line of any length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/proc_status.h"
#include "tests/unit/with_directory.h"

#define GROUPS 65536

static void fields_are_found(void **state)
{
	struct proc_status_field fields[] = {{.name = "Uid"},
					     {.name = "NSpid"},
					     {.name = "Pid"},
					     {.name = "Absent", .text = "x"}};

	(void)state;
	write_text("status", "Name:\tNSpid:\t9\nUid:\t1000\t0\nPid:\t4711\nNSpid:\t4711\t12\t1");
	assert_int_equal(proc_status_read(AT_FDCWD, in_directory("status"), fields,
					  ARRAY_SIZE(fields)),
			 0);
	assert_string_equal(fields[0].text, "1000\t0");
	assert_string_equal(fields[1].text, "4711\t12\t1");
	assert_string_equal(fields[2].text, "4711");
	assert_string_equal(fields[3].text, "");
	assert_int_equal(proc_status_read(AT_FDCWD, in_directory("none"), fields, 1), -ENOENT);
}

/* Put `word` at the end of what is `used` of the text. */
static void append(char *text, size_t size, size_t *used, const char *word)
{
	int len = snprintf(text + *used, size - *used, "%s", word);

	assert_in_range(len, 0, size - *used - 1);
	*used += (size_t)len;
}

/* As many groups as the kernel allows, with a field's name wherever a buffer may end. */
static void behind_a_line_of_any_length(void **state)
{
	struct proc_status_field fields[] = {{.name = "ShdPnd"}, {.name = "Groups"}};
	size_t size = (size_t)GROUPS * 16, used = 0;
	_free_ char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	append(text, size, &used, "Groups:\t");
	for (int i = 0; i < GROUPS; i++)
		append(text, size, &used, "ShdPnd:f ");
	append(text, size, &used, "\nShdPnd:\t0000000000000100\n");
	write_text("status", text);
	assert_int_equal(proc_status_read(AT_FDCWD, in_directory("status"), fields, 2), 0);
	assert_string_equal(fields[0].text, "0000000000000100");
	assert_true(strlen(fields[1].text) < sizeof(fields[1].text));
}

static void killed_or_not(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		(void)pause();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(proc_status_killed(getpid()), 0);
	assert_int_equal(proc_status_killed(child), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(proc_status_killed(child) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields_are_found, directory_setup,
						directory_teardown),
		cmocka_unit_test(killed_or_not),
		cmocka_unit_test_setup_teardown(behind_a_line_of_any_length, directory_setup,
						directory_teardown),
	};

	return cmocka_run_group_tests_name("proc_status", tests, NULL, NULL);
}

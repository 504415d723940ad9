/* SPDX-License-Identifier: MIT */
/* dir_names: every name once, however many there are, also after some were removed, and from the start again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "core/dir_names.h"
#include "tests/unit/with_directory.h"

#define MANY 300

static int open_directory(void)
{
	int fd = open(in_directory(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Long, so that few fit into one read; the longest that there can be among them. */
static void name_of(int number, char name[NAME_MAX + 1])
{
	int width = number == 7 ? NAME_MAX : 100;

	assert_int_equal(snprintf(name, NAME_MAX + 1, "%0*d", width, number), width);
}

static int count_names(int fd, bool seen[MANY])
{
	struct dir_names names;
	const char *name;
	int count = 0;

	memset(seen, 0, MANY);
	dir_names_begin(&names, fd);
	while ((name = dir_names_next(&names))) {
		long number = strtol(name, NULL, 10);

		assert_in_range(number, 0, MANY - 1);
		assert_false(seen[number]);
		seen[number] = true;
		count++;
	}
	assert_int_equal(errno, 0);
	return count;
}

static void all_are_named_once(void **state)
{
	_close_ int fd = open_directory();
	bool seen[MANY];
	char name[NAME_MAX + 1];

	(void)state;
	assert_int_equal(count_names(fd, seen), 0);
	for (int i = 0; i < MANY; i++) {
		name_of(i, name);
		write_text(name, "");
	}
	assert_int_equal(count_names(fd, seen), MANY);
	/* The same descriptor again, from the first one on. */
	assert_int_equal(count_names(fd, seen), MANY);
	for (int i = 0; i < MANY; i += 2) {
		name_of(i, name);
		remove_file(name);
	}
	assert_int_equal(count_names(fd, seen), MANY / 2);
	assert_false(seen[0]);
	assert_true(seen[7]);
}

static void what_is_removed_on_the_way_hides_nothing(void **state)
{
	_close_ int fd = open_directory();
	struct dir_names names;
	const char *name;
	int count = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		char file[NAME_MAX + 1];

		name_of(i, file);
		write_text(file, "");
	}
	dir_names_begin(&names, fd);
	while ((name = dir_names_next(&names))) {
		assert_int_equal(unlinkat(fd, name, 0), 0);
		count++;
	}
	assert_int_equal(errno, 0);
	assert_int_equal(count, MANY);
}

static void what_can_not_be_read_is_not_empty(void **state)
{
	_close_ int fd = open(in_directory(""), O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct dir_names names;

	(void)state;
	dir_names_begin(&names, fd);
	assert_null(dir_names_next(&names));
	assert_int_equal(errno, EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory_test(all_are_named_once),
		in_directory_test(what_is_removed_on_the_way_hides_nothing),
		in_directory_test(what_can_not_be_read_is_not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

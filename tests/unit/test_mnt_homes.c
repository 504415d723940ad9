/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/mnt_homes.h"

static void below_is_by_components(void **state)
{
	(void)state;
	assert_true(mnt_is_below("/home/a", "/home/a"));
	assert_true(mnt_is_below("/home/a/x", "/home/a"));
	assert_false(mnt_is_below("/home/ab", "/home/a"));
	assert_false(mnt_is_below("/home", "/home/a"));
}

static void escapes_are_undone(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "/home/b/my\\040drive\\134x\\011y");
	mnt_unescape(path);
	assert_string_equal(path, "/home/b/my drive\\x\ty");
}

static void what_is_no_escape_stays(void **state)
{
	static const char *const texts[] = {"/a\\",    "/a\\0",	  "/a\\04",
					    "/a\\089", "/a\\777", "/a\\000"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "%s", texts[i]);
		mnt_unescape(path);
		assert_string_equal(path, texts[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_is_by_components),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(what_is_no_escape_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* registry_id: what a sandbox may be called is understood, also a manager's; nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/registry_id.h"

static void ids_are_understood(void **state)
{
	static const struct {
		struct registry_id id;
		const char *text;
	} cases[] = {
		{{.uid = 1000, .pid = 3465}, "1000-3465"},
		{{.uid = 0, .pid = 1, .attempt = 2}, "0-1.2"},
		{{.uid = 1000, .pid = 3465, .manager = true}, "1000-3465m"},
		{{.uid = 1000, .pid = 7, .attempt = 63, .manager = true}, "1000-7.63m"},
		{{.uid = UINT32_MAX - 1, .pid = INT_MAX}, "4294967294-2147483647"},
		{{.uid = 1000, .pid = 29, .root = 1234}, "1000-29.0.1234"},
		{{.uid = 1000, .pid = 29, .attempt = 3, .root = UINT64_MAX, .manager = true},
		 "1000-29.3.18446744073709551615m"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct registry_id again;

		if (!registry_id_parse(cases[i].text, &again))
			fail_msg("\"%s\" is not taken for an id", cases[i].text);
		assert_int_equal(again.uid, cases[i].id.uid);
		assert_int_equal(again.pid, cases[i].id.pid);
		assert_int_equal(again.attempt, cases[i].id.attempt);
		assert_int_equal(again.root, cases[i].id.root);
		assert_int_equal(again.manager, cases[i].id.manager);
	}
}

static void nothing_else_is(void **state)
{
	static const char *const wrong[] = {
		"",	   "m",	      "alice",	      "1000",	 "1000-",   "1000-m",
		"-1000",   "1000-x",  "010-12",	      "1000-1x", "1000-.1", "4294967295-1",
		"a-1",	   "1000--1", "1000-1.",      "1-1mm",	 "1-0",	    "1-1.2.3.4",
		"1-1.0.0", "1-1..2",  "1-2147483648", "pod",	 "lock",
	};
	char longest[80];
	struct registry_id id;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (registry_id_parse(wrong[i], &id))
			fail_msg("\"%s\" is taken for an id", wrong[i]);
	memset(longest, '1', sizeof(longest));
	longest[4] = '-';
	longest[sizeof(longest) - 1] = '\0';
	assert_false(registry_id_parse(longest, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_understood),
		cmocka_unit_test(nothing_else_is),
	};

	return cmocka_run_group_tests_name("registry_id", tests, NULL, NULL);
}

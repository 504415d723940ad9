/* SPDX-License-Identifier: MIT */
/* The pure parts of `carrel`: figures as text, labels of metrics, ids, pids, the order of top. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/format.h"
#include "admin/openmetrics.h"
#include "admin/processes.h"
#include "admin/top_rows.h"
#include "core/cgroup_usage.h"
#include "core/cleanup.h"
#include "core/convert.h"

static void ages(void **state)
{
	(void)state;
	assert_string_equal(format_age(-5).text, "0s");
	assert_string_equal(format_age(59).text, "59s");
	assert_string_equal(format_age(60).text, "1m");
	assert_string_equal(format_age(3600 + 5 * 60).text, "1h05m");
	assert_string_equal(format_age(9 * 86400 + 4 * 3600).text, "9d04h");
	assert_non_null(strchr(format_age(INT64_MAX).text, 'd'));
}

static void sizes_and_counts(void **state)
{
	(void)state;
	assert_string_equal(format_bytes(0).text, "0.0K");
	assert_string_equal(format_bytes(512).text, "0.5K");
	assert_string_equal(format_bytes(64 << 20).text, "64.0M");
	assert_string_equal(format_bytes(UINT64_MAX).text, "-");
	assert_non_null(strchr(format_bytes(UINT64_MAX - 1).text, 'T'));
	assert_string_equal(format_count(UINT64_MAX).text, "-");
	assert_string_equal(format_count(7).text, "7");
	assert_string_equal(format_seconds(38010000).text, "38.01s");
	assert_string_equal(format_seconds(UINT64_MAX).text, "-");
}

static void text_that_moves_the_cursor_is_cleaned(void **state)
{
	static const struct {
		const char *text, *clean;
	} cases[] = {
		{"plain 'text'", "plain 'text'"},
		{"a\033[2Jb", "a?[2Jb"},
		{"a\nb\tc\x7f", "a?b?c?"},
		{"K\xc3\xa4se \xe2\x82\xac \xf0\x9f\x8d\x80",
		 "K\xc3\xa4se \xe2\x82\xac \xf0\x9f\x8d\x80"},
		{"\xc2\x9b[2J", "??[2J"}, /* CSI as one character */
		{"\xe2\x80\xae", "???"}, /* right-to-left override */
		{"\xc0\xaf\xff\xe2\x82", "?????"}, /* too long a form, no UTF-8, cut */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s", cases[i].text);
		format_clean(text);
		assert_string_equal(text, cases[i].clean);
	}
}

static void labels_are_escaped(void **state)
{
	static const struct {
		const char *value, *escaped;
	} cases[] = {
		{"", ""},
		{"alice", "alice"},
		{"we\"i\\rd\n", "we\\\"i\\\\rd\\n"},
		{"K\xc3\xa4se", "K\xc3\xa4se"},
		{"a\xff"
		 "b",
		 "a\xef\xbf\xbd"
		 "b"},
		{"\xc3", "\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(openmetrics_escape(cases[i].value, text, sizeof(text)), 0);
		assert_string_equal(text, cases[i].escaped);
	}
	assert_int_equal(openmetrics_escape("abc", text, 4), 0);
	assert_int_equal(openmetrics_escape("abcd", text, 4), -ENOSPC);
	assert_int_equal(openmetrics_escape("ab\n", text, 4), -ENOSPC);
	assert_int_equal(openmetrics_escape("", text, 0), -ENOSPC);
}

static void pids_inside(void **state)
{
	static const char numbers[] = "4711\t12\t1";

	(void)state;
	assert_int_equal(processes_nspid(numbers, 0), 4711);
	assert_int_equal(processes_nspid(numbers, 1), 12);
	assert_int_equal(processes_nspid(numbers, 2), 1);
	assert_int_equal(processes_nspid(numbers, 9), 1);
	assert_int_equal(processes_nspid("", 0), 0);
	assert_int_equal(processes_nspid("x", 0), 0);
}

static void held_limits(void **state)
{
	static const struct {
		enum plan_limit_kind kind;
		bool v2;
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{LIMIT_MEMORY_MAX, true, "max", 0, CONVERT_MAX},
		{LIMIT_MEMORY_MAX, true, "67108864", 0, 67108864},
		{LIMIT_MEMORY_MAX, false, "9223372036854771712", 0, CONVERT_MAX},
		{LIMIT_MEMORY_MAX, false, "67108864", 0, 67108864},
		{LIMIT_PIDS_MAX, false, "max", 0, CONVERT_MAX},
		{LIMIT_PIDS_MAX, true, "40", 0, 40},
		{LIMIT_PIDS_MAX, true, "", -EINVAL, 0},
		{LIMIT_PIDS_MAX, true, "40 ", -EINVAL, 0},
		{LIMIT_CPU_MAX, false, "-1", 0, CONVERT_MAX},
		{LIMIT_CPU_MAX, false, "150000", 0, 150},
		{LIMIT_CPU_MAX, true, "max 100000", 0, CONVERT_MAX},
		{LIMIT_CPU_MAX, true, "150000 100000", 0, 150},
		{LIMIT_CPU_MAX, true, "10000 20000", 0, 50},
		{LIMIT_CPU_MAX, true, "10000 0", -EINVAL, 0},
		{LIMIT_CPU_MAX, true, "x 100000", -EINVAL, 0},
		{LIMIT_CPU_WEIGHT, true, "200", 0, 200},
		{LIMIT_CPU_WEIGHT, false, "1024", 0, 100},
		{LIMIT_CPU_WEIGHT, false, "2048", 0, 200},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;

		assert_int_equal(cgroup_held_parse(cases[i].kind, cases[i].v2, cases[i].text,
						   &value),
				 cases[i].r);
		assert_true(value == cases[i].value);
	}
}

static void cpu_percent(void **state)
{
	(void)state;
	assert_true(top_cpu_percent(0, 1000000, 1000) == 100);
	assert_true(top_cpu_percent(500000, 1000000, 2000) == 25);
	assert_true(top_cpu_percent(2, 1, 1000) < 0);
	assert_true(top_cpu_percent(UINT64_MAX, 1, 1000) < 0);
	assert_true(top_cpu_percent(1, UINT64_MAX, 1000) < 0);
	assert_true(top_cpu_percent(1, 2, 0) < 0);
}

static struct top_row row(const char *name, double percent, uint64_t memory, uint64_t processes,
			  size_t sessions, int64_t started)
{
	struct top_row made = {.cpu_percent = percent};

	(void)snprintf(made.user.name, sizeof(made.user.name), "%s", name);
	made.user.figures.usage.memory_bytes = memory;
	made.user.figures.usage.processes = processes;
	made.user.sessions = sessions;
	made.user.started = started;
	return made;
}

static void the_order_of_top(void **state)
{
	static const struct {
		int key;
		const char *first, *last;
	} cases[] = {
		{'c', "bob", "dave"}, {'m', "carol", "dave"}, {'p', "alice", "dave"},
		{'s', "bob", "dave"}, {'a', "alice", "dave"}, {'u', "alice", "dave"},
	};
	struct top_row items[] = {
		row("dave", -1, UINT64_MAX, UINT64_MAX, 0, 0),
		row("carol", 20, 300, 2, 1, 300),
		row("alice", 10, 100, 9, 1, 100),
		row("bob", 30, 200, 2, 3, 200),
	};
	struct top_rows rows = {.items = items, .count = ARRAY_SIZE(items)};
	enum top_order order = TOP_BY_CPU;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(top_order_of_key(cases[i].key, &order));
		top_rows_sort(&rows, order, false);
		assert_string_equal(items[0].user.name, cases[i].first);
		assert_string_equal(items[3].user.name, cases[i].last);
		top_rows_sort(&rows, order, true);
		assert_string_equal(items[3].user.name, cases[i].first);
		assert_string_equal(items[0].user.name, cases[i].last);
	}
	assert_false(top_order_of_key('x', &order));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ages),
		cmocka_unit_test(sizes_and_counts),
		cmocka_unit_test(text_that_moves_the_cursor_is_cleaned),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(pids_inside),
		cmocka_unit_test(held_limits),
		cmocka_unit_test(cpu_percent),
		cmocka_unit_test(the_order_of_top),
	};

	return cmocka_run_group_tests_name("admin_text", tests, NULL, NULL);
}

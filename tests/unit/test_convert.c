/* SPDX-License-Identifier: MIT */
/* convert: what each form takes, what it refuses, and that a refusal leaves the result alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"

#define UNTOUCHED UINT64_C(0xdeadbeef)

struct number_case {
	const char *text;
	int r;
	uint64_t value;
};

static void check_number(const struct number_case *expected, int r, const uint64_t *value)
{
	if (r != expected->r)
		fail_msg("\"%s\": %d instead of %d", expected->text, r, expected->r);
	if (*value != (r < 0 ? UNTOUCHED : expected->value))
		fail_msg("\"%s\": the value is %ju", expected->text, (uintmax_t)*value);
}

static void test_bool(void **state)
{
	static const char *const yes[] = {"yes", "true", "on"};
	static const char *const no[] = {"no", "false", "off"};
	/* iniparser_getboolean() takes tXX for true, and 1, and Y. */
	static const char *const bad[] = {"",  "tXX", "Yes", "YES",  "1",
					  "0", "y",   "n",   " yes", "yes "};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		bool value = false;

		assert_int_equal(convert_bool(yes[i], &value), 0);
		assert_true(value);
		assert_int_equal(convert_bool(no[i], &value), 0);
		assert_false(value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bool value = true;

		assert_int_equal(convert_bool(bad[i], &value), -EINVAL);
		assert_true(value);
	}
}

static void test_unsigned(void **state)
{
	static const struct number_case cases[] = {
		{"0", -ERANGE, 0},
		{"1", 0, 1},
		{"99", 0, 99},
		{"100", 0, 100},
		{"101", -ERANGE, 0},
		{"18446744073709551615", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"010", -EINVAL, 0}, /* iniparser_getint(): 8 */
		{"00", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"10G", -EINVAL, 0}, /* iniparser_getint(): 10 */
		{"+5", -EINVAL, 0},
		{"-5", -EINVAL, 0},
		{" 5", -EINVAL, 0},
		{"5 ", -EINVAL, 0},
		{"5.0", -EINVAL, 0},
		{"1e2", -EINVAL, 0},
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		value = UNTOUCHED;
		check_number(&cases[i], convert_unsigned(cases[i].text, 1, 100, &value), &value);
	}
	assert_int_equal(convert_unsigned("18446744073709551615", 0, UINT64_MAX, &value), 0);
	assert_int_equal(value, UINT64_MAX);
	assert_int_equal(convert_unsigned("0", 0, 5, &value), 0);
	assert_int_equal(value, 0);
}

static void test_signed(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t value;
	} cases[] = {
		{"0", 0, 0},	      {"-1000", 0, -1000},
		{"1000", 0, 1000},    {"-1001", -ERANGE, 0},
		{"1001", -ERANGE, 0}, {"-0", -EINVAL, 0},
		{"--1", -EINVAL, 0},  {"+1", -EINVAL, 0},
		{"-", -EINVAL, 0},    {"", -EINVAL, 0},
		{"-010", -EINVAL, 0}, {"- 1", -EINVAL, 0},
		{"-1x", -EINVAL, 0},  {"-9223372036854775808", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t value = 77;
		int r = convert_signed(cases[i].text, -1000, 1000, &value);

		if (r != cases[i].r || value != (r < 0 ? 77 : cases[i].value))
			fail_msg("\"%s\": %d, %jd", cases[i].text, r, (intmax_t)value);
	}
}

static void test_size(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, 0},
		{"1024", 0, 1024},
		{"1K", 0, 1024},
		{"512M", 0, UINT64_C(512) << 20},
		{"4G", 0, UINT64_C(4) << 30},
		{"2T", 0, UINT64_C(2) << 40},
		{"max", 0, CONVERT_MAX},
		{"16777215T", 0, UINT64_C(16777215) << 40},
		{"16777216T", -ERANGE, 0},
		{"18446744073709551615", -ERANGE, 0}, /* would be CONVERT_MAX */
		{"18446744073709551614", 0, UINT64_MAX - 1},
		{"512m", -EINVAL, 0},
		{"512MB", -EINVAL, 0},
		{"512 M", -EINVAL, 0},
		{"4P", -EINVAL, 0},
		{"G", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"08K", -EINVAL, 0},
		{"Max", -EINVAL, 0},
		{"maxx", -EINVAL, 0},
		{"0%", -ERANGE, 0},
		{"101%", -ERANGE, 0},
		{"25%%", -EINVAL, 0},
		{"25%x", -EINVAL, 0},
		{"%", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = UNTOUCHED;
		bool percent = true;
		int r = convert_size(cases[i].text, &value, &percent);

		check_number(&cases[i], r, &value);
		assert_int_equal(percent, r < 0);
	}
	for (unsigned int i = 1; i <= 100; i += 33) {
		char text[8];
		uint64_t value = UNTOUCHED;
		bool percent = false;

		assert_true(snprintf(text, sizeof(text), "%u%%", i) > 0);
		assert_int_equal(convert_size(text, &value, &percent), 0);
		assert_true(percent);
		assert_int_equal(value, i);
	}
}

static void test_count(void **state)
{
	static const struct number_case cases[] = {
		{"16", 0, 16},
		{"100k", 0, 100000},
		{"3m", 0, 3000000},
		{"max", 0, CONVERT_MAX},
		{"15", -ERANGE, 0},
		{"4m", -ERANGE, 0},
		{"18446744073709551615m", -ERANGE, 0},
		{"100K", -EINVAL, 0},
		{"100kk", -EINVAL, 0},
		{"k", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"100%", -EINVAL, 0},
		{"0100", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = UNTOUCHED;

		check_number(&cases[i], convert_count(cases[i].text, 16, 3000000, &value), &value);
	}
}

static void test_percent(void **state)
{
	static const struct number_case cases[] = {
		{"1%", 0, 1},	      {"150%", 0, 150},	       {"100000%", 0, 100000},
		{"0%", -ERANGE, 0},   {"100001%", -ERANGE, 0}, {"max", 0, CONVERT_MAX},
		{"150", -EINVAL, 0},  {"150 %", -EINVAL, 0},   {"150%%", -EINVAL, 0},
		{"1.5%", -EINVAL, 0}, {"%", -EINVAL, 0},       {"", -EINVAL, 0},
		{"-5%", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = UNTOUCHED;

		check_number(&cases[i], convert_percent(cases[i].text, &value), &value);
	}
}

static void test_time(void **state)
{
	static const struct number_case cases[] = {
		{"90s", 0, 90},
		{"10m", 0, 600},
		{"8h", 0, 28800},
		{"2d", 0, 172800},
		{"max", 0, CONVERT_MAX},
		{"0s", -ERANGE, 0},
		{"213503982334602d", -ERANGE, 0},
		{"90", -EINVAL, 0},
		{"90S", -EINVAL, 0},
		{"1h30m", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"1w", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = UNTOUCHED;

		check_number(&cases[i], convert_time(cases[i].text, &value), &value);
	}
}

/* A list goes in, the text that the kernel would print comes out. */
static void test_cpus(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *canonical;
	} cases[] = {
		{"0", 0, "0"},
		{"0-3,8", 0, "0-3,8"},
		{"8,0-3", 0, "0-3,8"},
		{"0,1,2,3", 0, "0-3"},
		{"0-3,2-5", 0, "0-5"},
		{"5,5", 0, "5"},
		{"63-64", 0, "63-64"},
		{"0,2,4", 0, "0,2,4"},
		{"1023", 0, "1023"},
		{"0-1023", 0, "0-1023"},
		{"1024", -ERANGE, NULL},
		{"0-1024", -ERANGE, NULL},
		{"99999999999999999999", -ERANGE, NULL},
		{"0-99999999999999999999", -ERANGE, NULL},
		{"3-0", -EINVAL, NULL},
		{"", -EINVAL, NULL},
		{",", -EINVAL, NULL},
		{"0,", -EINVAL, NULL},
		{",0", -EINVAL, NULL},
		{"0-", -EINVAL, NULL},
		{"-3", -EINVAL, NULL},
		{"0--3", -EINVAL, NULL},
		{"0 1", -EINVAL, NULL},
		{"0, 1", -EINVAL, NULL},
		{"0-3:2", -EINVAL, NULL},
		{"all", -EINVAL, NULL},
		{"00", -EINVAL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cpu_list list = {{UNTOUCHED}};
		char text[64];
		int r = convert_cpu_list(cases[i].text, &list);

		if (r != cases[i].r)
			fail_msg("\"%s\": %d", cases[i].text, r);
		if (r < 0) {
			assert_true(list.bits[0] == UNTOUCHED);
			continue;
		}
		assert_int_equal(convert_cpu_text(&list, text, sizeof(text)),
				 strlen(cases[i].canonical));
		assert_string_equal(text, cases[i].canonical);
	}
}

static void test_cpu_text_room(void **state)
{
	struct cpu_list list = {{0}}, again;
	char text[CONVERT_CPUS * 5];
	int size;

	(void)state;
	assert_int_equal(convert_cpu_text(&list, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(convert_cpu_text(&list, text, 0), -ENOSPC);
	/* The longest there is: every other CPU. */
	for (unsigned int i = 0; i < CONVERT_CPUS / 64; i++)
		list.bits[i] = UINT64_C(0xaaaaaaaaaaaaaaaa);
	size = convert_cpu_text(&list, text, sizeof(text));
	assert_true(size > 0);
	assert_int_equal(convert_cpu_list(text, &again), 0);
	assert_memory_equal(&again, &list, sizeof(list));
	assert_int_equal(convert_cpu_text(&list, text, (size_t)size), -ENOSPC);
	assert_int_equal(convert_cpu_text(&list, text, (size_t)size + 1), size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bool),	      cmocka_unit_test(test_unsigned),
		cmocka_unit_test(test_signed),	      cmocka_unit_test(test_size),
		cmocka_unit_test(test_count),	      cmocka_unit_test(test_percent),
		cmocka_unit_test(test_time),	      cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_cpu_text_room),
	};

	return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}

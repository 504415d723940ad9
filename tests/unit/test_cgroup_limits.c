/* SPDX-License-Identifier: MIT */
/* cgroup_limits: what is written for each limit, for both versions, and what then holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/cgroup_internal.h"
#include "core/cleanup.h"
#include "core/convert.h"

#define PAGE UINT64_C(4096)
#define GIB (UINT64_C(1) << 30)

static struct plan plan_with(enum plan_limit_kind kind, uint64_t value, enum policy_key key)
{
	struct plan plan = {0};

	plan.limits[kind] = (struct plan_limit){.set = true, .value = value, .key = key};
	return plan;
}

static const struct {
	enum plan_limit_kind kind;
	uint64_t value;
	const char *v1, *v2; /* NULL: can't be expressed */
} cases[] = {
	{LIMIT_MEMORY_MAX, GIB, "1073741824", "1073741824"},
	/* The kernel rounds down to whole pages. */
	{LIMIT_MEMORY_MAX, GIB + 4095, "1073741824", "1073741824"},
	{LIMIT_MEMORY_MAX, 4095, "0", "0"},
	{LIMIT_MEMORY_MAX, INT64_MAX, "9223372036854771712", "9223372036854771712"},
	{LIMIT_MEMORY_HIGH, GIB, NULL, "1073741824"},
	{LIMIT_MEMORY_HIGH, GIB + 1, NULL, "1073741824"},
	{LIMIT_SWAP_MAX, GIB, NULL, "1073741824"}, /* v1: without memory_max it says nothing */
	{LIMIT_SWAP_MAX, 0, NULL, "0"},
	{LIMIT_CPU_MAX, 100, "100000", "100000 100000"},
	{LIMIT_CPU_MAX, 150, "150000", "150000 100000"},
	{LIMIT_CPU_MAX, 1, "1000", "1000 100000"},
	{LIMIT_CPU_WEIGHT, 100, "1024", "100"},
	{LIMIT_CPU_WEIGHT, 1, "10", "1"},
	{LIMIT_CPU_WEIGHT, 10000, "102400", "10000"},
	{LIMIT_CPU_WEIGHT, 50, "512", "50"},
	{LIMIT_CPU_WEIGHT, 3, "31", "3"},
	{LIMIT_PIDS_MAX, 1, "1", "1"},
	{LIMIT_IO_WEIGHT, 50, "50", "50"},
	{LIMIT_IO_WEIGHT, 10000, "1000", "10000"},
	{LIMIT_PIDS_MAX, 4194304, "4194304", "4194304"},
};

static void the_text_of_each_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan plan = plan_with(cases[i].kind, cases[i].value, KEY_MEMORY_MAX);

		for (int v2 = 0; v2 <= 1; v2++) {
			const char *wanted = v2 ? cases[i].v2 : cases[i].v1;
			struct failure failure = {0};
			char text[CGROUP_VALUE_MAX] = "";
			int r = cgroup_limit_text(&plan, cases[i].kind, v2, PAGE, text, &failure);

			assert_int_equal(r, wanted ? 0 : -EOPNOTSUPP);
			if (wanted && strcmp(text, wanted) != 0)
				fail_msg("row %zu, v%d: \"%s\", not \"%s\"", i, v2 + 1, text,
					 wanted);
		}
	}
}

static void what_cannot_be_said_names_the_key(void **state)
{
	static const struct {
		enum plan_limit_kind kind;
		enum policy_key key;
	} lacking[] = {{LIMIT_MEMORY_HIGH, KEY_MEMORY_HIGH}, {LIMIT_SWAP_MAX, KEY_SWAP_MAX}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lacking); i++) {
		struct plan plan = plan_with(lacking[i].kind, GIB, lacking[i].key);
		struct failure failure = {0};
		char text[CGROUP_VALUE_MAX];

		assert_int_equal(cgroup_limit_text(&plan, lacking[i].kind, false, PAGE, text,
						   &failure),
				 -EOPNOTSUPP);
		assert_non_null(strstr(failure.text, policy_keys[lacking[i].key].name));
		assert_non_null(strstr(failure.text, "can't be enforced"));
		assert_non_null(strstr(failure.text, "v1"));
	}
}

static void v1_limits_memory_and_swap_together(void **state)
{
	struct plan plan = plan_with(LIMIT_SWAP_MAX, 2 * GIB + 5, KEY_SWAP_MAX);
	struct failure failure;
	char text[CGROUP_VALUE_MAX];

	(void)state;
	plan.limits[LIMIT_MEMORY_MAX] = (struct plan_limit){.set = true, .value = GIB + 9};
	assert_int_equal(cgroup_limit_text(&plan, LIMIT_SWAP_MAX, false, PAGE, text, &failure), 0);
	assert_string_equal(text, "3221225472");
	plan.limits[LIMIT_SWAP_MAX].value = 0;
	assert_int_equal(cgroup_limit_text(&plan, LIMIT_SWAP_MAX, false, PAGE, text, &failure), 0);
	assert_string_equal(text, "1073741824");
	/* v2 has a file for swap alone. */
	plan.limits[LIMIT_SWAP_MAX].value = 4096;
	assert_int_equal(cgroup_limit_text(&plan, LIMIT_SWAP_MAX, true, PAGE, text, &failure), 0);
	assert_string_equal(text, "4096");
}

static void other_page_sizes(void **state)
{
	struct plan plan = plan_with(LIMIT_MEMORY_MAX, GIB + 65535, KEY_MEMORY_MAX);
	struct failure failure;
	char text[CGROUP_VALUE_MAX];

	(void)state;
	assert_int_equal(cgroup_limit_text(&plan, LIMIT_MEMORY_MAX, true, 65536, text, &failure),
			 0);
	assert_string_equal(text, "1073741824");
	assert_int_equal(cgroup_limit_text(&plan, LIMIT_MEMORY_MAX, true, 4096, text, &failure), 0);
	assert_string_equal(text, "1073803264");
}

/* Below two the kernel takes shares for two (sched/core.c, MIN_SHARES), and reads back two. */
static void the_smallest_weight_is_readable(void **state)
{
	struct plan plan = plan_with(LIMIT_CPU_WEIGHT, 0, KEY_CPU_WEIGHT);
	struct failure failure;
	char text[CGROUP_VALUE_MAX];

	(void)state;
	assert_int_equal(cgroup_limit_text(&plan, LIMIT_CPU_WEIGHT, false, PAGE, text, &failure),
			 0);
	assert_string_equal(text, "2");
}

static void cpus_are_copied_or_refused(void **state)
{
	struct plan plan = plan_with(LIMIT_CPUS, 0, KEY_CPUS);
	char list[CGROUP_VALUE_MAX + 8], text[CGROUP_VALUE_MAX];
	struct failure failure = {0};

	(void)state;
	plan.limits[LIMIT_CPUS].text = "0-3,8";
	for (int v2 = 0; v2 <= 1; v2++) {
		assert_int_equal(cgroup_limit_text(&plan, LIMIT_CPUS, v2, PAGE, text, &failure), 0);
		assert_string_equal(text, "0-3,8");
	}
	memset(list, '1', sizeof(list));
	list[CGROUP_VALUE_MAX - 1] = '\0';
	plan.limits[LIMIT_CPUS].text = list;
	assert_int_equal(cgroup_limit_text(&plan, LIMIT_CPUS, true, PAGE, text, &failure), 0);
	assert_string_equal(text, list);
	list[CGROUP_VALUE_MAX - 1] = '1';
	list[CGROUP_VALUE_MAX] = '\0';
	assert_int_equal(cgroup_limit_text(&plan, LIMIT_CPUS, true, PAGE, text, &failure),
			 -ENAMETOOLONG);
	assert_non_null(strstr(failure.text, "cpus"));
	plan.limits[LIMIT_MEMORY_NODES] =
		(struct plan_limit){.set = true, .text = "1,3", .key = KEY_MEMORY_NODES};
	for (int v2 = 0; v2 <= 1; v2++) {
		assert_int_equal(cgroup_limit_text(&plan, LIMIT_MEMORY_NODES, v2, PAGE, text,
						   &failure),
				 0);
		assert_string_equal(text, "1,3");
	}
}

static void what_holds(void **state)
{
	static const struct {
		const char *wanted, *held;
		bool holds;
	} pairs[] = {
		{"1073741824", "1073741824", true},
		{"1073741824", "1073745920", false},
		{"1073741824", "9223372036854771712", false},
		{"max", "max", true},
		{"100", "max", false},
		{"100000 100000", "100000 100000", true},
		{"100000 100000", "max 100000", false},
		{"0-3,8", "0-3,8", true},
		{"0-3,8", "0-3", false},
		/* v1's "no limit" reads back as the largest number of whole pages. */
		{"-1", "9223372036854771712", true},
		{"-1", "-1", true},
		{"-1", "9223372036854771711", false},
		{"-1", "9223372036854775807", false},
		{"-1", "1073741824", false},
		{"-1", "0", false},
		{"-1", "", false},
		{"-1", "max", false},
		{"-1", "9223372036854771712 ", false},
		{"1", "", false},
		{"", "", true},
		{"", "0-1", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (cgroup_limit_holds(pairs[i].wanted, pairs[i].held, PAGE) != pairs[i].holds)
			fail_msg("\"%s\" by \"%s\"", pairs[i].wanted, pairs[i].held);
	}
	assert_true(cgroup_limit_holds("-1", "9223372036854710272", 65536));
	assert_false(cgroup_limit_holds("-1", "9223372036854771712", 65536));
}

/* Each row has a controller, and for each version a file or a word on why there is none. */
static void the_table_is_whole(void **state)
{
	(void)state;
	for (int kind = 0; kind < PLAN_LIMITS; kind++) {
		const struct cgroup_limit_info *info = &cgroup_limits[kind];

		assert_in_range(info->controller, 0, CONTROLLERS - 1);
		assert_non_null(info->v2_file);
		assert_non_null(info->v2_unset);
		assert_true(info->v1_file || info->v1_lacks);
		assert_true(info->v1_file || !info->v1_unset);
		for (int other = 0; other < kind; other++)
			assert_string_not_equal(info->v2_file, cgroup_limits[other].v2_file);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_of_each_limit),
		cmocka_unit_test(what_cannot_be_said_names_the_key),
		cmocka_unit_test(v1_limits_memory_and_swap_together),
		cmocka_unit_test(other_page_sizes),
		cmocka_unit_test(the_smallest_weight_is_readable),
		cmocka_unit_test(cpus_are_copied_or_refused),
		cmocka_unit_test(what_holds),
		cmocka_unit_test(the_table_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

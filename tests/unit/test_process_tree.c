/* SPDX-License-Identifier: MIT */
/* process_tree: who is whose descendant; and that as many processes as a user can have cost no CPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "core/cleanup.h"
#include "helper/process_tree.h"

#define LEADER 10

static double cpu_seconds(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void descendants_are_found_in_any_order(void **state)
{
	static const struct {
		pid_t pid, parent;
		bool below;
	} cases[] = {
		{40, 30, true}, /* the leader's grandchild, before its parent */
		{30, LEADER, true}, {11, 1, false}, /* an orphan, */
		{12, 11, false}, /* and its child */
		{50, 51, false}, /* whose parents are each other: pids that were reused meanwhile */
		{51, 50, false},    {LEADER, 2, false},
	};
	struct process_tree tree = {.count = 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct process process = {.pid = cases[i].pid, .parent = cases[i].parent};

		assert_true(process_tree_add(&tree, &process));
	}
	process_tree_sort(&tree);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct process process = {.pid = cases[i].pid, .parent = cases[i].parent};

		if (process_tree_is_below(&tree, &process, LEADER) != cases[i].below)
			fail_msg("%d, child of %d", cases[i].pid, cases[i].parent);
	}
	process_tree_free(&tree);
}

/* Chains as deep as is looked up, of which none ends at the leader. */
static void a_full_one_is_quick(void **state)
{
	struct process_tree tree = {.count = 0};
	struct process process = {.pid = 0};
	double began = cpu_seconds();

	(void)state;
	for (pid_t i = 0; i < PROCESS_TREE_MAX; i++) {
		process.pid = 1000 + i;
		process.parent = i % 200 == 0 ? 1 : process.pid - 1;
		assert_true(process_tree_add(&tree, &process));
	}
	assert_false(process_tree_add(&tree, &process));
	process_tree_sort(&tree);
	for (size_t i = 0; i < tree.count; i++)
		assert_false(process_tree_is_below(&tree, &tree.list[i], LEADER));
	process_tree_free(&tree);
	/* A linear search for each parent takes some hundred times as long. */
	assert_true(cpu_seconds() - began < 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descendants_are_found_in_any_order),
		cmocka_unit_test(a_full_one_is_quick),
	};

	return cmocka_run_group_tests_name("process_tree", tests, NULL, NULL);
}

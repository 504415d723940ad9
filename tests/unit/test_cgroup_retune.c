/* SPDX-License-Identifier: MIT */
/*
 * cgroup_retune: from where the processes of a slice that is missing are taken. The hierarchies are plain
 * directories, so nothing moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cgroup_retune.h"
#include "tests/unit/with_directory.h"

#define UID 4711
#define SLICE "carrel.slice/user-4711.slice"

static char said[2048];

static void hear(void *arg, const struct failure *failure)
{
	size_t used = strlen(said);

	(void)arg;
	(void)snprintf(said + used, sizeof(said) - used, "%s\n", failure->text);
}

/* h0, h1 and h2, with carrel.slice in each. */
static void make_set(struct cgroup_set *ret_set)
{
	static const enum cgroup_controller_id controllers[] = {CONTROLLER_MEMORY, CONTROLLER_PIDS,
								CONTROLLER_CPU};
	char name[32];

	*ret_set = (struct cgroup_set){.uid = UID, .count = ARRAY_SIZE(controllers)};
	said[0] = '\0';
	for (size_t i = 0; i < ret_set->count; i++) {
		struct cgroup_hierarchy *it = &ret_set->hierarchies[i];

		(void)snprintf(name, sizeof(name), "h%zu", i);
		make_directory(name, 0755);
		(void)snprintf(it->mount, sizeof(it->mount), "%s", in_directory(name));
		(void)snprintf(name, sizeof(name), "h%zu/carrel.slice", i);
		make_directory(name, 0755);
		it->parent = "carrel.slice";
		it->controllers = 1U << controllers[i];
		it->slice_fd = -1;
	}
}

static void taken_from_whichever_hierarchy_has_it(void **state)
{
	struct plan plan = {.cgroup = CGROUP_AUTO};
	struct cgroup_set set;

	(void)state;
	make_set(&set);
	make_directory("h2/" SLICE, 0755);
	write_text("h2/" SLICE "/cgroup.procs", "");
	assert_int_equal(cgroup_retune(&set, &plan, hear, NULL), 0);
	assert_string_equal(said, "");
	assert_true(exists("h0/" SLICE));
	assert_true(exists("h1/" SLICE));
}

static void lost_where_no_hierarchy_has_it(void **state)
{
	struct plan plan = {.cgroup = CGROUP_AUTO};
	struct cgroup_set set;

	(void)state;
	make_set(&set);
	plan.limits[LIMIT_PIDS_MAX] = (struct plan_limit){.set = true, .value = 9};
	assert_int_equal(cgroup_retune(&set, &plan, hear, NULL), -ESRCH);
	assert_ptr_equal(strstr(said, "the open sessions are in no cgroup"), said);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	assert_false(exists("h0/" SLICE));
}

static void what_can_not_be_opened_is_not_lost(void **state)
{
	struct plan plan = {.cgroup = CGROUP_AUTO};
	struct cgroup_set set;

	(void)state;
	make_set(&set);
	plan.limits[LIMIT_PIDS_MAX] = (struct plan_limit){.set = true, .value = 9};
	write_text("h1/" SLICE, "");
	assert_int_equal(cgroup_retune(&set, &plan, hear, NULL), -ENOTDIR);
	assert_non_null(strstr(said, "h1/" SLICE ": Not a directory"));
	assert_null(strstr(said, "in no cgroup"));
	assert_false(exists("h0/" SLICE));
}

/* Of two hierarchies, the first without the slice, and in the second's what `procs` lists. */
static int retune_with(const char *procs)
{
	struct plan plan = {.cgroup = CGROUP_AUTO};
	struct cgroup_set set;

	make_set(&set);
	make_directory("h1/" SLICE, 0755);
	write_text("h1/" SLICE "/cgroup.procs", procs);
	set.count = 2;
	return cgroup_retune(&set, &plan, hear, NULL);
}

/* Else the next reload would take it for one that has the processes. */
static void a_slice_that_they_could_not_be_moved_into_is_removed(void **state)
{
	(void)state;
	assert_int_equal(retune_with("1\n"), -ENOENT);
	assert_non_null(strstr(said, "move process 1 into the user's slice in "));
	assert_non_null(strstr(said, "/h0: No such file"));
	assert_false(exists("h0/" SLICE));
}

/* As the kernel lists it; to write that would move the writer. */
static void a_process_of_another_pid_namespace_is_not_moved(void **state)
{
	(void)state;
	assert_int_equal(retune_with("0\n"), -EXDEV);
	assert_non_null(strstr(said, "move process 0 into the user's slice in "));
	assert_non_null(strstr(said, "/h0: it is in none of the pid namespaces"));
	assert_false(exists("h0/" SLICE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory_test(taken_from_whichever_hierarchy_has_it),
		in_directory_test(lost_where_no_hierarchy_has_it),
		in_directory_test(what_can_not_be_opened_is_not_lost),
		in_directory_test(a_slice_that_they_could_not_be_moved_into_is_removed),
		in_directory_test(a_process_of_another_pid_namespace_is_not_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

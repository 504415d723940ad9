/* SPDX-License-Identifier: MIT */
/* user_policy: what a user can have without root; plan_for_user: the plan that is the user's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/plan.h"
#include "core/user_policy.h"
#include "tests/unit/with_policy.h"

static struct login alice(void)
{
	static char *groups[] = {(char *)"alice", NULL};

	return (struct login){.user = (char *)"alice",
			      .uid = 1500,
			      .gid = 1500,
			      .home = (char *)"/home/alice",
			      .service = (char *)USER_POLICY_SERVICE,
			      .groups = groups};
}

/* How many keys are refused under this text; `said` gets the first refusal. */
static size_t refused(const char *text, bool manager, char said[400])
{
	_policy_ struct policy *policy = parse(text);
	struct login login = alice();
	struct effective effective;
	struct failure failure;
	struct policy_errors refusals = {0};
	size_t count;

	assert_int_equal(match_login(policy, &login, &effective, &failure), 0);
	user_policy_check(&effective, manager, &refusals);
	count = refusals.count;
	(void)snprintf(said, 400, "%s", count ? refusals.texts[0] : "");
	policy_errors_free(&refusals);
	return count;
}

static void what_nobody_asked_for_is_not_refused(void **state)
{
	char said[400];

	(void)state;
	assert_int_equal(refused("", false, said), 0);
	assert_int_equal(
		refused("[default]\nhide = /a\nread_only = /b\nbind = /c:/d\nhide_homes = yes\n"
			"namespaces = mount pid ipc uts cgroup\nhostname = x\nproc = own\n"
			"capabilities = none\nno_new_privs = yes\ntmp_size = 1M\nshell = /bin/sh\n",
			false, said),
		0);
}

static void limits_need_a_manager(void **state)
{
	static const char *const limits[] = {"memory_max = 1G", "memory_high = 1G", "swap_max = 0",
					     "cpu_max = 50%",	"cpu_weight = 50",  "pids_max = 9"};
	char text[64], said[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		(void)snprintf(text, sizeof(text), "[default]\n%s\n", limits[i]);
		assert_int_equal(refused(text, false, said), 1);
		assert_int_equal(strncmp(said, limits[i], strcspn(limits[i], " ")), 0);
		assert_non_null(strstr(said, "(" POLICY_NAME ":2)"));
		assert_int_equal(refused(text, true, said), 0);
	}
	assert_int_equal(refused("[default]\ncpus = 0\n", true, said), 1);
	assert_int_equal(refused("[default]\nmemory_nodes = 0\n", true, said), 1);
	assert_non_null(strstr(said, "set memory_nodes = max under [service carrel-shell]"));
	assert_int_equal(refused("[default]\nio_weight = 50\n", true, said), 1);
	assert_int_equal(refused("[default]\nio_max = / rbps=1M\n", true, said), 1);
	assert_non_null(strstr(said, "set io_max = max under [service carrel-shell]"));
	assert_int_equal(refused("[default]\nsessions_max = 2\n", true, said), 1);
	assert_non_null(strstr(said, "set sessions_max = max under [service carrel-shell]"));
}

static void lifted_limits_are_none(void **state)
{
	char said[400];

	(void)state;
	assert_int_equal(refused("[default]\nmemory_max = 1G\ncpu_weight = 7\nsessions_max = 2\n"
				 "[service carrel-shell]\nmemory_max = max\ncpu_weight = "
				 "100\nsessions_max = max\n",
				 false, said),
			 0);
	assert_int_equal(refused("[default]\ncpus = 0\n[service carrel-shell]\ncpus = max\n", false,
				 said),
			 0);
	assert_int_equal(refused("[default]\nio_max = / rbps=1M\nio_weight = 5\n"
				 "[service carrel-shell]\nio_max = max\nio_weight = 100\n",
				 false, said),
			 0);
	assert_int_equal(
		refused("[default]\ninstance = session\ntmp_scope = session\ntmp_store = memory\n",
			false, said),
		0);
}

static void the_users_plan_ends_with_what_is_added(void **state)
{
	_policy_ struct policy *policy = parse("[default]\nhide = /a\n");
	struct plan_facts facts = {.memory_total = 1 << 30, .page_size = 4096};
	struct login login = alice();
	struct effective effective;
	struct failure failure;
	struct plan plan;
	size_t count;

	(void)state;
	assert_int_equal(match_login(policy, &login, &effective, &failure), 0);
	assert_int_equal(plan_build(&effective, &login, &facts, "host", &plan, &failure), 0);
	assert_false(plan.as_user);
	count = plan.step_count;
	assert_int_equal(plan_for_user(&plan, "/ro", "/hidden", &failure), 0);
	assert_true(plan.as_user);
	assert_int_equal(plan.step_count, count + 2);
	assert_int_equal(plan.steps[count].kind, STEP_READ_ONLY);
	assert_string_equal(plan.steps[count].target, "/ro");
	assert_int_equal(plan.steps[count + 1].kind, STEP_HIDE);
	assert_string_equal(plan.steps[count + 1].target, "/hidden");
	plan_free(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_asked_for_is_not_refused),
		cmocka_unit_test(limits_need_a_manager),
		cmocka_unit_test(lifted_limits_are_none),
		cmocka_unit_test(the_users_plan_ends_with_what_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* plan: sizes, limits and host names worked out; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/convert.h"
#include "tests/unit/with_plan.h"

/* Sizes and limits ---------------------------------------------------------------------------- */

static void percentages_are_of_the_memory_in_whole_pages(void **state)
{
	static const struct {
		uint64_t total;
		const char *size;
		uint64_t bytes;
	} cases[] = {
		{8 * GB, "25%", 2 * GB},
		{8 * GB, "100%", 8 * GB},
		{8 * GB, "33%", UINT64_C(2834677760)}, /* 2834678415.36, rounded down */
		{UINT64_C(1000000), "1%", 8192}, /* 10000 */
		/* No overflow on the way, and no loss to early rounding. */
		{UINT64_C(1) << 63, "100%", UINT64_C(1) << 63},
		{UINT64_C(409650), "99%", 405504}, /* 405553.5 */
		{8 * GB, "2000001", 2000001}, /* bytes stay what they are */
		{8 * GB, "3G", 3 * GB},
		{8 * GB, "max", CONVERT_MAX},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan_facts machine = {.memory_total = cases[i].total, .page_size = 4096};
		char text[200];

		(void)snprintf(text, sizeof(text),
			       "[default]\ntmp_size = %s\nmemory_max = %s\nmemory_high = %s\n"
			       "swap_max = %s\n",
			       cases[i].size, cases[i].size, cases[i].size, cases[i].size);
		{
			_planned_ struct planned planned = plan_for(text, &login, &machine);

			assert_int_equal(planned.r, 0);
			assert_true(planned.plan.tmp_size == cases[i].bytes);
			assert_true(planned.plan.limits[LIMIT_MEMORY_MAX].value == cases[i].bytes);
			assert_true(planned.plan.limits[LIMIT_MEMORY_HIGH].value == cases[i].bytes);
			assert_true(planned.plan.limits[LIMIT_SWAP_MAX].value == cases[i].bytes);
		}
	}
}

static void a_percentage_of_unknown_memory_is_refused(void **state)
{
	struct login login = alice();
	struct plan_facts machine = {0};
	_planned_ struct planned percent = plan_for("", &login, &machine);
	_planned_ struct planned bytes = plan_for("[default]\ntmp_size = 1M\n", &login, &machine);

	(void)state;
	assert_int_equal(percent.r, -EINVAL);
	assert_non_null(strstr(percent.failure.text, "tmp_size"));
	assert_int_equal(bytes.r, 0);
}

static void limits_are_passed_on(void **state)
{
	_planned_ struct planned planned =
		plan_text("[default]\n"
			  "memory_max = 1G\n"
			  "memory_high = 512M\n"
			  "swap_max = 0\n"
			  "cpu_max = 150%\n"
			  "cpu_weight = 50\n"
			  "cpus = 3,0-1,1\n"
			  "memory_nodes = 2,0\n"
			  "io_weight = 70\n"
			  "io_max = /dev/sda rbps=1M wiops=2k / wbps=max\n"
			  "pids_max = 100\n");
	const struct plan_limit *limits = planned.plan.limits;

	(void)state;
	for (size_t i = 0; i < PLAN_LIMITS; i++)
		assert_true(limits[i].set);
	assert_int_equal(limits[LIMIT_MEMORY_MAX].value, GB);
	assert_int_equal(limits[LIMIT_MEMORY_MAX].key, KEY_MEMORY_MAX);
	assert_int_equal(limits[LIMIT_MEMORY_HIGH].value, GB / 2);
	assert_int_equal(limits[LIMIT_MEMORY_HIGH].key, KEY_MEMORY_HIGH);
	assert_int_equal(limits[LIMIT_SWAP_MAX].value, 0);
	assert_int_equal(limits[LIMIT_SWAP_MAX].key, KEY_SWAP_MAX);
	assert_int_equal(limits[LIMIT_CPU_MAX].value, 150);
	assert_int_equal(limits[LIMIT_CPU_MAX].key, KEY_CPU_MAX);
	assert_int_equal(limits[LIMIT_CPU_WEIGHT].value, 50);
	assert_int_equal(limits[LIMIT_CPU_WEIGHT].key, KEY_CPU_WEIGHT);
	assert_string_equal(limits[LIMIT_CPUS].text, "0-1,3");
	assert_int_equal(limits[LIMIT_CPUS].key, KEY_CPUS);
	assert_string_equal(limits[LIMIT_MEMORY_NODES].text, "0,2");
	assert_int_equal(limits[LIMIT_MEMORY_NODES].key, KEY_MEMORY_NODES);
	assert_int_equal(limits[LIMIT_PIDS_MAX].value, 100);
	assert_int_equal(limits[LIMIT_PIDS_MAX].key, KEY_PIDS_MAX);
	assert_int_equal(limits[LIMIT_IO_WEIGHT].value, 70);
	assert_int_equal(limits[LIMIT_IO_WEIGHT].key, KEY_IO_WEIGHT);
	assert_int_equal(limits[LIMIT_IO_MAX].key, KEY_IO_MAX);
	const struct io_max *max = &planned.plan.io_max;

	assert_int_equal(max->count, 2);
	assert_string_equal(max->devices[0].path, "/dev/sda");
	assert_int_equal(max->devices[0].rates[IO_RBPS], 1 << 20);
	assert_true(max->devices[0].rates[IO_WBPS] == CONVERT_MAX);
	assert_int_equal(max->devices[0].rates[IO_WIOPS], 2000);
	assert_string_equal(max->devices[1].path, "/");
	assert_true(max->devices[1].rates[IO_WBPS] == CONVERT_MAX);
	assert_true(plan_has_limits(&planned.plan));
}

static void without_limits_there_are_none(void **state)
{
	_planned_ struct planned none = plan_text("");
	_planned_ struct planned lifted =
		plan_text("[default]\nmemory_max = max\ncpu_max = max\n"
			  "pids_max = max\nswap_max = max\n"
			  "cpus = max\nmemory_nodes = max\nio_max = max\n");
	_planned_ struct planned zero = plan_text("[default]\nswap_max = 0\n");

	(void)state;
	for (size_t i = 0; i < PLAN_LIMITS; i++) {
		assert_false(none.plan.limits[i].set);
		assert_true(none.plan.limits[i].value == CONVERT_MAX);
		assert_false(lifted.plan.limits[i].set);
		/* Known by its key all the same: a slice of an earlier login is put back. */
		assert_int_not_equal(none.plan.limits[i].key, KEY_SANDBOX);
	}
	assert_false(plan_has_limits(&none.plan));
	assert_false(plan_has_limits(&lifted.plan));
	assert_true(plan_has_limits(&zero.plan));
}

static void memory_high_is_compared_in_bytes(void **state)
{
	_planned_ struct planned good =
		plan_text("[default]\nmemory_max = 3G\nmemory_high = 25%\n");

	(void)state;
	assert_int_equal(good.plan.limits[LIMIT_MEMORY_HIGH].value, 2 * GB);
	assert_refused("[default]\nmemory_max = 1G\nmemory_high = 25%\n",
		       "memory_high (" POLICY_NAME ":3)", "memory_max");
	assert_refused("[default]\nmemory_max = 25%\nmemory_high = 3G\n", "memory_high",
		       "memory_max, 25% (" POLICY_NAME ":2)");
}

/* Everything else ----------------------------------------------------------------------------- */

static void the_rest_is_passed_on(void **state)
{
	_planned_ struct planned planned = plan_text("[default]\n"
						     "namespaces = mount pid uts\n"
						     "tmp_inodes = 5k\n"
						     "tmp_noexec = yes\n"
						     "proc = own\n"
						     "capabilities = chown setuid setgid setpcap\n"
						     "no_new_privs = yes\n"
						     "sessions_max = 3\n"
						     "oom_score_adj = -5\n"
						     "[host]\n"
						     "cgroup = cgroupfs\n"
						     "mount_propagation = private\n");
	_planned_ struct planned plain = plan_text("");
	const struct plan *plan = &planned.plan;

	(void)state;
	assert_int_equal(plan->namespaces, 1 << NS_MOUNT | 1 << NS_PID | 1 << NS_UTS);
	assert_int_equal(plan->tmp_inodes, 5000);
	assert_true(plan->tmp_noexec);
	assert_false(plan->proc_invisible);
	/* chown 0, setgid 6, setuid 7, setpcap 8: capabilities(7) */
	assert_int_equal(plan->bounding_set, 0x1c1);
	assert_true(plan->no_new_privs);
	assert_int_equal(plan->sessions_max, 3);
	assert_int_equal(plan->oom_score_adj, -5);
	assert_int_equal(plan->cgroup, CGROUP_CGROUPFS);
	assert_int_equal(plan->propagation, PROPAGATION_PRIVATE);

	assert_int_equal(plain.plan.namespaces, 1 << NS_MOUNT | 1 << NS_PID | 1 << NS_IPC);
	assert_false(plain.plan.tmp_noexec);
	assert_true(plain.plan.proc_invisible);
	assert_true(plain.plan.bounding_set == UINT64_MAX);
	assert_false(plain.plan.no_new_privs);
	assert_true(plain.plan.sessions_max == CONVERT_MAX);
	assert_int_equal(plain.plan.oom_score_adj, 0);
	assert_int_equal(plain.plan.cgroup, CGROUP_AUTO);
	assert_int_equal(plain.plan.propagation, PROPAGATION_SLAVE);
	assert_null(plain.plan.hostname);
}

static void host_names_are_expanded(void **state)
{
	static const struct {
		const char *text;
		const char *user;
		const char *hostname;
	} cases[] = {
		{"box", "alice", "box"},
		{"%u", "alice", "alice"},
		{"%u.%h", "alice", "alice.reading.example.org"},
		{"%h-2", "alice", "reading.example.org-2"},
		{"%u%u", "a", "aa"},
		/* What a host name can't hold is replaced. */
		{"x-%u", "Al_ice$@corp", "x-Al-ice--corp"},
		{"%u", "\xc3\xa9", "--"},
		{"%u", "%h", "-h"},
		{"%u", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[200];

		login.user = (char *)cases[i].user;
		(void)snprintf(text, sizeof(text),
			       "[default]\nnamespaces = mount uts\nhostname = %s\n", cases[i].text);
		{
			_planned_ struct planned planned = plan_for(text, &login, &facts);

			if (planned.r != 0)
				fail_msg("refused: %s", planned.failure.text);
			assert_string_equal(planned.plan.hostname, cases[i].hostname);
		}
	}
}

static void host_names_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *user;
	} cases[] = {
		{"%ub", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"%u%u", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"%u", ""},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *words[] = {(char *)cases[i].text, NULL};
		struct policy_value value = {
			.set = true, .words = words, .text = words[0], .file = "x.conf", .line = 3};

		login.user = (char *)cases[i].user;
		assert_value_refused(&login, KEY_HOSTNAME, &value, "1 to 64");
	}
}

static void values_that_the_language_refuses_are_refused_again(void **state)
{
	struct policy_value zero = {.set = true, .text = (char *)"0", .file = "x", .line = 1};
	struct login login = alice();

	(void)state;
	/* tmpfs takes 0 as "no limit". */
	assert_value_refused(&login, KEY_TMP_SIZE, &zero, "more than nothing");
	assert_value_refused(&login, KEY_TMP_INODES, &zero, "more than nothing");
	assert_word_refused(KEY_HOSTNAME, "a_b", "letters, digits");
	assert_word_refused(KEY_HOSTNAME, "%x", "%u and %h");
	assert_word_refused(KEY_HOSTNAME, "a%", "%u and %h");
	assert_word_refused(KEY_HOSTNAME, "a%%", "%u and %h");
	assert_word_refused(KEY_BIND, "/srv/a", "SRC:DST");
	assert_word_refused(KEY_BIND, "/srv/a:/srv/b:rw", "SRC:DST");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentages_are_of_the_memory_in_whole_pages),
		cmocka_unit_test(a_percentage_of_unknown_memory_is_refused),
		cmocka_unit_test(limits_are_passed_on),
		cmocka_unit_test(without_limits_there_are_none),
		cmocka_unit_test(memory_high_is_compared_in_bytes),
		cmocka_unit_test(the_rest_is_passed_on),
		cmocka_unit_test(host_names_are_expanded),
		cmocka_unit_test(host_names_that_do_not_fit_are_refused),
		cmocka_unit_test(values_that_the_language_refuses_are_refused_again),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* cgroup_systemd: which property a limit becomes, and which paths are in a user's slice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/cgroup_systemd.h"
#include "core/cleanup.h"
#include "core/convert.h"

static const struct {
	enum plan_limit_kind kind;
	uint64_t value;
	const char *text; /* of cpus */
	const char *set, *lifted;
} cases[] = {
	{LIMIT_MEMORY_MAX, (UINT64_C(1) << 30) + 1, NULL, "MemoryMax=1073741824",
	 "MemoryMax=infinity"},
	{LIMIT_MEMORY_HIGH, 4096, NULL, "MemoryHigh=4096", "MemoryHigh=infinity"},
	{LIMIT_SWAP_MAX, 0, NULL, "MemorySwapMax=0", "MemorySwapMax=infinity"},
	{LIMIT_CPU_MAX, 150, NULL, "CPUQuotaPerSecUSec=1500000", "CPUQuotaPerSecUSec=infinity"},
	{LIMIT_CPU_MAX, 1, NULL, "CPUQuotaPerSecUSec=10000", "CPUQuotaPerSecUSec=infinity"},
	{LIMIT_CPU_WEIGHT, 10000, NULL, "CPUWeight=10000", "CPUWeight=infinity"},
	{LIMIT_CPUS, 1, "0-3,8", "AllowedCPUs=0-3,8", "AllowedCPUs="},
	{LIMIT_MEMORY_NODES, 1, "1,3", "AllowedMemoryNodes=1,3", "AllowedMemoryNodes="},
	{LIMIT_IO_WEIGHT, 300, NULL, "IOWeight=300", "IOWeight=infinity"},
	{LIMIT_PIDS_MAX, 200, NULL, "TasksMax=200", "TasksMax=infinity"},
};

static void each_limit_has_its_property(void **state)
{
	struct failure failure;
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan plan = {0};

		assert_int_equal(cgroup_systemd_property(&plan, cases[i].kind, 4096, text,
							 sizeof(text), &failure),
				 0);
		assert_string_equal(text, cases[i].lifted);
		plan.limits[cases[i].kind] = (struct plan_limit){.set = true,
								 .value = cases[i].value,
								 .text = cases[i].text};
		assert_int_equal(cgroup_systemd_property(&plan, cases[i].kind, 4096, text,
							 sizeof(text), &failure),
				 0);
		assert_string_equal(text, cases[i].set);
		assert_int_equal(cgroup_systemd_property(&plan, cases[i].kind, 4096, text, 8,
							 &failure),
				 -ENAMETOOLONG);
	}
}

static void the_unit_in_the_slice_is_found(void **state)
{
	char unit[32];

	(void)state;
	assert_int_equal(cgroup_systemd_unit("/user.slice/user-1000.slice/session-3.scope", 1000,
					     unit, sizeof(unit)),
			 0);
	assert_string_equal(unit, "session-3.scope");
	assert_int_equal(
		cgroup_systemd_unit("/user.slice/user-1000.slice/user@1000.service/init.scope",
				    1000, unit, sizeof(unit)),
		0);
	assert_string_equal(unit, "user@1000.service");
}

static void other_places_are_not_in_the_slice(void **state)
{
	static const char *const places[] = {
		"/",
		"/user.slice",
		"/user.slice/user-1000.slice",
		"/user.slice/user-1000.slice/",
		"/user.slice/user-10001.slice/session-3.scope",
		"/user.slice/user-100.slice/session-3.scope",
		"/user.slice/user-0.slice/session-1.scope",
		"/system.slice/cron.service",
		"/system.slice/user.slice/user-1000.slice/session-3.scope",
		"/carrel.slice/user-1000.slice",
		"/../user.slice/user-1000.slice/session-3.scope",
		"/user.slice/user-1000.slice/a-name-that-is-longer-than-the-room-for-it.scope",
	};
	char unit[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		assert_int_equal(cgroup_systemd_unit(places[i], 1000, unit, sizeof(unit)), -ENOENT);
	assert_false(cgroup_systemd_holds("/system.slice/ssh.service", 1000));
	assert_true(cgroup_systemd_holds("/user.slice/user-1000.slice/session-3.scope", 1000));
}

static void logind_s_scopes_are_known_by_their_names(void **state)
{
	(void)state;
	assert_true(cgroup_systemd_is_session("session-3.scope"));
	assert_true(cgroup_systemd_is_session("session-c12.scope"));
	/* One of these is a whole user manager, which must never be moved. */
	assert_false(cgroup_systemd_is_session("user@1000.service"));
	assert_false(cgroup_systemd_is_session("login-1000-7-abc.scope"));
	assert_false(cgroup_systemd_is_session("session-3.slice"));
	assert_false(cgroup_systemd_is_session(".scope"));
	assert_false(cgroup_systemd_is_session(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_limit_has_its_property),
		cmocka_unit_test(the_unit_in_the_slice_is_found),
		cmocka_unit_test(other_places_are_not_in_the_slice),
		cmocka_unit_test(logind_s_scopes_are_known_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

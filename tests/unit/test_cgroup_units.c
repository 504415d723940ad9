/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/cgroup_agent.h"
#include "core/cgroup_units.h"
#include "tests/unit/with_directory.h"

/* A directory as the kernel shows it for a cgroup. */
static void make_cgroup(const char *name, const char *freeze, const char *events)
{
	char path[128];

	if (name[0])
		make_directory(name, 0755);
	(void)snprintf(path, sizeof(path), "%s%scgroup.freeze", name, name[0] ? "/" : "");
	write_text(path, freeze);
	(void)snprintf(path, sizeof(path), "%s%scgroup.events", name, name[0] ? "/" : "");
	write_text(path, events);
}

/*
 * Instead of core/cgroup_agent.c, which would ask systemd. A unit "lost…" has ended when systemd comes to it, "stuck…"
 * can't be thawed; nothing is to be frozen here.
 */
static char asked[256];

int cgroup_agent_freeze(const char *unit, bool freeze, int64_t deadline_ms, struct failure *reterr)
{
	const char *dir = strcmp(unit, "user-1000.slice") == 0 ? "" : unit;
	bool lost = strncmp(unit, "lost", 4) == 0;

	(void)deadline_ms;
	assert_false(freeze);
	(void)snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%.60s ", unit);
	if (strncmp(unit, "stuck", 5) != 0) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s%scgroup.freeze", dir, dir[0] ? "/" : "");
		write_text(path, "0\n");
	}
	if (lost || strncmp(unit, "stuck", 5) == 0)
		return failure_say(reterr, EIO, "%s is not loaded", unit);
	return 0;
}

/* Nobody comes here: without them the archive's own would be linked beside the one above. */
int cgroup_agent_run(char *const arguments[], int64_t deadline_ms, struct failure *reterr)
{
	(void)arguments;
	(void)deadline_ms;
	return failure_say(reterr, ENOSYS, "no agent here");
}

void cgroup_agent_seconds(int64_t deadline_ms, char *ret_text, size_t size)
{
	(void)deadline_ms;
	(void)snprintf(ret_text, size, "1");
}

static bool frozen(void)
{
	_close_ int fd = open(in_directory(""), O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return cgroup_units_frozen(fd);
}

static void nothing_frozen(void **state)
{
	(void)state;
	make_cgroup("", "0\n", "populated 1\nfrozen 0\n");
	assert_false(frozen());
	make_cgroup("session-3.scope", "0\n", "populated 1\nfrozen 0\n");
	make_cgroup("user@1000.service", "0\n", "populated 0\nfrozen 0\n");
	assert_false(frozen());
}

static void one_unit_will_do(void **state)
{
	(void)state;
	make_cgroup("", "0\n", "populated 1\nfrozen 0\n");
	make_cgroup("session-3.scope", "0\n", "populated 1\nfrozen 0\n");
	make_cgroup("user@1000.service", "1\n", "populated 1\nfrozen 1\n");
	assert_true(frozen());
}

static void one_on_its_way_counts(void **state)
{
	(void)state;
	make_cgroup("", "0\n", "populated 1\nfrozen 0\n");
	make_cgroup("session-3.scope", "1\n", "populated 1\nfrozen 0\n");
	assert_true(frozen());
}

static void so_does_the_slice(void **state)
{
	(void)state;
	make_cgroup("", "1\n", "populated 1\nfrozen 1\n");
	assert_true(frozen());
}

/* carrel-systemd is not called: see above. */
static void who_is_at_rest_is_left_alone(void **state)
{
	struct failure failure;
	size_t running = 9;

	(void)state;
	make_cgroup("", "0\n", "populated 1\nfrozen 0\n");
	make_cgroup("session-3.scope", "1\n", "populated 1\nfrozen 1\n");
	make_cgroup("session-4.scope", "0\n", "populated 0\nfrozen 0\n");
	make_directory("session-5.scope", 0755);
	_close_ int fd = open(in_directory(""), O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(cgroup_units_freeze(fd, &running, &failure), 0);
	assert_int_equal(running, 0);
	write_text("session-3.scope/cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(cgroup_units_freeze(fd, &running, &failure), 0);
	assert_int_equal(running, 1);
}

static int thaw(struct failure *reterr)
{
	_close_ int fd = open(in_directory(""), O_PATH | O_DIRECTORY | O_CLOEXEC);

	asked[0] = '\0';
	return cgroup_units_thaw(fd, 1000, reterr);
}

static void make_frozen(const char *name)
{
	make_cgroup(name, "1\n", "populated 1\nfrozen 1\n");
}

static void thaw_asks_for_what_is_frozen(void **state)
{
	struct failure failure;

	(void)state;
	make_frozen("");
	make_frozen("session-3.scope");
	make_cgroup("session-4.scope", "0\n", "populated 1\nfrozen 0\n");
	assert_int_equal(thaw(&failure), 0);
	assert_string_equal(asked, "user-1000.slice session-3.scope ");
	assert_false(frozen());
}

/* In whatever order the directory has them, so there are several. */
static void what_has_ended_keeps_nobody_frozen(void **state)
{
	static const char *const units[] = {"lost-1.scope", "session-1.scope",
					    "lost-2.scope", "session-2.scope",
					    "lost-3.scope", "user@1000.service",
					    "lost-4.scope"};
	struct failure failure;

	(void)state;
	make_cgroup("", "0\n", "populated 1\nfrozen 0\n");
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		make_frozen(units[i]);
	assert_int_equal(thaw(&failure), 0);
	assert_false(frozen());
}

static void one_that_fails_is_told_and_keeps_no_other_frozen(void **state)
{
	struct failure failure;

	(void)state;
	make_cgroup("", "0\n", "populated 1\nfrozen 0\n");
	make_frozen("session-1.scope");
	make_frozen("stuck-1.scope");
	make_frozen("session-2.scope");
	make_frozen("stuck-2.scope");
	make_frozen("user@1000.service");
	assert_int_equal(thaw(&failure), -EIO);
	assert_non_null(strstr(failure.text, "is not loaded"));
	write_text("stuck-1.scope/cgroup.freeze", "0\n");
	write_text("stuck-2.scope/cgroup.freeze", "0\n");
	assert_false(frozen());
	/* The first failure, not a later one's. */
	assert_memory_equal(failure.text, strstr(asked, "stuck"), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory_test(nothing_frozen),
		in_directory_test(one_unit_will_do),
		in_directory_test(one_on_its_way_counts),
		in_directory_test(so_does_the_slice),
		in_directory_test(who_is_at_rest_is_left_alone),
		in_directory_test(thaw_asks_for_what_is_frozen),
		in_directory_test(what_has_ended_keeps_nobody_frozen),
		in_directory_test(one_that_fails_is_told_and_keeps_no_other_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

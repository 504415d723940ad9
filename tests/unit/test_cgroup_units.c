/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

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

/* carrel-systemd is not called: here it would fail. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory_test(nothing_frozen),
		in_directory_test(one_unit_will_do),
		in_directory_test(one_on_its_way_counts),
		in_directory_test(so_does_the_slice),
		in_directory_test(who_is_at_rest_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

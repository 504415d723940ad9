/* SPDX-License-Identifier: MIT */
/* cgroup_io: the texts of the io controller's files, and paths that lead to no disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/block_device.h"
#include "core/cgroup_io.h"
#include "core/cleanup.h"
#include "core/convert.h"

static void what_is_written_is_what_is_read(void **state)
{
	static const char *const lines[] = {
		"8:0 rbps=1024 wbps=max riops=max wiops=5",
		"254:1 rbps=max wbps=max riops=max wiops=max",
		"259:1048575 rbps=18446744073709551614 wbps=1 riops=4294967294 wiops=max",
	};
	struct cgroup_io_table table;
	char text[512], line[160];
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(cgroup_io_parse(lines[i], &table), 0);
		assert_int_equal(table.count, 1);
		cgroup_io_format(&table.disks[0], line, sizeof(line));
		assert_string_equal(line, lines[i]);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n", lines[i]);
		assert_true(used < sizeof(text));
	}
	assert_int_equal(cgroup_io_parse(text, &table), 0);
	assert_int_equal(table.count, 3);
	assert_true(table.disks[2].disk == makedev(259, 1048575));
	assert_int_equal(table.disks[0].rates[IO_RBPS], 1024);
	assert_true(table.disks[0].rates[IO_WBPS] == CONVERT_MAX);
	assert_int_equal(table.disks[0].rates[IO_WIOPS], 5);
	assert_int_equal(cgroup_io_parse("", &table), 0);
	assert_int_equal(table.count, 0);
}

static void what_the_kernel_does_not_write_is_refused(void **state)
{
	static const char *const bad[] = {
		"8 rbps=1",    "8:0:1 rbps=1",	      "sda rbps=1", "8:0 rbps=",
		"8:0 rbps=1k", "8:0 wiops=unlimited", ":0 rbps=1",  "8: rbps=1",
	};
	struct cgroup_io_table table = {.count = 77};
	char text[4096];
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(cgroup_io_parse(bad[i], &table), -EINVAL);
		assert_int_equal(table.count, 77);
	}
	/* Words that a later kernel may add say nothing of ours. */
	assert_int_equal(cgroup_io_parse("8:0 rbps=7 idle=9 flag", &table), 0);
	assert_int_equal(table.disks[0].rates[IO_RBPS], 7);
	for (int i = 0; i <= CGROUP_IO_DISKS_MAX; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "8:%d rbps=1\n", i);
		assert_true(used < sizeof(text));
	}
	assert_int_equal(cgroup_io_parse(text, &table), -E2BIG);
}

static void v1_has_a_file_for_each_rate(void **state)
{
	struct cgroup_io_table table = {.count = 0};

	(void)state;
	assert_int_equal(cgroup_io_parse_v1("8:0 1024\n8:16 9\n", IO_WBPS, &table), 0);
	assert_int_equal(cgroup_io_parse_v1("8:16 33\n", IO_RIOPS, &table), 0);
	assert_int_equal(cgroup_io_parse_v1("", IO_RBPS, &table), 0);
	assert_int_equal(table.count, 2);
	assert_int_equal(table.disks[0].rates[IO_WBPS], 1024);
	assert_true(table.disks[0].rates[IO_RIOPS] == CONVERT_MAX);
	assert_true(table.disks[1].disk == makedev(8, 16));
	assert_int_equal(table.disks[1].rates[IO_WBPS], 9);
	assert_int_equal(table.disks[1].rates[IO_RIOPS], 33);
	assert_int_equal(cgroup_io_parse_v1("8:0", IO_WBPS, &table), -EINVAL);
	assert_int_equal(cgroup_io_parse_v1("8:0 -1", IO_WBPS, &table), -EINVAL);
}

/* systemd.resource-control(5) maps IOWeight the same way. */
static void bfq_has_a_smaller_range(void **state)
{
	static const uint64_t pairs[][2] = {{1, 1},	{99, 99},   {100, 100},	 {111, 101},
					    {200, 109}, {500, 136}, {9999, 999}, {10000, 1000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		assert_int_equal(cgroup_io_bfq_weight(pairs[i][0]), pairs[i][1]);
	assert_int_equal(cgroup_io_from_bfq(1), 1);
	assert_int_equal(cgroup_io_from_bfq(100), 100);
	assert_int_equal(cgroup_io_from_bfq(1000), 10000);
}

static void no_devices_no_properties(void **state)
{
	struct plan plan = {.io_max = {.count = 1}};
	struct cgroup_io_table table = {.count = 77};
	struct failure failure;
	char text[16];

	(void)state;
	/* Not set: what was there before counts for nothing. */
	assert_int_equal(cgroup_io_wanted(&plan, &table, &failure), 0);
	assert_int_equal(table.count, 0);
	assert_int_equal(cgroup_io_property(&plan, "IOMax", text, sizeof(text), &failure), 0);
	assert_string_equal(text, "IOMax=");
	assert_int_equal(cgroup_io_property(&plan, "IOMax", text, 6, &failure), -ENAMETOOLONG);
	plan.limits[LIMIT_IO_MAX].set = true;
	plan.io_max.devices[0].path = "/dev/carrel/nonesuch";
	assert_int_equal(cgroup_io_wanted(&plan, &table, &failure), -ENOENT);
	assert_non_null(strstr(failure.text, "io_max"));
	assert_non_null(strstr(failure.text, "/dev/carrel/nonesuch"));
}

static void paths_that_lead_to_no_disk(void **state)
{
	static const struct {
		const char *path;
		int err;
	} paths[] = {
		{"/dev/null", ENOTBLK},	  {"/dev/../etc", EXDEV},
		{"/dev/shm", EXDEV},	  {"/nonesuch/at/all", ENOENT},
		{"/etc/passwd", ENOTDIR}, {"/proc", ENODEV},
		{"/tmp", EPERM},
	};
	struct failure failure;
	struct stat st;
	dev_t disk = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		/* Where the machine has it otherwise there is nothing to see. */
		if (paths[i].err == EPERM &&
		    (stat(paths[i].path, &st) < 0 || !(st.st_mode & S_IWOTH)))
			continue;
		if (block_device_find(paths[i].path, &disk, &failure) != -paths[i].err)
			fail_msg("%s: %s", paths[i].path, failure.text);
		assert_non_null(strstr(failure.text, "/"));
		assert_int_equal(disk, 7);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(what_the_kernel_does_not_write_is_refused),
		cmocka_unit_test(v1_has_a_file_for_each_rate),
		cmocka_unit_test(bfq_has_a_smaller_range),
		cmocka_unit_test(no_devices_no_properties),
		cmocka_unit_test(paths_that_lead_to_no_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

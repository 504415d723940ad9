/* SPDX-License-Identifier: MIT */
/* tmp_trash, tmp_disk, tmp_quota: what root removes of what users have made, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "tests/unit/with_directory.h"

#include "core/convert.h"
#include "core/sys.h"
#include "core/tmp_disk.h"
#include "core/tmp_quota.h"
#include "core/tmp_trash.h"

#define UID 1000

static int open_at(const char *name)
{
	int fd = open(in_directory(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void make_file(const char *name)
{
	write_bytes(name, "x", 1, 0644);
}

static int64_t soon(void)
{
	return sys_now_ms() + 20000;
}

static void links_are_not_followed(void **state)
{
	struct failure failure = {0};

	(void)state;
	make_directory("victim", 0755);
	make_file("victim/file");
	make_directory("trash", 0700);
	make_directory("trash/tree", 0755);
	assert_int_equal(symlink("../../victim", in_directory("trash/tree/link")), 0);
	assert_int_equal(symlink("../victim", in_directory("trash/top-link")), 0);
	assert_int_equal(link(in_directory("victim/file"), in_directory("trash/tree/hard")), 0);
	assert_int_equal(mkfifo(in_directory("trash/fifo"), 0666), 0);
	_close_ int trash = open_at("trash");

	assert_int_equal(tmp_trash_empty(trash, soon(), &failure), 0);
	assert_true(exists("victim/file"));
	assert_int_equal(rmdir(in_directory("trash")), 0);
}

static void no_depth_is_too_deep(void **state)
{
	struct failure failure = {0};
	char name[] = "dddddddddddddddddddddddddddddd";

	(void)state;
	make_directory("trash", 0700);
	_close_ int trash = open_at("trash");
	int fd = dup(trash);

	/* 2000 * 31 characters are more than any path may have. */
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(mkdirat(fd, name, 0700), 0);
		int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(below >= 0);
		assert_int_equal(mkdirat(below, "beside", 0), 0);
		(void)close(fd);
		fd = below;
	}
	(void)close(fd);
	assert_int_equal(tmp_trash_empty(trash, soon(), &failure), 0);
	assert_int_equal(rmdir(in_directory("trash")), 0);
}

static void it_stops_at_the_deadline(void **state)
{
	struct failure failure = {0};

	(void)state;
	make_directory("trash", 0700);
	make_file("trash/a");
	make_file("trash/b");
	_close_ int trash = open_at("trash");

	assert_int_equal(tmp_trash_empty(trash, sys_now_ms() - 1, &failure), -ETIME);
	assert_int_equal(tmp_trash_empty(trash, soon(), &failure), 0);
	assert_false(exists("trash/a") || exists("trash/b"));
}

static void names_in_the_trash_are_not_lost(void **state)
{
	struct failure failure = {0};

	(void)state;
	make_directory("trash", 0700);
	make_directory("from", 0700);
	_close_ int trash = open_at("trash");
	_close_ int from = open_at("from");

	for (int i = 0; i < 50; i++) {
		make_directory("from/d", 0700);
		make_file("from/d/f");
		assert_int_equal(tmp_trash_take(from, "d", trash, &failure), 0);
	}
	assert_int_equal(tmp_trash_take(from, "d", trash, &failure), -ENOENT);
	struct stat st;

	assert_int_equal(fstat(trash, &st), 0);
	assert_int_equal(st.st_nlink, 52);
	assert_int_equal(tmp_trash_empty(trash, soon(), &failure), 0);
}

/* tmp_disk ------------------------------------------------------------------------------------ */

static struct plan disk_plan(enum choice_tmp_scope scope)
{
	static char root[PATH_MAX];

	/* Its paths come round. */
	(void)snprintf(root, sizeof(root), "%s", in_directory("root"));
	return (struct plan){.tmp_scope = scope,
			     .tmp_store = TMP_STORE_DISK,
			     .tmp_root = root,
			     .tmp_size = CONVERT_MAX,
			     .tmp_inodes = CONVERT_MAX};
}

/* The directories that lead to tmp_root must be root's alone: /tmp is not. */
static int trusted_setup(void **state)
{
	(void)state;
	test_descriptors = count_descriptors();
	(void)snprintf(test_directory, sizeof(test_directory), "/run/carrel-unit-XXXXXX");
	return mkdtemp(test_directory) ? 0 : -1;
}

static void the_last_one_leaves_it_to_the_trash(void **state)
{
	struct plan plan = disk_plan(TMP_SCOPE_USER);
	struct tmp_disk one = TMP_DISK_NONE, two = TMP_DISK_NONE;
	struct failure failure = {0};

	(void)state;
	assert_int_equal(tmp_disk_open(&plan, UID, "1000-1", &one, &failure), 0);
	make_file("root/1000/shared/file");
	assert_int_equal(tmp_disk_open(&plan, UID, "1000-2", &two, &failure), 0);
	assert_true(exists("root/1000/shared/file"));
	assert_int_equal(tmp_disk_leave(&one, &failure), 0);
	assert_true(exists("root/1000/shared/file"));
	tmp_disk_tidy(plan.tmp_root, UID, &one);
	assert_true(exists("root/1000/shared/file"));
	assert_int_equal(tmp_disk_leave(&two, &failure), 0);
	assert_false(exists("root/1000/shared"));
	assert_true(exists("root/1000/trash"));
	assert_int_equal(tmp_disk_empty(&two, soon(), &failure), 0);
	tmp_disk_tidy(plan.tmp_root, UID, &two);
	assert_false(exists("root/1000"));
}

static void what_nobody_uses_is_collected(void **state)
{
	struct plan plan = disk_plan(TMP_SCOPE_SESSION);
	struct tmp_disk one = TMP_DISK_NONE, two = TMP_DISK_NONE;
	struct failure failure = {0};

	(void)state;
	assert_int_equal(tmp_disk_open(&plan, UID, "1000-1", &one, &failure), 0);
	make_directory("root/1000/1000-9", 0700);
	make_file("root/1000/1000-9/old");
	make_directory("root/1000/shared", 0700);
	assert_int_equal(tmp_disk_open(&plan, UID, "1000-2", &two, &failure), 0);
	assert_false(exists("root/1000/1000-9") || exists("root/1000/shared"));
	assert_true(exists("root/1000/1000-1") && exists("root/1000/1000-2"));
	assert_int_equal(tmp_disk_leave(&one, &failure), 0);
	assert_int_equal(tmp_disk_leave(&two, &failure), 0);
	assert_int_equal(tmp_disk_empty(&two, soon(), &failure), 0);
	close_fd(&one.user_fd);
	tmp_disk_tidy(plan.tmp_root, UID, &two);
	assert_false(exists("root/1000"));
}

static void what_others_could_write_to_is_refused(void **state)
{
	struct plan plan = disk_plan(TMP_SCOPE_USER);
	struct tmp_disk disk = TMP_DISK_NONE;
	struct failure failure = {0};

	(void)state;
	make_directory("root", 0777);
	assert_int_equal(tmp_disk_open(&plan, UID, "1000-1", &disk, &failure), -EPERM);
	assert_int_equal(chmod(in_directory("root"), 0700), 0);
	make_directory("root/1000", 0770);
	assert_int_equal(tmp_disk_open(&plan, UID, "1000-1", &disk, &failure), -EPERM);
	assert_int_equal(rmdir(in_directory("root/1000")), 0);
	make_directory("elsewhere", 0700);
	assert_int_equal(symlink("../elsewhere", in_directory("root/1000")), 0);
	assert_true(tmp_disk_open(&plan, UID, "1000-1", &disk, &failure) < 0);
	assert_false(exists("elsewhere/shared"));
	assert_int_equal(disk.user_fd, -1);
}

static void projects_are_never_reserved_ones(void **state)
{
	(void)state;
	assert_int_equal(tmp_quota_project(1000), 0xC00003E8);
	assert_true(tmp_quota_project(1000) != tmp_quota_project(0x400003E8));
	assert_int_equal(tmp_quota_project(0xC0000000), 0);
	assert_int_equal(tmp_quota_project(0x3FFFFFFF), 0);
}

#define in_trusted_test(test)                                                                      \
	cmocka_unit_test_setup_teardown(test, trusted_setup, directory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory_test(links_are_not_followed),
		in_directory_test(no_depth_is_too_deep),
		in_directory_test(it_stops_at_the_deadline),
		in_directory_test(names_in_the_trash_are_not_lost),
		in_trusted_test(the_last_one_leaves_it_to_the_trash),
		in_trusted_test(what_nobody_uses_is_collected),
		in_trusted_test(what_others_could_write_to_is_refused),
		cmocka_unit_test(projects_are_never_reserved_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

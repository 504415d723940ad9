/* SPDX-License-Identifier: MIT */
/*
 * with_directory - a fresh directory for each test, removed after it; a test that leaves a
 * descriptor open fails. Include it after cmocka.h. The tests run as root.
 */
#ifndef CARREL_TESTS_WITH_DIRECTORY_H
#define CARREL_TESTS_WITH_DIRECTORY_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cleanup.h"

static char test_directory[64];
static int test_descriptors;

/* The path of `name` in the directory; good until the eighth call after this one. */
static inline const char *in_directory(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, PATH_MAX, "%s%s%s", test_directory, name[0] ? "/" : "", name);
	return path;
}

static inline void write_bytes(const char *name, const char *bytes, size_t size, mode_t mode)
{
	_close_ int fd = open(in_directory(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(fchmod(fd, mode), 0);
}

static inline void write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text), 0644);
}

static inline void make_directory(const char *name, mode_t mode)
{
	assert_int_equal(mkdir(in_directory(name), 0700), 0);
	assert_int_equal(chmod(in_directory(name), mode), 0);
}

static inline void remove_file(const char *name)
{
	assert_int_equal(unlink(in_directory(name)), 0);
}

static inline bool exists(const char *name)
{
	struct stat st;

	return lstat(in_directory(name), &st) == 0;
}

static inline int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static inline int directory_setup(void **state)
{
	(void)state;
	(void)snprintf(test_directory, sizeof(test_directory), "/tmp/carrel-unit-XXXXXX");
	test_descriptors = count_descriptors();
	return mkdtemp(test_directory) ? 0 : -1;
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int directory_teardown(void **state)
{
	(void)state;
	if (nftw(test_directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
		return -1;
	if (count_descriptors() == test_descriptors)
		return 0;
	print_error("descriptors were left open\n");
	return -1;
}

#define in_directory_test(test)                                                                    \
	cmocka_unit_test_setup_teardown(test, directory_setup, directory_teardown)

#endif

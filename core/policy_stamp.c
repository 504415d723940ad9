/* SPDX-License-Identifier: MIT */
#include "core/policy_stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/cleanup.h"
#include "core/dir_names.h"
#include "core/pod.h"

#define DROPIN_DIR "carrel.conf.d"

struct stamp {
	uint64_t sum; /* of a hash for each file: their order in a directory does not matter */
	int64_t newest_ms; /* of all times of change */
};

static int64_t to_ms(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

/* `name` tells the files apart, and a renamed one from what it was. */
static void add_inode(struct stamp *stamp, const char *name, const struct stat *st)
{
	uint64_t facts[] = {
		st->st_dev,
		st->st_ino,
		(uint64_t)st->st_size,
		st->st_uid,
		st->st_mode,
		(uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec,
		(uint64_t)st->st_ctim.tv_nsec,
	};
	uint64_t hash = pod_hash(POD_HASH_START, facts, sizeof(facts));

	stamp->sum += pod_hash(hash, name, strlen(name));
	/* mtime can be set to anything, ctime can't. */
	if (to_ms(&st->st_ctim) > stamp->newest_ms)
		stamp->newest_ms = to_ms(&st->st_ctim);
}

static bool add_file(struct stamp *stamp, int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	add_inode(stamp, name, &st);
	return true;
}

/* Every name, also those that are no policy's: a directory's own change shows them anyway. */
static bool add_dropins(struct stamp *stamp, int dir_fd)
{
	_close_ int fd =
		openat(dir_fd, DROPIN_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dir_names entries;
	const char *name;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT;
	if (fstat(fd, &st) < 0)
		return false;
	add_inode(stamp, DROPIN_DIR, &st);
	dir_names_begin(&entries, fd);
	while ((name = dir_names_next(&entries))) {
		if (name[0] != '.' && !add_file(stamp, fd, name))
			return false;
	}
	return errno == 0;
}

uint64_t policy_stamp(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stamp stamp = {.sum = 0};
	char directory[PATH_MAX];
	struct timespec now;
	struct stat st;

	if (!slash || (size_t)(slash - path) >= sizeof(directory))
		return 0;
	memcpy(directory, path, (size_t)(slash - path));
	directory[slash - path] = '\0';
	_close_ int fd = open(directory[0] ? directory : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	add_inode(&stamp, "", &st);
	if (!add_file(&stamp, fd, slash + 1) || !add_dropins(&stamp, fd))
		return 0;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	/* A time to come as well: the clock was set back, and what comes next may bear it again. */
	if (stamp.newest_ms > to_ms(&now) - POLICY_STAMP_YOUNG_MS)
		return 0;
	return stamp.sum ? stamp.sum : 1;
}

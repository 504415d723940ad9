/* SPDX-License-Identifier: MIT */
#include "core/trusted_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cleanup.h"

#define WRITABLE_BY_OTHERS (S_IWGRP | S_IWOTH)
/* O_NONBLOCK: opening a FIFO that nobody writes to must not hang a login. */
#define OPEN_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* Who may change it? 0, or -EPERM in words. */
static int check_owner(const struct stat *st, const char *shown, struct failure *reterr)
{
	if (st->st_uid != 0)
		return failure_say(reterr, EPERM, "%s: owned by uid %u; expected root as its owner",
				   shown, st->st_uid);
	if (st->st_mode & WRITABLE_BY_OTHERS)
		return failure_say(
			reterr, EPERM,
			"%s: mode %04o; expected one that neither group nor others can write to",
			shown, st->st_mode & 07777);
	return 0;
}

int trusted_open_directory(int at, const char *path, const char *shown, struct failure *reterr)
{
	_close_ int fd = openat(at, path, O_RDONLY | O_DIRECTORY | OPEN_FLAGS);
	struct stat st;
	int r;

	if (fd < 0)
		return failure_set(reterr, errno, "open directory %s", shown);
	if (fstat(fd, &st) < 0)
		return failure_set(reterr, errno, "fstat %s", shown);
	r = check_owner(&st, shown, reterr);
	return r < 0 ? r : steal_fd(&fd);
}

static const char *file_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "not a regular file";
	}
}

/* Open for reading, with every check that fstat allows. The descriptor or -errno. */
static int open_file(int at, const char *path, const char *shown, size_t limit, struct stat *ret_st,
		     struct failure *reterr)
{
	_close_ int fd = openat(at, path, O_RDONLY | O_NOCTTY | OPEN_FLAGS);
	struct stat st;
	int r;

	if (fd < 0 && errno == ELOOP)
		return failure_say(reterr, ELOOP,
				   "%s: a symbolic link; expected a regular file owned by root",
				   shown);
	if (fd < 0) {
		r = errno;
		return failure_say(reterr, r, "%s: open: %s; expected a regular file owned by root",
				   shown, strerror(r));
	}
	if (fstat(fd, &st) < 0)
		return failure_set(reterr, errno, "fstat %s", shown);
	if (!S_ISREG(st.st_mode))
		return failure_say(reterr, EINVAL, "%s: %s; expected a regular file owned by root",
				   shown, file_type(st.st_mode));
	r = check_owner(&st, shown, reterr);
	if (r < 0)
		return r;
	if ((uintmax_t)st.st_size > limit)
		return failure_say(reterr, EFBIG, "%s: %jd bytes; expected at most %zu", shown,
				   (intmax_t)st.st_size, limit);
	*ret_st = st;
	return steal_fd(&fd);
}

/*
 * The whole file, once. One byte more than fstat promised is asked for, so that growth shows; a
 * change in place that keeps the size shows in the time of modification. The time of status change
 * is no good for this: replacing the file with rename(2), the right way, changes the old one's.
 */
int trusted_read(int at, const char *path, const char *shown, size_t limit, char **ret_bytes,
		 size_t *ret_size, struct failure *reterr)
{
	struct stat before = {0}, after;
	_close_ int fd = open_file(at, path, shown, limit, &before, reterr);
	_free_ char *bytes = NULL;
	size_t size, used = 0;

	if (fd < 0)
		return fd;
	size = (size_t)before.st_size;
	bytes = malloc(size + 1);
	if (!bytes)
		return failure_set(reterr, ENOMEM, "read %s", shown);
	while (used <= size) {
		ssize_t n = read(fd, bytes + used, size + 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failure_set(reterr, errno, "read %s", shown);
		if (n == 0)
			break;
		used += (size_t)n;
	}
	if (fstat(fd, &after) < 0)
		return failure_set(reterr, errno, "fstat %s", shown);
	if (used != size || after.st_size != before.st_size ||
	    after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
	    after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
		return failure_say(reterr, EINVAL,
				   "%s: changed while it was read; expected a file at rest", shown);
	*ret_bytes = steal_ptr(&bytes);
	*ret_size = size;
	return 0;
}

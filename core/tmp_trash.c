/* SPDX-License-Identifier: MIT */
#include "core/tmp_trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/sys.h"

#define NAME_TRIES 100000

/* One pass over the trash. */
struct emptying {
	int trash_fd;
	int64_t deadline_ms;
	bool late;
	bool progress; /* something was removed or moved */
	int err; /* of what could not be */
};

/* A rename over an empty directory replaces it, over any other it fails: no name is lost. */
int tmp_trash_take(int from_fd, const char *name, int trash_fd, struct failure *reterr)
{
	static uint64_t next; /* so that few names have to be tried, whoever was here before */

	if (next == 0)
		next = (uint64_t)sys_now_ms() << 20;

	for (int i = 0; i < NAME_TRIES; i++) {
		char new_name[24];

		(void)snprintf(new_name, sizeof(new_name), "%" PRIu64, next++);
		if (renameat(from_fd, name, trash_fd, new_name) == 0)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
			return failure_set(reterr, errno, "move %s to the trash", name);
	}
	return failure_say(reterr, EEXIST, "move %s to the trash: no name is free", name);
}

static DIR *open_list(int at_fd, const char *name)
{
	_close_ int fd = sys_openat2(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
				     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)steal_fd(&fd);
	return dir;
}

static const char *next_entry(DIR *dir, unsigned char *ret_type)
{
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		*ret_type = entry->d_type;
		return entry->d_name;
	}
	return NULL;
}

/* As a file, or as an empty directory. */
static bool removed(int at_fd, const char *name, unsigned char type)
{
	if (type != DT_DIR && (unlinkat(at_fd, name, 0) == 0 || errno == ENOENT))
		return true;
	if (type != DT_DIR && errno != EISDIR && errno != EPERM)
		return false;
	return unlinkat(at_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static void note(struct emptying *emptying, bool done, int err)
{
	if (done)
		emptying->progress = true;
	else if (emptying->err == 0)
		emptying->err = err;
	if (sys_now_ms() >= emptying->deadline_ms)
		emptying->late = true;
}

/* What is in one directory of the trash goes, or comes up into the trash; then the directory goes. */
static void drain(struct emptying *emptying, const char *name)
{
	DIR *dir = open_list(emptying->trash_fd, name);
	const char *entry;
	unsigned char type;

	if (!dir) {
		note(emptying, errno == ENOENT, errno);
		return;
	}
	while (!emptying->late && (entry = next_entry(dir, &type))) {
		struct failure failure = {0};
		bool done = removed(dirfd(dir), entry, type);

		failure.err = errno;
		if (!done && (failure.err == ENOTEMPTY || failure.err == EEXIST))
			done = tmp_trash_take(dirfd(dir), entry, emptying->trash_fd, &failure) == 0;
		note(emptying, done, failure.err);
	}
	(void)closedir(dir);
	if (unlinkat(emptying->trash_fd, name, AT_REMOVEDIR) == 0)
		note(emptying, true, 0);
}

int tmp_trash_empty(int trash_fd, int64_t deadline_ms, struct failure *reterr)
{
	for (;;) {
		struct emptying emptying = {.trash_fd = trash_fd, .deadline_ms = deadline_ms};
		DIR *dir = open_list(trash_fd, ".");
		const char *entry;
		unsigned char type;
		bool any = false;

		if (!dir)
			return failure_set(reterr, errno, "read the trash");
		while (!emptying.late && (entry = next_entry(dir, &type))) {
			any = true;
			if (removed(trash_fd, entry, type))
				note(&emptying, true, 0);
			else
				drain(&emptying, entry);
		}
		(void)closedir(dir);
		if (!any)
			return 0;
		if (emptying.late)
			return failure_say(reterr, ETIME,
					   "there was too much in it for the time there is");
		if (!emptying.progress)
			return failure_say(reterr, EBUSY, "something can't be removed: %s",
					   strerror(emptying.err));
	}
}

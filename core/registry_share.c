/* SPDX-License-Identifier: MIT */
/*
 * The order of registration (registry.h). It is the sockets' time of modification, set to the moment of
 * registering under the user's lock: so of any two one is older, and nothing has to be kept anywhere.
 */
#include "core/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cleanup.h"

static int64_t time_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static int open_user(uint32_t uid, struct failure *reterr)
{
	char path[sizeof(CARREL_RUN) + 16];

	(void)snprintf(path, sizeof(path), "%s/%u", CARREL_RUN, uid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? failure_set(reterr, errno, "open %s", path) : fd;
}

int registry_time(uint32_t uid, const char *id, int64_t *ret_time, struct failure *reterr)
{
	struct stat st;
	_close_ int dir_fd = open_user(uid, reterr);

	if (dir_fd < 0)
		return dir_fd;
	if (fstatat(dir_fd, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failure_set(reterr, errno, "look at the socket of %s", id);
	*ret_time = time_of(&st);
	return 0;
}

int registry_before(uint32_t uid, int64_t before, char ret_id[PROTOCOL_ID_MAX], int64_t *ret_time,
		    struct failure *reterr)
{
	_close_ int dir_fd = open_user(uid, reterr);
	DIR *dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
	const struct dirent *entry;
	int64_t latest = -1;

	if (dir_fd < 0)
		return dir_fd;
	if (!dir)
		return failure_set(reterr, errno, "read the user's registry");
	(void)steal_fd(&dir_fd);
	while (errno = 0, (entry = readdir(dir))) {
		struct stat st;

		/* What has gone meanwhile is no longer of interest; the lock is no socket. */
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, REGISTRY_POD) == 0 ||
		    strlen(entry->d_name) >= PROTOCOL_ID_MAX ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISSOCK(st.st_mode))
			continue;
		int64_t time = time_of(&st);

		if (time >= before || time <= latest)
			continue;
		latest = time;
		(void)protocol_text(ret_id, PROTOCOL_ID_MAX, entry->d_name);
	}
	int err = errno;

	(void)closedir(dir);
	/* Not to be taken for none: the login would have a /tmp of its own. */
	if (err != 0)
		return failure_set(reterr, err, "read the user's registry");
	if (latest < 0)
		return 0;
	*ret_time = latest;
	return 1;
}

/* SPDX-License-Identifier: MIT */
#include "core/cgroup_marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cgroup_internal.h"
#include "core/cleanup.h"

#define DIRECTORY CARREL_RUN "/limits"
#define TEXT_MAX 1024

enum cgroup_mark cgroup_marks_find(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at += len) {
		bool lifted = at > text && at[-1] == '-';
		const char *begin = at - lifted;

		if ((begin == text || begin[-1] == '\n') && (at[len] == '\n' || at[len] == '\0'))
			return lifted ? MARK_LIFTED : MARK_SET;
	}
	return MARK_NONE;
}

void cgroup_marks_read(uint32_t uid, const char *const names[], enum cgroup_mark ret_marks[],
		       size_t count)
{
	char path[96], text[TEXT_MAX];

	(void)snprintf(path, sizeof(path), "%s/%u", DIRECTORY, uid);
	if (cgroup_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		ret_marks[i] = cgroup_marks_find(text, names[i]);
}

static int replace(const char *path, const char *text, size_t len, struct failure *reterr)
{
	char temporary[112];

	(void)snprintf(temporary, sizeof(temporary), "%s.%d", path, getpid());
	_close_ int fd =
		open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return failure_set(reterr, errno, "make %s", temporary);
	ssize_t written = write(fd, text, len);

	if (written == (ssize_t)len && rename(temporary, path) == 0)
		return 0;
	int err = written >= 0 && written < (ssize_t)len ? ENOSPC : errno;

	(void)unlink(temporary);
	return failure_set(reterr, err, "write %s", path);
}

int cgroup_marks_write(uint32_t uid, const char *const names[], const enum cgroup_mark marks[],
		       size_t count, struct failure *reterr)
{
	char path[96], text[TEXT_MAX];
	size_t used = 0;

	(void)snprintf(path, sizeof(path), "%s/%u", DIRECTORY, uid);
	for (size_t i = 0; i < count; i++) {
		if (marks[i] == MARK_NONE)
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s\n",
					 marks[i] == MARK_LIFTED ? "-" : "", names[i]);
		if (used >= sizeof(text))
			return failure_set(reterr, EOVERFLOW, "write %s", path);
	}
	if (used == 0)
		return unlink(path) < 0 && errno != ENOENT
			       ? failure_set(reterr, errno, "remove %s", path)
			       : 0;
	/* CARREL_RUN is root's, 0700, and made by the registry before. */
	if (mkdir(DIRECTORY, 0700) < 0 && errno != EEXIST)
		return failure_set(reterr, errno, "make the directory %s", DIRECTORY);
	return replace(path, text, used, reterr);
}

/* SPDX-License-Identifier: MIT */
#include "core/mnt_homes.h"

#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/sys.h"

int mnt_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int octal(const char *digits)
{
	int value = 0;

	for (int i = 0; i < 3; i++) {
		if (digits[i] < '0' || digits[i] > '7')
			return -1;
		value = value * 8 + (digits[i] - '0');
	}
	return value <= 255 ? value : -1;
}

void mnt_unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		int byte = *from == '\\' ? octal(from + 1) : -1;

		*to = byte > 0 ? (char)byte : *from;
		from += byte > 0 ? 4 : 1;
	}
	*to = '\0';
}

/* The fifth field of a mountinfo line (proc(5)). */
static char *mount_point(char *line)
{
	char *field = NULL;

	for (int i = 0; i < 5; i++) {
		field = strsep(&line, " ");
		if (!line)
			return NULL;
	}
	mnt_unescape(field);
	return field;
}

static void detach(const char *path)
{
	_close_ int fd = sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC,
				     RESOLVE_NO_SYMLINKS | RESOLVE_CACHED);
	char name[40];

	if (fd < 0)
		return;
	/* By descriptor, so that it is what was opened; refused when that is no mount's root. */
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	(void)sys_umount(name, MNT_DETACH);
}

void mnt_detach_homes(const char *root, const char *home)
{
	_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_free_ char *line = NULL;
	size_t size = 0;

	while (mounts && getline(&line, &size, mounts) > 0) {
		const char *path = mount_point(line);

		if (!path || strcmp(path, root) == 0 || !mnt_is_below(path, root))
			continue;
		if (!home || (!mnt_is_below(path, home) && !mnt_is_below(home, path)))
			detach(path);
	}
}

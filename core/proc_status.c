/* SPDX-License-Identifier: MIT */
#include "core/proc_status.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"

static void take_line(const char *line, struct proc_status_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(fields[i].name);

		if (strncmp(line, fields[i].name, len) != 0 || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " \t");
		(void)snprintf(fields[i].text, sizeof(fields[i].text), "%.*s",
			       (int)strcspn(line, "\n"), line);
		return;
	}
}

int proc_status_read(int at_fd, const char *path, struct proc_status_field *fields, size_t count)
{
	_close_ int fd = openat(at_fd, path, O_RDONLY | O_CLOEXEC);
	_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char piece[sizeof(fields->text)];
	bool begins = true; /* a line */

	if (!file)
		return -errno;
	(void)steal_fd(&fd);
	for (size_t i = 0; i < count; i++)
		fields[i].text[0] = '\0';
	errno = 0;
	while (fgets(piece, sizeof(piece), file)) {
		if (begins)
			take_line(piece, fields, count);
		begins = strchr(piece, '\n') != NULL;
	}
	return ferror(file) ? -(errno ? errno : EIO) : 0;
}

int proc_status_killed(pid_t pid)
{
	struct proc_status_field fields[] = {{.name = "SigPnd"}, {.name = "ShdPnd"}};
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	int r = proc_status_read(AT_FDCWD, path, fields, ARRAY_SIZE(fields));

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
		r = (strtoull(fields[i].text, NULL, 16) & (UINT64_C(1) << (SIGKILL - 1))) != 0;
	return r;
}

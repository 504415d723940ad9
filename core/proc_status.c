/* SPDX-License-Identifier: MIT */
#include "core/proc_status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

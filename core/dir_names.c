/* SPDX-License-Identifier: MIT */
#include "core/dir_names.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's linux_dirent64, as getdents64(2) describes it; C libraries differ in whether they have it. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

void dir_names_begin(struct dir_names *names, int fd)
{
	names->fd = fd;
	names->at = names->end = 0;
	/* What can't be rewound can't be read either. */
	(void)lseek(fd, 0, SEEK_SET);
}

const char *dir_names_next(struct dir_names *names)
{
	for (;;) {
		if (names->at == names->end) {
			long got = syscall(SYS_getdents64, names->fd, names->buffer,
					   sizeof(names->buffer));

			if (got <= 0) {
				errno = got < 0 ? errno : 0;
				return NULL;
			}
			names->at = 0;
			names->end = (size_t)got;
		}
		const struct entry *entry = (const void *)(names->buffer + names->at);

		names->at += entry->size;
		if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
			return entry->name;
	}
}

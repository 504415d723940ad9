/* SPDX-License-Identifier: MIT */
/*
 * dir_names - the names in a directory, by getdents64(2) alone: readdir(3) asks for 32 kB, which the warden
 * would have to give back, and for four system calls more.
 */
#ifndef CARREL_DIR_NAMES_H
#define CARREL_DIR_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct dir_names {
	int fd;
	size_t at, end;
	_Alignas(uint64_t) char buffer[1024]; /* a name has 255 bytes at most */
};

/* From the first one on; `fd`, readable, stays the caller's, and has one reader at a time. */
void dir_names_begin(struct dir_names *names, int fd);
/* The next but "." and ".."; valid until the one after it. NULL: no more, with errno 0, or an error. */
const char *dir_names_next(struct dir_names *names);

#endif

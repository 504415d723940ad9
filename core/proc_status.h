/* SPDX-License-Identifier: MIT */
/*
 * proc_status - fields of a /proc/PID/status (proc(5)), however long that is: its line of groups alone can
 * have hundreds of kilobytes, as many as a user likes where there are subordinate gids.
 */
#ifndef CARREL_PROC_STATUS_H
#define CARREL_PROC_STATUS_H

#include <stddef.h>

struct proc_status_field {
	const char *name; /* "Uid" */
	char text[512]; /* what stands behind "NAME:\t", cut when longer; "": no such line */
};

/* Fill in the fields of the file at_fd/path; 0 or -errno. */
int proc_status_read(int at_fd, const char *path, struct proc_status_field *fields, size_t count);

#endif

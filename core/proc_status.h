/* SPDX-License-Identifier: MIT */
/*
 * proc_status - fields of a /proc/PID/status (proc(5)), however long that is: its line of groups alone can
 * have hundreds of kilobytes, as many as a user likes where there are subordinate gids.
 */
#ifndef CARREL_PROC_STATUS_H
#define CARREL_PROC_STATUS_H

#include <stddef.h>
#include <sys/types.h>

struct proc_status_field {
	const char *name; /* "Uid" */
	char text[512]; /* what stands behind "NAME:\t", cut when longer; "": no such line */
};

/* Fill in the fields of the file at_fd/path; 0 or -errno. */
int proc_status_read(int at_fd, const char *path, struct proc_status_field *fields, size_t count);

/*
 * 1: SIGKILL is pending, so the process runs no instruction of its own any more; on a busy host its end may
 * still take seconds. 0: it is not. -errno: it can't be read, as with a process that has ended.
 */
int proc_status_killed(pid_t pid);

#endif

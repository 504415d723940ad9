/* SPDX-License-Identifier: MIT */
/*
 * proc_pid - the pid that a name in /proc stands for, or -1. Whatever is no pid as a whole is none: kill(2)
 * and pidfd_open(2) are never handed the 0 or the -1 that a loose conversion makes of it.
 */
#ifndef CARREL_TESTS_PROC_PID_H
#define CARREL_TESTS_PROC_PID_H

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define PROC_PID_MAX 4194304 /* the kernel's PID_MAX_LIMIT */

static inline pid_t proc_pid(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	if (digits == 0 || digits > 7 || name[digits] || name[0] == '0')
		return -1;
	long pid = strtol(name, NULL, 10);

	return pid <= PROC_PID_MAX ? (pid_t)pid : -1;
}

#endif

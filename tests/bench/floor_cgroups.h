/* SPDX-License-Identifier: MIT */
/*
 * floor_cgroups - the cgroup hierarchies that the floor makes its directories in: the v1 mounts of memory, pids
 * and cpu; where none of them is on v1, the cgroup2 mount. Found before any timing.
 */
#ifndef CARREL_BENCH_FLOOR_CGROUPS_H
#define CARREL_BENCH_FLOOR_CGROUPS_H

#include <stddef.h>

#define FLOOR_CONTROLLERS 3

struct floor_hierarchy {
	int mount_fd;
	int home_tasks_fd; /* where this process came from */
	const char *tasks_file;
};

extern struct floor_hierarchy floor_hierarchies[FLOOR_CONTROLLERS];
extern size_t floor_hierarchy_count;

/* 0, or -1 after it has said why on stderr. */
int floor_find_hierarchies(void);
/* Says what could not be done to `object`, by errno; -1. */
int floor_complain(const char *what, const char *object);

#endif

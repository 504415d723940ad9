/* SPDX-License-Identifier: MIT */
/*
 * cgroup_place - where a process is, from the text of its /proc/PID/cgroup (cgroups(7)): lines
 * "4:memory:/path" for v1 hierarchies, and "0::/path" for v2. Pure.
 *
 * The caller of a login reads its own text before and after it joins: /proc/self is out of reach later.
 */
#ifndef CARREL_CGROUP_PLACE_H
#define CARREL_CGROUP_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_PLACE_TEXT 16384 /* the whole of a /proc/PID/cgroup, with NUL */
#define CGROUP_PLACE_PATH 4096

/* One hierarchy, as a login sees it. */
struct cgroup_place {
	char mount[64]; /* below /sys/fs/cgroup, or that itself */
	char controller[16]; /* v1: one of those that live there; v2: "" */
};

/*
 * The file that a single-threaded process writes "0" to: `tasks` on v1, which spares it the RCU grace
 * period (5-14 ms) that a write to cgroup.procs waits for.
 */
const char *cgroup_place_join_file(bool v2);

/*
 * The path in this hierarchy. -ENOENT: the text has no line for it; -ENAMETOOLONG: not within `size`.
 * ret_path is untouched on failure.
 */
int cgroup_place_find(const struct cgroup_place *place, const char *text, char *ret_path,
		      size_t size);

/*
 * Is it the user's slice? By its end: inside another sandbox (su from within), the slice is below
 * that one's.
 */
bool cgroup_place_is_slice(const char *path, uint32_t uid);

#endif

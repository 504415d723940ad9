/* SPDX-License-Identifier: MIT */
/*
 * cgroup_usage - what the kernel holds a user's slice to, and what the slice uses: for `carrel`.
 *
 * From directories, so that it works outside (the slice's path) and inside a sandbox, for the user
 * alone (where the slice stands in place of each hierarchy). Looks only; needs no privilege, as
 * cgroup files are readable to all.
 */
#ifndef CARREL_CGROUP_USAGE_H
#define CARREL_CGROUP_USAGE_H

#include "core/cgroup_io.h"

struct cgroup_dirs {
	char paths[CONTROLLERS][PROTOCOL_TEXT_MAX]; /* "": not there */
};

/* The live user's slice, as root sees it outside; all "" where the user has none. */
void cgroup_dirs_of_user(uint32_t uid, struct cgroup_dirs *ret_dirs);

/*
 * The slice that the calling process is in, or -ENOENT: it is in none. By /proc/self/cgroup, and by
 * what is mounted: within a sandbox the mount shows the slice itself.
 */
int cgroup_dirs_of_self(uint32_t uid, struct cgroup_dirs *ret_dirs);

/* A limit as the kernel holds it, in the policy's terms (percent, weight, bytes of swap alone). */
struct cgroup_held {
	bool known; /* false: no such file, so nothing is held */
	uint64_t value; /* CONVERT_MAX: no limit */
	char text[64]; /* of a list: the one that counts; cut when longer */
};

struct cgroup_figures {
	struct cgroup_held limits[PLAN_LIMITS];
	struct cgroup_io_table
		io_max; /* of LIMIT_IO_MAX, which is `known` where a disk has a limit */
	struct cgroup_usage usage; /* UINT64_MAX where unknown, as below */
	uint64_t swap_bytes;
	uint64_t pids_refused; /* times that a fork was refused at pids_max */
	uint64_t throttled_usec; /* that the processes would have run, but for cpu_max */
};

void cgroup_read_figures(const struct cgroup_dirs *dirs, struct cgroup_figures *ret_figures);

/* The conversions below cgroup_read_figures(); pure. -EINVAL: not what the kernel writes. */
int cgroup_held_parse(enum plan_limit_kind kind, bool v2, const char *text, uint64_t *ret_value);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cgroup_internal - what the files of cgroup share among themselves. Nobody else includes it.
 */
#ifndef CARREL_CGROUP_INTERNAL_H
#define CARREL_CGROUP_INTERNAL_H

#include "core/cgroup.h"

#define CGROUP_PARENT "carrel.slice"
#define CGROUP_VALUE_MAX 256 /* one value in a controller file, with NUL */

struct cgroup_controller {
	const char *name; /* as in /proc/cgroups, and in cgroup.controllers but for the next */
	const char *v2_name;
	bool always; /* every login's slice is in it where the host has it */
	bool v1_only; /* on v2 its figures come without it */
};
extern const struct cgroup_controller cgroup_controllers[CONTROLLERS];

static inline const char *cgroup_v2_name(int controller)
{
	const struct cgroup_controller *it = &cgroup_controllers[controller];

	return it->v2_name ? it->v2_name : it->name;
}

/*
 * The row of a limit: which controller, and the file in each version; a NULL file means that this
 * version can't enforce it.
 */
struct cgroup_limit_info {
	enum cgroup_controller_id controller;
	const char *v1_file, *v2_file;
	const char *v1_unset, *v2_unset; /* what the file holds without the limit */
	const char *v1_lacks; /* why v1 has no file, for the error */
};
extern const struct cgroup_limit_info cgroup_limits[PLAN_LIMITS];

/*
 * The text to write for a limit; pure. Returns 0, or -EOPNOTSUPP with reterr when this version of
 * cgroups can't express it.
 */
int cgroup_limit_text(const struct plan *plan, enum plan_limit_kind kind, bool v2,
		      uint64_t page_size, char ret_text[CGROUP_VALUE_MAX], struct failure *reterr);
/* Does what the kernel holds mean what was written? Pure. Sizes are compared in whole pages. */
bool cgroup_limit_holds(const char *wanted, const char *held, uint64_t page_size);

/* Is there a MOUNT/carrel.slice/user-UID.slice? */
bool cgroup_has_slice(const char *mount, uint32_t uid);

/* "MOUNT/carrel.slice/user-UID.slice"; returns an O_PATH descriptor. */
int cgroup_open_slice(const struct cgroup_hierarchy *hierarchy, uint32_t uid,
		      struct failure *reterr);
/* The one that the set has open, else open it into *ret_opened, for the caller to close. */
int cgroup_use_slice(const struct cgroup_hierarchy *hierarchy, uint32_t uid, int *ret_opened,
		     struct failure *reterr);

/* A controller file below dir_fd: trailing newline cut. -errno. */
int cgroup_read_file(int dir_fd, const char *file, char *ret_text, size_t size);
/* The same of a file that is one short line: the kernel gives that in one read(2). */
int cgroup_read_value(int dir_fd, const char *file, char *ret_text, size_t size);
int cgroup_write_file(int dir_fd, const char *file, const char *text);
/*
 * A file that is one number, and the number after "NAME " at the start of a line of one. UINT64_MAX: no such
 * file, line or number, or `dir` is "".
 */
uint64_t cgroup_read_number(const char *dir, const char *file);
uint64_t cgroup_read_field(const char *dir, const char *file, const char *name);

/*
 * Can this host hold each limit of the plan? As far as can be seen before anything is set. -EOPNOTSUPP:
 * the first that it can't, by its key.
 */
int cgroup_check_limits(const struct cgroup_set *set, const struct plan *plan,
			struct failure *reterr);

/* Set and read back one limit, or lift it where the plan has none. */
int cgroup_set_limit(struct cgroup_hierarchy *hierarchy, int slice_fd, const struct plan *plan,
		     enum plan_limit_kind kind, struct failure *reterr);

/* Set and read back every limit of the controllers in one hierarchy. */
int cgroup_apply_limits(struct cgroup_hierarchy *hierarchy, int slice_fd, const struct plan *plan,
			struct failure *reterr);

/* v1: a new cpuset is empty, and takes no process until it has CPUs and memory nodes. */
int cgroup_v1_fill_cpuset(int parent_fd, int child_fd, struct failure *reterr);
/* v2: enable these controllers for the children of dir_fd. *ret_enabled: which are, then. */
int cgroup_v2_enable(int dir_fd, uint32_t controllers, const char *path, uint32_t *ret_enabled,
		     struct failure *reterr);
/* v2: the same for carrel.slice and above, of what the hierarchy is to have; for slices that are there. */
int cgroup_v2_hand_down(struct cgroup_hierarchy *hierarchy, struct failure *reterr);
/* v2: the controllers that the mount offers, as bits. */
uint32_t cgroup_v2_offers(const char *mount);

#endif

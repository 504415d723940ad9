/* SPDX-License-Identifier: MIT */
/*
 * cgroup - the user's slice, `carrel.slice/user-UID.slice` in every hierarchy that is needed, each
 * controller used where it lives: its own v1 mount below /sys/fs/cgroup, or the cgroup2 mount
 * (cgroups(7)). Where systemd owns the cgroups it is systemd's own `user.slice/user-UID.slice`: then
 * the set is `systemd`, cgroup_systemd.h has what takes the place of cgroup_create(), nobody joins by
 * writing, and nothing is removed.
 *
 * One table of controllers (cgroup.c) and one of limits (cgroup_limits.c), with what differs between v1 and
 * v2. Callers hold the user's registry lock over create, limit and remove.
 */
#ifndef CARREL_CGROUP_H
#define CARREL_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/cgroup_place.h"
#include "core/failure.h"
#include "core/plan.h"
#include "core/protocol.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

enum cgroup_controller_id {
	CONTROLLER_MEMORY,
	CONTROLLER_PIDS,
	CONTROLLER_CPU,
	CONTROLLER_CPUACCT,
	CONTROLLER_CPUSET,
	CONTROLLER_IO,
	CONTROLLERS
};

struct cgroup_hierarchy {
	char mount[64]; /* below CGROUP_ROOT, or CGROUP_ROOT itself */
	const char *parent; /* of the slices in it */
	dev_t device; /* identifies the hierarchy: co-mounted controllers share one */
	bool v2;
	uint32_t controllers; /* bits of enum cgroup_controller_id used here */
	uint32_t
		enabled; /* v2: bits of all that carrel.slice has handed down, by any login; from cgroup_create() */
	bool created; /* the slice was made by this process: its limits are still the kernel's own */
	bool changed; /* a limit of one that was there was written */
	int slice_fd; /* of the slice, O_PATH, from cgroup_create() to cgroup_close(); else -1 */
};

struct cgroup_set {
	uint32_t uid;
	struct cgroup_hierarchy hierarchies[PROTOCOL_CGROUPS_MAX];
	size_t count;
	int where[CONTROLLERS]; /* index into hierarchies, -1: not used or not there */
	bool systemd; /* one hierarchy, v2, and systemd's */
};

/*
 * Find the hierarchies that `plan` needs; looks only, changes nothing. Refuses (-EOPNOTSUPP) when a
 * limit is set whose controller the host lacks, naming key and controller. With CGROUP_NONE the set is
 * empty.
 */
int cgroup_find(const struct plan *plan, uint32_t uid, struct cgroup_set *ret_set,
		struct failure *reterr);

/*
 * Make the slices, then set and read back each limit. A limit that does not hold is -ENOTSUP. The
 * slices stay open in the set, also on failure, until cgroup_close().
 */
int cgroup_create(struct cgroup_set *set, const struct plan *plan, struct failure *reterr);
void cgroup_close(struct cgroup_set *set);

/* Has cgroup_create() changed a limit under which other sandboxes of the user live? */
bool cgroup_has_changed(const struct cgroup_set *set);

/* Does any hierarchy of the set need CLONE_INTO_CGROUP (v2)? Its slice, to be closed, or -1. */
int cgroup_open_v2(const struct cgroup_set *set, int *ret_fd, struct failure *reterr);

/* Move the calling, single-threaded process into the slices (v1 only when skip_v2). */
int cgroup_join(const struct cgroup_set *set, bool skip_v2, struct failure *reterr);

/* In how many hierarchies a process moves itself into the slice; none where systemd does that. */
size_t cgroup_join_count(const struct cgroup_set *set);

/* Open, for writing, the file that a single-threaded process writes "0" to, in each of these. */
int cgroup_open_joins(const struct cgroup_set *set, int ret_fds[PROTOCOL_CGROUPS_MAX],
		      struct failure *reterr);

/* The hierarchy as cgroup_place.h has it. */
void cgroup_place_of(const struct cgroup_hierarchy *hierarchy, struct cgroup_place *ret_place);

/* Is `pid` in the slice in each hierarchy? -EXDEV names the first where it is not. */
int cgroup_verify(const struct cgroup_set *set, pid_t pid, struct failure *reterr);

/* The slice's directory in the hierarchy of a controller; -ENOENT when it is not used. */
int cgroup_slice_path(const struct cgroup_set *set, enum cgroup_controller_id controller,
		      char *ret_path, size_t size);

/*
 * Remove the slices, and carrel.slice where that is empty then. -EBUSY while processes are in one.
 * What is gone already is no error.
 */
int cgroup_remove(const struct cgroup_set *set, struct failure *reterr);
/* The slices alone: where the user has others, which may be frozen, elsewhere. */
int cgroup_remove_slices(const struct cgroup_set *set, struct failure *reterr);

/* Of a hierarchy's own root (kernfs). */
#define CGROUP_ROOT_INODE 1

/*
 * What of the host's cgroups the slices are in, as an inode: inside a sandbox, where its own slice is seen
 * in their place, another than outside. Where there are no cgroups, CGROUP_ROOT_INODE.
 */
uint64_t cgroup_root(const struct cgroup_set *set);

/*
 * Kill the user's processes in the slice: one round, by pidfd, of those whose real uid is the user's.
 * For sandboxes without a pid namespace, whose end kills nobody. Needs CAP_KILL.
 */
void cgroup_kill(const struct cgroup_set *set);

/* Every hierarchy where carrel may have made slices, for a sweep after a crash. */
int cgroup_find_all(uint32_t uid, struct cgroup_set *ret_set);
/* Where a user's live sandboxes are: the same, or systemd's slice where that is what they are in. */
int cgroup_find_user(uint32_t uid, struct cgroup_set *ret_set);

/* What the slice has used since it was made. Unknown values are UINT64_MAX. */
struct cgroup_usage {
	uint64_t cpu_usec;
	uint64_t memory_bytes, memory_peak_bytes;
	uint64_t oom_kills;
	uint64_t processes;
};
#define CGROUP_USAGE_UNKNOWN                                                                       \
	((struct cgroup_usage){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX})
/* Everything, from the directories that a warden names in message_info. */
void cgroup_read_usage_dirs(const char *memory_dir, const char *cpu_dir, const char *pids_dir,
			    struct cgroup_usage *ret_usage);
/* Of a set, all but memory_bytes, for which nobody asks at the beginning or the end. */
void cgroup_read_spent(const struct cgroup_set *set, struct cgroup_usage *ret_usage);

/* Does the cgroup v2 at `dir`, made by somebody else, hold every limit of the plan? */
int cgroup_verify_limits_v2(const char *dir, const struct plan *plan, struct failure *reterr);

/* Is a service manager (systemd) in charge of this host's cgroups? sd_booted(3)'s test. */
bool cgroup_is_managed(void);

#endif

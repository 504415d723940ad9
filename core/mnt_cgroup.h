/* SPDX-License-Identifier: MIT */
/*
 * mnt_cgroup - STEP_CGROUP_VIEW: inside, each hierarchy that has the user's slice shows that slice
 * and nothing else.
 *
 * The host's mounts are taken away, and the slices put in their place, instead of lying on top:
 * container tools take the first line that mountinfo has for a controller, and would look for their
 * cgroup below the host's mount. The helper clones the slices, PID 1 takes away and puts; so the taking
 * away, which waits for RCU, goes on while the slices are made.
 */
#ifndef CARREL_MNT_CGROUP_H
#define CARREL_MNT_CGROUP_H

#include <stdbool.h>

#include "core/cgroup.h"
#include "core/failure.h"
#include "core/plan.h"

/* Does the plan have the step? */
bool mnt_has_cgroup_view(const struct plan *plan);

/* In the host's mounts: a detached clone of each slice, set->count of them, the caller's to close. */
int mnt_clone_slices(const struct cgroup_set *set, int ret_fds[PROTOCOL_CGROUPS_MAX],
		     struct failure *reterr);

/*
 * In the sandbox's: take the mounts of the set's hierarchies away; those that hold no slices stay (runc
 * wants to see `devices`). Where one is locked (a host that is a container itself) it stays too, and
 * the slice goes on top after all.
 */
void mnt_detach_hierarchies(const struct cgroup_set *set);
int mnt_attach_slices(const struct cgroup_set *set, const int *fds, struct failure *reterr);

#endif

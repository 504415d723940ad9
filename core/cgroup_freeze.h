/* SPDX-License-Identifier: MIT */
/*
 * cgroup_freeze - stop a user's processes where they are, and let them go on.
 *
 * cgroup v2 freezes the slice itself (cgroup.freeze); where systemd owns it, the units in it, by systemd
 * (cgroup_units.h). Where the controllers are on v1 the slice has a directory of its own in the freezer's
 * mount, FREEZER/carrel.slice/user-UID.slice, which is there only while the user is frozen: that it exists
 * is what says so. No state is kept elsewhere.
 *
 * v1: a frozen process does not even end by SIGKILL, so who ends a sandbox calls
 * cgroup_release_dying(). The warden is in no slice, and never frozen.
 */
#ifndef CARREL_CGROUP_FREEZE_H
#define CARREL_CGROUP_FREEZE_H

#include "core/cgroup.h"

/* Is the user frozen, or being frozen? Quick: a login asks. */
bool cgroup_is_frozen(const struct cgroup_set *set);

/* By cgroup v2, not by the v1 freezer? */
bool cgroup_freezes_by_v2(const struct cgroup_set *set);

/*
 * Begin: from now on cgroup_is_frozen(). The caller holds the user's registry lock, so that a login
 * either has seen it or is registered. -EOPNOTSUPP: this host can't.
 */
int cgroup_freeze_begin(const struct cgroup_set *set, struct failure *reterr);

/*
 * One round over the processes in the slice: freeze those that run. *ret_running is how many were
 * met that did, or were not at rest yet: to be called again until it is 0.
 */
int cgroup_freeze_round(const struct cgroup_set *set, size_t *ret_running, struct failure *reterr);

/* Let all go on, and remove what freezing made. Nothing frozen is no error. */
int cgroup_thaw(const struct cgroup_set *set, struct failure *reterr);

/* v1: thaw all and remove the user's directory in the freezer; for who removes the slice. */
int cgroup_remove_freezer(uint32_t uid, struct failure *reterr);

/*
 * A frozen user's sandbox is being ended: let those of its processes go on that have nothing left to
 * do but to die, and its leader, which must reap them. Others stay frozen. Needs CAP_SYS_NICE where
 * cgroup_freezes_by_v2().
 */
void cgroup_release_dying(const struct cgroup_set *set, pid_t leader);

#endif

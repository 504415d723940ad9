/* SPDX-License-Identifier: MIT */
/*
 * mnt - carry out a plan's mount steps in a fresh mount namespace; decides nothing.
 *
 * The caller is PID 1 of the sandbox to be: root with all capabilities, alone in its new
 * namespaces, in the user's cgroup already. A target is opened once, without following symbolic
 * links (openat2, RESOLVE_NO_SYMLINKS), and after that there is only the descriptor; trees are built
 * detached and attached last.
 *
 * Needs Linux 5.12 (mount_setattr). A detached mount can't be cloned before 6.15, so the tmpfs is
 * attached below the first private directory before its directories are cloned.
 *
 * With plan->as_user the caller is the user, with all capabilities of a user namespace that maps that
 * user alone. What is root's seems nobody's there: the host's X sockets are not shown, and the names
 * of what is mounted below other homes can be read (such mounts can't be taken away).
 */
#ifndef CARREL_MNT_H
#define CARREL_MNT_H

#include "core/failure.h"
#include "core/plan.h"

/*
 * All steps in order, but STEP_CGROUP_VIEW, which waits for the cgroups (mnt_cgroup.h), and what comes after
 * that (plan_first_late). Through `channel` the helper says where the private directories are, if the plan
 * needs it (mnt_share.h).
 */
int mnt_apply(const struct plan *plan, const struct login *login, int channel,
	      struct failure *reterr);

/* The rest. */
int mnt_apply_late(const struct plan *plan, const struct login *login, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cgroup_retune - bring a live user's slice in line with a changed policy.
 */
#ifndef CARREL_CGROUP_RETUNE_H
#define CARREL_CGROUP_RETUNE_H

#include "core/cgroup.h"

/*
 * Set and read back every limit of the plan, also after one that failed (a memory_max below what is in
 * use, on v1); each failure is told through `report`. A hierarchy that only now is needed (cpus) is made,
 * and the user's processes moved into it. Returns 0, or the first failure's -errno. The caller holds
 * the user's registry lock.
 */
typedef void cgroup_report(void *arg, const struct failure *failure);
int cgroup_retune(struct cgroup_set *set, const struct plan *plan, cgroup_report *report,
		  void *arg);

#endif

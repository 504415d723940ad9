/* SPDX-License-Identifier: MIT */
/*
 * cgroup_units - freezing where systemd owns the user's slice: the units in it, each by systemd's own
 * FreezeUnit and ThawUnit. Not the slice: pam_systemd(8) moves a login that begins into the slice before
 * our module can refuse it, and it would hang there until the thaw.
 */
#ifndef CARREL_CGROUP_UNITS_H
#define CARREL_CGROUP_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/failure.h"

/* Is the slice (a descriptor of its directory) frozen, by whomever, or any unit in it? */
bool cgroup_units_frozen(int slice_fd);

/* Freeze the units that are not. *ret_running: how many were met that were not at rest. */
int cgroup_units_freeze(int slice_fd, size_t *ret_running, struct failure *reterr);

/*
 * Thaw all that are frozen, and the slice itself: also where one can't be, which is then the failure that is
 * told. What has ended or been thawed meanwhile is none.
 */
int cgroup_units_thaw(int slice_fd, uint32_t uid, struct failure *reterr);

#endif

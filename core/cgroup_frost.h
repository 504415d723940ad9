/* SPDX-License-Identifier: MIT */
/*
 * cgroup_frost - what says that a user is frozen where the controllers are on v1 (cgroup_freeze.h): the
 * user's directory in the freezer's mount. Apart, since the module asks as well, and links little else.
 */
#ifndef CARREL_CGROUP_FROST_H
#define CARREL_CGROUP_FROST_H

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_FREEZER "/sys/fs/cgroup/freezer"

/*
 * Who comes into the slice asks after that, and who freezes makes the directory before looking who is in
 * the slice: so one of them sees the other, however long either is held in between.
 */
bool cgroup_frost_is_there(uint32_t uid);

/* The directory that says so. */
#define CGROUP_FROST_PATH_MAX 80
void cgroup_frost_path(uint32_t uid, char ret_path[CGROUP_FROST_PATH_MAX]);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * policy_stamp - whether the policy's files are the ones that were read, by a look at their inodes.
 */
#ifndef CARREL_POLICY_STAMP_H
#define CARREL_POLICY_STAMP_H

#include <stdint.h>

/* A change within this time after another may have left no trace in an inode's times. */
#define POLICY_STAMP_YOUNG_MS 2000

/*
 * A number that another content, owner or mode of the policy at `path` (policy_file.h) gives another
 * value, be it edited in place or replaced; never 0. Take it before the policy is read, or within
 * POLICY_STAMP_YOUNG_MS after: then what changes meanwhile shows. 0: can't be told, or the last change is
 * too young for that.
 */
uint64_t policy_stamp(const char *path);

#endif

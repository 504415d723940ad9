/* SPDX-License-Identifier: MIT */
/*
 * mnt_internal - what mnt.c and mnt_cgroup.c share. Nobody else includes it.
 */
#ifndef CARREL_MNT_INTERNAL_H
#define CARREL_MNT_INTERNAL_H

#include "core/failure.h"

/*
 * A new file system of that type, its mount detached: the caller's descriptor. `options` are pairs of
 * texts, ended by a NULL; `attributes` MOUNT_ATTR_*.
 */
int mnt_make_fs(const char *type, const char *const options[][2], unsigned int attributes,
		struct failure *reterr);

#endif

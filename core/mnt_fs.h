/* SPDX-License-Identifier: MIT */
/*
 * mnt_fs - trees that are mounted nowhere yet, for the steps of mnt. Each returns a descriptor, close-on-exec
 * and the caller's, to be attached with sys_move_mount(); or -errno.
 */
#ifndef CARREL_MNT_FS_H
#define CARREL_MNT_FS_H

#include "core/failure.h"

#define MNT_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) /* of sys.h */

/* A new file system; options are pairs of texts, ended by a NULL. */
int mnt_make_fs(const char *type, const char *const options[][2], unsigned int attributes,
		struct failure *reterr);

/* A copy of what is mounted at and below fd, which `path` names in errors. */
int mnt_clone_tree(int fd, const char *path, struct failure *reterr);

#endif

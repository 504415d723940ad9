/* SPDX-License-Identifier: MIT */
/*
 * tmp_quota - hold the size of a directory tree by a project quota (quotactl(2), ioctl_xfs_fsgetxattr(2)).
 *
 * It bounds what the user's programs write. The owner of a file may take it out of the project, if the
 * owner knows how: the kernel allows that outside of user namespaces.
 */
#ifndef CARREL_TMP_QUOTA_H
#define CARREL_TMP_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/failure.h"

/* Does the file system that fd is on enforce project quotas? */
bool tmp_quota_works(int fd);

/* The project of a uid. 0: it has none, being one of two that would get a reserved one. */
uint32_t tmp_quota_project(uint32_t uid);

/*
 * Put the directory, and all that will be made in it, into the uid's project, with these limits (CONVERT_MAX:
 * none), and read them back.
 */
int tmp_quota_set(int dir_fd, uint32_t uid, uint64_t bytes, uint64_t inodes,
		  struct failure *reterr);

#endif

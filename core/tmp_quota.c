/* SPDX-License-Identifier: MIT */
#include "core/tmp_quota.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/convert.h"

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

#define QUOTA_UNIT 512 /* struct fs_disk_quota: basic blocks */
#define ROUNDING 65536 /* bytes by which a file system may round a limit up */

/* The XFS commands are every file system's (quotactl(2)): the kernel translates. */
static int quota(int fd, unsigned int command, uint32_t project, void *argument)
{
	return (int)syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), project, argument);
}

bool tmp_quota_works(int fd)
{
	struct fs_quota_stat state = {.qs_version = FS_QSTAT_VERSION};
	unsigned int needed = FS_QUOTA_PDQ_ACCT | FS_QUOTA_PDQ_ENFD;

	return quota(fd, Q_XGETQSTAT, 0, &state) == 0 && (state.qs_flags & needed) == needed;
}

uint32_t tmp_quota_project(uint32_t uid)
{
	uint32_t project = uid ^ 0xC0000000U;

	return project == UINT32_MAX ? 0 : project;
}

static uint64_t to_units(uint64_t bytes)
{
	return bytes == CONVERT_MAX ? 0 : bytes / QUOTA_UNIT + (bytes % QUOTA_UNIT != 0);
}

static int set_project(int dir_fd, uint32_t project, struct failure *reterr)
{
	struct fsxattr attributes;

	if (ioctl(dir_fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return failure_set(reterr, errno, "read the project of the directory on disk");
	if (attributes.fsx_projid == project && (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT))
		return 0;
	attributes.fsx_projid = project;
	attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(dir_fd, FS_IOC_FSSETXATTR, &attributes) < 0)
		return failure_set(reterr, errno, "put the directory on disk into project %u",
				   project);
	return 0;
}

int tmp_quota_set(int dir_fd, uint32_t uid, uint64_t bytes, uint64_t inodes, struct failure *reterr)
{
	uint32_t project = tmp_quota_project(uid);
	struct fs_disk_quota limits = {
		.d_version = FS_DQUOT_VERSION,
		.d_flags = FS_PROJ_QUOTA,
		.d_fieldmask = FS_DQ_BSOFT | FS_DQ_BHARD | FS_DQ_ISOFT | FS_DQ_IHARD,
		.d_id = project,
		.d_blk_hardlimit = to_units(bytes),
		.d_ino_hardlimit = inodes == CONVERT_MAX ? 0 : inodes,
	};
	struct fs_disk_quota now = {.d_version = FS_DQUOT_VERSION};

	if (project == 0)
		return failure_say(reterr, EINVAL, "uid %u has no project id", uid);
	int r = set_project(dir_fd, project, reterr);

	if (r < 0)
		return r;
	if (quota(dir_fd, Q_XSETQLIM, project, &limits) < 0)
		return failure_set(reterr, errno, "set the quota of project %u", project);
	if (quota(dir_fd, Q_XGETQUOTA, project, &now) < 0) {
		/* All without a limit, and nothing used: there is no record. */
		if (errno == ENOENT && limits.d_blk_hardlimit == 0 && limits.d_ino_hardlimit == 0)
			return 0;
		return failure_set(reterr, errno, "read the quota of project %u back", project);
	}
	if (now.d_ino_hardlimit != limits.d_ino_hardlimit ||
	    now.d_blk_hardlimit < limits.d_blk_hardlimit ||
	    now.d_blk_hardlimit > limits.d_blk_hardlimit + ROUNDING / QUOTA_UNIT)
		return failure_say(reterr, EIO,
				   "project %u was given %" PRIu64 " bytes and %" PRIu64
				   " files, and the kernel holds %" PRIu64 " and %" PRIu64,
				   project, (uint64_t)limits.d_blk_hardlimit * QUOTA_UNIT,
				   (uint64_t)limits.d_ino_hardlimit,
				   (uint64_t)now.d_blk_hardlimit * QUOTA_UNIT,
				   (uint64_t)now.d_ino_hardlimit);
	return 0;
}

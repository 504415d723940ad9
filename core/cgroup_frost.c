/* SPDX-License-Identifier: MIT */
#include "core/cgroup_frost.h"

#include <stdio.h>
#include <sys/stat.h>

#include "core/cgroup_internal.h"

void cgroup_frost_path(uint32_t uid, char ret_path[CGROUP_FROST_PATH_MAX])
{
	(void)snprintf(ret_path, CGROUP_FROST_PATH_MAX,
		       CGROUP_FREEZER "/" CGROUP_PARENT "/user-%u.slice", uid);
}

bool cgroup_frost_is_there(uint32_t uid)
{
	char path[CGROUP_FROST_PATH_MAX];
	struct stat st;

	cgroup_frost_path(uid, path);
	return lstat(path, &st) == 0;
}

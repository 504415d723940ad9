/* SPDX-License-Identifier: MIT */
#include "core/mnt_cgroup.h"

#include <errno.h>
#include <fcntl.h>

#include "core/cgroup_internal.h"
#include "core/cleanup.h"
#include "core/sys.h"

bool mnt_has_cgroup_view(const struct plan *plan)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		if (plan->steps[i].kind == STEP_CGROUP_VIEW)
			return true;
	}
	return false;
}

int mnt_clone_slices(const struct cgroup_set *set, int ret_fds[PROTOCOL_CGROUPS_MAX],
		     struct failure *reterr)
{
	size_t cloned = 0;
	int r = 0;

	for (; cloned < set->count; cloned++) {
		_close_ int slice_fd =
			cgroup_open_slice(&set->hierarchies[cloned], set->uid, reterr);

		if (slice_fd < 0) {
			r = slice_fd;
			break;
		}
		ret_fds[cloned] =
			sys_open_tree(slice_fd, "",
				      AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (ret_fds[cloned] < 0) {
			r = failure_set(reterr, errno, "clone the user's slice in %s",
					set->hierarchies[cloned].mount);
			break;
		}
	}
	while (r < 0 && cloned-- > 0)
		(void)close(ret_fds[cloned]);
	return r;
}

/* Links are followed: the distribution may mount cpu,cpuacct and link cpu to it. /sys is root's. */
void mnt_detach_hierarchies(const struct cgroup_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		(void)sys_umount(set->hierarchies[i].mount, MNT_DETACH);
}

int mnt_attach_slices(const struct cgroup_set *set, const int *fds, struct failure *reterr)
{
	for (size_t i = 0; i < set->count; i++) {
		const char *mount = set->hierarchies[i].mount;
		_close_ int target_fd = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (target_fd < 0)
			return failure_set(reterr, errno, "open %s", mount);
		if (sys_move_mount(fds[i], target_fd) < 0)
			return failure_set(reterr, errno, "mount the user's slice on %s", mount);
	}
	return 0;
}

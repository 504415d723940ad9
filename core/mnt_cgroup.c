/* SPDX-License-Identifier: MIT */
#include "core/mnt_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

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
		_close_ int opened = -1;
		int slice_fd =
			cgroup_use_slice(&set->hierarchies[cloned], set->uid, &opened, reterr);

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

/*
 * Pile the mounts up on the first one, whose root `first_fd` is: detached in one go they cost one
 * grace period (synchronize_rcu_expedited() in namespace_unlock()) instead of one each, of 0.1 ms.
 * Returns how many are on it then.
 */
static size_t pile_up(const struct cgroup_set *set, int first_fd)
{
	size_t piled = 0;

	for (size_t i = 1; i < set->count; i++, piled++) {
		_close_ int fd = open(set->hierarchies[i].mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || sys_move_mount(fd, first_fd) < 0)
			break;
	}
	return piled;
}

/* Links are followed: the distribution may mount cpu,cpuacct and link cpu to it. /sys is root's. */
void mnt_detach_hierarchies(const struct cgroup_set *set)
{
	_close_ int first_fd = -1;
	size_t piled = 0;
	char path[40];

	if (set->count > 1)
		first_fd = open(set->hierarchies[0].mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (first_fd >= 0) {
		piled = pile_up(set, first_fd);
		/* By its descriptor: its name leads to the top of the pile. */
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", first_fd);
		if (sys_umount(path, MNT_DETACH) < 0) {
			for (size_t i = 0; i <= piled; i++)
				(void)sys_umount(set->hierarchies[0].mount, MNT_DETACH);
		}
		piled++;
	}
	for (size_t i = piled; i < set->count; i++)
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

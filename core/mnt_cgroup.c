/* SPDX-License-Identifier: MIT */
#include "core/mnt_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/cgroup_internal.h"
#include "core/cleanup.h"
#include "core/mnt_fs.h"
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

/* To the directory of the same name below root_fd. */
static bool move_into(int root_fd, const char *mount, int mount_fd)
{
	_close_ int to_fd =
		openat(root_fd, strrchr(mount, '/') + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return to_fd >= 0 && sys_move_mount(mount_fd, to_fd) == 0;
}

/*
 * v1 and hybrid: /sys/fs/cgroup is a tmpfs with a directory for each hierarchy. The mounts are moved
 * into a clone of it, which is detached with all of them: that costs one grace period
 * (synchronize_rcu_expedited() in namespace_unlock()) instead of one each, of 0.1 ms. The other
 * hierarchies stay: runc does not start without that of devices. Returns how many have been detached.
 */
static size_t detach_together(const struct cgroup_set *set)
{
	int fds[PROTOCOL_CGROUPS_MAX];
	struct statfs fs;
	size_t opened = 0, moved = 0;

	if (cgroup_join_count(set) < 2 || statfs(CGROUP_ROOT, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return 0;
	_close_ int root_fd = open(CGROUP_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int clone_fd =
		sys_open_tree(AT_FDCWD, CGROUP_ROOT, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	/* Before the clone covers them. Links are followed: cpu may be one to cpu,cpuacct. */
	for (; opened < set->count; opened++) {
		fds[opened] =
			open(set->hierarchies[opened].mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[opened] < 0)
			break;
	}
	if (root_fd >= 0 && clone_fd >= 0 && sys_move_mount(clone_fd, root_fd) == 0) {
		while (moved < opened &&
		       move_into(clone_fd, set->hierarchies[moved].mount, fds[moved]))
			moved++;
		(void)sys_umount(CGROUP_ROOT, MNT_DETACH);
	}
	while (opened-- > 0)
		(void)close(fds[opened]);
	return moved;
}

/* /sys is root's, so paths can be trusted. */
void mnt_detach_hierarchies(const struct cgroup_set *set)
{
	for (size_t i = detach_together(set); i < cgroup_join_count(set); i++)
		(void)sys_umount(set->hierarchies[i].mount, MNT_DETACH);
}

/*
 * systemd's: paths such as /user.slice/user-UID.slice/session-3.scope, which /proc/PID/cgroup has, go on
 * to be found (user managers and container engines look for them), but of the users' slices there is
 * the own one alone.
 */
static int attach_users(const struct cgroup_set *set, int slice_fd, struct failure *reterr)
{
	static const char *const options[][2] = {{"source", "carrel"},
						 {"size", "4k"},
						 {"nr_inodes", "3"},
						 {"mode", "0755"},
						 {NULL, NULL}};
	char path[128], name[32];

	(void)snprintf(path, sizeof(path), "%s/%s", set->hierarchies[0].mount,
		       set->hierarchies[0].parent);
	(void)snprintf(name, sizeof(name), "user-%u.slice", set->uid);
	_close_ int target_fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (target_fd < 0)
		return failure_set(reterr, errno, "cover %s", path);
	_close_ int cover_fd = mnt_make_fs("tmpfs", options, MNT_SAFE | MOUNT_ATTR_NOEXEC, reterr);

	if (cover_fd < 0)
		return cover_fd;
	/* Attached before the slice goes into it: a detached tree takes no mounts before 6.15. */
	if (sys_move_mount(cover_fd, target_fd) < 0)
		return failure_set(reterr, errno, "cover %s", path);
	if (mkdirat(cover_fd, name, 0755) < 0)
		return failure_set(reterr, errno, "make %s in %s", name, path);
	_close_ int place_fd = openat(cover_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (place_fd < 0 || sys_move_mount(slice_fd, place_fd) < 0)
		return failure_set(reterr, errno, "mount the user's slice in %s", path);
	if (sys_mount_setattr(cover_fd, 0, MOUNT_ATTR_RDONLY, 0) < 0)
		return failure_set(reterr, errno, "make the cover of %s read-only", path);
	/* The clone of a shared mount is its peer: nothing is to go out. */
	if (sys_mount(NULL, path, NULL, MS_REC | MS_SLAVE) < 0)
		return failure_set(reterr, errno, "make %s a slave of the host's", path);
	return 0;
}

int mnt_attach_slices(const struct cgroup_set *set, const int *fds, struct failure *reterr)
{
	if (set->systemd)
		return attach_users(set, fds[0], reterr);
	for (size_t i = 0; i < set->count; i++) {
		const char *mount = set->hierarchies[i].mount;
		_close_ int target_fd = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (target_fd < 0)
			return failure_set(reterr, errno, "open %s", mount);
		/* The clone of a shared mount is its peer: nothing is to go out. */
		if (sys_mount_private(fds[i]) < 0)
			return failure_set(reterr, errno, "make the user's slice in %s private",
					   mount);
		if (sys_move_mount(fds[i], target_fd) < 0)
			return failure_set(reterr, errno, "mount the user's slice on %s", mount);
	}
	return 0;
}

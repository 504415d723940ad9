/* SPDX-License-Identifier: MIT */
#include "core/mnt_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cgroup_internal.h"
#include "core/cleanup.h"
#include "core/mnt_internal.h"
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

static const char *below_root(const struct cgroup_hierarchy *hierarchy)
{
	size_t root = strlen(CGROUP_ROOT);

	return hierarchy->mount[root] == '/' ? hierarchy->mount + root + 1 : NULL;
}

/* A directory for each hierarchy, named as it was found; co-mounted controllers are links to it. */
static int make_places(const struct cgroup_set *set, int root_fd, struct failure *reterr)
{
	for (size_t i = 0; i < set->count; i++) {
		if (mkdirat(root_fd, below_root(&set->hierarchies[i]), 0555) < 0)
			return failure_set(reterr, errno, "make a place for %s",
					   set->hierarchies[i].mount);
	}
	for (int id = 0; id < CONTROLLERS; id++) {
		const char *name = cgroup_controllers[id].name;
		const struct cgroup_hierarchy *hierarchy;

		if (set->where[id] < 0)
			continue;
		hierarchy = &set->hierarchies[set->where[id]];
		if (!hierarchy->v2 && strcmp(below_root(hierarchy), name) != 0 &&
		    symlinkat(below_root(hierarchy), root_fd, name) < 0)
			return failure_set(reterr, errno, "make a link for %s", name);
	}
	return 0;
}

int mnt_clear_hierarchies(const struct cgroup_set *set, struct failure *reterr)
{
	static const char *const options[][2] = {{"source", "carrel"},
						 {"size", "4k"},
						 {"nr_inodes", "32"},
						 {"mode", "0555"},
						 {NULL, NULL}};
	/* cgroup2 alone: its slice takes the very place of the mount. */
	bool whole = set->count > 0 && !below_root(&set->hierarchies[0]);

	if (set->count == 0 || sys_umount(CGROUP_ROOT, MNT_DETACH) < 0 || whole)
		return 0;
	_close_ int root_fd =
		mnt_make_fs("tmpfs", options,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, reterr);
	_close_ int target_fd = open(CGROUP_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0)
		return root_fd;
	if (target_fd < 0)
		return failure_set(reterr, errno, "open %s", CGROUP_ROOT);
	int r = make_places(set, root_fd, reterr);

	if (r < 0)
		return r;
	if (sys_mount_setattr(root_fd, 0, MOUNT_ATTR_RDONLY, 0) < 0 ||
	    sys_move_mount(root_fd, target_fd) < 0)
		return failure_set(reterr, errno, "mount an empty directory on %s", CGROUP_ROOT);
	return 0;
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

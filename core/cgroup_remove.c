/* SPDX-License-Identifier: MIT */
/*
 * The removing side of cgroup.h: the user's slices, and carrel.slice with the last user's.
 */
#include "core/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "core/cgroup_freeze.h"
#include "core/cgroup_internal.h"
#include "core/cleanup.h"

#define NESTED_MAX 16 /* levels of slices within slices; two for each login from inside another */

/*
 * A login from inside a sandbox (su) has its slice below that sandbox's: dir/carrel.slice/user-N.slice.
 * One whose warden was killed together with the outer sandbox is removed with the outer slice.
 */
static int remove_nested(int parent_fd, const char *name, int depth)
{
	_close_ int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir)
		return -errno;
	(void)steal_fd(&fd);
	while (depth < NESTED_MAX && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			(void)remove_nested(dirfd(dir), entry->d_name, depth + 1);
	}
	(void)closedir(dir);
	return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int remove_slice(const struct cgroup_hierarchy *hierarchy, uint32_t uid,
			struct failure *reterr)
{
	char path[160];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s/user-%u.slice", hierarchy->mount, CGROUP_PARENT,
		       uid);
	r = rmdir(path) < 0 ? -errno : 0;
	if (r == -EBUSY)
		r = remove_nested(AT_FDCWD, path, 0);
	if (r < 0 && r != -ENOENT)
		return failure_set(reterr, -r, "remove the cgroup %s", path);
	/* Refused by the kernel as long as another user's slice is in it. */
	(void)snprintf(path, sizeof(path), "%s/%s", hierarchy->mount, CGROUP_PARENT);
	(void)rmdir(path);
	return 0;
}

/*
 * v1 controllers that this login had no use for: another login, or a reload, may have made a slice there, and
 * the last to go takes it away.
 */
static int remove_elsewhere(const struct cgroup_set *set, struct failure *reterr)
{
	int r = 0;

	for (int i = 0; i < CONTROLLERS && r == 0 && set->count > 0; i++) {
		struct cgroup_hierarchy other = {.v2 = false};

		if (cgroup_controllers[i].always || set->where[i] >= 0 || set->hierarchies[0].v2)
			continue;
		(void)snprintf(other.mount, sizeof(other.mount), "%s/%s", CGROUP_ROOT,
			       cgroup_controllers[i].name);
		if (cgroup_has_slice(other.mount, set->uid))
			r = remove_slice(&other, set->uid, reterr);
	}
	return r;
}

int cgroup_remove_slices(const struct cgroup_set *set, struct failure *reterr)
{
	struct failure failure;
	int r = 0;

	if (set->systemd)
		return 0;
	r = remove_elsewhere(set, reterr);
	for (size_t i = 0; i < set->count; i++) {
		if (remove_slice(&set->hierarchies[i], set->uid, &failure) == 0 || r < 0)
			continue;
		*reterr = failure;
		r = -failure.err;
	}
	return r;
}

int cgroup_remove(const struct cgroup_set *set, struct failure *reterr)
{
	int r = cgroup_remove_slices(set, reterr);

	/* An empty set has made nothing. */
	return r == 0 && set->count > 0 && !set->systemd ? cgroup_remove_freezer(set->uid, reterr)
							 : r;
}

/* SPDX-License-Identifier: MIT */
#include "core/mnt_fs.h"

#include <errno.h>

#include "core/cleanup.h"
#include "core/sys.h"

int mnt_make_fs(const char *type, const char *const options[][2], unsigned int attributes,
		struct failure *reterr)
{
	_close_ int fs_fd = sys_fsopen(type);

	if (fs_fd < 0)
		return failure_set(reterr, errno, "open a new %s", type);
	for (size_t i = 0; options[i][0]; i++) {
		if (sys_fsconfig_string(fs_fd, options[i][0], options[i][1]) < 0)
			return failure_set(reterr, errno, "set %s=%s of a new %s", options[i][0],
					   options[i][1], type);
	}
	if (sys_fsconfig_create(fs_fd) < 0)
		return failure_set(reterr, errno, "create a new %s", type);
	int mount_fd = sys_fsmount(fs_fd, attributes);

	if (mount_fd < 0)
		return failure_set(reterr, errno, "mount a new %s", type);
	return mount_fd;
}

int mnt_clone_tree(int fd, const char *path, struct failure *reterr)
{
	int tree_fd =
		sys_open_tree(fd, "",
			      AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return tree_fd < 0 ? failure_set(reterr, errno, "clone the mounts at %s", path) : tree_fd;
}

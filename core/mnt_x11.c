/* SPDX-License-Identifier: MIT */
#include "core/mnt_x11.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/sys.h"

#define X11_DIR "/tmp/.X11-unix"

/*
 * X clients of a user who sits at the machine, or runs Xvfb, need the host's X socket directory. Only
 * the real one: root's, a directory, with the sticky bit.
 */
int mnt_clone_x11(void)
{
	struct stat st;
	_close_ int fd = sys_openat2(AT_FDCWD, X11_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC,
				     RESOLVE_NO_SYMLINKS);

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != 0 || !(st.st_mode & S_ISVTX))
		return -1;
	_close_ int tree_fd =
		sys_open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	/* Connecting does not write. Files in there would be the host's, and count for nobody. */
	if (tree_fd < 0 || sys_mount_setattr(tree_fd, 0, MOUNT_ATTR_RDONLY, 0) < 0)
		return -1;
	return steal_fd(&tree_fd);
}

/*
 * The directory may be there since an older session. Only root's is used: a user who has put something else
 * there has put it in the user's own way.
 */
int mnt_put_x11(int x11_fd, int tmp_fd, struct failure *reterr)
{
	struct stat st;

	if (x11_fd < 0)
		return 0;
	if (mkdirat(tmp_fd, ".X11-unix", 0755) < 0 && errno != EEXIST) {
		/* Full, with what the user's older sessions have written: the login goes before. */
		if (errno == ENOSPC || errno == EDQUOT)
			return 0;
		return failure_set(reterr, errno, "make %s", X11_DIR);
	}
	_close_ int target_fd =
		openat(tmp_fd, ".X11-unix", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (target_fd < 0 && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT))
		return 0;
	if (target_fd < 0 || fstat(target_fd, &st) < 0)
		return failure_set(reterr, errno, "open %s", X11_DIR);
	if (st.st_uid != 0)
		return 0;
	if (sys_move_mount(x11_fd, target_fd) < 0)
		return failure_set(reterr, errno, "mount the X socket directory on %s", X11_DIR);
	return 0;
}

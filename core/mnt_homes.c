/* SPDX-License-Identifier: MIT */
#include "core/mnt_homes.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/mnt_fs.h"
#include "core/sys.h"

int mnt_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int octal(const char *digits)
{
	int value = 0;

	for (int i = 0; i < 3; i++) {
		if (digits[i] < '0' || digits[i] > '7')
			return -1;
		value = value * 8 + (digits[i] - '0');
	}
	return value <= 255 ? value : -1;
}

void mnt_unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		int byte = *from == '\\' ? octal(from + 1) : -1;

		*to = byte > 0 ? (char)byte : *from;
		from += byte > 0 ? 4 : 1;
	}
	*to = '\0';
}

/* The fifth field of a mountinfo line (proc(5)). */
static char *mount_point(char *line)
{
	char *field = NULL;

	for (int i = 0; i < 5; i++) {
		field = strsep(&line, " ");
		if (!line)
			return NULL;
	}
	mnt_unescape(field);
	return field;
}

static void detach(const char *path)
{
	_close_ int fd = sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC,
				     RESOLVE_NO_SYMLINKS | RESOLVE_CACHED);
	char name[40];

	if (fd < 0)
		return;
	/* By descriptor, so that it is what was opened; refused when that is no mount's root. */
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	(void)sys_umount(name, MNT_DETACH);
}

/*
 * Detach all mounts below `root` but those on the way to, at or below `home` (NULL: none is spared). A mount
 * that can't be reached without asking a file server (RESOLVE_CACHED), or through a symbolic link, stays: it
 * is covered, and only its name can be seen. So this can't fail, and can't hang.
 */
static void detach_below(const char *root, const char *home)
{
	_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_free_ char *line = NULL;
	size_t size = 0;

	while (mounts && getline(&line, &size, mounts) > 0) {
		const char *path = mount_point(line);

		if (!path || strcmp(path, root) == 0 || !mnt_is_below(path, root))
			continue;
		if (!home || (!mnt_is_below(path, home) && !mnt_is_below(home, path)))
			detach(path);
	}
}

/*
 * Open the user's home with the user's uid and groups (setfsuid(2) takes the file capabilities away with
 * it). Root's supplementary groups do not come back: carrel-init needs none. Returns O_PATH
 * descriptor or -errno.
 */
static int open_home(const struct plan *plan, const struct login *login, int root_fd,
		     const char *name)
{
	if (plan->as_user) {
		int own_fd = openat(root_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		return own_fd < 0 ? -errno : own_fd;
	}
	if (setgroups(login->gid_count, login->gids) < 0)
		return -errno;
	(void)setfsgid(login->gid);
	(void)setfsuid(login->uid);
	int fd = openat(root_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err = errno;

	(void)setfsuid(0);
	(void)setfsgid(0);
	if (setgroups(0, NULL) < 0) {
		err = errno;
		close_fd(&fd);
	}
	return fd < 0 ? -err : fd;
}

/*
 * The one home that stays visible under a home root: `rest` is its path below that root. What lies
 * between is made as empty directories.
 */
static int keep_home(const struct plan *plan, const struct login *login, const char *home,
		     const char *rest, int real_fd, int cover_fd, struct failure *reterr)
{
	_free_ char *path = strdup(rest);
	_close_ int real = dup(real_fd), cover = dup(cover_fd);
	char *next = path, *name;
	struct stat st;

	if (!path || real < 0 || cover < 0)
		return failure_set(reterr, errno ? errno : ENOMEM, "prepare the home %s", home);
	while ((name = strsep(&next, "/"))) {
		int fd = open_home(plan, login, real, name);

		if (fd == -ENOENT)
			return 0; /* no home (yet): there is nothing to show */
		if (fd < 0)
			return failure_set(reterr, -fd, "reach the home %s as its user", home);
		close_fd(&real);
		real = fd;
		if (fstat(real, &st) < 0)
			return failure_set(reterr, errno, "look at the home %s", home);
		if (!S_ISDIR(st.st_mode))
			return failure_say(reterr, ENOTDIR,
					   "hide_homes: the home %s is not a directory (a symbolic "
					   "link is not followed): set the real path in passwd",
					   home);
		if (mkdirat(cover, name, 0755) < 0)
			return failure_set(reterr, errno, "make %s of the home %s", name, home);
		fd = openat(cover, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return failure_set(reterr, errno, "open %s of the home %s", name, home);
		close_fd(&cover);
		cover = fd;
	}
	_close_ int tree_fd = mnt_clone_tree(real, home, reterr);

	if (tree_fd < 0)
		return tree_fd;
	if (sys_move_mount(tree_fd, cover) < 0)
		return failure_set(reterr, errno, "mount the user's home on %s", home);
	return 0;
}

int mnt_hide_homes(const struct plan *plan, const struct login *login, const char *root,
		   const char *home, struct failure *reterr)
{
	static const char *const options[][2] = {{"source", "carrel"},
						 {"size", "64k"},
						 {"nr_inodes", "16"},
						 {"mode", "0755"},
						 {NULL, NULL}};
	size_t root_len = strlen(root);
	_close_ int real_fd =
		sys_openat2(AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE_NO_SYMLINKS);

	if (real_fd < 0 && errno == ENOENT)
		return 0;
	if (real_fd < 0)
		return failure_set(reterr, errno, "hide_homes: open the home root %s", root);
	detach_below(root, home);
	_close_ int cover_fd = mnt_make_fs("tmpfs", options, MNT_SAFE, reterr);

	if (cover_fd < 0)
		return cover_fd;
	/* Attached before the home goes into it: a detached tree takes no mounts before 6.15. */
	if (sys_move_mount(cover_fd, real_fd) < 0)
		return failure_set(reterr, errno, "mount an empty directory on %s", root);
	int r = home ? keep_home(plan, login, home, home + root_len + 1, real_fd, cover_fd, reterr)
		     : 0;

	if (r == 0 && sys_mount_setattr(cover_fd, 0, MOUNT_ATTR_RDONLY, 0) < 0)
		r = failure_set(reterr, errno, "make the cover of %s read-only", root);
	return r;
}

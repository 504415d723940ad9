/* SPDX-License-Identifier: MIT */
#include "login_shell/inside.h"

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/cleanup.h"
#include "core/mount_mark.h"
#include "core/sys.h"

/* The kernel's own numbers (include/linux/proc_ns.h, fs/proc/root.c), the same since Linux 3.8. */
#define INITIAL_USER_NS "user:[4026531837]"
#define INITIAL_PID_NS "pid:[4026531836]"
#define PROC_ROOT_INODE 1

#define HERE_ALONE (RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static int open_proc(void)
{
	_close_ int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs fs;
	struct stat st;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC || fstat(fd, &st) < 0 ||
	    st.st_ino != PROC_ROOT_INODE)
		return -1;
	return steal_fd(&fd);
}

/* Does the symbolic link in procfs, itself and nothing that is mounted over it, read `text`? */
static bool link_is(int proc_fd, const char *name, const char *text)
{
	_close_ int fd = sys_openat2(proc_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, HERE_ALONE);
	char got[64];
	ssize_t len = fd < 0 ? -1 : readlinkat(fd, "", got, sizeof(got) - 1);

	if (len < 0)
		return false;
	got[len] = '\0';
	return strcmp(got, text) == 0;
}

/* "ID PARENT DEV ROOT POINT OPTIONS [TAGS] - TYPE SOURCE …" (proc(5)): is it that mount, with our mark? */
static bool is_marked(const char *line, unsigned long long mount_id)
{
	const char *tail = strstr(line, " - ");
	unsigned long long id;
	char root[8];

	return tail && sscanf(line, "%llu %*s %*s %7s ", &id, root) == 2 && id == mount_id &&
	       strcmp(root, "/") == 0 &&
	       strncmp(tail, " - proc " MOUNT_MARK " ", sizeof(" - proc " MOUNT_MARK " ") - 1) == 0;
}

static bool has_mark(int proc_fd, const char *pid)
{
	struct statx stx;
	char path[48];
	_free_ char *line = NULL;
	size_t size = 0;

	(void)snprintf(path, sizeof(path), "%s/mountinfo", pid);
	if (statx(proc_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 ||
	    !(stx.stx_mask & STATX_MNT_ID))
		return false;
	_close_ int fd = sys_openat2(proc_fd, path, O_RDONLY | O_CLOEXEC, HERE_ALONE);

	if (fd < 0)
		return false;
	_fclose_ FILE *mounts = fdopen(fd, "r");

	if (!mounts)
		return false;
	(void)steal_fd(&fd);
	while (getline(&line, &size, mounts) > 0)
		if (is_marked(line, stx.stx_mnt_id))
			return true;
	return false;
}

bool inside_initial_user_ns(void)
{
	_close_ int proc_fd = open_proc();
	char path[32];

	(void)snprintf(path, sizeof(path), "%d/ns/user", getpid());
	return proc_fd >= 0 && link_is(proc_fd, path, INITIAL_USER_NS);
}

bool inside_is_carrel(void)
{
	_close_ int proc_fd = open_proc();
	char pid[16], user_ns[32], pid_ns[32];

	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	(void)snprintf(user_ns, sizeof(user_ns), "%s/ns/user", pid);
	(void)snprintf(pid_ns, sizeof(pid_ns), "%s/ns/pid", pid);
	if (proc_fd < 0 || !link_is(proc_fd, "self", pid) ||
	    !link_is(proc_fd, user_ns, INITIAL_USER_NS) || link_is(proc_fd, pid_ns, INITIAL_PID_NS))
		return false;
	if (kill(1, 0) == 0 || errno != EPERM)
		return false;
	return has_mark(proc_fd, pid);
}

/* SPDX-License-Identifier: MIT */
#include "core/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/policy_keys.h"
#include "core/sys.h"

/* Linux 6.11, as <linux/pidfd.h> has them since: PIDFD_GET_CGROUP_NAMESPACE and so on. */
#define ASK(number) _IO(0xFF, number)

/* A kind of namespace, to each of the two that can be asked. */
struct kind {
	const char *name; /* in /proc/PID/ns */
	unsigned int ask; /* of a pidfd */
};

/*
 * In the order of going back: the mount namespace first, since everything that may follow
 * (cgroup files, oom_score_adj) is reached through the host's mounts.
 */
static const struct {
	struct kind kind;
	uint64_t flag;
	enum choice_namespace choice;
} types[NS_TYPES] = {
	{{"mnt", ASK(3)}, CLONE_NEWNS, NS_MOUNT},
	/* "pid" is where the process itself is, which setns(2) never changes. */
	{{"pid_for_children", ASK(6)}, CLONE_NEWPID, NS_PID},
	{{"ipc", ASK(2)}, CLONE_NEWIPC, NS_IPC},
	{{"uts", ASK(10)}, CLONE_NEWUTS, NS_UTS},
	{{"cgroup", ASK(1)}, CLONE_NEWCGROUP, NS_CGROUP},
};
static const struct kind own_pid = {"pid", ASK(5)};

uint64_t ns_clone_flags(uint64_t choices)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < NS_TYPES; i++) {
		if (choices & (UINT64_C(1) << types[i].choice))
			flags |= types[i].flag;
	}
	return flags;
}

int ns_thread_count(struct failure *reterr)
{
	struct stat st;

	if (unshare(CLONE_THREAD) == 0)
		return 1;
	/* The link count of the task directory is 2 and one more for each thread (proc(5)). */
	if (stat("/proc/self/task", &st) < 0)
		return failure_set(reterr, errno, "look at /proc/self/task to count threads");
	if (st.st_nlink < 3)
		return failure_say(reterr, ENOSYS, "count threads: /proc/self/task has %lu links",
				   (unsigned long)st.st_nlink);
	return (int)(st.st_nlink - 2);
}

/* -ENOENT: a kernel built without that kind. */
static int open_kind(const struct ns_source *source, const struct kind *kind)
{
	if (source->dir_fd >= 0) {
		int fd = openat(source->dir_fd, kind->name, O_RDONLY | O_CLOEXEC);

		return fd < 0 ? -errno : fd;
	}
	/* Close-on-exec, as each that the kernel makes of itself. */
	int fd = ioctl(source->pidfd, kind->ask, 0);

	if (fd >= 0)
		return fd;
	return errno == EOPNOTSUPP ? -ENOENT : -errno;
}

/* The first kind, which every kernel has, shows whether the pidfd tells; else `path` is what to ask. */
static int try_source(struct ns_source *source, const char *path, struct failure *reterr)
{
	_close_ int fd = open_kind(source, &types[0].kind);

	if (fd != -ENOTTY && fd != -EINVAL)
		return 0;
	source->dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return source->dir_fd < 0 ? failure_set(reterr, errno, "open %s", path) : 0;
}

static void close_source(struct ns_source *source)
{
	close_fd(&source->pidfd);
	close_fd(&source->dir_fd);
}

/* Of the caller. It is to be closed after a failure, too. */
static int open_source(struct ns_source *source, struct failure *reterr)
{
	source->pidfd = sys_pidfd_open(getpid());
	if (source->pidfd < 0)
		return failure_set(reterr, errno, "open a pidfd of the calling process");
	return try_source(source, "/proc/self/ns", reterr);
}

int ns_save(struct ns_saved *ret_saved, struct failure *reterr)
{
	struct ns_saved saved = NS_SAVED_NONE;
	int r = open_source(&saved.self, reterr);

	for (size_t i = 0; r == 0 && i < NS_TYPES; i++) {
		int fd = open_kind(&saved.self, &types[i].kind);

		/* A kernel built without that kind: nobody will want to join it. */
		if (fd < 0 && fd != -ENOENT)
			r = failure_set(reterr, -fd, "save the own %s namespace",
					types[i].kind.name);
		saved.fds[i] = fd < 0 ? -1 : fd;
	}
	if (r < 0)
		ns_close(&saved);
	else
		*ret_saved = saved;
	return r;
}

void ns_keep(struct ns_saved *saved, uint64_t clone_flags)
{
	close_source(&saved->self);
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(clone_flags & types[i].flag))
			close_fd(&saved->fds[i]);
	}
}

int ns_restore(const struct ns_saved *saved, uint64_t clone_flags, struct failure *reterr)
{
	int r = 0;

	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!(clone_flags & types[i].flag) || setns(saved->fds[i], (int)types[i].flag) == 0)
			continue;
		if (r == 0)
			r = failure_set(reterr, errno, "go back to the own %s namespace",
					types[i].kind.name);
	}
	return r;
}

void ns_close(struct ns_saved *saved)
{
	close_source(&saved->self);
	for (size_t i = 0; i < NS_TYPES; i++)
		close_fd(&saved->fds[i]);
}

static int identify_kind(const struct ns_source *source, const struct kind *kind, ino_t *ret_inode)
{
	_close_ int fd = open_kind(source, kind);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_inode = st.st_ino;
	return 0;
}

/* `pid` 0: the caller. */
static int identify(const struct ns_source *source, pid_t pid, uint64_t clone_flags,
		    struct ns_ids *ret_ids, struct failure *reterr)
{
	struct ns_ids ids = {{0}};

	for (size_t i = 0; i < NS_TYPES; i++) {
		const struct kind *kind = &types[i].kind;
		int r = 0;

		if (clone_flags & types[i].flag)
			r = identify_kind(source, kind, &ids.inodes[i]);
		if (r < 0 && pid == 0)
			return failure_set(reterr, -r, "identify the own %s namespace", kind->name);
		if (r < 0)
			return failure_set(reterr, -r, "identify the %s namespace of process %d",
					   kind->name, pid);
	}
	*ret_ids = ids;
	return 0;
}

int ns_identify(int pidfd, pid_t pid, uint64_t clone_flags, struct ns_ids *ret_ids,
		struct failure *reterr)
{
	struct ns_source source = {.pidfd = pidfd, .dir_fd = -1};
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns", pid);
	int r = try_source(&source, path, reterr);

	if (r == 0)
		r = identify(&source, pid, clone_flags, ret_ids, reterr);
	close_fd(&source.dir_fd);
	return r;
}

int ns_identify_self(const struct ns_saved *saved, uint64_t clone_flags, struct ns_ids *ret_ids,
		     struct failure *reterr)
{
	return identify(&saved->self, 0, clone_flags, ret_ids, reterr);
}

int ns_own_pid_ns(uint64_t *ret_inode, struct failure *reterr)
{
	struct ns_source self = {-1, -1};
	ino_t inode = 0;
	int r = open_source(&self, reterr);

	if (r == 0) {
		r = identify_kind(&self, &own_pid, &inode);
		if (r < 0)
			(void)failure_set(reterr, -r, "identify the own pid namespace");
	}
	close_source(&self);
	if (r == 0)
		*ret_inode = inode;
	return r;
}

int ns_compare(const struct ns_ids *want, const struct ns_ids *got, uint64_t clone_flags,
	       struct failure *reterr)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		if ((clone_flags & types[i].flag) && want->inodes[i] != got->inodes[i])
			return failure_say(reterr, EXDEV,
					   "the caller is not in the sandbox's %s namespace",
					   types[i].kind.name);
	}
	return 0;
}

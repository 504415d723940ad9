/* SPDX-License-Identifier: MIT */
#include "core/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/policy_keys.h"
#include "core/sys.h"

/*
 * In the order of going back: the mount namespace first, since everything that may follow
 * (cgroup files, oom_score_adj) is reached through the host's mounts.
 */
static const struct {
	const char *name; /* in /proc/PID/ns */
	uint64_t flag;
	enum choice_namespace choice;
} types[NS_TYPES] = {
	{"mnt", CLONE_NEWNS, NS_MOUNT},
	/* "pid" is where the process itself is, which setns(2) never changes. */
	{"pid_for_children", CLONE_NEWPID, NS_PID},
	{"ipc", CLONE_NEWIPC, NS_IPC},
	{"uts", CLONE_NEWUTS, NS_UTS},
	{"cgroup", CLONE_NEWCGROUP, NS_CGROUP},
};

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

	/* The link count of the task directory is 2 and one more for each thread (proc(5)). */
	if (stat("/proc/self/task", &st) < 0)
		return failure_set(reterr, errno, "look at /proc/self/task to count threads");
	if (st.st_nlink < 3)
		return failure_say(reterr, ENOSYS, "count threads: /proc/self/task has %lu links",
				   (unsigned long)st.st_nlink);
	return (int)(st.st_nlink - 2);
}

int ns_save(struct ns_saved *ret_saved, struct failure *reterr)
{
	struct ns_saved saved = NS_SAVED_NONE;

	saved.dir_fd = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (saved.dir_fd < 0)
		return failure_set(reterr, errno, "open /proc/self/ns");
	for (size_t i = 0; i < NS_TYPES; i++) {
		saved.fds[i] = openat(saved.dir_fd, types[i].name, O_RDONLY | O_CLOEXEC);
		/* A kernel built without that kind: nobody will want to join it. */
		if (saved.fds[i] < 0 && errno != ENOENT) {
			int err = errno;

			ns_close(&saved);
			return failure_set(reterr, err, "save the own namespace /proc/self/ns/%s",
					   types[i].name);
		}
	}
	*ret_saved = saved;
	return 0;
}

void ns_keep(struct ns_saved *saved, uint64_t clone_flags)
{
	close_fd(&saved->dir_fd);
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
					types[i].name);
	}
	return r;
}

void ns_close(struct ns_saved *saved)
{
	close_fd(&saved->dir_fd);
	for (size_t i = 0; i < NS_TYPES; i++)
		close_fd(&saved->fds[i]);
}

static int identify(int dir_fd, const char *whose, uint64_t clone_flags, struct ns_ids *ret_ids,
		    struct failure *reterr)
{
	struct ns_ids ids = {{0}};

	for (size_t i = 0; i < NS_TYPES; i++) {
		struct stat st;

		if (!(clone_flags & types[i].flag))
			continue;
		if (fstatat(dir_fd, types[i].name, &st, 0) < 0)
			return failure_set(reterr, errno, "read %s/%s", whose, types[i].name);
		ids.inodes[i] = st.st_ino;
	}
	*ret_ids = ids;
	return 0;
}

int ns_identify(pid_t pid, uint64_t clone_flags, struct ns_ids *ret_ids, struct failure *reterr)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns", pid);
	_close_ int dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		return failure_set(reterr, errno, "open %s", path);
	return identify(dir_fd, path, clone_flags, ret_ids, reterr);
}

int ns_identify_self(const struct ns_saved *saved, uint64_t clone_flags, struct ns_ids *ret_ids,
		     struct failure *reterr)
{
	return identify(saved->dir_fd, "/proc/self/ns", clone_flags, ret_ids, reterr);
}

int ns_compare(const struct ns_ids *want, const struct ns_ids *got, uint64_t clone_flags,
	       struct failure *reterr)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		if ((clone_flags & types[i].flag) && want->inodes[i] != got->inodes[i])
			return failure_say(reterr, EXDEV,
					   "the caller is not in the sandbox's %s namespace",
					   types[i].name);
	}
	return 0;
}

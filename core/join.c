/* SPDX-License-Identifier: MIT */
#include "core/join.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "core/cleanup.h"
#include "core/sys.h"

#define CWD_TRIES 100

static int save_place(struct join *join, struct failure *reterr)
{
	/* A cwd that can't be named (deleted, unreachable) is not gone back to: "/" does. */
	join->cwd = getcwd(NULL, 0);
	return ns_save(join->reply->namespaces, &join->saved, reterr);
}

static int write_zero(int fd)
{
	return write(fd, "0", 1) == 1 ? 0 : -errno;
}

static int enter_cgroups(struct join *join, struct failure *reterr)
{
	for (uint32_t i = 0; i < join->reply->cgroup_count; i++) {
		int r = write_zero(join->cgroup_fds[i]);

		if (r < 0)
			return failure_set(reterr, -r, "move into the user's cgroup (was in %s)",
					   join->reply->cgroup_home[i]);
	}
	return 0;
}

static int leave_cgroups(struct join *join, struct failure *reterr)
{
	int r = 0;

	for (uint32_t i = 0; i < join->reply->cgroup_count; i++) {
		const char *home = join->reply->cgroup_home[i];

		if (home[0] == '\0')
			continue;
		_close_ int fd = open(home, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		int err = fd < 0 ? errno : -write_zero(fd);

		if (err != 0 && r == 0)
			r = failure_set(reterr, err, "move back into the cgroup of %s", home);
	}
	return r;
}

/*
 * Drop from the bounding set what the policy leaves out, and from the inheritable set (which the
 * bounding set does not bind, capabilities(7)) with it. Can't be undone: it stands before
 * the namespaces so that only setns(2) is left to fail.
 */
static int drop_capabilities(struct join *join, struct failure *reterr)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint64_t keep = join->reply->bounding_set;

	if (keep == UINT64_MAX)
		return 0;
	for (unsigned int cap = 0; cap < 64; cap++) {
		int now = (keep >> cap) & 1 ? 0 : prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		/* -1: a number beyond the kernel's last capability. */
		if (now == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return failure_set(reterr, errno,
					   "drop capability %u from the bounding set", cap);
	}
	if (syscall(SYS_capget, &header, data) < 0)
		return failure_set(reterr, errno, "read the own capabilities");
	data[0].inheritable &= (uint32_t)keep;
	data[1].inheritable &= (uint32_t)(keep >> 32);
	if (syscall(SYS_capset, &header, data) < 0)
		return failure_set(reterr, errno, "reduce the inheritable capabilities");
	return 0;
}

static int set_no_new_privs(struct join *join, struct failure *reterr)
{
	if (join->reply->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failure_set(reterr, errno, "set no_new_privs");
	return 0;
}

static int enter_namespaces(struct join *join, struct failure *reterr)
{
	/* setns(2) with a mount namespace refuses a process that shares its fs_struct. */
	if (unshare(CLONE_FS) < 0)
		return failure_set(reterr, errno, "unshare root and cwd");
	if (setns(join->pidfd, (int)join->reply->namespaces) < 0)
		return failure_set(reterr, errno, "join the sandbox's namespaces");
	return 0;
}

static int leave_namespaces(struct join *join, struct failure *reterr)
{
	return ns_restore(&join->saved, reterr);
}

/*
 * setns(2) moved the cwd to the new root. Go to the directory of the same name where that can be
 * done without waiting for a file server (RESOLVE_CACHED) and without a symbolic link; `su -c`
 * relies on the cwd. Where it is hidden, or the name is another's now, "/" stays.
 */
void join_restore_cwd(const struct join *join)
{
	if (!join->cwd || join->cwd[0] != '/' || join->cwd[1] == '\0')
		return;
	_close_ int fd = -1;

	/*
	 * EAGAIN: not cached, or somebody was mounting or renaming anywhere on the machine just now
	 * (a lookup without locks starts over then, which RESOLVE_CACHED does not let it do).
	 */
	for (int tries = 0; tries < CWD_TRIES && fd < 0; tries++) {
		fd = sys_openat2(AT_FDCWD, join->cwd, O_PATH | O_DIRECTORY | O_CLOEXEC,
				 RESOLVE_CACHED | RESOLVE_NO_SYMLINKS);
		if (fd < 0 && errno != EAGAIN)
			return;
	}
	if (fd >= 0 && fchdir(fd) < 0)
		return; /* not reachable here: the cwd stays "/" */
}

static int return_to_cwd(struct join *join, struct failure *reterr)
{
	(void)reterr;
	join_restore_cwd(join);
	return 0;
}

/*
 * The order is significant: what is saved and what is written goes through /proc/self and the
 * host's mounts, which are out of reach once the namespaces are joined; setns(2) is the last step that
 * can fail; undone in reverse, the host's mounts are back before cgroup files are opened by name.
 * After leaving, the cwd is looked up in the host's mounts: so its step has its undo before theirs.
 */
static const struct {
	const char *name;
	int (*apply)(struct join *join, struct failure *reterr);
	int (*undo)(struct join *join, struct failure *reterr);
} steps[] = {
	{"save the own place", save_place, return_to_cwd},
	{"cgroups", enter_cgroups, leave_cgroups},
	{"capabilities", drop_capabilities, NULL},
	{"no_new_privs", set_no_new_privs, NULL},
	{"namespaces", enter_namespaces, leave_namespaces},
};

static int undo_from(struct join *join, size_t count, struct failure *reterr)
{
	int r = 0;

	while (count-- > 0) {
		struct failure failure;

		if (!steps[count].undo || steps[count].undo(join, &failure) == 0)
			continue;
		if (r == 0) {
			*reterr = failure;
			r = failure_wrap(reterr, "undo %s", steps[count].name);
		}
	}
	return r;
}

int join_apply(struct join *join, struct failure *reterr)
{
	join->saved = (struct ns_saved){.fds = {-1, -1, -1, -1, -1}};
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i].apply(join, reterr);

		if (r == 0)
			continue;
		struct failure undoing;

		/* This step too: moving into some of the cgroups is undone as a whole. */
		if (undo_from(join, i + 1, &undoing) < 0)
			return failure_say(reterr, -r, "%.200s (and then: %.200s)", reterr->text,
					   undoing.text);
		return r;
	}
	return 0;
}

int join_undo(struct join *join, struct failure *reterr)
{
	return undo_from(join, ARRAY_SIZE(steps), reterr);
}

void join_free(struct join *join)
{
	ns_close(&join->saved);
	free(join->cwd);
	join->cwd = NULL;
}

/* SPDX-License-Identifier: MIT */
#include "core/join.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "core/cgroup_frost.h"
#include "core/cleanup.h"
#include "core/oom_score.h"
#include "core/sys.h"

#define CWD_TRIES 100

/* A whole file of /proc into `text`, NUL-terminated. */
static int read_own(const char *path, char *text, size_t size, struct failure *reterr)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	if (fd < 0)
		return failure_set(reterr, errno, "open %s", path);
	for (;;) {
		ssize_t got = read(fd, text + used, size - 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failure_set(reterr, errno, "read %s", path);
		if (got == 0)
			break;
		used += (size_t)got;
		if (used == size - 1)
			return failure_set(reterr, EFBIG, "read %s", path);
	}
	text[used] = '\0';
	return 0;
}

/*
 * By system call: where the path is longer than PATH_MAX, which a user can make it before calling su, the C
 * library's getcwd(3) would go up by "..", reading each directory on the way, whoever's it is.
 */
static char *own_cwd(void)
{
	char path[PATH_MAX];

	if (syscall(SYS_getcwd, path, sizeof(path)) < 0 || path[0] != '/')
		return NULL;
	return strdup(path);
}

int join_prepare(struct join *join, struct failure *reterr)
{
	char text[CGROUP_PLACE_TEXT];
	int r = oom_score_read(&join->oom_score_adj, reterr);

	if (r == 0)
		r = read_own("/proc/self/cgroup", text, sizeof(text), reterr);
	if (r < 0)
		return r;
	join->cgroups = strdup(text);
	if (!join->cgroups)
		return failure_set(reterr, ENOMEM, "note the own cgroups");
	/* A cwd that can't be named (deleted, unreachable, too long) is not gone back to: "/" does. */
	join->cwd = own_cwd();
	return ns_save(&join->saved, reterr);
}

static int write_zero(int fd)
{
	return write(fd, "0", 1) == 1 ? 0 : -errno;
}

/* Is the process in the user's slice everywhere, now that it has joined? */
static int check_cgroups(const struct join *join, struct failure *reterr)
{
	char text[CGROUP_PLACE_TEXT], path[CGROUP_PLACE_PATH];
	int r = read_own("/proc/self/cgroup", text, sizeof(text), reterr);

	for (uint32_t i = 0; r == 0 && i < join->reply->cgroup_count; i++) {
		const struct cgroup_place *place = &join->reply->cgroups[i];

		r = cgroup_place_find(place, text, path, sizeof(path));
		if (r < 0)
			return failure_set(reterr, -r, "find %s in /proc/self/cgroup",
					   place->mount);
		if (!cgroup_place_is_slice(path, join->uid))
			return failure_say(reterr, EXDEV,
					   "after joining, the caller is in the cgroup %.100s of "
					   "%s, not in its user's slice",
					   path, place->mount);
	}
	return r;
}

static int enter_cgroups(struct join *join, struct failure *reterr)
{
	for (uint32_t i = 0; i < join->reply->cgroup_count; i++) {
		int r = write_zero(join->cgroup_fds[i]);

		if (r < 0)
			return failure_set(reterr, -r, "move into the user's cgroup in %s",
					   join->reply->cgroups[i].mount);
	}
	return join->reply->cgroup_count ? check_cgroups(join, reterr) : 0;
}

/*
 * v1: who is in the slice by now either sees that the user is frozen, or is met there by who freezes. On v2 the
 * kernel stops who comes into a frozen slice, and systemd's units are the helper's business.
 */
static int check_frost(struct join *join, struct failure *reterr)
{
	for (uint32_t i = 0; i < join->reply->cgroup_count; i++) {
		if (join->reply->cgroups[i].controller[0] == '\0')
			return 0;
	}
	join->frozen = join->reply->cgroup_count > 0 && cgroup_frost_is_there(join->uid);
	return join->frozen ? failure_say(reterr, EBUSY,
					  "the user's sessions are frozen (see: carrel thaw %u)",
					  join->uid)
			    : 0;
}

/* Within a cgroup view or namespace the path that was noted does not exist: its root does. */
static int open_home(const struct cgroup_place *place, const char *path)
{
	const char *file = cgroup_place_join_file(place->controller[0] == '\0');
	char name[sizeof(place->mount) + CGROUP_PLACE_PATH + 16];

	(void)snprintf(name, sizeof(name), "%s%s/%s", place->mount,
		       strcmp(path, "/") == 0 ? "" : path, file);
	int fd = open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 || (errno != ENOENT && errno != EACCES && errno != EROFS))
		return fd;
	(void)snprintf(name, sizeof(name), "%s/%s", place->mount, file);
	return open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
}

static int leave_cgroups(struct join *join, struct failure *reterr)
{
	char path[CGROUP_PLACE_PATH];
	int r = 0;

	for (uint32_t i = 0; i < join->reply->cgroup_count; i++) {
		const struct cgroup_place *place = &join->reply->cgroups[i];
		int err = -cgroup_place_find(place, join->cgroups, path, sizeof(path));

		/* Who was in the slice before is to stay there. */
		if (err == 0 && cgroup_place_is_slice(path, join->uid))
			continue;
		if (err == 0) {
			_close_ int fd = open_home(place, path);

			err = fd < 0 ? errno : -write_zero(fd);
		}
		if (err != 0 && r == 0)
			r = failure_set(reterr, err, "move back into the own cgroup in %s",
					place->mount);
	}
	return r;
}

static int set_oom_score(struct join *join, struct failure *reterr)
{
	if (join->reply->oom_score_adj == join->oom_score_adj)
		return 0;
	int r = oom_score_write(0, join->reply->oom_score_adj, reterr);

	return r < 0 ? failure_wrap(reterr, "oom_score_adj can't be enforced (it was %d)",
				    join->oom_score_adj)
		     : 0;
}

static int reset_oom_score(struct join *join, struct failure *reterr)
{
	if (join->reply->oom_score_adj == join->oom_score_adj)
		return 0;
	return oom_score_write(0, join->oom_score_adj, reterr);
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
	join->inside = true;
	return 0;
}

static int leave_namespaces(struct join *join, struct failure *reterr)
{
	int r = join->inside ? ns_restore(&join->saved, join->reply->namespaces, reterr) : 0;

	if (r == 0)
		join->inside = false;
	return r;
}

/* Where the process is, the kernel says, whatever the descriptors were. */
static int check_namespaces(struct join *join, struct failure *reterr)
{
	struct ns_ids want, got;
	int r = ns_identify_self(&join->saved, join->reply->namespaces, &got, reterr);

	for (size_t i = 0; i < NS_TYPES; i++)
		want.inodes[i] = (ino_t)join->reply->ns_inodes[i];
	if (r == 0)
		r = ns_compare(&want, &got, join->reply->namespaces, reterr);
	if (r == 0)
		ns_keep(&join->saved, join->reply->namespaces);
	return r;
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
 * The order is significant: what is written by name goes through /proc/self and the host's mounts,
 * which are out of reach once the namespaces are joined; setns(2) is the last step that changes
 * something; undone in reverse, the host's mounts are back before anything is opened by name.
 * After leaving, the cwd is looked up in the host's mounts: so its step has its undo before theirs.
 */
static const struct {
	const char *name;
	int (*apply)(struct join *join, struct failure *reterr);
	int (*undo)(struct join *join, struct failure *reterr);
} steps[] = {
	{"cwd", NULL, return_to_cwd},
	{"cgroups", enter_cgroups, leave_cgroups},
	{"frost", check_frost, NULL},
	{"OOM score", set_oom_score, reset_oom_score},
	{"capabilities", drop_capabilities, NULL},
	{"no_new_privs", set_no_new_privs, NULL},
	{"namespaces", enter_namespaces, leave_namespaces},
	{"comparison", check_namespaces, NULL},
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
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i].apply ? steps[i].apply(join, reterr) : 0;

		if (r == 0)
			continue;
		struct failure undoing;

		/* This step too: moving into some of the cgroups is undone as a whole. */
		if (undo_from(join, i + 1, &undoing) < 0)
			return failure_say(reterr, join->inside ? ENOTRECOVERABLE : -r,
					   "%.200s (and then: %.200s)", reterr->text, undoing.text);
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
	free(join->cgroups);
	join->cwd = join->cgroups = NULL;
}

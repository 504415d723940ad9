/* SPDX-License-Identifier: MIT */
#include "core/mnt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/mnt_fs.h"
#include "core/mnt_homes.h"
#include "core/mnt_share.h"
#include "core/mnt_x11.h"
#include "core/mount_mark.h"
#include "core/sys.h"

/* What the steps hand on to each other. */
struct mounter {
	const struct plan *plan;
	const struct login *login;
	int channel; /* to the helper */
	int store_fd; /* what the private directories of the next steps are in, below the first of them */
	int x11_fd; /* a clone of the host's X socket directory, detached; or -1 */
	bool x11_looked_for;
};

static int open_path(const char *path, uint64_t flags, struct failure *reterr)
{
	int fd = sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC | flags, RESOLVE_NO_SYMLINKS);

	if (fd >= 0)
		return fd;
	if (errno == ELOOP)
		return failure_say(
			reterr, ELOOP,
			"%s is, or passes through, a symbolic link: the policy must have "
			"the real path",
			path);
	return failure_set(reterr, errno, "open %s", path);
}

static int attach(int tree_fd, int target_fd, const char *what, const char *target,
		  struct failure *reterr)
{
	struct stat tree, place;

	if (sys_move_mount(tree_fd, target_fd) == 0)
		return 0;
	int err = errno;

	if (err == EINVAL && fstat(tree_fd, &tree) == 0 && fstat(target_fd, &place) == 0 &&
	    S_ISDIR(tree.st_mode) != S_ISDIR(place.st_mode))
		return failure_say(reterr, err, "mount %s on %s: %s", what, target,
				   S_ISDIR(tree.st_mode) ? "expected a directory there"
							 : "expected a file there, no directory");
	return failure_set(reterr, err, "mount %s on %s", what, target);
}

static int attach_at(int tree_fd, const char *what, const char *target, struct failure *reterr)
{
	_close_ int target_fd = open_path(target, 0, reterr);

	return target_fd < 0 ? target_fd : attach(tree_fd, target_fd, what, target, reterr);
}

static int apply_propagation(struct mounter *mounter, const struct plan_step *step,
			     struct failure *reterr)
{
	unsigned long flags =
		mounter->plan->propagation == PROPAGATION_PRIVATE ? MS_PRIVATE : MS_SLAVE;

	(void)step;
	if (sys_mount(NULL, "/", NULL, MS_REC | flags) < 0)
		return failure_set(reterr, errno, "make all mounts %s",
				   flags == MS_SLAVE ? "slaves of the host's" : "private");
	return 0;
}

static unsigned int tmp_attributes(const struct plan *plan)
{
	return MNT_SAFE | (plan->tmp_noexec ? MOUNT_ATTR_NOEXEC : 0);
}

/*
 * Attach what the private directories are in. Its root, root's alone, is covered by the first of them,
 * which goes on top: the plan has that directory's step right after this one.
 */
static int attach_store(struct mounter *mounter, int *store_fd, const struct plan_step *step,
			struct failure *reterr)
{
	if (!mounter->x11_looked_for)
		mounter->x11_fd = mnt_clone_x11();
	mounter->x11_looked_for = true;
	int r = attach_at(*store_fd, "the private directories", step[1].target, reterr);

	if (r < 0)
		return failure_wrap(reterr, "private_tmp");
	close_fd(&mounter->store_fd);
	mounter->store_fd = steal_fd(store_fd);
	return 0;
}

static int fresh_tmpfs(const struct plan *plan, struct failure *reterr)
{
	char size[24], inodes[24];
	const char *const options[][2] = {{"source", "carrel"},
					  {"size", size},
					  {"nr_inodes", inodes},
					  {"mode", "0700"},
					  {NULL, NULL}};

	/* tmpfs(5): 0 means no limit for both. */
	(void)snprintf(size, sizeof(size), "%llu",
		       plan->tmpfs_size == CONVERT_MAX ? 0ULL
						       : (unsigned long long)plan->tmpfs_size);
	(void)snprintf(inodes, sizeof(inodes), "%llu",
		       plan->tmpfs_inodes == CONVERT_MAX ? 0ULL
							 : (unsigned long long)plan->tmpfs_inodes);
	return mnt_make_fs("tmpfs", options, tmp_attributes(plan), reterr);
}

/* A clone of the one in another sandbox, with this plan's sizes and attributes; -ESRCH: that has ended. */
static int shared_tmpfs(const struct plan *plan, const struct mnt_share *share, bool *ret_kept,
			struct failure *reterr)
{
	_close_ int root_fd = -1;
	int r = mnt_share_clone(share, &root_fd, reterr);

	if (r == 0)
		r = mnt_share_resize(root_fd, plan->tmpfs_size, plan->tmpfs_inodes, ret_kept,
				     reterr);
	if (r < 0)
		return r;
	unsigned int set = tmp_attributes(plan);

	if (sys_mount_setattr(root_fd, 0, set, MOUNT_ATTR_NOEXEC & ~set) < 0)
		return failure_set(reterr, errno, "set the attributes of the private directories");
	return steal_fd(&root_fd);
}

/* The tmpfs where the helper says it is, until that is true. */
static int find_tmpfs(const struct mounter *mounter, bool *ret_kept, struct failure *reterr)
{
	for (;;) {
		struct mnt_share share = {.fds = {-1, -1}};
		int r = mnt_share_receive(mounter->channel, &share, reterr);

		if (r == 0)
			r = share.place == TMP_SHARED
				    ? shared_tmpfs(mounter->plan, &share, ret_kept, reterr)
				    : fresh_tmpfs(mounter->plan, reterr);
		mnt_share_close(&share);
		if (r != -ESRCH)
			return r;
		r = mnt_share_done(mounter->channel, -1, false, reterr);
		if (r < 0)
			return r;
	}
}

static int apply_tmpfs(struct mounter *mounter, const struct plan_step *step,
		       struct failure *reterr)
{
	bool shared = mnt_shares_tmpfs(mounter->plan), kept = false;
	_close_ int fd =
		shared ? find_tmpfs(mounter, &kept, reterr) : fresh_tmpfs(mounter->plan, reterr);

	if (fd < 0)
		return fd;
	int r = attach_store(mounter, &fd, step, reterr);

	if (r == 0 && shared)
		r = mnt_share_done(mounter->channel, mounter->store_fd, kept, reterr);
	return r;
}

static int apply_tmp_disk(struct mounter *mounter, const struct plan_step *step,
			  struct failure *reterr)
{
	struct mnt_share share;
	int r = mnt_share_receive(mounter->channel, &share, reterr);

	if (r < 0)
		return r;
	if (share.place != TMP_DISK) {
		mnt_share_close(&share);
		return failure_say(reterr, EPROTO, "the helper sent no directory on disk");
	}
	if (sys_mount_setattr(share.fds[0], 0, tmp_attributes(mounter->plan), 0) < 0)
		r = failure_set(reterr, errno, "set the attributes of the private directories");
	else
		r = attach_store(mounter, &share.fds[0], step, reterr);
	mnt_share_close(&share);
	return r;
}

/* It may be there already, made for another sandbox: who made it was root, the store is root's alone. */
static int apply_tmp_dir(struct mounter *mounter, const struct plan_step *step,
			 struct failure *reterr)
{
	const char *name = step->source;

	if (mkdirat(mounter->store_fd, name, 01777) < 0 && errno != EEXIST)
		return failure_set(reterr, errno, "make the private %s", step->target);
	if (fchmodat(mounter->store_fd, name, 01777, 0) < 0)
		return failure_set(reterr, errno, "set the mode of the private %s", step->target);
	_close_ int tree_fd =
		sys_open_tree(mounter->store_fd, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree_fd < 0)
		return failure_set(reterr, errno, "clone the private %s", step->target);
	int r = attach_at(tree_fd, "the private directory", step->target, reterr);

	if (r < 0)
		return failure_wrap(reterr, "private_tmp");
	if (strcmp(step->target, "/tmp") == 0)
		r = mnt_put_x11(mounter->x11_fd, tree_fd, reterr);
	return r;
}

/*
 * Its source is the mark by which carrel-shell knows a sandbox that root made: mount_mark.h. One that a
 * user makes has none.
 */
static int apply_proc(struct mounter *mounter, const struct plan_step *step, struct failure *reterr)
{
	static const char *const invisible[][2] = {{"hidepid", "invisible"}, {NULL, NULL}};
	static const char *const marked[][2] = {{"source", MOUNT_MARK},
						{"hidepid", "invisible"},
						{NULL, NULL}};
	static const char *const own[][2] = {{"source", MOUNT_MARK}, {NULL, NULL}};
	const struct plan *plan = mounter->plan;
	const char *const(*options)[2] = plan->proc_invisible ? marked : own;

	if (plan->as_user)
		options = plan->proc_invisible ? invisible : invisible + 1;
	_close_ int fd = mnt_make_fs("proc", options, MNT_SAFE | MOUNT_ATTR_NOEXEC, reterr);

	(void)step;
	return fd < 0 ? fd : attach_at(fd, "a fresh proc", "/proc", reterr);
}

static int apply_mqueue(struct mounter *mounter, const struct plan_step *step,
			struct failure *reterr)
{
	static const char *const none[][2] = {{NULL, NULL}};
	_close_ int target_fd = sys_openat2(AT_FDCWD, "/dev/mqueue",
					    O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE_NO_SYMLINKS);

	(void)mounter;
	(void)step;
	if (target_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0; /* nothing of the host's is there to be seen */
	if (target_fd < 0)
		return failure_set(reterr, errno, "open /dev/mqueue");
	_close_ int fd = mnt_make_fs("mqueue", none, MNT_SAFE | MOUNT_ATTR_NOEXEC, reterr);

	return fd < 0 ? fd : attach(fd, target_fd, "a fresh mqueue", "/dev/mqueue", reterr);
}

static int apply_hide_homes(struct mounter *mounter, const struct plan_step *step,
			    struct failure *reterr)
{
	return mnt_hide_homes(mounter->plan, mounter->login, step->target, step->source, reterr);
}

static int apply_bind(struct mounter *mounter, const struct plan_step *step, struct failure *reterr)
{
	_close_ int source_fd = open_path(step->source, 0, reterr);

	(void)mounter;
	if (source_fd < 0)
		return failure_wrap(reterr, "bind");
	_close_ int tree_fd = mnt_clone_tree(source_fd, step->source, reterr);

	if (tree_fd < 0)
		return tree_fd;
	if (step->read_only && sys_mount_setattr(tree_fd, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0) < 0)
		return failure_set(reterr, errno, "make the bind of %s read-only", step->source);
	int r = attach_at(tree_fd, step->source, step->target, reterr);

	return r < 0 ? failure_wrap(reterr, "bind") : 0;
}

static int apply_read_only(struct mounter *mounter, const struct plan_step *step,
			   struct failure *reterr)
{
	_close_ int target_fd = open_path(step->target, 0, reterr);

	(void)mounter;
	if (target_fd < 0)
		return failure_wrap(reterr, "read_only");
	_close_ int tree_fd = mnt_clone_tree(target_fd, step->target, reterr);

	if (tree_fd < 0)
		return tree_fd;
	if (sys_mount_setattr(tree_fd, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0) < 0)
		return failure_set(reterr, errno, "make %s read-only", step->target);
	return attach(tree_fd, target_fd, "its read-only view", step->target, reterr);
}

static int hide_file(int target_fd, const char *target, struct failure *reterr)
{
	_close_ int source_fd = open_path("/dev/null", 0, reterr);

	if (source_fd < 0)
		return source_fd;
	_close_ int tree_fd = mnt_clone_tree(source_fd, "/dev/null", reterr);

	if (tree_fd < 0)
		return tree_fd;
	/* nodev turns the device into something that nobody can open (mount(2)). */
	if (sys_mount_setattr(tree_fd, 0, MOUNT_ATTR_RDONLY | MNT_SAFE | MOUNT_ATTR_NOEXEC, 0) < 0)
		return failure_set(reterr, errno, "make the cover of %s unusable", target);
	return attach(tree_fd, target_fd, "an empty file", target, reterr);
}

/*
 * What is to be hidden; where the user carries the plan out and can't reach it, the directory that bars
 * the way: so it stays hidden when that is opened later. -ENOENT: there is nothing.
 */
static int open_hidden(const struct mounter *mounter, const char *path, struct failure *reterr)
{
	int fd = open_path(path, 0, reterr);
	_free_ char *barred = NULL;

	if (fd != -EACCES || !mounter->plan->as_user)
		return fd;
	barred = strdup(path);
	if (!barred)
		return failure_set(reterr, ENOMEM, "hide %s", path);
	while (fd == -EACCES) {
		char *slash = strrchr(barred, '/');

		if (!slash || slash == barred)
			break;
		*slash = '\0';
		fd = open_path(barred, 0, reterr);
	}
	return fd;
}

static int apply_hide(struct mounter *mounter, const struct plan_step *step, struct failure *reterr)
{
	static const char *const mask[][2] = {{"source", "carrel"},
					      {"size", "4k"},
					      {"nr_inodes", "2"},
					      {"mode", "0000"},
					      {NULL, NULL}};
	struct stat st;
	_close_ int target_fd = open_hidden(mounter, step->target, reterr);

	if (target_fd == -ENOENT)
		return 0; /* what is not there needs no hiding */
	if (target_fd < 0)
		return failure_wrap(reterr, "hide");
	if (fstat(target_fd, &st) < 0)
		return failure_set(reterr, errno, "hide: look at %s", step->target);
	if (!S_ISDIR(st.st_mode))
		return hide_file(target_fd, step->target, reterr);
	_close_ int mask_fd = mnt_make_fs("tmpfs", mask,
					  MNT_SAFE | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY, reterr);

	return mask_fd < 0 ? mask_fd
			   : attach(mask_fd, target_fd, "an empty directory", step->target, reterr);
}

static int (*const appliers[])(struct mounter *mounter, const struct plan_step *step,
			       struct failure *reterr) = {
	[STEP_PROPAGATION] = apply_propagation,
	[STEP_PROC] = apply_proc,
	[STEP_TMP_DISK] = apply_tmp_disk,
	[STEP_TMPFS] = apply_tmpfs,
	[STEP_TMP_DIR] = apply_tmp_dir,
	[STEP_MQUEUE] = apply_mqueue,
	[STEP_CGROUP_VIEW] = NULL, /* mnt_cgroup.h */
	[STEP_HIDE_HOMES] = apply_hide_homes,
	[STEP_BIND] = apply_bind,
	[STEP_READ_ONLY] = apply_read_only,
	[STEP_HIDE] = apply_hide,
};
_Static_assert(ARRAY_SIZE(appliers) == STEP_HIDE + 1, "a row for each kind of step");

static int apply_steps(const struct plan *plan, size_t first, size_t end, const struct login *login,
		       int channel, struct failure *reterr)
{
	struct mounter mounter = {
		.plan = plan, .login = login, .channel = channel, .store_fd = -1, .x11_fd = -1};
	int r = 0;

	for (size_t i = first; r == 0 && i < end; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (appliers[step->kind])
			r = appliers[step->kind](&mounter, step, reterr);
	}
	close_fd(&mounter.store_fd);
	close_fd(&mounter.x11_fd);
	return r;
}

int mnt_apply(const struct plan *plan, const struct login *login, int channel,
	      struct failure *reterr)
{
	return apply_steps(plan, 0, plan_first_late(plan), login, channel, reterr);
}

int mnt_apply_late(const struct plan *plan, const struct login *login, struct failure *reterr)
{
	return apply_steps(plan, plan_first_late(plan), plan->step_count, login, -1, reterr);
}

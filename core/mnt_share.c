/* SPDX-License-Identifier: MIT */
#include "core/mnt_share.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"

static bool has_step(const struct plan *plan, enum plan_step_kind kind)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		if (plan->steps[i].kind == kind)
			return true;
	}
	return false;
}

bool mnt_shares_tmpfs(const struct plan *plan)
{
	return plan->tmp_scope == TMP_SCOPE_USER && has_step(plan, STEP_TMPFS);
}

bool mnt_has_disk(const struct plan *plan)
{
	return has_step(plan, STEP_TMP_DISK);
}

int mnt_share_receive(int channel, struct mnt_share *ret_share, struct failure *reterr)
{
	static const size_t counts[] = {
		[TMP_FRESH] = 0,
		[TMP_SHARED] = 2,
		[TMP_DISK] = 1,
	};
	struct message_tmp message;
	int fds[PROTOCOL_FDS_MAX];
	size_t count = 0;
	/* The helper has a deadline, and takes this process along when it ends. */
	int r = protocol_receive(channel, MESSAGE_TMP, &message, sizeof(message), fds, &count,
				 INT64_MAX, reterr);

	if (r < 0)
		return r;
	if (count != counts[message.place]) {
		while (count-- > 0)
			(void)close(fds[count]);
		return failure_say(reterr, EPROTO,
				   "the private directories came with a wrong number of "
				   "descriptors");
	}
	*ret_share = (struct mnt_share){.place = message.place,
					.fds = {-1, -1},
					.mount_ns = message.mount_ns};
	for (size_t i = 0; i < count; i++)
		ret_share->fds[i] = fds[i];
	return 0;
}

void mnt_share_close(struct mnt_share *share)
{
	close_fd(&share->fds[0]);
	close_fd(&share->fds[1]);
}

/* In the other sandbox's mount namespace: is it the one, and then the clone. */
static int clone_there(const struct mnt_share *share, int own_ns_dir, int *ret_root,
		       struct failure *reterr)
{
	struct stat st;

	/* By the directory that was opened before: there is another /proc here. */
	if (fstatat(own_ns_dir, "mnt", &st, 0) < 0)
		return failure_set(reterr, errno, "look at the other sandbox's mount namespace");
	if (st.st_ino != share->mount_ns)
		return failure_say(reterr, EXDEV,
				   "the private directories are not in the mount namespace that "
				   "their warden told");
	int fd = sys_open_tree(share->fds[1], "",
			       AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return failure_set(reterr, errno, "clone the private directories");
	*ret_root = fd;
	return 0;
}

/* Nothing but what a sandbox of ours has made. */
static int check_root(int root_fd, struct failure *reterr)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(root_fd, &fs) < 0 || fstat(root_fd, &st) < 0)
		return failure_set(reterr, errno, "look at the private directories");
	if ((unsigned long)fs.f_type != TMPFS_MAGIC || st.st_uid != 0 || !S_ISDIR(st.st_mode) ||
	    (st.st_mode & 077))
		return failure_say(reterr, EXDEV, "the private directories are not carrel's tmpfs");
	return 0;
}

int mnt_share_clone(const struct mnt_share *share, int *ret_root, struct failure *reterr)
{
	_close_ int ns_dir = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int own_ns = ns_dir < 0 ? -1 : openat(ns_dir, "mnt", O_RDONLY | O_CLOEXEC);
	_close_ int root_fd = -1;

	if (own_ns < 0)
		return failure_set(reterr, errno, "open the own mount namespace");
	if (setns(share->fds[0], CLONE_NEWNS) < 0)
		return failure_set(reterr, errno, "enter the sandbox with the private directories");
	int r = clone_there(share, ns_dir, &root_fd, reterr);

	if (setns(own_ns, CLONE_NEWNS) < 0) {
		(void)failure_set(reterr, errno, "go back to the own mount namespace");
		return -(reterr->err = ENOTRECOVERABLE);
	}
	if (r == 0)
		r = check_root(root_fd, reterr);
	if (r == 0)
		*ret_root = steal_fd(&root_fd);
	return r;
}

/* One option; -EINVAL is the kernel's word for "more is in use" and for "there was no limit". */
static int reconfigure(int root_fd, const char *key, uint64_t number, bool *ret_kept,
		       struct failure *reterr)
{
	_close_ int fs_fd = sys_fspick(root_fd);
	char value[24];

	if (fs_fd < 0)
		return failure_set(reterr, errno, "open the private tmpfs for a change");
	(void)snprintf(value, sizeof(value), "%" PRIu64, number);
	if (sys_fsconfig_string(fs_fd, key, value) == 0 && sys_fsconfig_reconfigure(fs_fd) == 0)
		return 0;
	if (errno != EINVAL)
		return failure_set(reterr, errno, "set %s=%s of the private tmpfs", key, value);
	*ret_kept = true;
	return 0;
}

int mnt_share_resize(int root_fd, uint64_t size, uint64_t inodes, bool *ret_kept,
		     struct failure *reterr)
{
	struct statfs fs;
	int r = 0;

	/* 0 is no limit, both for tmpfs(5) and in what statfs(2) tells of it. */
	size = size == CONVERT_MAX ? 0 : size;
	inodes = inodes == CONVERT_MAX ? 0 : inodes;
	if (fstatfs(root_fd, &fs) < 0)
		return failure_set(reterr, errno, "ask for the size of the private tmpfs");
	uint64_t block = (uint64_t)fs.f_bsize;

	*ret_kept = false;
	if (fs.f_blocks != (size + block - 1) / block)
		r = reconfigure(root_fd, "size", size, ret_kept, reterr);
	if (r == 0 && fs.f_files != inodes)
		r = reconfigure(root_fd, "nr_inodes", inodes, ret_kept, reterr);
	return r;
}

int mnt_share_done(int channel, int root_fd, bool kept, struct failure *reterr)
{
	struct message_tmp_done message = {.gone = root_fd < 0, .kept = kept};

	protocol_head(&message.head, MESSAGE_TMP_DONE, sizeof(message));
	return protocol_send(channel, &message, sizeof(message), &root_fd, root_fd < 0 ? 0 : 1,
			     reterr);
}

/* SPDX-License-Identifier: MIT */
/*
 * mnt_share - private directories that all sandboxes of a user share (tmp_scope = user), as the PID 1 of a
 * new sandbox comes by them.
 *
 * They are directories of one tmpfs, whose root, root's alone, is covered in each sandbox. A mount can be
 * cloned only by who is in the mount namespace that holds it (before Linux 6.15 there is no other way), so
 * PID 1 goes into that of a live sandbox for two system calls. It has the root of the tmpfs as a descriptor,
 * from that sandbox's warden, and looks nothing up by name there: what users do in a sandbox does not
 * matter. The host's mount table has none of it, and the tmpfs goes with the last sandbox that holds it.
 *
 * The caller is root, with CAP_SYS_ADMIN and CAP_SYS_CHROOT, single-threaded, and shares its root directory
 * with nobody (setns(2), CLONE_NEWNS).
 */
#ifndef CARREL_MNT_SHARE_H
#define CARREL_MNT_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/failure.h"
#include "core/plan.h"
#include "core/protocol.h"

/* Does PID 1 need to be told where the private tmpfs is, or where the directories on disk are? */
bool mnt_shares_tmpfs(const struct plan *plan);
bool mnt_has_disk(const struct plan *plan);

/* Receive where they are: one of enum tmp_place, with its descriptors, which are the caller's. */
struct mnt_share {
	enum tmp_place place;
	int fds[2]; /* as struct message_tmp says; or -1 */
	uint64_t mount_ns;
};
int mnt_share_receive(int channel, struct mnt_share *ret_share, struct failure *reterr);
void mnt_share_close(struct mnt_share *share);

/*
 * A detached clone of the root of the tmpfs of TMP_SHARED in *ret_root. -ESRCH: that sandbox has ended.
 * Whatever happens, the caller is in its own mount namespace again, or must not go on (-ENOTRECOVERABLE).
 */
int mnt_share_clone(const struct mnt_share *share, int *ret_root, struct failure *reterr);

/*
 * Give the tmpfs these sizes, if it has others. *ret_kept: it holds more than that already, or had no limit
 * before, which the kernel does not change; the old one stays.
 */
int mnt_share_resize(int root_fd, uint64_t size, uint64_t inodes, bool *ret_kept,
		     struct failure *reterr);

/* Tell the helper: root_fd is attached in this namespace; or -1, that sandbox has gone. */
int mnt_share_done(int channel, int root_fd, bool kept, struct failure *reterr);

#endif

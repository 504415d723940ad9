/* SPDX-License-Identifier: MIT */
/*
 * tmp_disk - private directories on disk (tmp_store = disk).
 *
 *   TMP_ROOT                 root's; so is everything that leads there
 *   TMP_ROOT/UID             0700, while the user has something in it
 *   TMP_ROOT/UID/shared      0700, of tmp_scope = user; has one directory for each private one, mode 1777
 *   TMP_ROOT/UID/ID          0700, of tmp_scope = session
 *   TMP_ROOT/UID/trash       0700, what nobody uses any more, until it is removed
 *
 * A directory is in use while somebody has a shared flock(2) on it, which the kernel takes back from who is
 * killed; so what a crash leaves is known for what it is. The user's registry lock (registry.h) orders all
 * that opens, leaves and tidies. Nobody but root gets past the 0700 directories; what users have made below
 * is only ever removed, by descriptor, link by link: nothing there is opened but directories, links are
 * not followed and mounts not entered, and directories that are not empty are moved to the trash first, so
 * that no depth of them matters.
 *
 * Sizes are held by a project quota, where the file system has these (ext4 with the feature "project", XFS;
 * mounted with prjquota; quotactl_fd(2) is Linux 5.14). The project id is the uid with its two highest bits
 * turned over.
 */
#ifndef CARREL_TMP_DISK_H
#define CARREL_TMP_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/failure.h"
#include "core/plan.h"
#include "core/protocol.h"

struct tmp_disk {
	int user_fd; /* TMP_ROOT/UID; -1: none is in use */
	int dir_fd; /* with the shared lock */
	char name[PROTOCOL_ID_MAX]; /* of that in user_fd */
};
#define TMP_DISK_NONE ((struct tmp_disk){.user_fd = -1, .dir_fd = -1})

/*
 * With the user's lock held: make what the plan asks for, or join what is there, with its quota; what others
 * have left behind goes to the trash. On failure nothing is in use.
 */
int tmp_disk_open(const struct plan *plan, uint32_t uid, const char *id, struct tmp_disk *ret_disk,
		  struct failure *reterr);

/* A detached mount of it, private: nothing that is mounted in it is seen anywhere else. */
int tmp_disk_clone(const struct tmp_disk *disk, int *ret_tree, struct failure *reterr);

/* With the user's lock held: give it up; when nobody else uses it, it goes to the trash. user_fd stays open. */
int tmp_disk_leave(struct tmp_disk *disk, struct failure *reterr);

/* Remove what is in the trash, without the lock. -ETIME when that is not done by the deadline. */
int tmp_disk_empty(const struct tmp_disk *disk, int64_t deadline_ms, struct failure *reterr);

/* With the user's lock held: remove TMP_ROOT/UID if there is nothing in it, and close. */
void tmp_disk_tidy(const char *tmp_root, uint32_t uid, struct tmp_disk *disk);

/* With the user's lock held: what is there and not in use goes to the trash. -ENOENT: the user has nothing. */
int tmp_disk_collect(const char *tmp_root, uint32_t uid, struct tmp_disk *ret_disk,
		     struct failure *reterr);

/* The uids that have something; the caller frees *ret_uids. */
int tmp_disk_users(const char *tmp_root, uint32_t **ret_uids, size_t *ret_count,
		   struct failure *reterr);

/* Could the sizes be held? 0, or why not; makes nothing. */
int tmp_disk_check(const struct plan *plan, struct failure *reterr);

#endif

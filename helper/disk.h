/* SPDX-License-Identifier: MIT */
/*
 * disk - tmp_store = disk, over the life of a sandbox: core/tmp_disk.h with the registry's lock.
 */
#ifndef CARREL_HELPER_DISK_H
#define CARREL_HELPER_DISK_H

#include <stdint.h>

#include "core/failure.h"
#include "core/plan.h"
#include "core/registry.h"
#include "core/tmp_disk.h"
#include "helper/sandbox.h"

/* What a warden keeps. */
struct disk {
	struct tmp_disk tmp;
	char *tmp_root; /* NULL: no directory on disk is in use */
};

/* With the user's lock held, once the sandbox `id` is registered. Does nothing for a plan without a disk. */
int disk_open(struct disk *disk, const struct plan *plan, uint32_t uid, const char *id,
	      struct failure *reterr);

/*
 * Without the lock: tell PID 1 where the directories are; then remove some of what a crash has left, if it
 * has, as long as that does not keep the login waiting. The rest goes at the end.
 */
int disk_tell(const struct disk *disk, struct sandbox *sandbox, struct failure *reterr);

/* No process of the sandbox is left: give the directories up, and remove them if they were the last's. */
void disk_close(struct disk *disk, uint32_t uid, const char *id);

/* Remove what crashes have left below tmp_root, of all users. 0, or -1 when something could not be removed. */
int disk_sweep(const char *tmp_root);

#endif

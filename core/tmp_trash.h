/* SPDX-License-Identifier: MIT */
/*
 * tmp_trash - remove trees that users have made, as root. The whole contract is in tmp_disk.h.
 *
 * A directory that is not empty is moved up to the trash itself, and its turn comes later: so three
 * descriptors are enough for any depth, and no path gets long. The trash must be in no quota project that
 * what is in it has to inherit, or the file system refuses the move.
 */
#ifndef CARREL_TMP_TRASH_H
#define CARREL_TMP_TRASH_H

#include <stdint.h>

#include "core/failure.h"

/* Move from_fd/name into the trash, under some name. */
int tmp_trash_take(int from_fd, const char *name, int trash_fd, struct failure *reterr);

/* Remove all that is in it. -ETIME: not done by the deadline. -EBUSY: something can't be removed. */
int tmp_trash_empty(int trash_fd, int64_t deadline_ms, struct failure *reterr);

#endif

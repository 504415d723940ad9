/* SPDX-License-Identifier: MIT */
/*
 * trusted_file - read what only root can have written.
 *
 * Each is opened once, without following a symbolic link in the last component, and judged by
 * fstat(2) on that descriptor: owned by root, not writable by group or others (which covers access
 * lists too: their mask is what the group bits show). Directories above are the caller's affair.
 * `shown` is what errors call it.
 */
#ifndef CARREL_TRUSTED_FILE_H
#define CARREL_TRUSTED_FILE_H

#include <stddef.h>

#include "core/failure.h"

/* A descriptor of the directory, or -errno with reterr. */
int trusted_open_directory(int at, const char *path, const char *shown, struct failure *reterr);

/*
 * The bytes of a regular file of at most `limit` bytes, the caller's to free (never NULL, no NUL
 * added). A file that changes while it is read is refused: -EINVAL.
 */
int trusted_read(int at, const char *path, const char *shown, size_t limit, char **ret_bytes,
		 size_t *ret_size, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * policy_store - the last accepted policy, one file in the state directory: STATE/policy.
 *
 * Its format, strict: the line "carrel policy 1"; for each source "file NAMELEN SIZE", a newline,
 * NAMELEN bytes of its name, a newline, SIZE bytes, a newline; at last "end " and 16 hex digits of
 * the FNV-1a hash of all bytes before that line. Anything else is refused as a whole.
 *
 * Any number of processes may read and write at once: a reader sees the old file or the new one. A
 * writer holds a flock(2) on its temporary file, STATE/policy.new; one that finds it locked leaves
 * the work to the other. What a crashed writer left has no lock and is written over.
 */
#ifndef CARREL_POLICY_STORE_H
#define CARREL_POLICY_STORE_H

#include <stdint.h>

#include "core/policy_file.h"

/*
 * Make these sources the stored ones, durably (fsync of file and directory). Nothing is written
 * when they are already. The directory is created (0700) where it is missing.
 */
int policy_store_write(const char *state_dir, const struct policy_sources *sources,
		       struct failure *reterr);

/* The same, but another writer, who may have an older policy, is waited for; -EBUSY at the deadline. */
int policy_store_write_until(const char *state_dir, const struct policy_sources *sources,
			     int64_t deadline_ms, struct failure *reterr);

/* -ENOENT: none was stored yet. -EINVAL: it is damaged. */
int policy_store_read(const char *state_dir, struct policy_sources *ret_sources,
		      struct failure *reterr);

/* Remove what a writer that was killed has left half-written. */
void policy_store_sweep(const char *state_dir);

#endif

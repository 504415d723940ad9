/* SPDX-License-Identifier: MIT */
/*
 * policy_file - the policy's files on disk, and the last accepted policy.
 *
 * Read: CARREL_POLICY (/etc/carrel/carrel.conf), then carrel.conf.d/NAME.conf beside it, sorted by name
 * (strcmp). Each is opened once (O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC), checked by fstat on that
 * descriptor (regular, owned by root, not writable by group or others, at most POLICY_BYTES_MAX) and
 * read once; a file that changes size while it is read is refused. The directories are checked too
 * (owned by root, not writable by group or others). A missing conf.d is no error, a missing
 * carrel.conf is.
 *
 * The last accepted policy is one file, STATE/policy, written to a temporary name, fsync'ed and
 * renamed: it holds names and bytes of the sources, and is parsed again when needed.
 */
#ifndef CARREL_POLICY_FILE_H
#define CARREL_POLICY_FILE_H

#include "core/policy.h"

#define CARREL_POLICY CARREL_SYSCONFDIR "/carrel/carrel.conf" /* the build sets CARREL_SYSCONFDIR */
/* CARREL_STATE, /var/lib/carrel, is set by the build as well. */

struct policy_sources {
	struct policy_source *files;
	size_t count;
};

/* Read the policy at `path` (its drop-ins: path's directory + "/carrel.conf.d"). -errno: in errors. */
int policy_sources_read(const char *path, struct policy_errors *errors,
			struct policy_sources *ret_sources);
/*
 * Read exactly these files, without drop-ins (`carrel check FILE…`). The directories they lie in are
 * not checked: it is not there that a login will read them.
 */
int policy_sources_read_files(char *const *paths, size_t count, struct policy_errors *errors,
			      struct policy_sources *ret_sources);
void policy_sources_free(struct policy_sources *sources);

enum policy_origin {
	POLICY_CURRENT, /* the files in /etc, now accepted */
	POLICY_LAST_ACCEPTED, /* the files in /etc were refused: `errors` says why */
};

/*
 * What a login goes by: the files at `path` when they are good (then they become the last accepted
 * policy in `state_dir`; nothing is written when they are what is stored there already; failing to
 * store is no reason to refuse a login and is said in errors), else the last accepted policy.
 * Returns -errno with reterr when there is neither, and when memory or descriptors are short (which
 * says nothing about the policy, and must not bring back an older one). `errors` may be non-empty on success too.
 */
int policy_load(const char *path, const char *state_dir, struct policy_errors *errors,
		struct policy **ret_policy, enum policy_origin *ret_origin, struct failure *reterr);

#endif

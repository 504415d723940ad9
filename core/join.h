/* SPDX-License-Identifier: MIT */
/*
 * join - put the calling process into a sandbox that waits for it, and back. An ordered table of
 * steps, each with what undoes it.
 */
#ifndef CARREL_JOIN_H
#define CARREL_JOIN_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "core/failure.h"
#include "core/ns.h"
#include "core/protocol.h"

/*
 * What is needed to join, and to go back. No descriptor stays but those of the own namespaces: the cwd
 * and the cgroups are gone back to by name, since a descriptor would be inherited by the user's side of
 * sshd, and be a way out of the sandbox or of the limits (CVE-2021-4197).
 */
struct join {
	/* From join_prepare(). */
	struct ns_saved saved;
	char *cwd; /* NULL: it has no name */
	char *cgroups; /* the text of /proc/self/cgroup (cgroup_place.h) */
	int oom_score_adj;
	bool inside; /* the sandbox's namespaces have been joined, and not been left */
	bool frozen; /* it failed since the user is frozen */
	/* From the reply. */
	const struct message_reply *reply;
	uint32_t uid; /* whose sandbox it is */
	int pidfd; /* the sandbox's PID 1; needed by join_apply() alone */
	const int *cgroup_fds; /* reply->cgroup_count of them; likewise */
};
#define JOIN_NONE ((struct join){.saved = NS_SAVED_NONE, .pidfd = -1})

/* Note where the process is. It needs nothing of the sandbox, and goes on while that is made. */
int join_prepare(struct join *join, struct failure *reterr);
/*
 * All steps, or none: a step that fails has those before it undone. One is to look whether the user has been
 * frozen meanwhile, on v1: there the kernel does not hold who comes into the slice. At the end the process's own
 * cgroups and namespaces have been compared with what the reply says. -ENOTRECOVERABLE: it failed, and the
 * process could not get out of the sandbox's namespaces again.
 */
int join_apply(struct join *join, struct failure *reterr);
/*
 * Once the sandbox is whole: go to the directory of the name that the cwd had. Not before, or the name
 * might still lead to the host's /tmp. Can't fail: the cwd is "/" then.
 */
void join_restore_cwd(const struct join *join);
/* Undo all steps, in reverse order; each is tried, the first failure is reported. */
int join_undo(struct join *join, struct failure *reterr);
/* Release what a join holds. */
void join_free(struct join *join);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * join - put the calling process into a sandbox that waits for it, and back. An ordered table of
 * steps, each with what undoes it.
 */
#ifndef CARREL_JOIN_H
#define CARREL_JOIN_H

#include <sys/stat.h>
#include <sys/types.h>

#include "core/failure.h"
#include "core/ns.h"
#include "core/protocol.h"

/* What is needed to join, and to go back; no descriptor but those of the own namespaces. */
struct join {
	const struct message_reply *reply;
	int pidfd; /* the sandbox's PID 1; needed by join_apply() alone */
	const int *cgroup_fds; /* reply->cgroup_count of them; likewise */
	struct ns_saved saved;
	char *cwd; /* by name: a descriptor would be a way out of the sandbox */
};

/* All steps, or none: a step that fails has those before it undone. */
int join_apply(struct join *join, struct failure *reterr);
/*
 * Once the sandbox is verified to be whole: go to the directory of the name that the cwd had. Not
 * before, or the name might still lead to the host's /tmp. Can't fail: the cwd is "/" then.
 */
void join_restore_cwd(const struct join *join);
/* Undo all steps, in reverse order; each is tried, the first failure is reported. */
int join_undo(struct join *join, struct failure *reterr);
/* Release what a join holds. */
void join_free(struct join *join);

#endif

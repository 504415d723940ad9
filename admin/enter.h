/* SPDX-License-Identifier: MIT */
/*
 * enter - what `carrel enter` has gathered outside for its way in. enter.c finds it out and waits,
 * enter_child.c goes.
 */
#ifndef CARREL_ENTER_H
#define CARREL_ENTER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "admin/account.h"
#include "admin/pty_relay.h"
#include "core/protocol.h"

struct enter {
	struct message_info info;
	int init_pidfd; /* of the sandbox's PID 1, verified with the warden */
	int namespaces; /* flags for setns(2) */
	int join_fds[PROTOCOL_CGROUPS_MAX]; /* what a process writes 0 to */
	size_t join_count;
	uint64_t bounding_set; /* capabilities that stay; all ones for root */
	bool no_new_privs;
	int oom_score_adj;
	struct account account; /* of the user, or of root */
	char **command; /* NULL: the account's shell */
	struct pty_relay relay;
	sigset_t mask_was;
};

/*
 * Fork a process into the sandbox, a child of the caller, which waits at its door: until a byte comes
 * from *ret_door, or its end, which is a no. *ret_pid is its pid here. The caller has one thread.
 */
int enter_fork(const struct enter *enter, pid_t *ret_pid, int *ret_door, struct failure *reterr);

/* Reap a child that is about to end, or is being killed. -ETIME: something holds it, and it is left to end. */
int enter_reap(pid_t pid);

#endif

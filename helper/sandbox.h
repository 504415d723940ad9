/* SPDX-License-Identifier: MIT */
/*
 * sandbox - make the namespaces: clone PID 1, have it set itself up from the plan, exec carrel-init.
 */
#ifndef CARREL_SANDBOX_H
#define CARREL_SANDBOX_H

#include <sys/types.h>

#include "core/cgroup.h"
#include "core/failure.h"
#include "core/ns.h"
#include "core/plan.h"
#include "helper/sandbox_init.h"

struct sandbox {
	pid_t init_pid;
	int init_pidfd;
	int link_fd; /* PID 1 ends when the last copy of this is closed */
	int go_fd; /* until sandbox_go() */
	int error_fd; /* until sandbox_confirm() */
	uint64_t clone_flags;
	struct ns_ids ids; /* after sandbox_identify() */
};

/*
 * Start PID 1: it does its mounts at once, beside whatever the caller does, then waits for
 * sandbox_go(). `cgroup_v2_fd` is the slice it is born in (CLONE_INTO_CGROUP), or -1. init_fd is
 * carrel-init, opened in the host's mounts by pid1_open(). ret_sandbox must be ended by
 * sandbox_destroy(), also after a later failure.
 */
int sandbox_start(const struct plan *plan, const struct login *login, int init_fd, int cgroup_v2_fd,
		  const struct cgroup_set *set, struct sandbox *ret_sandbox,
		  struct failure *reterr);

/*
 * The cgroups are there: PID 1 shows them inside (views: mnt_clone_slices(), or none), and drops
 * everything.
 */
int sandbox_go(struct sandbox *sandbox, const int *views, size_t view_count,
	       struct failure *reterr);

/*
 * Fill in `ids`, from outside. A cgroup namespace is there only after sandbox_finish(). Where PID 1
 * has ended, its reason is the failure.
 */
int sandbox_identify(struct sandbox *sandbox, int64_t deadline_ms, struct failure *reterr);

/* Wait until it has. Its namespaces can be joined before, but are whole only then. */
int sandbox_finish(struct sandbox *sandbox, int64_t deadline_ms, struct failure *reterr);

/* PID 1 has become carrel-init, which it does while the caller joins. */
int sandbox_confirm(struct sandbox *sandbox, int64_t deadline_ms, struct failure *reterr);

/*
 * Kill PID 1, and with it all that is inside, and reap it. That waits for the outside parents of
 * processes inside to reap those: never call it while such a parent may be waiting for the caller.
 */
void sandbox_destroy(struct sandbox *sandbox);

#endif

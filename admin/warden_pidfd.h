/* SPDX-License-Identifier: MIT */
/*
 * warden_pidfd - hold on to the process that is a sandbox's warden, also to one that hangs.
 */
#ifndef CARREL_WARDEN_PIDFD_H
#define CARREL_WARDEN_PIDFD_H

#include "core/failure.h"
#include "core/protocol.h"

/*
 * *ret_pidfd: of the warden, for the caller to close; -1 when the sandbox has ended meanwhile. Of `info`
 * uid, id and warden_pid count. What the pidfd is on has been seen to listen on the sandbox's socket after it was
 * opened. -EAGAIN: which process it is can't be told: it hangs, its backlog is full, and its id has another
 * pid than it has here (a login from inside a sandbox), or root may not look at its descriptors
 * (kernel.yama.ptrace_scope = 3). -EXDEV: it is outside of the sandbox that the caller is in.
 */
int warden_pidfd_open(const struct message_info *info, int *ret_pidfd, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * spawn - start carrel-session from inside somebody else's root process, leaving no trace in it.
 *
 * The helper starts with an empty environment, only its socket (descriptor 3) and /dev/null open,
 * default signals and mask, limits reset, cwd /, its own session, and an alarm as the last resort
 * against a hang. It is a grandchild: the caller's wait(2), SIGCHLD handler and children never meet
 * it (Debian's cron counts the children it waits for). No memory is copied (CLONE_VM|CLONE_VFORK, as
 * posix_spawn(3) does it; posix_spawn itself can't reset limits nor hide the child from wait).
 */
#ifndef CARREL_SPAWN_H
#define CARREL_SPAWN_H

#include "core/failure.h"
#include "core/protocol.h"

#define SPAWN_SOCKET 3 /* the helper's end */

/*
 * Run `path` (with `mode` as its one argument, or none when NULL). alarm_seconds ends a helper that
 * never becomes a warden. *ret_socket is the caller's end (SOCK_SEQPACKET, close-on-exec),
 * *ret_pidfd the helper's pidfd; both are the caller's to close.
 */
int spawn_helper(const char *path, const char *mode, unsigned int alarm_seconds, int *ret_socket,
		 int *ret_pidfd, struct failure *reterr);

#endif

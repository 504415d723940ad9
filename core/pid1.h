/* SPDX-License-Identifier: MIT */
/*
 * pid1 - from the process that set a sandbox up to carrel-init, its PID 1.
 */
#ifndef CARREL_PID1_H
#define CARREL_PID1_H

#include "core/failure.h"

#define PID1_LINK 3 /* carrel-init's only descriptor */
#define PID1_LOW_FDS 16 /* those given to pid1_become() must lie above */

/*
 * A pipe, and a pair of sockets of this type (SOCK_STREAM, ...): close-on-exec, with both ends above
 * PID1_LOW_FDS. The ends are the caller's to close, also on failure where they are not -1.
 */
int pid1_pipe(int *ret_read, int *ret_write, struct failure *reterr);
int pid1_socket(int type, int *ret_inside, int *ret_outside, struct failure *reterr);

/*
 * Become carrel-init: ignore SIGCHLD, go to /, close everything but the link (whose other end keeps the
 * sandbox alive), give up every capability, write one NUL byte to ready_fd, and run init_fd (opened outside,
 * so that nothing inside decides what is run: CVE-2019-5736). Returns only on failure.
 */
int pid1_become(int init_fd, int link_fd, int ready_fd, struct failure *reterr);

#endif

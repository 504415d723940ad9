/* SPDX-License-Identifier: MIT */
/*
 * pid1 - from the process that set a sandbox up to carrel-init, its PID 1.
 */
#ifndef CARREL_PID1_H
#define CARREL_PID1_H

#include <sys/types.h>

#include "core/failure.h"

#define PID1_LINK 3 /* carrel-init's only descriptor */
#define PID1_LOW_FDS 16 /* those given to pid1_become() must lie above */

/* carrel-init, to be run by pid1_become(): O_PATH, close-on-exec, above PID1_LOW_FDS, the caller's to close. */
int pid1_open(int *ret_fd, struct failure *reterr);

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

/*
 * Who becomes carrel-init says one byte on ready_fd, then nothing more: exec closes it. Where `got` bytes that
 * are now in *said came instead, this tells why: the failure that its setup ended with or, where none came
 * whole, that `who` was killed. -errno in any case.
 */
int pid1_said_why(const struct failure *said, ssize_t got, const char *who, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * supervise - what stays outside of the pid namespace while the shell runs in it: it passes signals in and the
 * end out.
 */
#ifndef CARREL_SUPERVISE_H
#define CARREL_SUPERVISE_H

#include <signal.h>
#include <sys/types.h>

#include "core/run_tty.h"

/* Where the output goes, noted before the descriptors are given away. */
struct outputs {
	dev_t devices[2];
	ino_t inodes[2]; /* 0: not a pipe or socket */
};

struct supervisor {
	struct run_tty tty;
	struct outputs outputs;
	sigset_t mask_was;
	struct sigaction chld_was;
	pid_t parent; /* who started carrel-shell */
};

/* Before the fork: note all that, and block the signals that will be passed on. */
void supervise_prepare(struct supervisor *supervisor);
/* In the child: signals as carrel-shell got them. */
void supervise_restore(const struct supervisor *supervisor);

/*
 * Until the shell has ended, and nobody inside holds the pipe or socket that was its output (sshd waits for
 * that as well). Then this process ends the same way: with its exit status, or by its signal. The sandbox ends
 * with it, since the link to PID 1 does.
 */
__attribute__((noreturn)) void supervise(struct supervisor *supervisor, pid_t shell);

#endif

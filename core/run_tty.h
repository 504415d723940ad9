/* SPDX-License-Identifier: MIT */
/*
 * run_tty - the terminal between who confines a command (`carrel run`, carrel-shell) and the command.
 *
 * The command stays in the session and, to begin with, in the process group of its caller, so that the
 * caller's shell, Ctrl-C, Ctrl-Z, window size and pipelines work as they do for any command; no byte passes
 * through a relay. It then has the caller's terminal as its controlling terminal, and TIOCSTI
 * (ioctl_tty(2)) would let it type into the caller's shell (CVE-2017-5226 was that): a seccomp filter takes
 * TIOCSTI and TIOCLINUX from it, wherever the kernel still has them.
 */
#ifndef CARREL_RUN_TTY_H
#define CARREL_RUN_TTY_H

#include <stdbool.h>

#include "core/failure.h"

struct run_tty {
	int fd; /* the controlling terminal, close-on-exec; -1: there is none, or it can't be opened */
	bool none; /* there is none; what can't be told counts as one */
	bool foreground; /* the caller's group was the terminal's foreground group */
};

/* Before anything is confined: /dev is the host's. Having no terminal is no failure. */
void run_tty_open(struct run_tty *ret_tty);

/*
 * In the child, which has CAP_SYS_ADMIN in its user namespace, or no_new_privs: no typing into the terminal
 * from here on.
 */
int run_tty_protect(const struct run_tty *tty, struct failure *reterr);

/* After the command: an interactive shell leaves the terminal to a process group of its own. */
void run_tty_close(struct run_tty *tty);

#endif

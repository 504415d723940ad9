/* SPDX-License-Identifier: MIT */
/*
 * run_tty - the terminal between `carrel run` and the command it confines.
 *
 * The command stays in carrel's session and process group, so that the caller's shell, Ctrl-C,
 * Ctrl-Z and pipelines work as they do for any command. It then has root's terminal as its controlling
 * terminal, and TIOCSTI (ioctl_tty(2)) would let it type into root's shell (CVE-2017-5226 was that):
 * a seccomp filter takes TIOCSTI and TIOCLINUX from it, wherever the kernel still has them.
 */
#ifndef CARREL_RUN_TTY_H
#define CARREL_RUN_TTY_H

#include <stdbool.h>

#include "core/failure.h"

struct run_tty {
	int fd; /* the controlling terminal, close-on-exec; -1: there is none */
	bool foreground; /* carrel's group was the terminal's foreground group */
};

/* Before anything is confined: /dev is the host's. Having no terminal is no failure. */
void run_tty_open(struct run_tty *ret_tty);

/* In the child, while it still has CAP_SYS_ADMIN: no typing into the terminal from here on. */
int run_tty_protect(const struct run_tty *tty, struct failure *reterr);

/* After the command: an interactive shell leaves the terminal to a process group of its own. */
void run_tty_close(struct run_tty *tty);

#endif

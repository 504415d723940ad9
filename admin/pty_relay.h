/* SPDX-License-Identifier: MIT */
/*
 * pty_relay - a terminal of its own for a command, and everything said on it carried to and from ours.
 *
 * The command must not get the admin's terminal: whoever has that as its controlling terminal can type
 * into it (TIOCSTI, ioctl_tty(2)), and whoever has a descriptor of it can read what is typed. So any
 * of the three standard descriptors that is a terminal is replaced by the pty; what is a pipe or a file
 * is passed on untouched.
 */
#ifndef CARREL_PTY_RELAY_H
#define CARREL_PTY_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "core/failure.h"

struct pty_relay {
	int master, slave; /* close-on-exec; -1: there is no terminal among ours */
	bool input; /* our standard input is a terminal: it is relayed, raw meanwhile */
	int output; /* one of ours that is a terminal */
	bool raw; /* our terminal is in raw mode now */
	struct termios was;
};

/*
 * Look at the standard descriptors; where one is a terminal, make the pty, which is then the user's
 * (owner `uid`, as sshd(8) does it). Nothing is changed on our own terminal yet.
 */
int pty_relay_open(struct pty_relay *ret_relay, uid_t uid, struct failure *reterr);

/*
 * In the child: a session of its own, with the pty as its controlling terminal, or none. Puts the pty
 * in place of those standard descriptors that are terminals.
 */
int pty_relay_child(const struct pty_relay *relay, struct failure *reterr);

/*
 * In the parent: relay until the child has ended, and return its wait status. Our terminal is raw
 * meanwhile, and as it was afterwards, whatever way this returns. SIGINT, SIGTERM, SIGHUP and SIGQUIT
 * go to the child's process group; SIGHUP also ends this, as if it had ended the child. SIGTSTP stops us with the terminal as it was. These and SIGCHLD
 * must be blocked by the caller (pty_relay_signals()).
 */
int pty_relay_run(struct pty_relay *relay, pid_t child, int *ret_status, struct failure *reterr);

/* The signals that are waited for; to be blocked before the child is made. */
void pty_relay_signals(sigset_t *ret_set);

void pty_relay_close(struct pty_relay *relay);

#endif

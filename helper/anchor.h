/* SPDX-License-Identifier: MIT */
/*
 * anchor - what stays in the scope of a logind session whose processes live elsewhere.
 *
 * A lingering login (on_logout=linger) does not live in logind's session-N.scope: what it leaves running
 * would end with the session where logind.conf(5) has KillUserProcesses=yes. One process stays there for it,
 * which does nothing: to logind and systemd the session looks as it is, alive, and when they stop the scope
 * (loginctl terminate-session), that process ends, and the warden knows.
 *
 * It is carrel-init (8 kB), a child of the host's PID 1 like any daemon: the helper of a login that joins
 * does not stay.
 */
#ifndef CARREL_ANCHOR_H
#define CARREL_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/failure.h"

/*
 * Start one in the calling process' own cgroup. *ret_fd is the caller's: its end is the anchor's end, and the
 * other way round (POLLHUP).
 */
int anchor_start(int64_t deadline_ms, int *ret_fd, struct failure *reterr);

/*
 * Is this PAM_TTY one of the machine's own screens (tty2, :0)? A desktop finds its seat by the session that
 * its processes are in (sd_pid_get_session(3)), so such a login stays in the scope. Pure.
 */
bool anchor_is_seat(const char *tty);

#endif

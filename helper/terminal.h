/* SPDX-License-Identifier: MIT */
/*
 * terminal - the processes of one session, and the terminals they run on.
 *
 * A session's processes are its leader's descendants (sshd's monitor, then its child, then the shell);
 * what has been orphaned belongs to the sandbox, no longer to a session. A terminal is the session's
 * when it is the controlling terminal of such a process, and belongs to the user or is the one that
 * PAM named. Nothing is ever written to anything else: no pipe, no socket, no file.
 */
#ifndef CARREL_TERMINAL_H
#define CARREL_TERMINAL_H

#include "core/protocol.h"
#include "helper/sessions.h"

/*
 * Write the line to the terminals of those sessions (that want it; NULL: all do); never waits. How many
 * terminals took it. The processes are listed once, however many sessions there are.
 */
size_t terminal_tell(const struct message_info *info, const struct member *members, size_t count,
		     bool (*wants)(const struct member *member), const char *line);

/*
 * Of the session's processes other than the leader: SIGHUP to the user's programs, SIGKILL to those, SIGKILL to
 * all. A program's own that carries the session (sshd's child, which has the leader's name) is no program of the
 * user's here: the line would be cut, and with it the time that the others have, and the logout in order. All
 * need CAP_KILL.
 */
void terminal_hang_up(const struct message_info *info, const struct member *member);
void terminal_end(const struct message_info *info, const struct member *member);
void terminal_kill(const struct message_info *info, const struct member *member);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * inside - did pam_carrel put this process into a sandbox?
 */
#ifndef CARREL_INSIDE_H
#define CARREL_INSIDE_H

#include <stdbool.h>

/*
 * True when a process with root's own rights, as carrel-session, has made the pid namespace that this
 * process is in, and its /proc (core/mount_mark.h). All of it is asked of the kernel in ways that a
 * user who makes namespaces can't change:
 *
 * - /proc is procfs (its magic, its root's inode), shows this process by its own pid, so it is that of this
 *   pid namespace, and nothing is mounted over what is read there (RESOLVE_NO_XDEV);
 * - the user namespace is the initial one, which nobody can go back to: so the mount and the pid
 *   namespace are root's work, for in it nobody else has CAP_SYS_ADMIN;
 * - the pid namespace is not the initial one, and its PID 1 is not the user's;
 * - the mount of /proc has the mark for its source.
 *
 * False for everything else, also when it can't be told: then carrel-shell makes a sandbox itself. A host
 * that is itself a container with a user namespace is such a case.
 */
bool inside_is_carrel(void);

/* Is this the initial user namespace? Else uid 0 may be anybody who calls themselves so. */
bool inside_initial_user_ns(void);

#endif

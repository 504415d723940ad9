/* SPDX-License-Identifier: MIT */
/*
 * carrel-init - PID 1 of a sandbox: it waits for its link to the warden to end, and ends.
 *
 * When PID 1 ends the kernel kills everything in the pid namespace (pid_namespaces(7)); when the
 * warden ends, whatever way, the link (descriptor 3) does. SIGCHLD is ignored (set by the helper, kept
 * over exec), so the kernel reaps what is orphaned here without waking anybody (wait(2)).
 *
 * A byte from the warden asks it to say when it is alone (on_logout=linger). It waits for its last
 * child, and answers whether anything else is left in its namespace: kill(2) of -1 with signal 0 finds
 * also what it may not signal, and what has its parent outside. While it waits it does not look at the
 * link: a warden that is killed then takes it along by PR_SET_PDEATHSIG.
 *
 * No C library: a few pages instead of a few hundred kilobytes for each sandbox. It has root's uid
 * and no capability, so the user can neither trace nor signal it, and it is not dumpable.
 */
#include <linux/prctl.h>
#include <sys/syscall.h>

#include "core/bare.h"
#include "helper/sandbox_init.h"

#define LINK_FD 3

#define EINTR_RESULT (-4L)
#define SIGNAL_KILL 9
#define WAIT_ALL 0x40000000L /* __WALL */

__attribute__((noreturn, used)) void _start(void);

/* With SIGCHLD ignored wait4(2) returns when there is no child left, and then fails. */
static void answer_when_alone(void)
{
	char byte;

	while (bare_call(SYS_wait4, -1, 0, WAIT_ALL) == EINTR_RESULT)
		;
	byte = bare_call(SYS_kill, -1, 0, 0) < 0 ? INIT_ALONE : INIT_NOT_ALONE;
	(void)bare_call(SYS_write, LINK_FD, (long)&byte, 1);
}

void _start(void)
{
	static const char name[] = "carrel-init";
	char byte;
	long got;

	(void)bare_call(SYS_prctl, PR_SET_DUMPABLE, 0, 0);
	(void)bare_call(SYS_prctl, PR_SET_NAME, (long)name, 0);
	(void)bare_call(SYS_prctl, PR_SET_PDEATHSIG, SIGNAL_KILL, 0);
	do {
		got = bare_call(SYS_read, LINK_FD, (long)&byte, 1);
		if (got > 0)
			answer_when_alone();
	} while (got == EINTR_RESULT || got > 0);
	for (;;)
		(void)bare_call(SYS_exit_group, 0, 0, 0);
}

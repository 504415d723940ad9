/* SPDX-License-Identifier: MIT */
/*
 * carrel-init - PID 1 of a sandbox: it waits for its link to the warden to end, and ends.
 *
 * When PID 1 ends the kernel kills everything in the pid namespace (pid_namespaces(7)); when the
 * warden ends, whatever way, the link (descriptor 3) does. SIGCHLD is ignored (set by the helper, kept
 * over exec), so the kernel reaps what is orphaned here without waking anybody (wait(2)).
 *
 * No C library: a few pages instead of a few hundred kilobytes for each sandbox. It has root's uid
 * and no capability, so the user can neither trace nor signal it, and it is not dumpable.
 */
#include <linux/prctl.h>
#include <sys/syscall.h>

#include "core/bare.h"

#define LINK_FD 3

#define EINTR_RESULT (-4L)

__attribute__((noreturn, used)) void _start(void);

void _start(void)
{
	static const char name[] = "carrel-init";
	char byte;
	long got;

	(void)bare_call(SYS_prctl, PR_SET_DUMPABLE, 0, 0);
	(void)bare_call(SYS_prctl, PR_SET_NAME, (long)name, 0);
	do
		got = bare_call(SYS_read, LINK_FD, (long)&byte, 1);
	while (got == EINTR_RESULT || got > 0);
	for (;;)
		(void)bare_call(SYS_exit_group, 0, 0, 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * hold_stopped PID… - hold these processes where they are: no signal but SIGKILL moves them, SIGCONT neither.
 * Prints "held". They go on when this ends.
 */
#include <err.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "argument.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		pid_t pid = argument_pid(argv[i]);

		if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
		    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
		    waitpid(pid, NULL, __WALL) != pid)
			err(2, "hold %s", argv[i]);
	}
	(void)puts("held");
	(void)fflush(stdout);
	/* What ends meanwhile must be reaped by its tracer before its parent sees it. */
	for (;;)
		if (waitpid(-1, NULL, __WALL) < 0)
			(void)pause();
}

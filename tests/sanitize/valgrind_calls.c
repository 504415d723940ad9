/* SPDX-License-Identifier: MIT */
/*
 * Two system calls that no valgrind knows (3.27), put in words that it does: linked with --wrap=syscall
 * into the programs that memcheck.sh runs, and into nothing else.
 *
 *   clone3              clone, which valgrind carries out whatever the CLONE_NEW* flags are. Without
 *                       CLONE_INTO_CGROUP: with it, the call fails as valgrind's own does.
 *   pidfd_send_signal   kill, of the pid that fdinfo has for the descriptor. The senders' targets are their
 *                       own unreaped children, or peers that answered a moment ago.
 *
 * And the proof that errors would be seen: while there is a file SANITIZE_DIR/canary, the helper does
 * what its first letter says: v looks at memory that was never written, l leaks, p does as v, but in what
 * clone3 has made, which is PID 1 before its exec. So does carrel-shell, p being in what it forks.
 */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENTS 6

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static int canary; /* its letter, or 0 */

/* Volatile: none of it may be seen through, or stay behind where the leak check finds it. */
static char *volatile block;
static volatile int seen;

static void look_at_unwritten(void)
{
	block = malloc(16);
	if (block && block[3] == 'x')
		seen = 1;
	free(block);
	block = NULL;
}

__attribute__((constructor)) static void begin(void)
{
	FILE *file;

	bool shell = strcmp(program_invocation_short_name, "carrel-shell-main") == 0;

	if (!shell && strcmp(program_invocation_short_name, "carrel-session") != 0)
		return;
	file = fopen(SANITIZE_DIR "/canary", "re");
	if (!file)
		return;
	canary = fgetc(file);
	(void)fclose(file);
	if (canary == 'v')
		look_at_unwritten();
	if (canary == 'l')
		block = malloc(16);
	block = NULL;
	if (shell && canary == 'p' && pthread_atfork(NULL, NULL, look_at_unwritten) != 0)
		abort();
}

static long clone_as(const struct clone_args *args)
{
	if (!args || args->stack || args->tls || args->set_tid ||
	    (args->flags & (CLONE_INTO_CGROUP | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))) {
		errno = ENOSYS;
		return -1;
	}
	/* clone(2): the pidfd is stored where the parent's tid would be. */
	long pid = __real_syscall(SYS_clone, (long)(args->flags | args->exit_signal), 0L,
				  (long)args->pidfd, 0L, 0L);

	if (pid == 0 && canary == 'p')
		look_at_unwritten();
	return pid;
}

static pid_t pid_of(int pidfd)
{
	char path[64], line[128];
	int pid = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	FILE *info = fopen(path, "re");

	while (info && pid == 0 && fgets(line, sizeof(line), info)) {
		if (sscanf(line, "Pid: %d", &pid) != 1)
			pid = 0;
	}
	if (info)
		(void)fclose(info);
	return pid;
}

static long signal_as(int pidfd, int sig)
{
	pid_t pid = pid_of(pidfd);

	if (pid <= 0) {
		errno = pid == 0 ? EBADF : ESRCH;
		return -1;
	}
	return kill(pid, sig);
}

long __wrap_syscall(long number, ...)
{
	long argument[ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < ARGUMENTS; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_clone3) /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		return clone_as((const struct clone_args *)argument[0]);
	if (number == SYS_pidfd_send_signal)
		return signal_as((int)argument[0], (int)argument[1]);
	return __real_syscall(number, argument[0], argument[1], argument[2], argument[3],
			      argument[4], argument[5]);
}

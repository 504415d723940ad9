/* SPDX-License-Identifier: MIT */
#include "admin/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/sys.h"

#define DEADLINE_MS 5000
#define END_MS 1000 /* after its output */

static _Noreturn void exec_program(char *const argv[], int output)
{
	char *const envp[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
	    dup2(output, STDOUT_FILENO) < 0)
		_exit(1);
	(void)execve(argv[0], argv, envp);
	_exit(1);
}

/* Everything until the pipe's end; what does not fit is read and dropped. How much is there, or -1. */
static ssize_t drain(int fd, char *text, size_t size)
{
	int64_t deadline = sys_now_ms() + DEADLINE_MS;
	char rest[4096];
	size_t used = 0;
	ssize_t n;

	do {
		bool full = used == size - 1;

		if (sys_wait_readable(fd, deadline) <= 0)
			return -1;
		n = full ? read(fd, rest, sizeof(rest)) : read(fd, text + used, size - 1 - used);
		if (n < 0)
			return -1;
		used += full ? 0 : (size_t)n;
	} while (n > 0);
	text[used] = '\0';
	return (ssize_t)used;
}

bool ask_program(char *const argv[], char *text, size_t size)
{
	_close_ int in = -1, out = -1, pidfd = -1;
	int ends[2], status = -1;
	ssize_t length;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0)
		exec_program(argv, out);
	close_fd(&out);
	pidfd = sys_pidfd_open(pid);
	length = drain(in, text, size);
	if (length < 0 || pidfd < 0 || sys_wait_readable(pidfd, sys_now_ms() + END_MS) <= 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return length > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* SPDX-License-Identifier: MIT */
#include "core/cgroup_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/sys.h"

#define AGENT CARREL_LIBEXEC "/carrel-systemd"

void cgroup_agent_seconds(int64_t deadline_ms, char *ret_text, size_t size)
{
	int64_t left_ms = deadline_ms - sys_now_ms();

	(void)snprintf(ret_text, size, "%lld",
		       (long long)(left_ms < 1000 ? 1 : (left_ms + 999) / 1000));
}

/* Its words until it ends: one line of text when it failed. */
static int hear_agent(int pipe_fd, int64_t deadline_ms, char *text, size_t size)
{
	size_t used = 0;

	for (;;) {
		int ready = sys_wait_readable(pipe_fd, deadline_ms);

		if (ready <= 0)
			return ready == 0 ? -ETIME : -errno;
		ssize_t got = read(pipe_fd, text + used, size - 1 - used);

		if (got < 0)
			return -errno;
		used += (size_t)got;
		if (got == 0 || used == size - 1)
			break;
	}
	text[used] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

static int spawn_agent(char *const arguments[], int out_fd, pid_t *ret_pid)
{
	char *const environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err != 0)
		return -err;
	err = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
	/* Without any other, so also without the caller's socket, which came without close-on-exec. */
	if (err == 0 && sys_close_on_exec_from(STDERR_FILENO + 1) < 0)
		err = errno;
	if (err == 0)
		err = posix_spawn(ret_pid, AGENT, &actions, NULL, arguments, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -err;
}

int cgroup_agent_run(char *const arguments[], int64_t deadline_ms, struct failure *reterr)
{
	char text[FAILURE_TEXT_MAX - 64] = "";
	int fds[2], status = -1, err = 0;
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return failure_set(reterr, errno, "make a pipe to %s", AGENT);
	_close_ int read_fd = fds[0];
	int r = spawn_agent(arguments, fds[1], &pid);

	(void)close(fds[1]);
	if (r < 0)
		return failure_set(reterr, -r, "run %s", AGENT);
	r = hear_agent(read_fd, deadline_ms, text, sizeof(text));
	if (r < 0)
		(void)kill(pid, SIGKILL); /* our child, not reaped yet */
	do
		err = waitpid(pid, &status, 0) < 0 ? errno : 0;
	while (err == EINTR);
	if (r < 0)
		return failure_set(reterr, -r, "wait for systemd");
	/* Where SIGCHLD is ignored nobody knows how it ended. */
	if (err != 0)
		return failure_set(reterr, err, "wait for %s", AGENT);
	if (status != 0)
		return failure_say(reterr, EIO, "ask systemd: %s",
				   text[0] ? text : "carrel-systemd failed without a word");
	return 0;
}

int cgroup_agent_freeze(const char *unit, bool freeze, int64_t deadline_ms, struct failure *reterr)
{
	char seconds[24];
	char *arguments[] = {(char *)"carrel-systemd", seconds, (char *)unit,
			     (char *)(freeze ? "freeze" : "thaw"), NULL};

	cgroup_agent_seconds(deadline_ms, seconds, sizeof(seconds));
	return cgroup_agent_run(arguments, deadline_ms, reterr);
}

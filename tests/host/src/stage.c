/* SPDX-License-Identifier: MIT */
/*
 * stage COMMAND [ARG...] - run COMMAND in a private mount namespace, and let nothing outlive it.
 *
 * The stage is the subreaper of all that the tests start, however often it forks and detaches
 * (prctl(2), PR_SET_CHILD_SUBREAPER): orphans are reaped at once, and what is still there when
 * COMMAND has ended is killed. Nothing is found by name, so nobody else's process is ever hit.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proc_pid.h"

static volatile pid_t command;

/* The command has a moment to end by itself: a shell looks at signals between its commands only. */
static void forward(int sig)
{
	if (command > 0)
		(void)kill(command, sig == SIGALRM ? SIGKILL : SIGTERM);
	if (sig != SIGALRM)
		(void)alarm(2);
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[512], *end;
	FILE *file;
	pid_t parent = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	/* The name in parentheses may hold anything, also parentheses: look for the last one. */
	if (fgets(line, sizeof(line), file)) {
		end = NULL;
		for (char *at = line; *at; at++)
			if (*at == ')')
				end = at;
		if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
			parent = -1;
	}
	(void)fclose(file);
	return parent;
}

/* One pass: kill every child; their children become ours, for the next pass. */
static void kill_children(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		pid_t pid = proc_pid(entry->d_name);

		if (pid > 0 && parent_of(pid) == getpid())
			(void)kill(pid, SIGKILL);
	}
	(void)closedir(proc);
}

static bool reap_all(void)
{
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return errno == ECHILD;
		if (pid == 0)
			return false;
	}
}

static int wait_for_command(void)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		if (pid < 0 && errno != EINTR)
			err(2, "waitpid");
		if (pid != command)
			continue;
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = forward};
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	int status;

	if (argc < 2)
		errx(2, "usage: stage COMMAND [ARG...]");
	/* Descriptors of whoever started the tests would show up in every listing of them. */
	if (close_range(3, ~0U, 0))
		err(2, "close_range");
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(2, "private mount namespace");
	/* A shell starts what it puts into the background with these ignored. */
	if (signal(SIGQUIT, SIG_DFL) == SIG_ERR || prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0))
		err(2, "signals");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		err(2, "prctl PR_SET_CHILD_SUBREAPER");
	if (sigaction(SIGTERM, &action, NULL) || sigaction(SIGHUP, &action, NULL) ||
	    sigaction(SIGINT, &action, NULL) || sigaction(SIGALRM, &action, NULL))
		err(2, "sigaction");
	command = fork();
	if (command < 0)
		err(2, "fork");
	if (command == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0))
			err(2, "prctl PR_SET_PDEATHSIG");
		execvp(argv[1], argv + 1);
		err(2, "exec %s", argv[1]);
	}
	status = wait_for_command();
	for (int pass = 0; pass < 200 && !reap_all(); pass++) {
		kill_children();
		(void)nanosleep(&pause, NULL);
	}
	return status;
}

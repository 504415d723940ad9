/* SPDX-License-Identifier: MIT */
/*
 * spawn_time - the time of a whole process: posix_spawn to the end of wait.
 *
 * Usage: spawn_time [-s TARGET LINK] COMMAND [ARGUMENT…]. For each line on stdin COMMAND is run once, with
 * /dev/null as its stdin and stdout, and a line is printed: microseconds, or "fail" if it did not exit with 0.
 * -s: before, in no time that counts, LINK becomes a symbolic link to TARGET.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/pace.h"

extern char **environ;

static double run_once(const posix_spawn_file_actions_t *actions, char **command)
{
	double start = pace_now_us();
	int status, r;
	pid_t pid;

	r = posix_spawnp(&pid, command[0], actions, NULL, command, environ);
	if (r) {
		fprintf(stderr, "spawn_time: run %s: %s\n", command[0], strerror(r));
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			perror("spawn_time: wait");
			return -1;
		}
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "spawn_time: %s ended with wait status %d\n", command[0], status);
		return -1;
	}
	return pace_now_us() - start;
}

static int link_to(const char *target, const char *name)
{
	char temporary[4096];

	(void)snprintf(temporary, sizeof(temporary), "%s.new", name);
	(void)unlink(temporary);
	if (symlink(target, temporary) < 0 || rename(temporary, name) < 0) {
		perror("spawn_time: link");
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *target = NULL, *name = NULL;
	posix_spawn_file_actions_t actions;
	char line[64];

	if (argc > 4 && strcmp(argv[1], "-s") == 0) {
		target = argv[2];
		name = argv[3];
		argc -= 3;
		argv += 3;
	}
	if (argc < 2) {
		fputs("usage: spawn_time [-s TARGET LINK] COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	if (posix_spawn_file_actions_init(&actions) ||
	    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) ||
	    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)) {
		fputs("spawn_time: out of memory\n", stderr);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		double took = -1;

		if (!target || link_to(target, name) == 0)
			took = run_once(&actions, argv + 1);

		if (took < 0)
			puts("fail");
		else
			printf("%.1f\n", took);
		fflush(stdout);
	}
	return 0;
}

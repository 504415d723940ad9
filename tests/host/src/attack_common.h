/* SPDX-License-Identifier: MIT */
/*
 * What the attack programs share: how they say how it went. An attack that succeeds exits 0, one
 * that is blocked 1, one that is used wrongly or broken 2: so that "blocked" never is "did not run".
 */
#ifndef CARREL_ATTACK_COMMON_H
#define CARREL_ATTACK_COMMON_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum outcome { SUCCEEDED = 0, BLOCKED = 1, BROKEN = 2 };

static inline enum outcome succeeded(const char *what)
{
	printf("succeeded: %s\n", what);
	return SUCCEEDED;
}

/* With errno as it is. */
static inline enum outcome blocked(const char *what)
{
	printf("blocked: %s: %s\n", what, strerror(errno));
	return BLOCKED;
}

static inline long number(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 0);
	if (errno != 0 || *end || end == text)
		errx(BROKEN, "%s is no number", text);
	return value;
}

static inline long long attack_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	int error = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = error;
	return good;
}

/* Into a user namespace of our own, as its root, with more namespaces of `flags`. */
static inline int become_namespace_root(int flags)
{
	char map[64];
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (unshare(CLONE_NEWUSER | flags) < 0)
		return -1;
	(void)write_text("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!write_text("/proc/self/uid_map", map))
		return -1;
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_text("/proc/self/gid_map", map) ? 0 : -1;
}

/* Run one attempt in a child of its own; its exit status is the outcome. */
static inline enum outcome attempt(enum outcome (*run)(void))
{
	int status;
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	if (child < 0)
		err(BROKEN, "fork");
	if (child == 0)
		exit((int)run());
	if (waitpid(child, &status, 0) < 0)
		err(BROKEN, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) > BROKEN)
		return BROKEN;
	return (enum outcome)WEXITSTATUS(status);
}

#endif

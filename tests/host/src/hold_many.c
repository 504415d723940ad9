/* SPDX-License-Identifier: MIT */
/*
 * hold_many COUNT SERVICE USER... - so many sessions at once, each by a caller of its own, the users in
 * turn. They open one after another; then one line says how many did, how many different mount and pid
 * namespaces they are in, and how long an open took (p50, p99, longest). At the end of stdin all close, and
 * another line says how that went. A caller that is killed meanwhile counts as such.
 */
#include <err.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "argument.h"

struct held {
	ino_t mount_ns, pid_ns;
	double open_ms;
	bool opened, closed;
};

static struct held *held;

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **replies,
		    void *data)
{
	(void)data;
	for (int i = 0; i < count; i++)
		fprintf(stderr, "%s\n", messages[i]->msg);
	*replies = calloc((size_t)count, sizeof(**replies));
	return *replies ? PAM_SUCCESS : PAM_BUF_ERR;
}

/* One caller: opens, says so, waits for the end of the pipe, closes. */
__attribute__((noreturn)) static void hold(struct held *mine, const char *service, const char *user,
					   int ready_fd, int end_fd)
{
	static const struct pam_conv conversation = {.conv = converse};
	pam_handle_t *handle = NULL;
	double start_ms;
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (pam_start(service, user, &conversation, &handle) != PAM_SUCCESS)
		_exit(3);
	start_ms = now_ms();
	mine->opened = pam_open_session(handle, 0) == PAM_SUCCESS;
	mine->open_ms = now_ms() - start_ms;
	if (write(ready_fd, "", 1) != 1)
		_exit(3);
	(void)close(ready_fd);
	while (read(end_fd, &byte, 1) > 0)
		;
	if (mine->opened)
		mine->closed = pam_close_session(handle, 0) == PAM_SUCCESS;
	(void)pam_end(handle, PAM_SUCCESS);
	_exit(0);
}

static ino_t namespace_of(pid_t pid, const char *kind)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void start(struct held *one, const char *service, const char *user, const int end[2])
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		err(2, "pipe");
	pid_t pid = fork();

	if (pid < 0)
		err(2, "fork");
	if (pid == 0) {
		(void)close(ready[0]);
		(void)close(end[1]);
		hold(one, service, user, ready[1], end[0]);
	}
	(void)close(ready[1]);
	/* The end of the pipe: it was killed. */
	(void)!read(ready[0], &byte, 1);
	(void)close(ready[0]);
	one->mount_ns = namespace_of(pid, "mnt");
	one->pid_ns = namespace_of(pid, "pid_for_children");
}

static int compare_inodes(const void *a, const void *b)
{
	ino_t x = *(const ino_t *)a, y = *(const ino_t *)b;

	return (x > y) - (x < y);
}

static int compare_times(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static long count_different(ino_t *inodes, long count)
{
	long different = 0;

	qsort(inodes, (size_t)count, sizeof(*inodes), compare_inodes);
	for (long i = 0; i < count; i++)
		different += inodes[i] != 0 && (i == 0 || inodes[i] != inodes[i - 1]);
	return different;
}

static void say_opened(long count)
{
	ino_t *mount_ns = calloc((size_t)count, sizeof(*mount_ns));
	ino_t *pid_ns = calloc((size_t)count, sizeof(*pid_ns));
	double *ms = calloc((size_t)count, sizeof(*ms));
	long opened = 0;

	if (!mount_ns || !pid_ns || !ms)
		err(2, "memory");
	for (long i = 0; i < count; i++) {
		opened += held[i].opened;
		mount_ns[i] = held[i].opened ? held[i].mount_ns : 0;
		pid_ns[i] = held[i].opened ? held[i].pid_ns : 0;
		ms[i] = held[i].open_ms;
	}
	qsort(ms, (size_t)count, sizeof(*ms), compare_times);
	printf("opened %ld of %ld in %ld mount and %ld pid namespaces; %.1f %.1f %.1f ms\n", opened,
	       count, count_different(mount_ns, count), count_different(pid_ns, count),
	       ms[count / 2], ms[count * 99 / 100], ms[count - 1]);
	(void)fflush(stdout);
	free(mount_ns);
	free(pid_ns);
	free(ms);
}

int main(int argc, char **argv)
{
	long count = argc > 3 ? argument_count(argv[1], 1) : 0, closed = 0, killed = 0;
	int end[2], status;
	char byte;

	if (count < 1)
		errx(2, "usage: hold_many COUNT SERVICE USER...");
	held = mmap(NULL, sizeof(*held) * (size_t)count, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (held == MAP_FAILED || pipe(end) < 0)
		err(2, "prepare");
	for (long i = 0; i < count; i++)
		start(&held[i], argv[2], argv[3 + i % (argc - 3)], end);
	say_opened(count);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	(void)close(end[1]);
	while (wait(&status) > 0)
		killed += WIFSIGNALED(status);
	for (long i = 0; i < count; i++)
		closed += held[i].closed;
	printf("closed %ld, %ld callers killed\n", closed, killed);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "tests/bench/pace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Between open and close, so that what an open leaves running in the background has settled. */
#define SESSION_US 5000
#define PROCESSES_MAX 10000

struct timing {
	double open_us, close_us, gone_us, settled_us;
};

double pace_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

void pace_sleep_us(long us)
{
	struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

long pace_number(const char *text, const char *what, long min, long max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max) {
		fprintf(stderr, "%s: '%s' is no number from %ld to %ld\n", what, text, min, max);
		exit(2);
	}
	return value;
}

static int call(int (*step)(void))
{
	return step ? step() : 0;
}

static int cycle(const struct pace_subject *subject, long session_us, struct timing *ret_timing)
{
	double start, opened, closing, closed;
	int r = -1;

	if (call(subject->prepare) < 0)
		goto out;
	start = pace_now_us();
	if (subject->open() < 0)
		goto out;
	opened = pace_now_us();
	/* A session whose watching failed is closed all the same. */
	r = session_us ? call(subject->opened) : 0;
	pace_sleep_us(session_us);
	closing = pace_now_us();
	if (subject->close() < 0)
		r = -1;
	closed = pace_now_us();
	if (call(subject->gone) < 0)
		r = -1;
	ret_timing->open_us = opened - start;
	ret_timing->close_us = closed - closing;
	ret_timing->gone_us = pace_now_us() - closed;
	if (call(subject->settled) < 0)
		r = -1;
	ret_timing->settled_us = pace_now_us() - closed;
out:
	if (subject->finish)
		subject->finish();
	return r;
}

static int print_cycle(const struct pace_subject *subject)
{
	struct timing timing;
	int r = cycle(subject, SESSION_US, &timing);

	if (r < 0)
		puts("fail");
	else
		printf("%.1f %.1f %.1f %.1f\n", timing.open_us, timing.close_us, timing.gone_us,
		       timing.settled_us);
	fflush(stdout);
	return r;
}

static bool wait_for_line(void)
{
	char line[64];

	return fgets(line, sizeof(line), stdin) != NULL;
}

static int run_lines(const struct pace_subject *subject)
{
	int failed = 0;

	while (wait_for_line())
		failed |= print_cycle(subject) < 0;
	return failed;
}

static int run_cycles(const struct pace_subject *subject, long count, long spacing_ms)
{
	int failed = 0;

	for (long i = 0; i < count; i++) {
		failed |= print_cycle(subject) < 0;
		pace_sleep_us(spacing_ms * 1000);
	}
	return failed;
}

/* A child of hold: a byte comes in, it opens and answers with the time; end of file: it closes. */
static int held_child(const struct pace_subject *subject, int fd)
{
	double start, took = -1;
	char byte;
	int r = 1;

	if (call(subject->prepare) < 0 || read(fd, &byte, 1) != 1)
		goto out;
	start = pace_now_us();
	if (subject->open() == 0) {
		took = pace_now_us() - start;
		r = 0;
	}
	if (write(fd, &took, sizeof(took)) != sizeof(took))
		r = 1;
	while (read(fd, &byte, 1) > 0)
		;
	if (took >= 0 && (subject->close() < 0 || call(subject->gone) < 0))
		r = 1;
out:
	if (subject->finish)
		subject->finish();
	return r;
}

static void start_held(const struct pace_subject *subject, long count, int *ret_fds)
{
	for (long i = 0; i < count; i++) {
		int pair[2];
		pid_t pid;

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
		    (pid = fork()) < 0) {
			perror("hold: start a process");
			exit(1);
		}
		if (pid == 0) {
			/* The others' ends too: a child must see the end of file of its own. */
			for (long k = 0; k < i; k++)
				close(ret_fds[k]);
			close(pair[0]);
			exit(held_child(subject, pair[1]));
		}
		close(pair[1]);
		ret_fds[i] = pair[0];
	}
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int reap_all(void)
{
	int failed = 0, status;

	while (wait(&status) > 0)
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	return failed;
}

static int run_hold(const struct pace_subject *subject, long count)
{
	struct rlimit files = {.rlim_cur = (rlim_t)count + 64, .rlim_max = (rlim_t)count + 4096};
	int *fds = calloc((size_t)count, sizeof(*fds));
	double *took = calloc((size_t)count, sizeof(*took));
	long failed = 0;

	if (!fds || !took || (count > 900 && setrlimit(RLIMIT_NOFILE, &files) < 0)) {
		perror("hold: make room");
		exit(1);
	}
	start_held(subject, count, fds);
	puts("ready");
	fflush(stdout);
	if (wait_for_line()) {
		for (long i = 0; i < count; i++) {
			if (write(fds[i], "o", 1) != 1 ||
			    read(fds[i], &took[i], sizeof(took[i])) != sizeof(took[i]))
				took[i] = -1;
			failed += took[i] < 0;
		}
		qsort(took, (size_t)count, sizeof(*took), compare_doubles);
		printf("open %ld %.1f\n", failed, took[count / 2]);
		fflush(stdout);
		wait_for_line();
	}
	for (long i = 0; i < count; i++)
		close(fds[i]);
	failed += reap_all();
	if (call(subject->drained) < 0)
		failed++;
	printf("closed %ld\n", failed);
	fflush(stdout);
	free(took);
	free(fds);
	return failed != 0;
}

struct tally {
	double start_us; /* 0: wait */
	unsigned long cycles, failed;
};

static void parallel_child(const struct pace_subject *subject, volatile struct tally *tally,
			   int barrier, double seconds)
{
	struct timing timing;
	char byte;

	if (read(barrier, &byte, 1) != 0)
		exit(1);
	while (pace_now_us() < tally->start_us + seconds * 1e6) {
		if (cycle(subject, 0, &timing) < 0)
			__atomic_add_fetch(&tally->failed, 1, __ATOMIC_RELAXED);
		else
			__atomic_add_fetch(&tally->cycles, 1, __ATOMIC_RELAXED);
	}
	exit(0);
}

static int run_parallel(const struct pace_subject *subject, long count, long seconds)
{
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int barrier[2], broken;

	if (tally == MAP_FAILED || pipe(barrier) < 0) {
		perror("parallel: set up");
		return 1;
	}
	for (long i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("parallel: fork");
			exit(1);
		}
		if (pid == 0) {
			close(barrier[1]);
			parallel_child(subject, tally, barrier[0], (double)seconds);
		}
	}
	close(barrier[0]);
	tally->start_us = pace_now_us();
	close(barrier[1]);
	broken = reap_all();
	/* What still has to be torn down is part of the cycles. */
	if (call(subject->drained) < 0)
		broken++;
	printf("%.1f %lu\n", (double)tally->cycles * 1e6 / (pace_now_us() - tally->start_us),
	       tally->failed + (unsigned long)broken);
	fflush(stdout);
	return tally->failed || broken;
}

int pace_run(const struct pace_subject *subject, int argc, char **argv)
{
	const char *mode = argc > 0 ? argv[0] : "line";

	if (strcmp(mode, "line") == 0 && argc <= 1)
		return run_lines(subject);
	if (strcmp(mode, "cycles") == 0 && argc == 3)
		return run_cycles(subject, pace_number(argv[1], "cycles", 1, 1000000),
				  pace_number(argv[2], "spacing", 0, 60000));
	if (strcmp(mode, "hold") == 0 && argc == 2)
		return run_hold(subject, pace_number(argv[1], "hold", 1, PROCESSES_MAX));
	if (strcmp(mode, "parallel") == 0 && argc == 3)
		return run_parallel(subject, pace_number(argv[1], "parallel", 1, PROCESSES_MAX),
				    pace_number(argv[2], "seconds", 1, 3600));
	fprintf(stderr, "usage: %s [line | cycles N MS | hold N | parallel N SECONDS]\n",
		subject->usage);
	return 2;
}

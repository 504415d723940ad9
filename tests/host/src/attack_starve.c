/* SPDX-License-Identifier: MIT */
/*
 * attack_starve VERB ARG... - take as much of something as the kernel gives, up to a bound, so that
 * it can run on a machine that does not stop it. Exits 0 when the bound was reached, 1 when not.
 *
 *   bomb N SECONDS          a fork bomb: everybody forks, until N processes were born or the time is
 *                           up; it goes on trying that long. Prints "born: COUNT".
 *   nested DEPTH N SECONDS  the same, DEPTH user and pid namespaces deep
 *   zombies N               children that have ended and are never waited for
 *   memory MB               touch that much
 *   fds N                   hold N open files, in as many processes as it takes
 *   spin SECONDS PROCESSES  spin; prints "cpu_ms: USED wall_ms: TIME"
 *   fill KB FILE...         write to the files in turn until they are full; prints "kb: WRITTEN"
 *   symlinks N DIR...       make symlinks in the directories in turn; prints "links: COUNT"
 */
#include "attack_common.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

static atomic_long *shared_counters(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		err(BROKEN, "mmap");
	return page;
}

static void rest(long ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&time, NULL);
}

static enum outcome reached(const char *what, long got, long wanted)
{
	printf("%s: %ld\n", what, got);
	return got >= wanted ? SUCCEEDED : BLOCKED;
}

/*
 * Every process forks as long as the bound allows it; all end by themselves when the time is up.
 * counts[0] is what was asked for so far, counts[1] who was really born.
 */
static void explode(atomic_long *counts, long wanted, long long deadline)
{
	while (attack_now_ms() < deadline) {
		pid_t child;

		if (atomic_fetch_add(&counts[0], 1) >= wanted) {
			(void)atomic_fetch_sub(&counts[0], 1);
			rest(20);
			continue;
		}
		child = fork();
		if (child < 0)
			(void)atomic_fetch_sub(&counts[0], 1);
		if (child == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			(void)atomic_fetch_add(&counts[1], 1);
		}
	}
	/* Nobody makes room by ending while others still fork. */
	rest(500);
}

static enum outcome bomb(long wanted, long seconds)
{
	atomic_long *counts = shared_counters();
	long long deadline = attack_now_ms() + seconds * 1000;
	pid_t self = getpid();

	explode(counts, wanted, deadline);
	if (getpid() != self)
		_exit(0);
	return reached("born", atomic_load(&counts[1]), wanted);
}

static enum outcome nested(long depth, long wanted, long seconds)
{
	int status;
	pid_t child;

	if (depth == 0)
		return bomb(wanted, seconds);
	if (become_namespace_root(CLONE_NEWPID) < 0)
		err(BROKEN, "a user and pid namespace");
	(void)fflush(stdout);
	child = fork();
	if (child < 0)
		return reached("born", 0, wanted);
	if (child == 0)
		exit((int)nested(depth - 1, wanted, seconds));
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		errx(BROKEN, "the inner bomb: status %d", status);
	return (enum outcome)WEXITSTATUS(status);
}

static enum outcome zombies(long wanted)
{
	long count = 0;

	while (count < wanted) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		if (child < 0)
			break;
		count++;
	}
	return reached("zombies", count, wanted);
}

static enum outcome memory(long megabytes)
{
	for (long i = 0; i < megabytes; i++) {
		char *chunk = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (chunk == MAP_FAILED)
			return blocked("mmap");
		for (size_t at = 0; at < 1 << 20; at += 4096)
			chunk[at] = 1;
	}
	return reached("megabytes", megabytes, megabytes);
}

static enum outcome fds(long wanted)
{
	atomic_long *held = shared_counters();
	struct rlimit limit;
	pid_t children[4096];
	size_t count = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(BROKEN, "getrlimit");
	limit.rlim_cur = limit.rlim_max < 1024 ? limit.rlim_max : 1024;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(BROKEN, "setrlimit");
	while (atomic_load(held) < wanted && count < sizeof(children) / sizeof(children[0])) {
		pid_t child = fork();

		if (child < 0)
			break;
		if (child == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (open("/dev/null", O_RDONLY) >= 0)
				(void)atomic_fetch_add(held, 1);
			(void)pause();
			_exit(0);
		}
		children[count++] = child;
		rest(2);
	}
	rest(200);
	while (count > 0)
		(void)kill(children[--count], SIGKILL);
	return reached("files", atomic_load(held), wanted);
}

static enum outcome spin(long seconds, long processes)
{
	long long start = attack_now_ms(), end = start + seconds * 1000;
	struct rusage usage;

	for (long i = 0; i < processes; i++) {
		pid_t child = fork();

		if (child < 0)
			err(BROKEN, "fork");
		if (child == 0) {
			while (attack_now_ms() < end)
				;
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
		err(BROKEN, "getrusage");
	printf("cpu_ms: %ld wall_ms: %lld\n",
	       (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
		       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000,
	       attack_now_ms() - start);
	return SUCCEEDED;
}

/* One file after the other, so that what they share counts once. */
static enum outcome fill(long kilobytes, char **files)
{
	static char block[4096];
	long written = 0;
	int error = 0;

	memset(block, 'x', sizeof(block));
	for (; *files && written < kilobytes; files++) {
		int fd = open(*files, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		if (fd < 0 && errno != ENOSPC)
			err(BROKEN, "%s", *files);
		/* In turn means: a share for each, and the last takes what is left. */
		for (long share = files[1] ? 1024 : kilobytes; share > 0 && written < kilobytes;
		     share -= 4) {
			if (fd < 0 || write(fd, block, sizeof(block)) != sizeof(block)) {
				error = errno;
				break;
			}
			written += 4;
		}
		if (fd >= 0)
			(void)close(fd);
	}
	if (error)
		printf("stopped by: %s\n", strerror(error));
	return reached("kb", written, kilobytes);
}

static enum outcome symlinks(long wanted, char **dirs)
{
	long count = 0;
	char path[512];

	for (char **dir = dirs; count < wanted; dir = dir[1] ? dir + 1 : dirs) {
		(void)snprintf(path, sizeof(path), "%s/flood-%d-%ld", *dir, getpid(), count);
		if (symlink("x", path) < 0) {
			printf("stopped by: %s\n", strerror(errno));
			break;
		}
		count++;
	}
	return reached("links", count, wanted);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (!strcmp(verb, "bomb") && argc == 4)
		return (int)bomb(number(argv[2]), number(argv[3]));
	if (!strcmp(verb, "nested") && argc == 5)
		return (int)nested(number(argv[2]), number(argv[3]), number(argv[4]));
	if (!strcmp(verb, "zombies"))
		return (int)zombies(number(argv[2]));
	if (!strcmp(verb, "memory"))
		return (int)memory(number(argv[2]));
	if (!strcmp(verb, "fds"))
		return (int)fds(number(argv[2]));
	if (!strcmp(verb, "spin") && argc == 4)
		return (int)spin(number(argv[2]), number(argv[3]));
	if (!strcmp(verb, "fill") && argc >= 4)
		return (int)fill(number(argv[2]), argv + 3);
	if (!strcmp(verb, "symlinks") && argc >= 4)
		return (int)symlinks(number(argv[2]), argv + 3);
	errx(BROKEN, "usage: attack_starve VERB ARG... (see the source)");
}

/* SPDX-License-Identifier: MIT */
/*
 * spawn: what the helper starts with. Nothing that was the caller's is left: not its ids (sudo's real uid is its
 * user's), groups, ignored signals or limits. And the caller is as it was before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/proc_status.h"
#include "core/spawn.h"
#include "core/sys.h"

#define CALLER_UID 12345
#define CALLER_GID 12346
#define CALLER_FSIZE (1 << 20)
#define SLEEP_SECONDS 10

enum { UID, GID, GROUPS, IGNORED, FIELDS };

/* Of one process. */
struct look {
	struct proc_status_field fields[FIELDS];
	char soft[32], hard[32]; /* RLIMIT_FSIZE, as /proc has it */
};

/* What the caller, a child of the test's, has seen; in memory that both share. */
struct seen {
	char step[FAILURE_TEXT_MAX]; /* that failed, or "" */
	struct look caller, helper;
	int dumpable; /* the caller's own, afterwards */
};

static int failed(struct seen *seen, const char *step)
{
	(void)snprintf(seen->step, sizeof(seen->step), "%s: %s", step, strerror(errno));
	return -1;
}

/* The test's process is some user's whom a set-uid program, as sudo, has made root. */
static int become_caller(struct seen *seen)
{
	static const gid_t groups[] = {CALLER_GID, CALLER_GID + 1, CALLER_GID + 2};
	struct rlimit fsize;

	if (signal(SIGHUP, SIG_IGN) == SIG_ERR)
		return failed(seen, "ignore SIGHUP");
	if (getrlimit(RLIMIT_FSIZE, &fsize) < 0)
		return failed(seen, "read the limit");
	fsize.rlim_cur = CALLER_FSIZE;
	if (setrlimit(RLIMIT_FSIZE, &fsize) < 0)
		return failed(seen, "lower the limit");
	if (setgroups(ARRAY_SIZE(groups), groups) < 0)
		return failed(seen, "have groups");
	if (setresgid(CALLER_GID, CALLER_GID, 0) < 0)
		return failed(seen, "have a gid");
	if (setresuid(CALLER_UID, 0, 0) < 0)
		return failed(seen, "have a real uid");
	/* Whoever does all of that is made undumpable. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return failed(seen, "be dumpable");
	return 0;
}

/* Of a process that is there until it is killed by this pidfd. -1 when it has gone. */
static pid_t pid_of(int pidfd)
{
	char path[64], line[64];
	int pid = -1;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	_fclose_ FILE *file = fopen(path, "re");

	while (file && pid < 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "Pid: %d", &pid);
	return pid;
}

static int look_at(pid_t pid, struct look *look)
{
	char path[64], line[256];

	look->fields[UID].name = "Uid";
	look->fields[GID].name = "Gid";
	look->fields[GROUPS].name = "Groups";
	look->fields[IGNORED].name = "SigIgn";
	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (proc_status_read(AT_FDCWD, path, look->fields, FIELDS) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	_fclose_ FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Max file size %31s %31s", look->soft, look->hard) == 2)
			return 0;
	}
	return -1;
}

static void spawn_and_look(struct seen *seen)
{
	_close_ int socket = -1, pidfd = -1;
	struct failure failure;

	if (become_caller(seen) < 0)
		return;
	if (look_at(getpid(), &seen->caller) < 0) {
		(void)failed(seen, "look at the caller");
		return;
	}
	if (spawn_helper("/bin/sleep", "10", SLEEP_SECONDS, &socket, &pidfd, &failure) < 0) {
		(void)memcpy(seen->step, failure.text, sizeof(seen->step));
		return;
	}
	seen->dumpable = prctl(PR_GET_DUMPABLE);
	if (look_at(pid_of(pidfd), &seen->helper) < 0)
		(void)failed(seen, "look at the helper");
	if (sys_pidfd_send_signal(pidfd, SIGKILL) < 0)
		(void)failed(seen, "end it");
}

static void check_caller(const struct look *caller)
{
	char soft[32];

	(void)snprintf(soft, sizeof(soft), "%d", CALLER_FSIZE);
	assert_string_equal(caller->fields[UID].text, "12345\t0\t0\t0");
	assert_string_equal(caller->fields[GID].text, "12346\t12346\t0\t12346");
	assert_string_equal(caller->fields[GROUPS].text, "12346 12347 12348 ");
	assert_true(strtoull(caller->fields[IGNORED].text, NULL, 16) & (1 << (SIGHUP - 1)));
	assert_string_equal(caller->soft, soft);
	assert_string_not_equal(caller->hard, soft);
}

static void nothing_of_the_caller_s_is_left(void **state)
{
	struct seen *seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;

	(void)state;
	assert_true(seen != MAP_FAILED);
	if (geteuid() != 0) {
		print_message("only root can be a caller whose real uid is another's\n");
		skip();
	}
	pid_t caller = fork();

	assert_true(caller >= 0);
	if (caller == 0) {
		spawn_and_look(seen);
		_exit(0);
	}
	assert_int_equal(waitpid(caller, &status, 0), caller);
	assert_int_equal(status, 0);
	assert_string_equal(seen->step, "");
	check_caller(&seen->caller);
	assert_int_equal(seen->dumpable, 1);
	assert_string_equal(seen->helper.fields[UID].text, "0\t0\t0\t0");
	assert_string_equal(seen->helper.fields[GID].text, "0\t0\t0\t0");
	assert_string_equal(seen->helper.fields[GROUPS].text, "");
	assert_int_equal(strtoull(seen->helper.fields[IGNORED].text, NULL, 16), 0);
	/* Without CAP_SYS_RESOURCE a hard limit stays. */
	assert_string_equal(seen->helper.soft, seen->helper.hard);
	assert_int_equal(munmap(seen, sizeof(*seen)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_the_caller_s_is_left),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}

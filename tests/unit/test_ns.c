/* SPDX-License-Identifier: MIT */
/*
 * ns: the namespaces of the caller and of another, asked for by pidfd and in /proc, are the ones that
 * /proc/PID/ns names; threads are counted. Each test is a process of its own, as what it does can't be undone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/ns.h"
#include "core/sys.h"
#include "tests/host/src/no_pidfd_ioctl.h"
#include "tests/unit/with_directory.h"

#define ALL ((uint64_t)(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP))
#define ASK_UTS _IO(0xFF, 10)

static const char *const names[NS_TYPES] = {"mnt", "pid_for_children", "ipc", "uts", "cgroup"};

enum way { NEW_WAY, OLD_WAY };

static bool pidfds_tell(void)
{
	_close_ int pidfd = sys_pidfd_open(getpid());
	_close_ int fd = ioctl(pidfd, _IO(0xFF, 3), 0);

	return fd >= 0;
}

/* 0: it has no such kind. */
static ino_t inode_of(pid_t pid, const char *name)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			(void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #what,        \
				      failure.text);                                               \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)
static struct failure failure;

/* One that is PID 1 in namespaces of its own, and waits to be killed. */
static pid_t start_other(void)
{
	struct clone_args args = {.flags = ALL, .exit_signal = SIGCHLD};
	int ready[2];
	char byte;

	CHECK(pipe(ready) == 0);
	pid_t pid = sys_clone3(&args);

	CHECK(pid >= 0);
	if (pid == 0) {
		/* A check that fails leaves nobody behind. */
		CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		CHECK(write(ready[1], "", 1) == 1);
		for (;;)
			(void)pause();
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return pid;
}

static void end_other(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* A test's body, in a child that goes the way; whatever it does is gone with it. */
static void in_child(void (*body)(enum way way), enum way way)
{
	int status;

	if (way == NEW_WAY && !pidfds_tell())
		skip();
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int before = count_descriptors();

		CHECK(way == NEW_WAY || no_pidfd_ioctl(0, ENOTTY) == 0);
		body(way);
		/* Some have left /proc behind. */
		CHECK(count_descriptors() == before || access("/proc/self/fd", F_OK) < 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void check_saved(const struct ns_saved *saved)
{
	for (size_t i = 0; i < NS_TYPES; i++) {
		ino_t expected = inode_of(getpid(), names[i]);
		struct stat st;

		CHECK((saved->fds[i] >= 0) == (expected != 0));
		if (saved->fds[i] < 0)
			continue;
		CHECK(fstat(saved->fds[i], &st) == 0);
		CHECK(st.st_ino == expected);
		CHECK(fcntl(saved->fds[i], F_GETFD) == FD_CLOEXEC);
	}
	CHECK(fcntl(saved->self.pidfd, F_GETFD) == FD_CLOEXEC);
}

static void check_ids(const struct ns_ids *ids, const ino_t *expected)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		CHECK(ids->inodes[i] == expected[i]);
}

static void note_inodes(pid_t pid, ino_t *ret_inodes)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		ret_inodes[i] = inode_of(pid, names[i]);
}

static void save_join_and_go_back(enum way way)
{
	struct ns_saved saved = NS_SAVED_NONE;
	ino_t own[NS_TYPES], others[NS_TYPES];
	struct ns_ids ids;
	pid_t other = start_other();
	_close_ int pidfd = sys_pidfd_open(other);

	note_inodes(getpid(), own);
	note_inodes(other, others);
	CHECK(ns_save(&saved, &failure) == 0);
	CHECK((saved.self.dir_fd >= 0) == (way == OLD_WAY));
	check_saved(&saved);
	CHECK(ns_identify_self(&saved, ALL, &ids, &failure) == 0);
	check_ids(&ids, own);

	CHECK(ns_identify(pidfd, other, ALL, &ids, &failure) == 0);
	check_ids(&ids, others);
	CHECK(setns(pidfd, (int)ALL) == 0);
	/* /proc is not the caller's any more, for what is there is the host's pid namespace. */
	CHECK(ns_identify_self(&saved, ALL, &ids, &failure) == 0);
	check_ids(&ids, others);

	CHECK(ns_restore(&saved, ALL, &failure) == 0);
	CHECK(ns_identify_self(&saved, ALL, &ids, &failure) == 0);
	check_ids(&ids, own);
	ns_keep(&saved, CLONE_NEWNS);
	CHECK(saved.self.pidfd < 0 && saved.self.dir_fd < 0);
	CHECK(saved.fds[0] >= 0 && saved.fds[1] < 0 && saved.fds[NS_TYPES - 1] < 0);
	ns_close(&saved);
	end_other(other);
}

static void only_what_is_asked_for(enum way way)
{
	struct ns_ids ids = {{1, 1, 1, 1, 1}};
	pid_t other = start_other();
	_close_ int pidfd = sys_pidfd_open(other);
	uint64_t pid_ns = 0;

	(void)way;
	CHECK(ns_identify(pidfd, other, CLONE_NEWIPC, &ids, &failure) == 0);
	CHECK(ids.inodes[0] == 0 && ids.inodes[2] == inode_of(other, "ipc") && ids.inodes[4] == 0);
	end_other(other);
	CHECK(ns_identify(pidfd, other, CLONE_NEWIPC, &ids, &failure) < 0);
	CHECK(failure.err == ESRCH || failure.err == ENOENT);
	CHECK(ns_own_pid_ns(&pid_ns, &failure) == 0);
	CHECK(pid_ns == inode_of(getpid(), "pid"));
	/* Where its children are to be is not where it is. */
	CHECK(unshare(CLONE_NEWPID) == 0);
	CHECK(ns_own_pid_ns(&pid_ns, &failure) == 0);
	CHECK(pid_ns == inode_of(getpid(), "pid"));
}

static void without_a_file_system_for_it(enum way way)
{
	struct ns_saved saved = NS_SAVED_NONE;
	struct ns_ids ids;
	uint64_t pid_ns;

	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	CHECK(ns_thread_count(&failure) == 1);
	if (way == OLD_WAY) {
		CHECK(ns_save(&saved, &failure) == -ENOENT);
		CHECK(strstr(failure.text, "/proc/self/ns"));
		CHECK(ns_own_pid_ns(&pid_ns, &failure) == -ENOENT);
		return;
	}
	CHECK(ns_save(&saved, &failure) == 0);
	CHECK(ns_identify_self(&saved, ALL, &ids, &failure) == 0);
	CHECK(ns_identify(saved.self.pidfd, getpid(), ALL, &ids, &failure) == 0);
	CHECK(ns_own_pid_ns(&pid_ns, &failure) == 0);
	ns_close(&saved);
}

static void a_kind_is_not_there(enum way way)
{
	struct ns_saved saved = NS_SAVED_NONE;
	struct ns_ids ids;

	(void)way;
	CHECK(no_pidfd_ioctl(ASK_UTS, EOPNOTSUPP) == 0);
	CHECK(ns_save(&saved, &failure) == 0);
	for (size_t i = 0; i < NS_TYPES; i++)
		CHECK((saved.fds[i] < 0) == (strcmp(names[i], "uts") == 0));
	CHECK(saved.self.dir_fd < 0);
	CHECK(ns_identify_self(&saved, ALL & ~(uint64_t)CLONE_NEWUTS, &ids, &failure) == 0);
	CHECK(ns_identify_self(&saved, ALL, &ids, &failure) == -ENOENT);
	CHECK(strstr(failure.text, "own uts namespace"));
	ns_close(&saved);
}

static void an_error_is_no_old_kernel(enum way way)
{
	struct ns_saved saved = NS_SAVED_NONE;
	struct ns_ids ids;
	_close_ int pidfd = sys_pidfd_open(getpid());

	(void)way;
	CHECK(no_pidfd_ioctl(0, EACCES) == 0);
	CHECK(ns_save(&saved, &failure) == -EACCES);
	CHECK(strstr(failure.text, "own mnt namespace"));
	CHECK(saved.fds[0] < 0 && saved.self.pidfd < 0);
	CHECK(ns_identify(pidfd, getpid(), ALL, &ids, &failure) == -EACCES);
}

static void *sleep_on(void *arg)
{
	for (;;)
		(void)pause();
	return arg;
}

static void threads(enum way way)
{
	pthread_t thread;

	(void)way;
	CHECK(ns_thread_count(&failure) == 1);
	CHECK(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
	CHECK(ns_thread_count(&failure) == 2);
	CHECK(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
	CHECK(ns_thread_count(&failure) == 3);
}

static int count_and_tell(void *arg)
{
	*(int *)arg = ns_thread_count(&failure);
	return 0;
}

/* Memory that is shared with another process is no thread. */
static void threads_of_one_with_shared_memory(enum way way)
{
	static char stack[256 * 1024] __attribute__((aligned(16)));
	int count = 0, status;

	(void)way;
	pid_t pid = clone(count_and_tell, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
			  &count);

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0 && count == 1);
}

#define BOTH_WAYS(name)                                                                            \
	static void name##_by_pidfd(void **state)                                                  \
	{                                                                                          \
		(void)state;                                                                       \
		in_child(name, NEW_WAY);                                                           \
	}                                                                                          \
	static void name##_in_proc(void **state)                                                   \
	{                                                                                          \
		(void)state;                                                                       \
		in_child(name, OLD_WAY);                                                           \
	}
#define TEST_BOTH(name) cmocka_unit_test(name##_by_pidfd), cmocka_unit_test(name##_in_proc)

BOTH_WAYS(save_join_and_go_back)
BOTH_WAYS(only_what_is_asked_for)
BOTH_WAYS(without_a_file_system_for_it)
BOTH_WAYS(threads)
BOTH_WAYS(threads_of_one_with_shared_memory)

static void a_kind_that_is_not_there(void **state)
{
	(void)state;
	in_child(a_kind_is_not_there, NEW_WAY);
}

static void another_error_is_said(void **state)
{
	(void)state;
	in_child(an_error_is_no_old_kernel, NEW_WAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(save_join_and_go_back),
		TEST_BOTH(only_what_is_asked_for),
		TEST_BOTH(without_a_file_system_for_it),
		TEST_BOTH(threads),
		TEST_BOTH(threads_of_one_with_shared_memory),
		cmocka_unit_test(a_kind_that_is_not_there),
		cmocka_unit_test(another_error_is_said),
	};

	return cmocka_run_group_tests_name("ns", tests, NULL, NULL);
}

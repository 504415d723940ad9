/* SPDX-License-Identifier: MIT */
#include "core/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/protocol.h"
#include "core/sys.h"

#define SPAWN_STACK (32 * 1024)
#define KERNEL_SIGNALS 64

struct spawn {
	const char *path;
	const char *mode;
	unsigned int alarm_seconds;
	int socket; /* the helper's end */
	int exec_errno; /* written by the child in the shared memory */
	char *stack_top; /* of the helper-to-be */
};

/*
 * What pam_limits or a hostile login left in the caller must not bind the helper. Where the
 * hard limit can't be raised (no CAP_SYS_RESOURCE) the soft one goes up to it.
 */
static void reset_limit(int resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0 || (limit.rlim_cur == value && limit.rlim_max == value))
		return;
	rlim_t hard = limit.rlim_max;

	limit = (struct rlimit){value, value};
	if (setrlimit(resource, &limit) == 0)
		return;
	limit = (struct rlimit){hard, hard};
	(void)setrlimit(resource, &limit);
}

static void reset_limits(void)
{
	static const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{RLIMIT_AS, RLIM_INFINITY},
		{RLIMIT_CPU, RLIM_INFINITY},
		{RLIMIT_DATA, RLIM_INFINITY},
		{RLIMIT_FSIZE, RLIM_INFINITY},
		{RLIMIT_RSS, RLIM_INFINITY},
		{RLIMIT_NPROC, RLIM_INFINITY},
		{RLIMIT_LOCKS, RLIM_INFINITY},
		{RLIMIT_MEMLOCK, RLIM_INFINITY},
		{RLIMIT_NOFILE, 1024},
		{RLIMIT_STACK, 8 << 20},
		{RLIMIT_CORE, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		reset_limit(limits[i].resource, limits[i].value);
}

/*
 * Hand the caller our own pidfd. Before exec, so that it is the first message whatever the helper
 * says then, and by ourselves, so that the pid can't be another's.
 */
static int send_pidfd(int socket)
{
	struct message_plain spawned;
	struct failure failure;
	int pidfd = sys_pidfd_open(getpid());

	if (pidfd < 0)
		return -1;
	protocol_head(&spawned.head, MESSAGE_SPAWNED, sizeof(spawned));
	if (protocol_send(socket, &spawned, sizeof(spawned), &pidfd, 1, &failure) == 0)
		return 0;
	errno = failure.err;
	return -1;
}

/* Descriptor 3 the socket, 0 to 2 /dev/null, nothing else. */
static int arrange_fds(int socket)
{
	int high = fcntl(socket, F_DUPFD, 16);
	int null;

	if (high < 0)
		return -1;
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		return -1;
	for (int fd = 0; fd <= 2; fd++) {
		if (dup2(null, fd) < 0)
			return -1;
	}
	if (dup2(high, SPAWN_SOCKET) < 0)
		return -1;
	return sys_close_range(SPAWN_SOCKET + 1, ~0U);
}

/*
 * Default dispositions for all signals. By system call: the C library's sigaction(3) refuses 32 and 33,
 * its own, which a caller may have inherited as ignored. The kernel's struct is all zero for SIG_DFL,
 * and no machine has it larger than this.
 */
static void reset_signals(void)
{
	static const unsigned long action[16];

	for (int sig = 1; sig <= KERNEL_SIGNALS; sig++)
		(void)syscall(SYS_rt_sigaction, sig, action, NULL, KERNEL_SIGNALS / 8);
}

/*
 * All ids of root's, and no groups: by its real uid whoever ran su could signal the helper, and what comes of
 * it (kill(2)). By system call: the C library's functions are for all threads of a process, which has memory
 * of its own. What is so already needs no capability.
 */
static int become_root(void)
{
	if (syscall(SYS_getgroups, 0, NULL) != 0 && syscall(SYS_setgroups, 0, NULL) < 0)
		return -1;
	if (syscall(SYS_setresgid, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_setresuid, 0, 0, 0) < 0 ? -1 : 0;
}

/*
 * The helper-to-be. It shares the caller's memory but neither descriptors, signal handlers,
 * limits nor cwd; async-signal-safe calls only.
 */
__attribute__((no_sanitize_address)) static int become_helper(void *arg)
{
	struct spawn *spawn = arg;
	char *argv[] = {(char *)"carrel-session", (char *)spawn->mode, NULL};
	char *envp[] = {NULL};
	sigset_t none;

	reset_signals();
	reset_limits();
	(void)setsid();
	(void)umask(022);
	if (become_root() < 0 || chdir("/") < 0 || send_pidfd(spawn->socket) < 0 ||
	    arrange_fds(spawn->socket) < 0) {
		spawn->exec_errno = errno;
		_exit(127);
	}
	(void)alarm(spawn->alarm_seconds);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(spawn->path, argv, envp);
	spawn->exec_errno = errno;
	_exit(127);
}

/* In between: starts the helper and goes, so that the helper is nobody's child but init's. */
__attribute__((no_sanitize_address)) static int fork_helper(void *arg)
{
	struct spawn *spawn = arg;

	if (clone(become_helper, spawn->stack_top, CLONE_VM | CLONE_VFORK, spawn) < 0) {
		spawn->exec_errno = errno;
		_exit(1);
	}
	_exit(0);
}

static int run_spawn(struct spawn *spawn, struct failure *reterr)
{
	/* Not zeroed, whatever the compiler is told: that costs a page fault for each page. */
	int dumpable = prctl(PR_GET_DUMPABLE);
	char stacks[2][SPAWN_STACK] __attribute__((aligned(16), uninitialized));
	sigset_t all, saved;
	int status = 0;
	pid_t pid;

	spawn->stack_top = stacks[1] + SPAWN_STACK;
	/* A handler of the caller's must not run in a child that shares its memory. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &saved);
	/* No exit signal: the caller's SIGCHLD handler and wait() never see this child. */
	pid = clone(fork_helper, stacks[0] + SPAWN_STACK, CLONE_VM | CLONE_VFORK, spawn);
	int err = errno;

	while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
	(void)sigprocmask(SIG_SETMASK, &saved, NULL);
	/* A change of ids in a child that shares the memory is taken for one of ours. */
	if (dumpable == 1 && prctl(PR_GET_DUMPABLE) != 1)
		(void)prctl(PR_SET_DUMPABLE, 1);
	if (pid < 0)
		return failure_set(reterr, err, "fork to start %s", spawn->path);
	if (spawn->exec_errno != 0)
		return failure_set(reterr, spawn->exec_errno, "run %s", spawn->path);
	if (status != 0)
		return failure_say(reterr, ECHILD,
				   "run %s: the process that starts it ended with "
				   "status 0x%x",
				   spawn->path, status);
	return 0;
}

int spawn_helper(const char *path, const char *mode, unsigned int alarm_seconds, int *ret_socket,
		 int *ret_pidfd, struct failure *reterr)
{
	_close_ int ours = -1, theirs = -1;
	int pair[2];

	if (path[0] != '/')
		return failure_say(reterr, EINVAL, "run %s: the helper needs an absolute path",
				   path);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return failure_set(reterr, errno, "make a socket pair for %s", path);
	ours = pair[0];
	theirs = pair[1];

	struct spawn spawn = {.path = path,
			      .mode = mode,
			      .alarm_seconds = alarm_seconds,
			      .socket = theirs};
	int r = run_spawn(&spawn, reterr);

	if (r < 0)
		return r;

	struct message_plain spawned;
	int fds[PROTOCOL_FDS_MAX];
	size_t count = 0;

	close_fd(&theirs);
	r = protocol_receive(ours, MESSAGE_SPAWNED, &spawned, sizeof(spawned), fds, &count,
			     sys_now_ms(), reterr);
	if (r < 0)
		return failure_wrap(reterr, "start %s", path);
	for (size_t i = 1; i < count; i++)
		(void)close(fds[i]);
	if (count < 1)
		return failure_say(reterr, EPROTO, "start %s: no pidfd came back", path);
	*ret_pidfd = fds[0];
	*ret_socket = steal_fd(&ours);
	return 0;
}

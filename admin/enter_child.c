/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/enter.h"
#include "admin/verb.h"
#include "core/cleanup.h"
#include "core/sys.h"

#define NOT_FOUND 127 /* as shells have it */
#define NOT_EXECUTABLE 126
#define GUIDE_WAIT_MS 10000
#define KILLED_WAIT_MS 2000 /* who is frozen by cgroup v1 does not even die */

/* Inside ------------------------------------------------------------------------------------- */

static int limit_capabilities(uint64_t keep, struct failure *reterr)
{
	for (unsigned int cap = 0; keep != UINT64_MAX && cap < 64; cap++) {
		int now = keep >> cap & 1 ? 0 : prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		/* -1: a number beyond the kernel's last capability. */
		if (now == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return failure_set(reterr, errno,
					   "drop capability %u from the bounding set", cap);
	}
	return 0;
}

static int become(const struct enter *enter, struct failure *reterr)
{
	bool root = enter->account.passwd->pw_uid == 0;
	int r = limit_capabilities(enter->bounding_set, reterr);

	if (r == 0 && !root)
		r = account_become(&enter->account, reterr);
	if (r == 0 && root &&
	    setgroups((size_t)enter->account.group_count, enter->account.groups) < 0)
		r = failure_set(reterr, errno, "set root's groups");
	if (r == 0 && enter->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = failure_set(reterr, errno, "set no_new_privs");
	/* Cleared by the change of uid, so after it: who kills carrel ends the command, too. */
	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0) < 0)
		r = failure_set(reterr, errno, "tie the command to carrel");
	return r;
}

static _Noreturn void run_command(const struct enter *enter)
{
	const char *shell = account_shell(&enter->account);
	const char *base = strrchr(shell, '/');
	char name[256];
	char *login_shell[] = {name, NULL};
	struct failure failure;
	int err;

	/* The home's, as the user: root follows no path that a user can write to. */
	if (chdir(enter->account.passwd->pw_dir) < 0 && chdir("/") < 0)
		_exit(VERB_FAILED);
	(void)umask(022);
	environ = (char **)enter->account.environment;
	(void)snprintf(name, sizeof(name), "-%.200s", base ? base + 1 : shell);
	if (sys_close_range(3, ~0U) < 0)
		_exit(VERB_FAILED);
	(void)sigprocmask(SIG_SETMASK, &enter->mask_was, NULL);
	if (enter->command)
		(void)execvp(enter->command[0], enter->command);
	else
		(void)execv(shell, login_shell);
	err = errno;
	(void)failure_set(&failure, err, "enter: run %s",
			  enter->command ? enter->command[0] : shell);
	(void)verb_fail(&failure);
	_exit(err == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

static _Noreturn void be_inside(const struct enter *enter, int door)
{
	struct failure failure;
	char go;

	/* Whoever looks from outside has found everything right. */
	if (read(door, &go, 1) != 1)
		_exit(VERB_FAILED);
	if (pty_relay_child(&enter->relay, &failure) < 0 || become(enter, &failure) < 0) {
		(void)failure_wrap(&failure, "enter");
		_exit(verb_fail(&failure));
	}
	run_command(enter);
}

/* On the way ---------------------------------------------------------------------------------- */

static int go_in(const struct enter *enter, struct failure *reterr)
{
	char score[16];
	_close_ int score_fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int len = snprintf(score, sizeof(score), "%d", enter->oom_score_adj);

	/* Lowering needs CAP_SYS_RESOURCE; it is the user's own risk that is higher then. */
	if (score_fd >= 0 && write(score_fd, score, (size_t)len) < 0 && errno != EACCES)
		return failure_set(reterr, errno, "set the OOM score");
	for (size_t i = 0; i < enter->join_count; i++)
		if (write(enter->join_fds[i], "0", 1) != 1)
			return failure_set(reterr, errno, "move into the user's cgroup");
	if (enter->namespaces && setns(enter->init_pidfd, enter->namespaces) < 0)
		return failure_set(reterr, errno, "join the sandbox's namespaces");
	return 0;
}

/* What the guide tells: the pid of who went in, or why nobody could. */
struct report {
	pid_t pid;
	struct failure failure;
};

/*
 * setns(2) puts only children into a pid namespace, so a second process goes in. It is made the
 * caller's own child (CLONE_PARENT): who waits for it must not be in the user's cgroups, where limits
 * and frost would hit it.
 */
static _Noreturn void be_guide(const struct enter *enter, int door, int report_fd)
{
	struct clone_args args = {.flags = CLONE_PARENT};
	struct report report = {0};

	if (go_in(enter, &report.failure) == 0) {
		report.pid = sys_clone3(&args);
		if (report.pid == 0) {
			/* As for the door: the guide's death is the end of it. */
			(void)close(report_fd);
			be_inside(enter, door);
		}
		if (report.pid < 0)
			(void)failure_set(&report.failure, errno, "fork into the sandbox");
	}
	_exit(write(report_fd, &report, sizeof(report)) == (ssize_t)sizeof(report) ? VERB_DONE
										   : VERB_FAILED);
}

static int fork_guide(const struct enter *enter, const int door[2], const int report[2],
		      pid_t *ret_guide, struct failure *reterr)
{
	pid_t guide = fork();

	if (guide < 0)
		return failure_set(reterr, errno, "fork");
	if (guide == 0) {
		/* As long as a copy of it is open inside, its end is never seen there. */
		(void)close(door[1]);
		be_guide(enter, door[0], report[1]);
	}
	*ret_guide = guide;
	return 0;
}

int enter_reap(pid_t pid)
{
	_close_ int pidfd = sys_pidfd_open(pid);

	if (pidfd < 0 || sys_wait_readable(pidfd, sys_now_ms() + KILLED_WAIT_MS) <= 0)
		return -ETIME;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/*
 * The guide's word, and its end. It is in the user's cgroups by then: what limits or freezes those holds it
 * as well, and must not hold the admin, whose signals are blocked here. So it is waited for until the
 * deadline, killed, and then left to itself: whom it has made by then finds the door closed.
 */
static int hear(int report_fd, pid_t guide, pid_t *ret_pid, struct failure *reterr)
{
	struct report report;
	ssize_t got = -1;
	bool late = sys_wait_readable(report_fd, sys_now_ms() + GUIDE_WAIT_MS) <= 0;

	if (late)
		(void)kill(guide, SIGKILL); /* our child, not reaped yet */
	else
		got = read(report_fd, &report, sizeof(report));
	if (enter_reap(guide) < 0 && !late)
		late = kill(guide, SIGKILL) == 0 && enter_reap(guide) < 0;
	if (late)
		return failure_say(
			reterr, ETIME,
			"the process on its way in was held for %d s by the user's limits",
			GUIDE_WAIT_MS / 1000);
	if (got != (ssize_t)sizeof(report))
		return failure_say(reterr, ECHILD, "the process on its way in was killed");
	if (report.pid <= 0) {
		*reterr = report.failure;
		return -reterr->err;
	}
	*ret_pid = report.pid;
	return 0;
}

int enter_fork(const struct enter *enter, pid_t *ret_pid, int *ret_door, struct failure *reterr)
{
	int report[2] = {-1, -1}, door[2] = {-1, -1};
	pid_t guide = -1;
	int r = 0;

	if (pipe2(report, O_CLOEXEC) < 0 || pipe2(door, O_CLOEXEC) < 0)
		r = failure_set(reterr, errno, "make a pipe");
	if (r == 0)
		r = fork_guide(enter, door, report, &guide, reterr);
	close_fd(&report[1]);
	close_fd(&door[0]);
	if (r == 0)
		r = hear(report[0], guide, ret_pid, reterr);
	close_fd(&report[0]);
	if (r == 0)
		*ret_door = steal_fd(&door[1]);
	close_fd(&door[1]);
	return r;
}

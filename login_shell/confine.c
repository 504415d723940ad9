/* SPDX-License-Identifier: MIT */
#include "login_shell/confine.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/caps.h"
#include "core/cleanup.h"
#include "core/mnt.h"
#include "core/ns.h"
#include "core/pid1.h"
#include "core/sys.h"

#define BIT(n) (UINT64_C(1) << (n))
#define SETUP_DEADLINE_MS 10000

static bool file_is(const char *path, char wanted)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char got = '\0';

	return fd >= 0 && read(fd, &got, 1) == 1 && got == wanted;
}

/* Why a kernel that knows user namespaces refuses them, and what the admin can do. */
static int explain_refusal(struct failure *reterr)
{
	const char *mend = NULL;

	if (file_is("/proc/sys/user/max_user_namespaces", '0'))
		mend = "user namespaces are off: the admin can set user.max_user_namespaces";
	else if (file_is("/proc/sys/kernel/unprivileged_userns_clone", '0'))
		mend = "user namespaces are off for users: the admin can set "
		       "kernel.unprivileged_userns_clone = 1";
	else if (file_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1'))
		mend = "AppArmor keeps user namespaces from programs without a profile: the admin "
		       "can "
		       "load carrel-shell's";
	else if (reterr->err == ENOSPC || reterr->err == EUSERS)
		mend = "no more namespaces may be made: the admin can raise user.max_*_namespaces";
	return mend ? failure_wrap(reterr, "%s", mend) : -reterr->err;
}

static int write_map(const char *file, const char *text, struct failure *reterr)
{
	_close_ int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return failure_set(reterr, errno, "open %s", file);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return failure_set(reterr, errno, "write %s", file);
	return 0;
}

/* user_namespaces(7): a process without privilege maps its own ids, once setgroups(2) is given up. */
static int map_self(uid_t uid, gid_t gid, struct failure *reterr)
{
	char text[48];
	int r = write_map("/proc/self/setgroups", "deny", reterr);

	(void)snprintf(text, sizeof(text), "%u %u 1\n", uid, uid);
	if (r == 0)
		r = write_map("/proc/self/uid_map", text, reterr);
	(void)snprintf(text, sizeof(text), "%u %u 1\n", gid, gid);
	if (r == 0)
		r = write_map("/proc/self/gid_map", text, reterr);
	return r;
}

static int make_namespaces(const struct plan *plan, struct failure *reterr)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (unshare((int)(ns_clone_flags(plan->namespaces) | CLONE_NEWUSER)) < 0) {
		(void)failure_set(reterr, errno, "make a user namespace");
		return explain_refusal(reterr);
	}
	if (map_self(uid, gid, reterr) < 0)
		return explain_refusal(reterr);
	if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
		return failure_set(reterr, errno, "set the host name \"%s\"", plan->hostname);
	return 0;
}

/* What PID 1 works with until it becomes carrel-init. */
struct birth {
	const struct plan *plan;
	const struct login *login;
	int init_fd, link_fd, ready_fd;
};

__attribute__((noreturn)) static void be_born(const struct birth *birth)
{
	struct failure failure = {0};

	/* In a call that hangs it does not see the end of the link. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		(void)failure_set(&failure, errno, "tie the sandbox's PID 1 to the login");
	else if (mnt_apply(birth->plan, birth->login, -1, &failure) == 0 &&
		 caps_empty_bounding(&failure) == 0)
		(void)pid1_become(birth->init_fd, birth->link_fd, birth->ready_fd, &failure);
	if (write(birth->ready_fd, &failure, sizeof(failure)) < 0)
		_exit(2);
	_exit(1);
}

/* What PID 1 says next: *ret_got bytes, 0 when it has closed the pipe. */
static int await_word(int fd, struct failure *ret_said, ssize_t *ret_got, struct failure *reterr)
{
	int ready = sys_wait_readable(fd, sys_now_ms() + SETUP_DEADLINE_MS);

	if (ready == 0)
		return failure_say(reterr, ETIME, "the sandbox was not ready in time");
	*ret_got = ready < 0 ? -1 : read(fd, ret_said, sizeof(*ret_said));
	return *ret_got < 0 ? failure_set(reterr, errno, "wait for the sandbox") : 0;
}

/* PID 1 says one byte when it is ready, or why it failed. */
static int await_ready(int fd, struct failure *reterr)
{
	struct failure said = {0};
	ssize_t got;
	int r = await_word(fd, &said, &got, reterr);

	if (r < 0 || got == 1)
		return r;
	r = pid1_said_why(&said, got, "the sandbox's PID 1", reterr);
	return r == -EPERM || r == -EACCES ? explain_refusal(reterr) : r;
}

/* The end of the pipe: exec has closed it, so from here on PID 1 is carrel-init, or dead. */
static int await_init(int fd, pid_t pid, struct failure *reterr)
{
	struct failure said = {0};
	ssize_t got;
	int r = await_word(fd, &said, &got, reterr);

	if (r < 0 || (got == 0 && waitpid(pid, NULL, WNOHANG) == 0))
		return r;
	return pid1_said_why(&said, got, "the sandbox's PID 1", reterr);
}

static int drop_all(struct failure *reterr)
{
	int r = caps_empty_bounding(reterr);

	return r < 0 ? r : caps_keep_only(CAPS_NONE, reterr);
}

static int start_init(struct birth *birth, int *ret_link_fd, struct failure *reterr)
{
	_close_ int link_read = -1, link_write = -1, ready_read = -1, ready_write = -1;
	_close_ int init_fd = -1;
	int r = pid1_open(&init_fd, reterr);

	if (r == 0)
		r = pid1_pipe(&link_read, &link_write, reterr);
	if (r == 0)
		r = pid1_pipe(&ready_read, &ready_write, reterr);
	if (r < 0)
		return r;
	pid_t pid = fork();

	if (pid < 0)
		return failure_set(reterr, errno, "start the sandbox's PID 1");
	if (pid == 0) {
		/* As long as a copy of a write end is open here, the pipe's end is never seen. */
		close_fd(&link_write);
		close_fd(&ready_read);
		birth->init_fd = init_fd;
		birth->link_fd = link_read;
		birth->ready_fd = ready_write;
		be_born(birth);
	}
	close_fd(&ready_write);
	r = await_ready(ready_read, reterr);
	/* While PID 1 runs carrel-init. */
	if (r == 0)
		r = drop_all(reterr);
	if (r == 0)
		r = await_init(ready_read, pid, reterr);
	if (r == 0)
		*ret_link_fd = steal_fd(&link_write);
	return r;
}

int confine(const struct plan *plan, const struct login *login, int *ret_link_fd,
	    struct failure *reterr)
{
	struct birth birth = {.plan = plan, .login = login};
	int r = make_namespaces(plan, reterr);

	if (r < 0)
		return r;
	if (plan->namespaces & BIT(NS_PID))
		return start_init(&birth, ret_link_fd, reterr);
	/* mnt_apply() does nothing without a mount namespace: there are no steps then. */
	r = mnt_apply(plan, login, -1, reterr);
	if (r == 0)
		r = drop_all(reterr);
	if (r == 0)
		*ret_link_fd = -1;
	return r;
}

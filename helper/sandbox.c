/* SPDX-License-Identifier: MIT */
#include "helper/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/caps.h"
#include "core/cleanup.h"
#include "core/mnt.h"
#include "core/mnt_cgroup.h"
#include "core/pid1.h"
#include "core/protocol.h"
#include "core/sys.h"
#include "helper/init_limits.h"

#define READY_SIZE 1 /* one byte: ready; a struct failure: failed; the end: carrel-init runs */

/* What PID 1 works with until it becomes carrel-init. */
struct birth {
	const struct plan *plan;
	const struct login *login;
	const struct cgroup_set *set;
	const struct init_limits *limits;
	int init_fd, link_fd, go_fd, error_fd;
	bool in_v2;
};

/* Wait for the cgroups to be there; the end of the socket means that the helper has gone. */
static int await_go(const struct birth *birth, int ret_views[PROTOCOL_FDS_MAX],
		    struct failure *reterr)
{
	struct message_plain go;
	size_t count = 0;
	int r = protocol_receive(birth->go_fd, MESSAGE_GO, &go, sizeof(go), ret_views, &count,
				 INT64_MAX, reterr);

	if (r == 0 && count != (mnt_has_cgroup_view(birth->plan) ? birth->set->count : 0))
		r = failure_say(reterr, EPROTO, "%zu cgroup views came from the helper", count);
	return r;
}

/*
 * A cgroup namespace's root is the cgroup of who makes it, so PID 1 must be in the slice. Otherwise it
 * stays outside: nothing keeps the slice but the warden's socket, and the user's limits (an OOM kill)
 * don't touch it.
 */
static int make_cgroup_ns(const struct birth *birth, struct failure *reterr)
{
	int r = cgroup_join(birth->set, birth->in_v2, reterr);

	if (r == 0 && unshare(CLONE_NEWCGROUP) < 0)
		r = failure_set(reterr, errno, "make a cgroup namespace");
	return r;
}

static int set_up(const struct birth *birth, struct failure *reterr)
{
	const char *hostname = birth->plan->hostname;
	bool own_cgroup_ns = birth->plan->namespaces & (1U << NS_CGROUP);
	bool view = mnt_has_cgroup_view(birth->plan);
	int views[PROTOCOL_FDS_MAX];
	int r;

	/* A helper that is killed takes this along; the link does the same later. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return failure_set(reterr, errno, "tie the sandbox to its helper");
	r = mnt_apply(birth->plan, birth->login, birth->go_fd, reterr);
	if (r == 0 && hostname && sethostname(hostname, strlen(hostname)) < 0)
		r = failure_set(reterr, errno, "set the host name \"%s\"", hostname);
	/* What takes time goes before the wait, beside the helper's work on the cgroups. */
	if (r == 0)
		r = caps_empty_bounding(reterr);
	/* By its path, which is the host's: so joining comes before detaching. */
	if (r == 0 && view && !own_cgroup_ns)
		mnt_detach_hierarchies(birth->set);
	if (r == 0)
		r = await_go(birth, views, reterr);
	if (r == 0 && own_cgroup_ns)
		r = make_cgroup_ns(birth, reterr);
	if (r == 0 && view && own_cgroup_ns)
		mnt_detach_hierarchies(birth->set);
	if (r == 0 && view)
		r = mnt_attach_slices(birth->set, views, reterr);
	if (r == 0)
		r = mnt_apply_late(birth->plan, birth->login, reterr);
	return r;
}

__attribute__((noreturn)) static void be_born(struct birth *birth)
{
	struct failure failure = {0};

	/*
	 * The warden's socket may not look alive here when the helper has been killed: what is needed
	 * lies above the rest (pid1_open, pid1_pipe).
	 */
	if (sys_close_range(PID1_LINK, PID1_LOW_FDS - 1) < 0)
		_exit(2);
	if (set_up(birth, &failure) == 0) {
		init_limits_take(birth->limits);
		(void)pid1_become(birth->init_fd, birth->link_fd, birth->error_fd, &failure);
	}
	/* The helper reads it, or learns from the pipe's end that something went wrong. */
	if (write(birth->error_fd, &failure, sizeof(failure)) < 0)
		_exit(2);
	_exit(1);
}

int sandbox_start(const struct plan *plan, const struct login *login, int init_fd, int cgroup_v2_fd,
		  const struct cgroup_set *set, struct sandbox *ret_sandbox, struct failure *reterr)
{
	_close_ int link_read = -1, link_write = -1, go_read = -1, go_write = -1;
	_close_ int error_read = -1, error_write = -1;
	uint64_t flags = ns_clone_flags(plan->namespaces);
	struct init_limits limits;
	int pidfd = -1;
	/* PID 1 has an answer to give only where logins come and go. */
	int r = plan->instance == INSTANCE_USER
			? pid1_socket(SOCK_STREAM, &link_read, &link_write, reterr)
			: pid1_pipe(&link_read, &link_write, reterr);

	if (r == 0)
		r = pid1_socket(SOCK_SEQPACKET, &go_read, &go_write, reterr);
	if (r == 0)
		r = pid1_pipe(&error_read, &error_write, reterr);
	if (r < 0)
		return r;
	init_limits_read(&limits);
	struct clone_args args = {
		/* The cgroup namespace comes later, once PID 1 is in the slice. */
		.flags = (flags & ~(uint64_t)CLONE_NEWCGROUP) | CLONE_PIDFD |
			 (cgroup_v2_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup_v2_fd >= 0 ? (uint64_t)cgroup_v2_fd : 0,
	};
	pid_t pid = sys_clone3(&args);

	if (pid < 0)
		return failure_set(reterr, errno, "clone a process into new namespaces");
	if (pid == 0) {
		struct birth birth = {.plan = plan,
				      .login = login,
				      .set = set,
				      .limits = &limits,
				      .init_fd = init_fd,
				      .link_fd = link_read,
				      .go_fd = go_read,
				      .error_fd = error_write,
				      .in_v2 = cgroup_v2_fd >= 0};

		/* As long as a copy of a write end is open here, the pipe's end is never seen. */
		close_fd(&link_write);
		close_fd(&go_write);
		close_fd(&error_read);
		be_born(&birth);
	}
	*ret_sandbox = (struct sandbox){.init_pid = pid,
					.init_pidfd = pidfd,
					.link_fd = steal_fd(&link_write),
					.go_fd = steal_fd(&go_write),
					.error_fd = steal_fd(&error_read),
					.clone_flags = flags};
	return 0;
}

/* Read what PID 1 says: the number of bytes, 0 at the end. */
static int hear(struct sandbox *sandbox, int64_t deadline_ms, struct failure *ret_said,
		struct failure *reterr)
{
	int ready = sys_wait_readable(sandbox->error_fd, deadline_ms);

	if (ready < 0)
		return failure_set(reterr, errno, "wait for the sandbox");
	if (ready == 0)
		return failure_say(reterr, ETIME, "the sandbox was not ready in time");
	ssize_t got = read(sandbox->error_fd, ret_said, sizeof(*ret_said));

	return got < 0 ? failure_set(reterr, errno, "read from the sandbox") : (int)got;
}

/* It said something else than what was due. */
static int misbirth(const struct failure *said, int got, struct failure *reterr)
{
	(void)pid1_said_why(said, got, "PID 1", reterr);
	return failure_wrap(reterr, "in the new sandbox");
}

int sandbox_go(struct sandbox *sandbox, const int *views, size_t view_count, struct failure *reterr)
{
	struct message_plain go;
	int r;

	protocol_head(&go.head, MESSAGE_GO, sizeof(go));
	r = protocol_send(sandbox->go_fd, &go, sizeof(go), views, view_count, reterr);
	close_fd(&sandbox->go_fd);
	/* It has ended already: sandbox_finish() will say why. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

int sandbox_finish(struct sandbox *sandbox, int64_t deadline_ms, struct failure *reterr)
{
	struct failure said = {0};
	int got = hear(sandbox, deadline_ms, &said, reterr);

	if (got < 0)
		return got;
	return got == READY_SIZE ? 0 : misbirth(&said, got, reterr);
}

int sandbox_identify(struct sandbox *sandbox, int64_t deadline_ms, struct failure *reterr)
{
	struct failure finishing;

	if (ns_identify(sandbox->init_pidfd, sandbox->init_pid, sandbox->clone_flags, &sandbox->ids,
			reterr) == 0)
		return 0;
	/* It has ended, most likely, and said why. */
	if (sandbox_finish(sandbox, deadline_ms, &finishing) < 0 ||
	    sandbox_confirm(sandbox, deadline_ms, &finishing) < 0)
		*reterr = finishing;
	return -reterr->err;
}

int sandbox_confirm(struct sandbox *sandbox, int64_t deadline_ms, struct failure *reterr)
{
	struct failure said = {0};
	int got = hear(sandbox, deadline_ms, &said, reterr);

	close_fd(&sandbox->error_fd);
	if (got < 0)
		return got;
	/* The pipe's end: exec closed it, or a kill did. */
	if (got > 0 || sys_wait_readable(sandbox->init_pidfd, 0) != 0)
		return misbirth(&said, got, reterr);
	return 0;
}

void sandbox_destroy(struct sandbox *sandbox)
{
	close_fd(&sandbox->go_fd);
	close_fd(&sandbox->error_fd);
	if (sandbox->init_pidfd >= 0) {
		(void)sys_pidfd_send_signal(sandbox->init_pidfd, SIGKILL);
		while (waitpid(sandbox->init_pid, NULL, 0) < 0 && errno == EINTR)
			;
		close_fd(&sandbox->init_pidfd);
	}
	close_fd(&sandbox->link_fd);
}

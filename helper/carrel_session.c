/* SPDX-License-Identifier: MIT */
/*
 * carrel-session - the helper that pam_carrel.so and `carrel run` start as root: one request, one
 * sandbox; then it stays as that sandbox's warden.
 *
 *   carrel-session            with the caller's socket as descriptor 3 (core/spawn.h)
 *   carrel-session --sweep    remove what killed wardens left behind
 */
#include <errno.h>
#include <linux/oom.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/cgroup_systemd.h"
#include "core/convert.h"
#include "core/oom_score.h"
#include "core/pid1.h"
#include "core/plan.h"
#include "core/pod.h"
#include "core/registry.h"
#include "core/spawn.h"
#include "core/sys.h"
#include "helper/adopt.h"
#include "helper/log.h"
#include "helper/opening.h"
#include "helper/share.h"
#include "helper/slices.h"
#include "helper/sweep.h"

#define SWEEP_ALARM_SECONDS 60

/*
 * The caller is the session's leader: it waits for us in the call, and the socket's other end shows
 * that it is still there, so its pid can't have been reused.
 */
static int find_leader(struct opening *opening, struct failure *reterr)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(SPAWN_SOCKET, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return failure_set(reterr, errno, "ask who the caller is");
	if (cred.uid != 0)
		return failure_say(reterr, EPERM, "the caller has uid %u, not root's",
				   (unsigned int)cred.uid);
	opening->leader = cred.pid;
	opening->warden.leader_fd = sys_pidfd_open(cred.pid);
	if (opening->warden.leader_fd < 0)
		return failure_set(reterr, errno, "open a pidfd of the caller %d", cred.pid);
	if (sys_wait_readable(SPAWN_SOCKET, 0) != 0)
		return failure_say(reterr, ECONNRESET, "the caller has gone");
	return 0;
}

/* Sessions of the user, under the lock: exact where there are `max` or more, else an upper bound. */
static int count_sessions(const struct opening *opening, const struct registry_user *user,
			  uint64_t max, uint64_t *ret_live, struct failure *reterr)
{
	size_t in_pod = 0, live = 0;
	bool pod = adopt_count_pod(opening, &in_pod);
	int r = 0;

	/* The pod is one of the sandboxes. */
	if (in_pod <= max)
		r = registry_count(user, max - in_pod + pod, &live, reterr);
	if (r == 0)
		*ret_live = in_pod + live - (pod && live > 0);
	return r;
}

static int count_and_listen(struct opening *opening, const struct registry_user *user,
			    struct failure *reterr)
{
	struct warden *warden = &opening->warden;
	uint64_t max = opening->plan.sessions_max, live = 0;
	int r = max == CONVERT_MAX ? 0 : count_sessions(opening, user, max, &live, reterr);

	if (r < 0)
		return r;
	r = opening_check_frozen(opening, reterr);
	if (r < 0)
		return r;
	if (max != CONVERT_MAX && live >= max) {
		opening->reply.notice = NOTICE_SESSIONS_MAX;
		return failure_say(reterr, EUSERS, "%s has %llu sessions, and sessions_max is %llu",
				   opening->login.user, (unsigned long long)live,
				   (unsigned long long)max);
	}
	if (warden->pod)
		r = pod_listen(opening->login.uid, &warden->door.fd, reterr);
	return r < 0 ? r
		     : registry_listen(user, opening->plan.manager, cgroup_root(&warden->cgroups),
				       warden->info.id, &warden->listen_fd, reterr);
}

/*
 * Count and register, under the user's lock: logins that race can't pass sessions_max. Once our socket
 * listens, nobody takes the user's cgroups away, so the rest needs no lock.
 */
static int register_session(struct opening *opening, struct failure *reterr)
{
	struct registry_user user;
	int r = registry_lock(opening->login.uid, true, opening->deadline_ms, &user, reterr);

	if (r < 0)
		return r;
	r = count_and_listen(opening, &user, reterr);
	if (r < 0)
		door_close(&opening->warden);
	if (r == 0)
		r = disk_open(&opening->warden.disk, &opening->plan, opening->login.uid,
			      opening->warden.info.id, reterr);
	if (r == 0)
		registry_unlock(&user);
	else
		registry_leave(&user);
	return r;
}

/* Where PID 1 is to be born in the slice; systemd's has no processes of its own. */
static bool has_v2(const struct cgroup_set *cgroups)
{
	for (size_t i = 0; i < cgroup_join_count(cgroups); i++) {
		if (cgroups->hierarchies[i].v2)
			return true;
	}
	return false;
}

static int start_sandbox(struct opening *opening, struct failure *reterr)
{
	struct warden *warden = &opening->warden;
	_close_ int init_fd = -1, v2_fd = -1;
	int r = pid1_open(&init_fd, reterr);

	if (r == 0 && has_v2(&warden->cgroups))
		r = cgroup_open_v2(&warden->cgroups, &v2_fd, reterr);
	if (r == 0)
		r = sandbox_start(&opening->plan, &opening->login, init_fd, v2_fd, &warden->cgroups,
				  &warden->sandbox, reterr);
	return r;
}

static int make_slices(struct opening *opening, struct failure *reterr)
{
	struct warden *warden = &opening->warden;
	struct cgroup_systemd_login login = {.id = warden->info.id,
					     .leader = opening->leader,
					     .warden = getpid(),
					     .init = warden->sandbox.init_pid,
					     .deadline_ms = opening->deadline_ms};

	int r = slices_make(opening, &login, true, reterr);

	/* There both are within the user's memory limit: an OOM kill is not to hit them. */
	if (r == 0 && warden->cgroups.systemd) {
		struct failure ignored;

		(void)oom_score_write(login.warden, OOM_SCORE_ADJ_MIN, &ignored);
		(void)oom_score_write(login.init, OOM_SCORE_ADJ_MIN, &ignored);
	}
	return r;
}

/* Where the private directories are; the plan has those on disk first. */
static int begin_share(struct opening *opening, struct failure *reterr)
{
	struct warden *warden = &opening->warden;
	int r = disk_tell(&warden->disk, &warden->sandbox, reterr);

	if (r < 0)
		return r;
	return share_begin(&opening->share, &opening->plan, opening->login.uid, warden->info.id,
			   &warden->sandbox, opening->deadline_ms, reterr);
}

/*
 * The sandbox, the registry and the user's slice. On v1 PID 1 starts first and does its mounts while
 * the rest is made, which takes the kernel as long (and has no copy of the socket that is made after it,
 * which would let a killed warden look alive); on v2 it is born in the slice (CLONE_INTO_CGROUP).
 */
static int make_sandbox(struct opening *opening, struct failure *reterr)
{
	struct cgroup_set *cgroups = &opening->warden.cgroups;
	bool born_in_slice = has_v2(cgroups);
	int r = born_in_slice ? 0 : start_sandbox(opening, reterr);

	if (r == 0)
		r = register_session(opening, reterr);
	if (r == 0 && !born_in_slice)
		r = begin_share(opening, reterr);
	if (r == 0)
		r = make_slices(opening, reterr);
	if (r == 0 && born_in_slice)
		r = start_sandbox(opening, reterr);
	if (r == 0 && born_in_slice)
		r = begin_share(opening, reterr);
	return r;
}

#define LEFT_ALONE 1
#define HANDED_OVER 2

/* With instance=user, into the sandbox that there is. Which may come, or go, at any moment. */
static int join_or_make(struct opening *opening, struct failure *reterr)
{
	struct warden *warden = &opening->warden;
	int r;

	if (opening->plan.instance != INSTANCE_USER)
		return make_sandbox(opening, reterr);
	do {
		r = adopt_try(opening, reterr);
		if (r != 0)
			return r < 0 ? r : HANDED_OVER;
		warden->pod = !opening->apart;
		r = make_sandbox(opening, reterr);
		/* Another login of the user's was quicker. */
		if (r == -EEXIST)
			sandbox_destroy(&warden->sandbox);
	} while (r == -EEXIST && sys_now_ms() < opening->deadline_ms);
	return r == -EEXIST ? failure_say(reterr, ETIME, "logins of this user come and go too fast")
			    : r;
}

/*
 * Everything from the request to a caller that is verified to be inside; or LEFT_ALONE, or
 * HANDED_OVER to the warden of a pod.
 */
static int open_sandbox(struct opening *opening, struct failure *reterr)
{
	struct warden *warden = &opening->warden;
	int r = find_leader(opening, reterr);

	if (r == 0)
		r = opening_decide(opening, reterr);
	if (r != 0)
		return r;
	warden->info.uid = opening->login.uid;
	r = cgroup_find(&opening->plan, opening->login.uid, &warden->cgroups, reterr);
	if (r == 0)
		r = join_or_make(opening, reterr);
	if (r != 0)
		return r;
	return opening_let_in(opening, reterr);
}

static void forget_opening(struct opening *opening)
{
	free(opening->group_names);
	opening->group_names = NULL;
	if (opening->planned)
		plan_free(&opening->plan);
	policy_free(opening->policy);
	opening->policy = NULL;
	opening->planned = false;
	close_fd(&opening->anchor_fd);
}

/* Answer, and let go of what was only needed to open: 0 when *ret_warden is to be run, else 1. */
static int serve(struct opening *opening, struct warden *ret_warden)
{
	struct failure failure = {0};
	int r = open_sandbox(opening, &failure);

	if (r == HANDED_OVER) {
		forget_opening(opening);
		return 1;
	}
	if (r == LEFT_ALONE) {
		reply_send_verdict(SPAWN_SOCKET, &opening->reply, REPLY_IGNORE, NULL);
		forget_opening(opening);
		return 1;
	}
	if (r < 0) {
		/* Clean up first: who has been refused finds nothing left. */
		warden_abort(&opening->warden);
		if (!opening->answered)
			reply_send_verdict(SPAWN_SOCKET, &opening->reply, REPLY_REFUSED, &failure);
		forget_opening(opening);
		return 1;
	}
	(void)alarm(0);
	opening->warden.started_ms = sys_now_ms();
	if (opening->request.debug)
		log_line(LOG_DEBUG, "sandbox %s of %s via %s: PID 1 is %d, the leader %d",
			 opening->reply.id, opening->login.user, opening->login.service,
			 opening->warden.sandbox.init_pid, opening->leader);
	forget_opening(opening);
	*ret_warden = opening->warden;
	return 0;
}

/* In memory of its own, given back before the long wait. */
static int open_one(struct warden *ret_warden)
{
	struct opening *opening = mmap(NULL, sizeof(*opening), PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct failure failure;
	int r;

	if (opening == MAP_FAILED) {
		log_line(LOG_ERR, "memory for a login: %m");
		return 1;
	}
	warden_init(&opening->warden);
	opening->anchor_fd = -1;
	protocol_head(&opening->reply.head, MESSAGE_REPLY, sizeof(opening->reply));
	opening_load_policy(opening);
	/*
	 * The caller asks NSS for the groups meanwhile, which takes what it takes: the end of the socket, and
	 * the alarm that the helper was started with, bound the wait.
	 */
	r = protocol_receive(SPAWN_SOCKET, MESSAGE_REQUEST, &opening->request,
			     sizeof(opening->request), NULL, NULL, INT64_MAX, &failure);
	if (r == 0 && sessions_reserve(&opening->warden.sessions) < 0)
		r = failure_set(&failure, ENOMEM, "prepare a session");
	if (r < 0) {
		log_line(LOG_ERR, "%s", failure.text);
		forget_opening(opening);
	} else {
		opening->deadline_ms = sys_now_ms() + opening->request.timeout_ms;
		r = serve(opening, ret_warden);
	}
	if (r != 0)
		sessions_free(&opening->warden.sessions);
	(void)munmap(opening, sizeof(*opening));
	return r;
}

static int usage(void)
{
	fputs("usage: carrel-session [--sweep]\n"
	      "carrel-session is started by pam_carrel.so and by `carrel run`, as root, with "
	      "their\n"
	      "socket as descriptor 3. --sweep removes what sandboxes that were killed left "
	      "behind.\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct stat st;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "--sweep") == 0 && geteuid() == 0) {
		(void)alarm(SWEEP_ALARM_SECONDS);
		return sweep_all();
	}
	if (argc != 1 || geteuid() != 0 || fstat(SPAWN_SOCKET, &st) < 0 || !S_ISSOCK(st.st_mode))
		return usage();
	static struct warden warden;

	if (open_one(&warden) != 0)
		return 1;
	warden_run(&warden, true);
	return 0;
}

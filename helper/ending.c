/* SPDX-License-Identifier: MIT */
#include "helper/ending.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/registry.h"
#include "core/sys.h"
#include "helper/answer.h"
#include "helper/log.h"

#define LOCK_WAIT_MS 10000
#define REMOVE_PAUSE_MS 10 /* between attempts to remove a cgroup that is still in use, doubling */
#define REMOVE_PAUSE_MAX_MS 1000
#define END_LOOK_MS 1000 /* has the user been frozen meanwhile? */
#define FROZEN_LOOK_MS 50 /* at what is dying in a frozen sandbox */
#define REMOVE_GIVE_UP_MS 30000 /* after the leader has gone */

static bool is_over(int fd)
{
	return fd < 0 || sys_wait_readable(fd, 0) != 0;
}

/* One that is still there; 0 when all have gone, and their pids may be other processes'. */
static pid_t live_leader(const struct warden *warden)
{
	if (!is_over(warden->leader_fd))
		return warden->leader;
	for (size_t i = 0; i < warden->sessions.count; i++) {
		if (!is_over(warden->sessions.members[i].leader_fd))
			return warden->sessions.members[i].leader;
	}
	return 0;
}

void ending_kill(struct warden *warden)
{
	/* The kernel then reaps it where it ends, on another processor perhaps, while we go on here. */
	(void)signal(SIGCHLD, SIG_IGN);
	(void)sys_pidfd_send_signal(warden->sandbox.init_pidfd, SIGKILL);
	door_close(warden);
	/* Nobody is to share it any more: as long as it is open, the tmpfs lives. */
	close_fd(&warden->share_fd);
	/* Either ends it. */
	close_fd(&warden->sandbox.link_fd);
}

/*
 * PID 1's exit waits for parents outside to reap their children inside (sshd's monitor reaps after
 * close_session has returned), so queries go on being answered meanwhile.
 */
void ending_await(struct warden *warden)
{
	while (!is_over(warden->sandbox.init_pidfd)) {
		struct pollfd polls[] = {
			{.fd = warden->sandbox.init_pidfd, .events = POLLIN},
			{.fd = warden->listen_fd, .events = POLLIN},
		};
		/* What is frozen neither dies nor reaps; also when that comes only now. */
		bool frozen = cgroup_is_frozen(&warden->cgroups);

		if (frozen)
			cgroup_release_dying(&warden->cgroups, live_leader(warden));
		if (poll(polls, ARRAY_SIZE(polls), frozen ? FROZEN_LOOK_MS : END_LOOK_MS) > 0 &&
		    polls[1].revents)
			answer_client(warden);
	}
	sandbox_destroy(&warden->sandbox);
	/* ending_kill() had it ignored: should anything be started from here on, its end is to be known. */
	(void)signal(SIGCHLD, SIG_DFL);
}

/*
 * Remove the socket, and with the user's last sandbox in them the cgroups. 0: done. -EBUSY: a process is
 * still in a cgroup.
 */
static int remove_locked(struct warden *warden, struct registry_user *user, bool *ret_anywhere,
			 struct failure *reterr)
{
	bool others = true, anywhere = true;
	int r = registry_unlink(user, warden->info.id, reterr);

	/* Who has connected before, and waits for an answer, learns now that there is none to come. */
	close_fd(&warden->listen_fd);
	if (r == 0)
		r = registry_any(user, &anywhere, reterr);
	if (r == 0 && anywhere)
		r = registry_any_in(user, cgroup_root(&warden->cgroups), &others, reterr);
	else
		others = r != 0;
	if (r == 0 && !others)
		r = anywhere ? cgroup_remove_slices(&warden->cgroups, reterr)
			     : cgroup_remove(&warden->cgroups, reterr);
	/*
	 * Without a pid namespace the user's last logout ends what is left running (with one, nothing
	 * is left but the leader on its way out). Under the lock, so that no new login is hit.
	 */
	if (r == -EBUSY && !others && !(warden->info.namespaces & (1U << NS_PID)))
		cgroup_kill(&warden->cgroups);
	if (r == -EBUSY)
		cgroup_release_dying(&warden->cgroups, live_leader(warden));
	*ret_anywhere = anywhere;
	return r;
}

static int remove_once(struct warden *warden, struct failure *reterr)
{
	struct registry_user user;
	bool anywhere;
	int r = registry_lock(warden->info.uid, false, sys_now_ms() + LOCK_WAIT_MS, &user, reterr);

	if (r == -ENOENT)
		return 0; /* somebody who swept up after a crash was faster */
	if (r < 0)
		return r;
	r = remove_locked(warden, &user, &anywhere, reterr);
	if (r == 0 && !anywhere)
		registry_leave_empty(&user);
	else
		registry_unlock(&user);
	return r;
}

/* A leader that is still there, or -1. */
static int remaining_leader(struct warden *warden)
{
	if (!is_over(warden->leader_fd))
		return warden->leader_fd;
	close_fd(&warden->leader_fd);
	for (size_t i = 0; i < warden->sessions.count; i++) {
		int *leader_fd = &warden->sessions.members[i].leader_fd;

		if (!is_over(*leader_fd))
			return *leader_fd;
		close_fd(leader_fd);
	}
	return -1;
}

/*
 * The leader is in the user's cgroups until it has gone back to where it came from, or ended: that
 * may be long after the sandbox.
 */
void ending_remove(struct warden *warden)
{
	int64_t give_up_ms = 0;
	int pause_ms = REMOVE_PAUSE_MS;
	struct failure failure;
	int r;

	while ((r = remove_once(warden, &failure)) == -EBUSY) {
		struct pollfd leader = {.fd = remaining_leader(warden), .events = POLLIN};

		if (give_up_ms == 0 && leader.fd < 0) {
			give_up_ms = sys_now_ms() + REMOVE_GIVE_UP_MS;
			pause_ms = REMOVE_PAUSE_MS;
		}
		if (give_up_ms != 0 && sys_now_ms() > give_up_ms)
			break;
		(void)poll(&leader, 1, pause_ms);
		if (pause_ms < REMOVE_PAUSE_MAX_MS)
			pause_ms *= 2;
	}
	if (r < 0)
		log_line(LOG_ERR, "cleaning up after sandbox %s: %s", warden->info.id,
			 failure.text);
}

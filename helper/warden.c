/* SPDX-License-Identifier: MIT */
#include "helper/warden.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>

#include "core/caps.h"
#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/registry.h"
#include "core/sys.h"
#include "helper/answer.h"
#include "helper/share.h"
#include "helper/shed.h"
#include "helper/sweep.h"

#define LOCK_WAIT_MS 10000
#define REMOVE_PAUSE_MS 10 /* between attempts to remove a cgroup that is still in use, doubling */
#define REMOVE_PAUSE_MAX_MS 1000
#define END_LOOK_MS 1000 /* has the user been frozen meanwhile? */
#define FROZEN_LOOK_MS 50 /* at what is dying in a frozen sandbox */
#define REMOVE_GIVE_UP_MS 30000 /* after the leader has gone */

void warden_init(struct warden *warden)
{
	memset(warden, 0, sizeof(*warden));
	warden->module_fd = warden->leader_fd = warden->listen_fd = warden->share_fd = -1;
	warden->disk.tmp = TMP_DISK_NONE;
	warden->sandbox =
		(struct sandbox){.init_pidfd = -1, .link_fd = -1, .go_fd = -1, .error_fd = -1};
}

/* The caller said CLOSE, or has closed its end (which alone does not end the session). */
static bool module_says_close(struct warden *warden)
{
	struct message_plain message;
	struct failure failure;

	if (protocol_receive(warden->module_fd, MESSAGE_CLOSE, &message, sizeof(message), NULL,
			     NULL, sys_now_ms(), &failure) == 0)
		return true;
	close_fd(&warden->module_fd);
	return false;
}

static bool is_over(int fd)
{
	return fd < 0 || sys_wait_readable(fd, 0) != 0;
}

static volatile sig_atomic_t asked_to_end;

static void note_term(int sig)
{
	(void)sig;
	asked_to_end = 1;
}

/* SIGTERM, which a service manager sends to what it stops, ends the session in order. */
static void catch_term(void)
{
	struct sigaction action;
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	/* Taken in ppoll(2) alone, so that none is lost between looking and waiting. */
	(void)sigprocmask(SIG_BLOCK, &term, NULL);
	memset(&action, 0, sizeof(action));
	action.sa_handler = note_term;
	(void)sigaction(SIGTERM, &action, NULL);
}

/* Wait until the session is to end: closed, its leader gone, its PID 1 killed, or SIGTERM. */
static void attend(struct warden *warden)
{
	sigset_t none;

	(void)sigemptyset(&none);
	while (!asked_to_end) {
		struct pollfd polls[] = {
			{.fd = warden->leader_fd, .events = POLLIN},
			{.fd = warden->sandbox.init_pidfd, .events = POLLIN},
			{.fd = warden->module_fd, .events = POLLIN},
			{.fd = warden->listen_fd, .events = POLLIN},
		};

		if (ppoll(polls, ARRAY_SIZE(polls), NULL, &none) < 0)
			continue;
		if (polls[0].revents || polls[1].revents)
			return;
		if (polls[2].revents && module_says_close(warden))
			return;
		if (polls[3].revents) {
			answer_client(warden);
			shed_memory();
		}
	}
}

/* 0 when it has gone, and its pid may be another process's. */
static pid_t live_leader(const struct warden *warden)
{
	return is_over(warden->leader_fd) ? 0 : warden->info.leader_pid;
}

/* Kill PID 1, and with it everything inside. */
static void kill_sandbox(struct warden *warden)
{
	/* Nobody is to share it any more: as long as it is open, the tmpfs lives. */
	close_fd(&warden->share_fd);
	/* Either ends it. */
	close_fd(&warden->sandbox.link_fd);
	(void)sys_pidfd_send_signal(warden->sandbox.init_pidfd, SIGKILL);
}

/*
 * PID 1's exit waits for parents outside to reap their children inside (sshd's monitor reaps after
 * close_session has returned), so queries go on being answered meanwhile.
 */
static void await_end(struct warden *warden)
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
}

/*
 * Remove the socket, and with the user's last sandbox the cgroups. 0: done. -EBUSY: a process is
 * still in a cgroup.
 */
static int remove_locked(struct warden *warden, struct registry_user *user, struct failure *reterr)
{
	bool others = true;
	int r = registry_unlink(user, warden->info.id, reterr);

	/* Who has connected before, and waits for an answer, learns now that there is none to come. */
	close_fd(&warden->listen_fd);
	if (r == 0)
		r = registry_any(user, &others, reterr);
	if (r == 0 && !others)
		r = cgroup_remove(&warden->cgroups, reterr);
	/*
	 * Without a pid namespace the user's last logout ends what is left running (with one, nothing
	 * is left but the leader on its way out). Under the lock, so that no new login is hit.
	 */
	if (r == -EBUSY && !others && !(warden->info.namespaces & (1U << NS_PID)))
		cgroup_kill(&warden->cgroups);
	if (r == -EBUSY)
		cgroup_release_dying(&warden->cgroups, live_leader(warden));
	return r;
}

static int remove_once(struct warden *warden, struct failure *reterr)
{
	struct registry_user user;
	int r = registry_lock(warden->info.uid, false, sys_now_ms() + LOCK_WAIT_MS, &user, reterr);

	if (r == -ENOENT)
		return 0; /* somebody who swept up after a crash was faster */
	if (r < 0)
		return r;
	r = remove_locked(warden, &user, reterr);
	if (r == 0)
		registry_leave(&user);
	else
		registry_unlock(&user);
	return r;
}

/*
 * The leader is in the user's cgroups until it has gone back to where it came from, or ended: that
 * may be long after the sandbox.
 */
static void remove_all(struct warden *warden)
{
	int64_t give_up_ms = 0;
	int pause_ms = REMOVE_PAUSE_MS;
	struct failure failure;
	int r;

	while ((r = remove_once(warden, &failure)) == -EBUSY) {
		struct pollfd leader = {.fd = warden->leader_fd, .events = POLLIN};

		if (give_up_ms == 0 && is_over(warden->leader_fd)) {
			close_fd(&warden->leader_fd);
			give_up_ms = sys_now_ms() + REMOVE_GIVE_UP_MS;
			pause_ms = REMOVE_PAUSE_MS;
		}
		if (give_up_ms != 0 && sys_now_ms() > give_up_ms)
			break;
		leader.fd = warden->leader_fd;
		(void)poll(&leader, 1, pause_ms);
		if (pause_ms < REMOVE_PAUSE_MAX_MS)
			pause_ms *= 2;
	}
	if (r < 0)
		syslog(LOG_ERR, "cleaning up after sandbox %s: %s", warden->info.id, failure.text);
}

static void format_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMGT";
	size_t unit = 0;
	double value = (double)bytes;

	while (value >= 1024 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	if (bytes == UINT64_MAX)
		(void)snprintf(text, size, "unknown");
	else
		(void)snprintf(text, size, unit == 0 ? "%.0f%c" : "%.1f%c", value, units[unit]);
}

static uint64_t difference(uint64_t end, uint64_t start)
{
	if (end == UINT64_MAX)
		return 0;
	return end - (start == UINT64_MAX || start > end ? 0 : start);
}

/*
 * CPU time and OOM kills are what the user's slice has gained since this session began, the peak is
 * the slice's: with several sessions at once they are the user's, not this session's alone.
 */
static void log_end_line(const struct warden *warden, const struct cgroup_usage *usage)
{
	int64_t seconds = (sys_now_ms() - warden->started_ms) / 1000;
	uint64_t cpu_usec = difference(usage->cpu_usec, warden->usage_at_start.cpu_usec);
	char peak[32];

	format_bytes(usage->memory_peak_bytes, peak, sizeof(peak));
	syslog(LOG_INFO,
	       "sandbox %s of %s ended: service=%s length=%lld:%02lld:%02lld cpu=%llu.%02llus "
	       "memory_peak=%s oom_kills=%llu",
	       warden->info.id, warden->info.user, warden->info.service,
	       (long long)(seconds / 3600), (long long)(seconds / 60 % 60),
	       (long long)(seconds % 60), (unsigned long long)(cpu_usec / 1000000),
	       (unsigned long long)(cpu_usec / 10000 % 100), peak,
	       (unsigned long long)difference(usage->oom_kills, warden->usage_at_start.oom_kills));
}

void warden_run(struct warden *warden, bool log_end)
{
	struct cgroup_usage usage;
	struct failure failure;

	/*
	 * root's uid is enough for root's processes and most of root's files; the root of a v1
	 * hierarchy, from which carrel.slice is removed, has mode 0555.
	 */
	uint64_t keep = UINT64_C(1) << CAP_DAC_OVERRIDE;

	if (!(warden->info.namespaces & (1U << NS_PID)))
		keep |= UINT64_C(1) << CAP_KILL;
	/* To remove a file from somebody's sticky directory. */
	if (warden->disk.tmp_root)
		keep |= UINT64_C(1) << CAP_FOWNER;
	if (caps_empty_bounding(&failure) < 0 || caps_keep_only(keep, &failure) < 0)
		syslog(LOG_WARNING, "warden of %s: %s", warden->info.id, failure.text);
	catch_term();
	shed_memory();
	attend(warden);
	kill_sandbox(warden);
	cgroup_read_usage(&warden->cgroups, &usage);
	/* Nothing is in the slice any more: it can go while PID 1, which was not in it, takes its time. */
	bool idle = usage.processes == 0;

	if (!idle) {
		await_end(warden);
		cgroup_read_usage(&warden->cgroups, &usage);
	}
	remove_all(warden);
	if (idle)
		await_end(warden);
	disk_close(&warden->disk, warden->info.uid, warden->info.id);
	if (log_end)
		log_end_line(warden, &usage);
	sweep_some();
}

void warden_abort(struct warden *warden)
{
	close_fd(&warden->listen_fd);
	close_fd(&warden->share_fd);
	/* The caller's processes can't be inside yet, or have just been told to leave. */
	sandbox_destroy(&warden->sandbox);
	if (warden->info.id[0] != '\0')
		remove_all(warden);
	disk_close(&warden->disk, warden->info.uid, warden->info.id);
}

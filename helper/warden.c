/* SPDX-License-Identifier: MIT */
#include "helper/warden.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "core/caps.h"
#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"
#include "helper/answer.h"
#include "helper/end_line.h"
#include "helper/ending.h"
#include "helper/hidepid.h"
#include "helper/log.h"
#include "helper/runtime.h"
#include "helper/share.h"
#include "helper/shed.h"
#include "helper/sweep.h"

#define ASK_PAUSE_MS 1000 /* between questions to PID 1, doubling */
#define ASK_PAUSE_MAX_MS 32000
#define NO_MEMORY_PAUSE_MS 100
#define SHED_PAUSE_MS 1000 /* without an event: who joins next finds the code still mapped */

void warden_init(struct warden *warden)
{
	memset(warden, 0, sizeof(*warden));
	warden->anchor_fd = -1;
	warden->leader_fd = warden->listen_fd = warden->door.fd = warden->share_fd = -1;
	warden->disk.tmp = TMP_DISK_NONE;
	warden->notify = NOTIFY_NONE;
	warden->sandbox =
		(struct sandbox){.init_pidfd = -1, .link_fd = -1, .go_fd = -1, .error_fd = -1};
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

int warden_admit_first(struct warden *warden, int socket, pid_t leader, int *anchor_fd,
		       const struct message_request *request, const struct login_terms *terms)
{
	struct member *member = sessions_add(&warden->sessions, socket);

	if (!member)
		return -ENOMEM;
	member->state = MEMBER_LIVE;
	member->leader_fd = steal_fd(&warden->leader_fd);
	member->anchor_fd = steal_fd(anchor_fd);
	member->leader = leader;
	member->terms = *terms;
	member->started = (int64_t)time(NULL);
	member->started_ms = sys_now_ms();
	member_describe(member, request->service, request->tty, request->rhost);
	return 0;
}

/* What queries are told follows the sessions: of several, the oldest is the one that is shown. */
static void update_info(struct warden *warden)
{
	const struct member *oldest = sessions_oldest(&warden->sessions);
	struct message_info *info = &warden->info;

	info->sessions = (uint32_t)sessions_count(&warden->sessions);
	info->leader_pid = oldest ? oldest->leader : 0;
	if (!oldest)
		return;
	(void)protocol_text(info->service, sizeof(info->service),
			    oldest->service ? oldest->service : "");
	(void)protocol_text(info->tty, sizeof(info->tty), oldest->tty ? oldest->tty : "");
	(void)protocol_text(info->rhost, sizeof(info->rhost), oldest->rhost ? oldest->rhost : "");
}

static void end_session(struct warden *warden, size_t index)
{
	struct member *member = &warden->sessions.members[index];
	int64_t seconds = (sys_now_ms() - member->started_ms) / 1000;

	/* Of a sandbox that has one session the end is said once, with its figures. */
	if (warden->pod)
		log_line(LOG_INFO,
			 "session of %s in sandbox %s ended: service=%s length=%lld:%02lld:%02lld",
			 warden->info.user, warden->info.id, member->service ? member->service : "",
			 (long long)(seconds / 3600), (long long)(seconds / 60 % 60),
			 (long long)(seconds % 60));
	/* Until it is out of the slice, that can't be removed. */
	close_fd(&warden->leader_fd);
	warden->leader_fd = steal_fd(&member->leader_fd);
	warden->leader = member->leader;
	warden->linger = warden->pod && member->terms.linger;
	if (warden->linger && sessions_count(&warden->sessions) == 1) {
		close_fd(&warden->anchor_fd);
		warden->anchor_fd = steal_fd(&member->anchor_fd);
	}
	sessions_remove(&warden->sessions, index);
}

/* One that is in said CLOSE, or its leader has gone. That the module closes its end is not the end. */
static void hear_member(struct warden *warden, size_t index, bool leader_gone)
{
	struct member *member = &warden->sessions.members[index];
	struct message_plain message;
	struct failure failure;

	if (leader_gone || protocol_receive(member->socket, MESSAGE_CLOSE, &message,
					    sizeof(message), NULL, NULL, 0, &failure) == 0)
		end_session(warden, index);
	else
		close_fd(&member->socket);
}

static void hear_members(struct warden *warden, const struct pollfd *polls)
{
	/* Backwards, since who has left is taken out; who comes in does so at the end, later. */
	for (size_t i = warden->sessions.count; i-- > 0;) {
		const struct pollfd *said = &polls[SESSIONS_POLLS * i], *gone = said + 1;
		const struct pollfd *anchor = said + 2;

		if (anchor->revents)
			runtime_cut(&warden->sessions.members[i], sys_now_ms());
		if (!said->revents && !gone->revents)
			continue;
		if (warden->sessions.members[i].state == MEMBER_LIVE)
			hear_member(warden, i, gone->revents);
		else if (gone->revents)
			sessions_remove(&warden->sessions, i);
		else
			door_hear(warden, i);
	}
}

/*
 * Lingering: PID 1 answers when it has no children any more, with whether it is alone (carrel_init.c).
 * 1: it is, and nobody has been in since it was asked.
 */
static bool hear_init(struct warden *warden)
{
	char byte = INIT_NOT_ALONE;

	if (recv(warden->sandbox.link_fd, &byte, 1, MSG_DONTWAIT) != 1)
		return false; /* it has ended, which its pidfd says */
	warden->asked = false;
	if (byte == INIT_ALONE && !warden->stale)
		return true;
	/* What is left is no child of its, and does not tell it of its end: ask from time to time. */
	if (warden->stale || warden->ask_pause_ms == 0)
		warden->ask_pause_ms = ASK_PAUSE_MS;
	else if (warden->ask_pause_ms < ASK_PAUSE_MAX_MS)
		warden->ask_pause_ms *= 2;
	warden->ask_again_ms = sys_now_ms() + (warden->stale ? 0 : warden->ask_pause_ms);
	warden->stale = false;
	return false;
}

/* With no session left: true when the sandbox is to end now. */
static bool linger(struct warden *warden)
{
	char byte = 0;

	if (sessions_count(&warden->sessions) > 0) {
		warden->stale = warden->asked;
		warden->ask_again_ms = 0;
		warden->ask_pause_ms = 0;
		return false;
	}
	if (!warden->linger)
		return true;
	if (warden->asked || sys_now_ms() < warden->ask_again_ms)
		return false;
	/* Where it can't be asked there is no telling when to end: rather now than never. */
	if (send(warden->sandbox.link_fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return true;
	warden->asked = true;
	warden->ask_again_ms = 0;
	return false;
}

enum {
	POLL_INIT,
	POLL_LISTEN,
	POLL_DOOR,
	POLL_LINK,
	POLL_NOTIFY,
	POLL_FIXED = POLL_NOTIFY + NOTIFY_KINDS
};

/* The earlier of two times, of which 0 is never. */
static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms == 0 || (b_ms > 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/* ppoll(2) until a time, of which 0 is never; SIGTERM is taken here alone. */
static int wait_until(struct pollfd *polls, size_t count, int64_t until_ms, bool shed)
{
	int64_t left_ms = until_ms > 0 ? until_ms - sys_now_ms() : 0;
	struct timespec wait = {.tv_sec = 0};
	sigset_t none;

	if (left_ms > 0) {
		wait.tv_sec = left_ms / 1000;
		wait.tv_nsec = left_ms % 1000 * 1000000;
	}
	if (shed)
		return shed_memory_and_wait(polls, count, until_ms > 0 ? &wait : NULL);
	(void)sigemptyset(&none);
	return ppoll(polls, count, until_ms > 0 ? &wait : NULL, &none);
}

/* Until something happens; NULL when there is nothing to look at. */
static struct pollfd *await_events(struct warden *warden)
{
	struct pollfd fixed[POLL_FIXED] = {
		[POLL_INIT] = {.fd = warden->sandbox.init_pidfd, .events = POLLIN},
		[POLL_LISTEN] = {.fd = warden->listen_fd, .events = POLLIN},
		[POLL_DOOR] = {.fd = warden->door.fd, .events = POLLIN},
		[POLL_LINK] = {.fd = warden->asked ? warden->sandbox.link_fd : -1,
			       .events = POLLIN},
	};
	int64_t now_ms = sys_now_ms();
	int64_t until_ms = earlier(warden->ask_again_ms,
				   runtime_attend(&warden->info, &warden->sessions, now_ms));
	int64_t notify_ms =
		notify_attend(&warden->notify, &warden->info, &warden->sessions, now_ms);
	size_t count;

	notify_polls(&warden->notify, fixed + POLL_NOTIFY);
	struct pollfd *polls = sessions_polls(&warden->sessions, fixed, POLL_FIXED, &count);

	if (!polls)
		return NULL;
	bool quiet = warden->shed_ms == 0;
	int ready;

	for (;;) {
		ready = wait_until(polls, count,
				   earlier(earlier(until_ms, notify_ms), warden->shed_ms), quiet);
		now_ms = sys_now_ms();
		if (ready != 0)
			break;
		if (warden->shed_ms > 0 && now_ms >= warden->shed_ms) {
			warden->shed_ms = 0;
			quiet = true;
		} else if (!notify_is_still(&warden->notify, now_ms, &notify_ms)) {
			break;
		}
	}
	warden->shed_ms = now_ms + SHED_PAUSE_MS;
	return ready < 0 ? NULL : polls;
}

/* Wait until the sandbox is to end: left by all, its PID 1 killed, or SIGTERM. */
static void attend(struct warden *warden)
{
	notify_start(&warden->notify, &warden->info, &warden->sessions);
	while (!asked_to_end && !linger(warden)) {
		const struct pollfd *polls = await_events(warden);

		if (!polls) {
			if (errno == ENOMEM)
				(void)poll(NULL, 0, NO_MEMORY_PAUSE_MS);
			continue;
		}
		if (polls[POLL_INIT].revents)
			return;
		bool alone = polls[POLL_LINK].revents && hear_init(warden);

		notify_hear(&warden->notify, polls + POLL_NOTIFY, sys_now_ms());
		hear_members(warden, polls + POLL_FIXED);
		if (polls[POLL_DOOR].revents)
			door_accept(warden);
		update_info(warden);
		if (polls[POLL_LISTEN].revents)
			answer_client(warden);
		if (alone && sessions_count(&warden->sessions) == 0)
			return;
	}
}

static bool has_runtime_max(const struct warden *warden)
{
	for (size_t i = 0; i < warden->sessions.count; i++) {
		if (warden->sessions.members[i].terms.runtime_max != CONVERT_MAX)
			return true;
	}
	return false;
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

	/* A pod's may have to end one of its sessions, and what that runs, alone; runtime_max hangs up. */
	if (!(warden->info.namespaces & (1U << NS_PID)) || warden->pod || has_runtime_max(warden))
		keep |= UINT64_C(1) << CAP_KILL;
	/*
	 * To let a frozen leader, which has more capabilities, out of the slice: cpuset asks for what
	 * sched_setaffinity(2) does (since Linux 6.6 only where the CPUs differ).
	 */
	if (cgroup_freezes_by_v2(&warden->cgroups))
		keep |= UINT64_C(1) << CAP_SYS_NICE;
	/* To remove a file from somebody's sticky directory. */
	if (warden->disk.tmp_root)
		keep |= UINT64_C(1) << CAP_FOWNER;
	/* To find those of the user's processes that are to be told, let out of the freezer, or killed. */
	if (hidepid_hides())
		keep |= UINT64_C(1) << CAP_SYS_PTRACE;
	if (caps_empty_bounding(&failure) < 0 || caps_keep_only(keep, &failure) < 0)
		log_line(LOG_WARNING, "warden of %s: %s", warden->info.id, failure.text);
	catch_term();
	warden->shed_ms = sys_now_ms() + SHED_PAUSE_MS;
	attend(warden);
	ending_kill(warden);
	cgroup_read_spent(&warden->cgroups, &usage);
	/*
	 * PID 1 waits in its end, for its mounts, for a grace period of the kernel's. The thread that sees to
	 * that may have been queued behind us, here, where the scheduler lets us go on for milliseconds. Not
	 * with the user's lock held.
	 */
	(void)sched_yield();
	/* Nothing is in the slice any more: it can go while PID 1, which was not in it, takes its time. */
	bool idle = usage.processes == 0;

	if (!idle) {
		ending_await(warden);
		cgroup_read_spent(&warden->cgroups, &usage);
	}
	ending_remove(warden);
	if (idle)
		ending_await(warden);
	disk_close(&warden->disk, warden->info.uid, warden->info.id);
	if (log_end)
		end_line_log(warden, &usage);
	sweep_some();
}

void warden_abort(struct warden *warden)
{
	/* Before the wait for the user's lock: who has it may be waiting for our answer. */
	door_close(warden);
	close_fd(&warden->listen_fd);
	close_fd(&warden->share_fd);
	/* The caller's processes can't be inside yet, or have just been told to leave. */
	sandbox_destroy(&warden->sandbox);
	if (warden->info.id[0] != '\0')
		ending_remove(warden);
	disk_close(&warden->disk, warden->info.uid, warden->info.id);
}

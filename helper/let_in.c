/* SPDX-License-Identifier: MIT */
/*
 * From a sandbox that is made, or nearly, to a caller that is in it: the part of opening.h that lets in.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/mnt_cgroup.h"
#include "core/ns.h"
#include "core/spawn.h"
#include "helper/opening.h"

/* What the slice has used so far is not this session's; nothing, where it is new. */
static void note_usage(struct warden *warden)
{
	bool fresh = warden->cgroups.count > 0;

	for (size_t i = 0; i < warden->cgroups.count; i++)
		fresh = fresh && warden->cgroups.hierarchies[i].created;
	if (fresh)
		warden->usage_at_start = (struct cgroup_usage){.cpu_usec = 0};
	else
		cgroup_read_spent(&warden->cgroups, &warden->usage_at_start);
}

static bool has_own_cgroup_ns(const struct opening *opening)
{
	return opening->plan.namespaces & (UINT64_C(1) << NS_CGROUP);
}

static int finish_share(struct opening *opening, struct failure *reterr)
{
	struct warden *warden = &opening->warden;

	return share_finish(&opening->share, &warden->sandbox, opening->deadline_ms,
			    &warden->share_fd, reterr);
}

/* Let PID 1 go on, with the slices as they are to be seen inside. */
static int show_cgroups(struct opening *opening, struct failure *reterr)
{
	struct warden *warden = &opening->warden;
	bool view = mnt_has_cgroup_view(&opening->plan);
	size_t count = view ? warden->cgroups.count : 0;
	int views[PROTOCOL_CGROUPS_MAX];
	int r = finish_share(opening, reterr);

	if (r == 0 && view)
		r = mnt_clone_slices(&warden->cgroups, views, reterr);
	if (r != 0)
		return r;
	r = sandbox_go(&warden->sandbox, views, count, reterr);
	while (count-- > 0)
		(void)close(views[count]);
	return r;
}

static int send_reply(struct opening *opening, struct failure *reterr)
{
	struct message_reply *reply = &opening->reply;
	struct sandbox *sandbox = &opening->warden.sandbox;
	struct login_terms terms;
	int fds[PROTOCOL_CGROUPS_MAX];
	int r = sandbox_identify(sandbox, opening->deadline_ms, reterr);

	if (r == 0)
		r = reply_from_cgroups(&opening->warden.cgroups, reply, fds, reterr);
	if (r < 0)
		return r;
	opening_terms(opening, &terms);
	reply_from_terms(&terms, reply);
	for (size_t i = 0; i < NS_TYPES; i++)
		reply->ns_inodes[i] = sandbox->ids.inodes[i];
	reply->verdict = REPLY_CONFINED;
	reply->namespaces = sandbox->clone_flags;
	memcpy(reply->id, opening->warden.info.id, sizeof(reply->id));
	r = reply_send(SPAWN_SOCKET, reply, sandbox->init_pidfd, fds, reterr);
	opening->answered = r == 0;
	return r;
}

/* PID 1 and the caller each finish their part, at the same time. */
static int finish_sandbox(struct opening *opening, struct failure *reterr)
{
	struct sandbox *sandbox = &opening->warden.sandbox;
	int r = has_own_cgroup_ns(opening) ? 0
					   : sandbox_finish(sandbox, opening->deadline_ms, reterr);

	return r < 0 ? r : sandbox_confirm(sandbox, opening->deadline_ms, reterr);
}

static int note_door(struct opening *opening, struct failure *reterr)
{
	struct door *door = &opening->warden.door;
	struct login_terms terms;

	if (!opening->warden.pod)
		return 0;
	int r = ns_own_pid_ns(&door->pid_ns, reterr);

	if (r < 0)
		return r;
	opening_terms(opening, &terms);
	door->shape = terms.shape;
	door->limits = terms.limits;
	memcpy(door->service, opening->request.service, sizeof(door->service));
	door_learn(door, &terms);
	return 0;
}

static void fill_info(struct opening *opening)
{
	struct message_info *info = &opening->warden.info;
	const struct cgroup_set *cgroups = &opening->warden.cgroups;

	protocol_head(&info->head, MESSAGE_INFO, sizeof(*info));
	info->uid = opening->login.uid;
	info->warden_pid = getpid();
	info->init_pid = opening->warden.sandbox.init_pid;
	info->leader_pid = opening->leader;
	info->sessions = 1;
	info->namespaces = (uint32_t)opening->plan.namespaces;
	info->started = (int64_t)time(NULL);
	(void)protocol_text(info->user, sizeof(info->user), opening->login.user);
	(void)protocol_text(info->service, sizeof(info->service), opening->request.service);
	(void)protocol_text(info->tty, sizeof(info->tty), opening->request.tty);
	(void)protocol_text(info->rhost, sizeof(info->rhost), opening->request.rhost);
	(void)cgroup_slice_path(cgroups, CONTROLLER_MEMORY, info->memory_dir,
				sizeof(info->memory_dir));
	if (cgroup_slice_path(cgroups, CONTROLLER_CPUACCT, info->cpu_dir, sizeof(info->cpu_dir)) <
	    0)
		(void)cgroup_slice_path(cgroups, CONTROLLER_CPU, info->cpu_dir,
					sizeof(info->cpu_dir));
	(void)cgroup_slice_path(cgroups, CONTROLLER_PIDS, info->pids_dir, sizeof(info->pids_dir));
}

/* The caller's session is the first in the sandbox. */
static int admit(struct opening *opening, struct failure *reterr)
{
	struct login_terms terms;

	opening_terms(opening, &terms);
	if (warden_admit_first(&opening->warden, SPAWN_SOCKET, opening->leader, &opening->anchor_fd,
			       &opening->request, &terms) < 0)
		return failure_set(reterr, ENOMEM, "note the session");
	return 0;
}

int opening_let_in(struct opening *opening, struct failure *reterr)
{
	struct warden *warden = &opening->warden;
	int r;

	note_usage(warden);
	/*
	 * PID 1 goes on first: what is left of its part takes longer than the caller's. Where it makes its
	 * cgroup namespace itself, in the slice, there is none to join before it has.
	 */
	r = show_cgroups(opening, reterr);
	if (r == 0 && has_own_cgroup_ns(opening))
		r = sandbox_finish(&warden->sandbox, opening->deadline_ms, reterr);
	if (r == 0)
		r = note_door(opening, reterr);
	if (r == 0)
		r = send_reply(opening, reterr);
	if (r < 0)
		return r;
	/* A pod's are for those who join; they keep no cgroup from being removed. */
	if (!warden->pod)
		cgroup_close(&warden->cgroups);
	if (r == 0)
		r = finish_sandbox(opening, reterr);
	if (r < 0) {
		(void)reply_send_ready(SPAWN_SOCKET, reterr);
		return r;
	}
	r = admit(opening, reterr);
	/* A caller that has gone meanwhile is seen by its pidfd. */
	(void)reply_send_ready(SPAWN_SOCKET, r < 0 ? reterr : NULL);
	/*
	 * Who writes to a socket is taken to wait next, so the kernel wakes the reader on the same
	 * processor; this one has work left, during which the login would stand still.
	 */
	(void)sched_yield();
	fill_info(opening);
	return r;
}

/* SPDX-License-Identifier: MIT */
#include "helper/adopt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/cgroup_systemd.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/ns.h"
#include "core/pod.h"
#include "core/registry.h"
#include "core/spawn.h"
#include "core/sys.h"
#include "helper/log.h"
#include "helper/slices.h"
#include "helper/sweep.h"

#define ATTEMPTS_MAX 50 /* with a warden that lives and closes without an answer */
#define ATTEMPT_PAUSE_MS 2

/* Talking to the warden. */
struct adoption {
	struct opening *opening;
	int socket;
	int64_t deadline_ms;
	struct message_adopt adopt;
	struct message_adopted adopted;
	int init_pidfd;
};

static int64_t half_of_what_is_left(const struct opening *opening)
{
	int64_t now_ms = sys_now_ms();

	return now_ms + (opening->deadline_ms - now_ms) / 2;
}

bool adopt_count_pod(const struct opening *opening, size_t *ret_sessions)
{
	_close_ int socket = -1;
	struct message_plain query;
	struct message_info info;
	struct failure ignored;
	int r = pod_connect(opening->login.uid, &socket);

	*ret_sessions = 0;
	if (r < 0 && r != -EAGAIN)
		return false;
	*ret_sessions = 1;
	protocol_head(&query.head, MESSAGE_QUERY, sizeof(query));
	if (r == 0 && protocol_send(socket, &query, sizeof(query), NULL, 0, &ignored) == 0 &&
	    protocol_receive(socket, MESSAGE_INFO, &info, sizeof(info), NULL, NULL,
			     half_of_what_is_left(opening), &ignored) == 0)
		*ret_sessions = info.sessions;
	return true;
}

static int fill_adopt(struct adoption *adoption, struct failure *reterr)
{
	struct opening *opening = adoption->opening;
	struct message_adopt *adopt = &adoption->adopt;
	uint64_t pid_ns;
	int r = ns_own_pid_ns(&pid_ns, reterr);

	if (r < 0)
		return r;
	memset(adopt, 0, sizeof(*adopt));
	protocol_head(&adopt->head, MESSAGE_ADOPT, sizeof(*adopt));
	adopt->uid = opening->login.uid;
	adopt->leader_pid = opening->leader;
	adopt->pid_ns = pid_ns;
	opening_terms(opening, &adopt->terms);
	memcpy(adopt->service, opening->request.service, sizeof(adopt->service));
	memcpy(adopt->tty, opening->request.tty, sizeof(adopt->tty));
	memcpy(adopt->rhost, opening->request.rhost, sizeof(adopt->rhost));
	return 0;
}

/* One question and its answer; adoption->init_pidfd with ADOPT_TAKEN. */
static int ask(struct adoption *adoption, struct failure *reterr)
{
	const int give[] = {SPAWN_SOCKET, adoption->opening->warden.leader_fd};
	int fds[PROTOCOL_FDS_MAX];
	size_t count = 0;
	int r = protocol_send(adoption->socket, &adoption->adopt, sizeof(adoption->adopt), give,
			      ARRAY_SIZE(give), reterr);

	if (r == 0)
		r = protocol_receive(adoption->socket, MESSAGE_ADOPTED, &adoption->adopted,
				     sizeof(adoption->adopted), fds, &count, adoption->deadline_ms,
				     reterr);
	if (r < 0)
		return r;
	bool taken = adoption->adopted.verdict == ADOPT_TAKEN;

	if (count == (taken ? 1 : 0)) {
		adoption->init_pidfd = taken ? fds[0] : -1;
		return 0;
	}
	while (count-- > 0)
		(void)close(fds[count]);
	return failure_say(reterr, EPROTO, "the warden answered with other descriptors than due");
}

/*
 * The sandbox is not as the policy has it for this login. Would the login that it was made for get
 * what this one is to have? Then the policy has changed, else they differ by their service.
 */
static bool has_changed(const struct adoption *adoption)
{
	const struct opening *opening = adoption->opening;
	struct login first = opening->login;
	struct failure ignored;
	struct plan plan;

	first.service = (char *)adoption->adopted.service;
	if (opening_plan(opening, &first, &plan, &ignored) != 0)
		return false;
	bool same =
		plan.instance == INSTANCE_USER && plan_shape(&plan) == adoption->adopt.terms.shape;

	plan_free(&plan);
	return same;
}

static int ask_twice(struct adoption *adoption, struct failure *reterr)
{
	int r = ask(adoption, reterr);

	if (r < 0 || adoption->adopted.verdict != ADOPT_DIFFERS || !has_changed(adoption))
		return r;
	adoption->adopt.anyway = 1;
	r = ask(adoption, reterr);
	if (r == 0 && adoption->adopted.verdict == ADOPT_TAKEN)
		log_line(LOG_NOTICE,
			 "%s via %s joins sandbox %s, made before the policy changed: its limits "
			 "change now, its namespaces and mounts with the user's next fresh sandbox",
			 adoption->opening->login.user, adoption->opening->login.service,
			 adoption->adopted.id);
	return r;
}

/*
 * How many sessions the user has elsewhere; the lock is held. Exactly, as soon as there may be any: the warden
 * adds its own, so that no number of names is known to be too few to matter.
 */
static int count_others(struct adoption *adoption, const struct registry_user *user,
			struct failure *reterr)
{
	size_t live = 0;
	int r = registry_count(user, 2, &live, reterr);

	if (r == 0)
		adoption->adopt.others = live > 0 ? (uint32_t)(live - 1) : 0;
	return r;
}

/* Logins that are counted hold the lock until the warden has counted them in. */
static int ask_counted(struct adoption *adoption, struct failure *reterr)
{
	struct registry_user user;
	int r;

	/* Without the lock it may be frozen from now on: hand_over() and join.h see that. */
	if (adoption->adopt.terms.sessions_max == CONVERT_MAX) {
		r = opening_check_frozen(adoption->opening, reterr);
		return r < 0 ? r : ask_twice(adoption, reterr);
	}
	r = registry_lock(adoption->adopt.uid, true, adoption->opening->deadline_ms, &user, reterr);
	if (r < 0)
		return r;
	r = opening_check_frozen(adoption->opening, reterr);
	if (r == 0)
		r = count_others(adoption, &user, reterr);
	if (r == 0)
		r = ask_twice(adoption, reterr);
	registry_leave(&user);
	return r;
}

/* The warden keeps the sandbox for us: the limits, the reply, and the session is its own. */
static int hand_over(struct adoption *adoption, struct failure *reterr)
{
	struct opening *opening = adoption->opening;
	struct message_reply *reply = &opening->reply;
	struct cgroup_set *cgroups = &opening->warden.cgroups;
	struct message_plain go;
	int fds[PROTOCOL_CGROUPS_MAX];
	char id[PROTOCOL_ID_MAX + 16];
	struct cgroup_systemd_login login = {.id = id,
					     .leader = opening->leader,
					     .deadline_ms = opening->deadline_ms};
	int r;

	/* The sandbox has other logins. */
	(void)snprintf(id, sizeof(id), "%s-%d", adoption->adopted.id, opening->leader);
	r = slices_make(opening, &login, adoption->adopted.limits == adoption->adopt.terms.limits,
			reterr);
	/* Its unit is there: frozen since we looked, it has seen the unit, or we see that. */
	if (r == 0 && cgroups->systemd)
		r = opening_check_frozen(opening, reterr);
	if (r == 0)
		r = reply_from_cgroups(cgroups, reply, fds, reterr);
	cgroup_close(cgroups);
	if (r < 0)
		return r;
	reply_from_terms(&adoption->adopt.terms, reply);
	reply->verdict = REPLY_CONFINED;
	reply->namespaces = adoption->adopted.namespaces;
	memcpy(reply->ns_inodes, adoption->adopted.ns_inodes, sizeof(reply->ns_inodes));
	memcpy(reply->id, adoption->adopted.id, sizeof(reply->id));
	r = reply_send(SPAWN_SOCKET, reply, adoption->init_pidfd, fds, reterr);
	if (r < 0)
		return r;
	opening->answered = true;
	protocol_head(&go.head, MESSAGE_GO, sizeof(go));
	r = protocol_send(adoption->socket, &go, sizeof(go), &opening->anchor_fd,
			  opening->anchor_fd < 0 ? 0 : 1, reterr);
	/* The warden was ended just now, by root; it has not said READY. */
	if (r < 0)
		(void)reply_send_ready(SPAWN_SOCKET, reterr);
	return r;
}

/* 1: handed over. 0: not to be had. -EAGAIN: it has gone, or is busy; see again what there is. */
static int try_once(struct opening *opening, struct failure *reterr)
{
	struct adoption adoption = {.opening = opening, .socket = -1, .init_pidfd = -1};
	int r = pod_connect(opening->login.uid, &adoption.socket);

	if (r == -EAGAIN)
		return r;
	if (r < 0)
		return 0; /* there is none; what else is wrong the next steps will say */
	_close_ int socket = adoption.socket; /* closed, and nothing else, like the next */

	(void)socket;
	adoption.deadline_ms = half_of_what_is_left(opening);
	r = fill_adopt(&adoption, reterr);
	if (r == 0)
		r = ask_counted(&adoption, reterr);
	if (r == -ECONNRESET || r == -EPIPE || r == -EPROTO)
		return -EAGAIN;
	/* A warden that hangs does not keep the user out. */
	opening->apart = r == -ETIME;
	if (r < 0)
		return r == -ETIME ? 0 : r;
	_close_ int init_pidfd = adoption.init_pidfd;

	(void)init_pidfd;
	switch ((enum adopt_verdict)adoption.adopted.verdict) {
	case ADOPT_TAKEN:
		r = hand_over(&adoption, reterr);
		/* Should the warden have been killed just now, the slices are nobody's. */
		if (r < 0)
			sweep_user(opening->login.uid);
		return r < 0 ? r : 1;
	case ADOPT_FULL:
		opening->reply.notice = NOTICE_SESSIONS_MAX;
		return failure_say(reterr, EUSERS, "%s has %u sessions, and sessions_max is %llu",
				   opening->login.user,
				   adoption.adopted.sessions + adoption.adopt.others,
				   (unsigned long long)adoption.adopt.terms.sessions_max);
	case ADOPT_DIFFERS:
	case ADOPT_UNABLE:
		break;
	}
	opening->apart = true;
	return 0;
}

int adopt_try(struct opening *opening, struct failure *reterr)
{
	int r = -EAGAIN;

	for (int attempt = 0; attempt < ATTEMPTS_MAX && r == -EAGAIN; attempt++) {
		if (attempt > 0)
			(void)poll(NULL, 0, ATTEMPT_PAUSE_MS);
		r = try_once(opening, reterr);
	}
	if (r != -EAGAIN)
		return r;
	/* It lives, but is another version's, say. */
	opening->apart = true;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * opening - one login while it is made by the helper, in memory that is given back before the warden's
 * long wait. What the warden needs is moved over at the end.
 */
#ifndef CARREL_OPENING_H
#define CARREL_OPENING_H

#include "core/match.h"
#include "core/plan.h"
#include "core/protocol.h"
#include "helper/share.h"
#include "helper/warden.h"

struct opening {
	int64_t deadline_ms;
	struct message_request request;
	struct login login; /* points into request and group_names */
	char **group_names;
	struct policy *policy; /* NULL where it could not be loaded: that is in policy_failure */
	struct failure policy_failure;
	int64_t policy_began_ms; /* to be read */
	bool good; /* the policy is the one that lies there, and nothing is to be said of it */
	uint64_t stamp; /* policy_stamp() where the policy is good and logins join; else 0 */
	struct plan plan;
	bool planned;
	pid_t leader;
	bool apart; /* instance=user, but it can't be, or is not to be, in the user's pod */
	struct warden warden;
	struct share share;
	struct message_reply reply;
	int anchor_fd; /* anchor.h, or -1 */
	bool answered; /* the caller has its reply, so it is told of a failure by READY */
};

/*
 * Load the policy, whosever login it will be: while the caller asks NSS for the user's groups, so that the two
 * take the time of one. What is wrong with the policy goes to the log; that there is none is for the login.
 */
void opening_load_policy(struct opening *opening);
/* Take the login in, make the plan: 1 when this login is left alone. */
int opening_decide(struct opening *opening, struct failure *reterr);
/* What a login has from the policy, for any of its services: 1 when it is left alone. */
int opening_plan(const struct opening *opening, const struct login *login, struct plan *ret_plan,
		 struct failure *reterr);

/*
 * Is the user frozen? Who holds the user's registry lock, and registers, is waited for by who freezes later. Who
 * joins a sandbox that has registered may be frozen from then on: see join.h.
 */
int opening_check_frozen(struct opening *opening, struct failure *reterr);

/*
 * The sandbox is made, its PID 1 started: let that finish, answer the caller, and see that both are done; the
 * caller's session is then the warden's first. On failure the caller has been told if opening->answered.
 */
int opening_let_in(struct opening *opening, struct failure *reterr);

/* What later logins of this kind will be given by the warden of the pod. */
void opening_terms(const struct opening *opening, struct login_terms *ret_terms);

/* The parts of a reply that come from the plan, and that come from the slice: descriptors to send. */
void reply_from_terms(const struct login_terms *terms, struct message_reply *reply);
int reply_from_cgroups(const struct cgroup_set *cgroups, struct message_reply *reply,
		       int ret_fds[PROTOCOL_CGROUPS_MAX], struct failure *reterr);
/* Send it, with PID 1's pidfd and the cgroups' descriptors, which are closed in any case. */
int reply_send(int socket, const struct message_reply *reply, int init_pidfd, const int *cgroup_fds,
	       struct failure *reterr);
/* The sandbox is whole; or with a failure, is not. */
int reply_send_ready(int socket, const struct failure *failure);
/* An answer that is not a sandbox; `failure` of REPLY_REFUSED. */
void reply_send_verdict(int socket, struct message_reply *reply, enum reply_verdict verdict,
			const struct failure *failure);

#endif

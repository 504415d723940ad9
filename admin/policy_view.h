/* SPDX-License-Identifier: MIT */
/*
 * policy_view - the policy that logins go by, looked at without accepting it.
 *
 * A login that finds a good policy stores it as the last accepted one; looking at it must not. Where
 * the files are bad, the last accepted policy counts, which only root can read.
 */
#ifndef CARREL_POLICY_VIEW_H
#define CARREL_POLICY_VIEW_H

#include "core/plan.h"
#include "core/policy_file.h"

struct policy_view {
	struct policy *policy; /* what logins go by */
	enum policy_origin origin;
	struct policy_errors
		errors; /* why the files are refused, when origin is the last accepted */
};

/*
 * On failure (neither policy can be had: reterr has the reason) `errors` is filled as well.
 * ret_view is the caller's to policy_view_free() in both cases.
 */
int policy_view_load(struct policy_view *ret_view, struct failure *reterr);
void policy_view_free(struct policy_view *view);

/* What plan_build() must know of this machine. ret_host is the host name (%h). */
#define HOST_NAME_SIZE 256
int policy_view_facts(struct plan_facts *ret_facts, char ret_host[HOST_NAME_SIZE],
		      struct failure *reterr);

/*
 * Beyond syntax: for each section, a login that fits it: would it be refused here, because keys
 * contradict each other or a limit can't be enforced on this host? One text for each finding, with
 * the file:line that set the key. Looks only. -errno: the check itself failed. `shell`: of a login
 * through carrel-shell without pam_carrel.
 */
int policy_view_check_host(const struct policy *policy, bool shell, struct policy_errors *findings,
			   struct failure *reterr);

/* The same for one login's plan. */
void policy_view_check_plan(const struct effective *effective, const struct plan *plan,
			    uint32_t uid, struct policy_errors *findings);

/*
 * What carrel-shell would refuse. Where systemd runs, limits count as held: only at the login can it be told
 * whether the user's manager holds them.
 */
void policy_view_check_shell(const struct effective *effective, struct policy_errors *findings);

#endif

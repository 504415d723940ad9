/* SPDX-License-Identifier: MIT */
/*
 * What the policy says of a login: the part of opening.h that decides.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "core/pod.h"
#include "core/policy_file.h"
#include "core/policy_stamp.h"
#include "core/sys.h"
#include "helper/log.h"
#include "helper/opening.h"

#define POLICY_ERRORS_LOGGED 5

/* Policy errors go to the log whatever becomes of the login: the admin is to know. */
static void log_policy_errors(const struct policy_errors *errors, enum policy_origin origin)
{
	for (size_t i = 0; i < errors->count && i < POLICY_ERRORS_LOGGED; i++)
		log_line(LOG_ERR, "policy: %s", errors->texts[i]);
	if (errors->count > POLICY_ERRORS_LOGGED)
		log_line(LOG_ERR, "policy: and %zu more errors (see: carrel check)",
			 errors->count - POLICY_ERRORS_LOGGED + errors->dropped);
	if (origin == POLICY_LAST_ACCEPTED)
		log_line(LOG_ERR, "policy: refused; logins go on under the last accepted policy");
}

void opening_load_policy(struct opening *opening)
{
	struct policy_errors errors = {0};
	enum policy_origin origin = POLICY_CURRENT;

	opening->policy_began_ms = sys_now_ms();
	if (policy_load(CARREL_POLICY, CARREL_STATE, &errors, &opening->policy, &origin,
			&opening->policy_failure) < 0)
		opening->policy = NULL;
	log_policy_errors(&errors, origin);
	/* What is wrong is to be said at each login. */
	opening->good = origin == POLICY_CURRENT && errors.count == 0;
	policy_errors_free(&errors);
}

/* The login as the caller knows it from NSS. */
static int unpack_login(struct opening *opening, struct failure *reterr)
{
	struct message_request *request = &opening->request;
	char *names = protocol_group_names(request);
	size_t count = 0, used = 0;

	for (size_t i = 0; i < request->group_bytes; i++)
		count += names[i] == '\0';
	opening->group_names = calloc(count + 1, sizeof(*opening->group_names));
	if (!opening->group_names)
		return failure_set(reterr, ENOMEM, "take in the user's groups");
	for (size_t i = 0; i < count; i++) {
		opening->group_names[i] = names + used;
		used += strlen(names + used) + 1;
	}
	opening->login = (struct login){.user = request->user,
					.uid = request->uid,
					.gid = request->gid,
					.home = request->home,
					.service = request->service,
					.groups = opening->group_names,
					.gids = request->gids,
					.gid_count = request->gid_count};
	return 0;
}

int opening_plan(const struct opening *opening, const struct login *login, struct plan *ret_plan,
		 struct failure *reterr)
{
	struct effective effective;
	struct sysinfo info;
	char host_name[65];
	int r = match_login(opening->policy, login, &effective, reterr);

	if (r < 0)
		return r;
	if (!effective_number(&effective, KEY_SANDBOX))
		return 1;
	if (sysinfo(&info) < 0 || gethostname(host_name, sizeof(host_name)) < 0)
		return failure_set(reterr, errno, "ask for the machine's memory and name");
	host_name[sizeof(host_name) - 1] = '\0';
	struct plan_facts facts = {.memory_total = (uint64_t)info.totalram * info.mem_unit,
				   .page_size = (uint64_t)sysconf(_SC_PAGESIZE)};

	return plan_build(&effective, login, &facts, host_name, ret_plan, reterr);
}

/*
 * Logins that join go by it, so the others don't pay for it: after the policy has been read. What changed
 * since reading began is then too young for a stamp.
 */
static void take_stamp(struct opening *opening)
{
	if (!opening->good || opening->plan.instance != INSTANCE_USER)
		return;
	uint64_t stamp = policy_stamp(CARREL_POLICY);

	if (sys_now_ms() - opening->policy_began_ms < POLICY_STAMP_YOUNG_MS / 2)
		opening->stamp = stamp;
}

int opening_decide(struct opening *opening, struct failure *reterr)
{
	int r = unpack_login(opening, reterr);

	if (r < 0)
		return r;
	if (opening->login.uid == 0)
		return 1;
	if (!opening->policy) {
		*reterr = opening->policy_failure;
		return -reterr->err;
	}
	r = opening_plan(opening, &opening->login, &opening->plan, reterr);
	opening->planned = r == 0;
	if (r == 0)
		take_stamp(opening);
	return r;
}

void opening_terms(const struct opening *opening, struct login_terms *ret_terms)
{
	const struct plan *plan = &opening->plan;
	const struct cgroup_set *cgroups = &opening->warden.cgroups;

	*ret_terms = (struct login_terms){
		.fingerprint = pod_fingerprint(&opening->request),
		.stamp = opening->stamp,
		.shape = plan_shape(plan),
		.limits = plan_limits_hash(plan),
		.bounding_set = plan->bounding_set,
		.sessions_max = plan->sessions_max,
		.runtime_max = plan->runtime_max,
		.no_new_privs = plan->no_new_privs,
		.linger = plan->linger,
		.notify = plan->notify,
		.oom_score_adj = plan->oom_score_adj,
	};
	for (size_t i = 0; i < cgroups->count; i++)
		ret_terms->controllers |= cgroups->hierarchies[i].controllers;
}

/* SPDX-License-Identifier: MIT */
/* carrel reload - accept the policy, and bring the limits of those who are logged in in line. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "admin/policy_view.h"
#include "admin/user_plan.h"
#include "admin/verb.h"
#include "core/cgroup_retune.h"
#include "core/cleanup.h"
#include "core/policy_store.h"
#include "core/registry.h"
#include "core/sys.h"

#define DEADLINE_MS 1000
#define LOCK_WAIT_MS 5000

struct reload {
	const char *user; /* whose turn it is */
	size_t users, failures;
};

static void print_errors(const struct policy_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		fprintf(stderr, "%s\n", errors->texts[i]);
	if (errors->dropped)
		fprintf(stderr, "… and %zu more\n", errors->dropped);
}

/* Read, check and store; what a login would refuse is bad, too. */
static int accept_policy(struct policy **ret_policy, struct policy_errors *errors,
			 struct failure *reterr)
{
	struct policy_sources sources = {0};
	struct policy *policy = NULL;
	int r = policy_sources_read(CARREL_POLICY, errors, &sources);

	if (r == 0)
		r = policy_parse(sources.files, sources.count, errors, &policy);
	if (r == 0)
		r = policy_view_check_host(policy, false, errors, reterr);
	if (r == 0 && errors->count > 0)
		r = -EINVAL;
	if (r == 0)
		r = policy_store_write_until(CARREL_STATE, &sources, sys_now_ms() + LOCK_WAIT_MS,
					     reterr);
	policy_sources_free(&sources);
	if (errors->count > 0)
		r = failure_say(reterr, EINVAL,
				"the policy is bad, %zu error%s; nothing was changed",
				errors->count + errors->dropped,
				errors->count + errors->dropped == 1 ? "" : "s");
	if (r < 0 && policy)
		policy_free(policy);
	else
		*ret_policy = policy;
	return r;
}

static void report(void *arg, const struct failure *failure)
{
	struct reload *reload = arg;

	reload->failures++;
	fprintf(stderr, "carrel: reload: %s: %s\n", reload->user, failure->text);
}

static int retune(struct reload *reload, const struct message_info *info, const struct plan *plan,
		  struct failure *reterr)
{
	struct registry_user user;
	struct cgroup_set set;
	int r = cgroup_find(plan, info->uid, &set, reterr);

	/* Also with -ENOENT: a disk of io_max that is not there. */
	if (r < 0)
		return r;
	r = registry_lock(info->uid, false, sys_now_ms() + LOCK_WAIT_MS, &user, reterr);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* has just logged out */
	/* What fails is reported there. */
	r = cgroup_retune(&set, plan, report, reload);
	registry_tell_limits(info->uid, r < 0 ? 0 : plan_limits_hash(plan));
	registry_leave(&user);
	return 0;
}

/* By the newest login: it is the one whose limits are in force. */
static void reload_user(struct reload *reload, const struct policy *policy,
			const struct message_info *info)
{
	struct failure failure;
	struct plan plan = {0};
	bool sandboxed = false;
	int r = user_plan(policy, info->user, info->service, &sandboxed, &plan, &failure);

	reload->user = info->user;
	reload->users++;
	/* Who is to be left alone from the next login on keeps what this session began with. */
	if (r == 0 && sandboxed) {
		r = retune(reload, info, &plan, &failure);
		plan_free(&plan);
	}
	if (r < 0)
		report(reload, &failure);
}

static int compare(const void *left, const void *right)
{
	const struct message_info *a = left, *b = right;

	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	return (a->started < b->started) - (a->started > b->started);
}

/* Of the slices that are seen from here. */
static uint64_t own_root(void)
{
	struct cgroup_set set;

	return cgroup_find_all(0, &set) == 0 ? cgroup_root(&set) : CGROUP_ROOT_INODE;
}

static int reload_users(const struct policy *policy, struct reload *reload, struct failure *reterr)
{
	_free_ struct message_info *infos = NULL;
	size_t count = 0, silent = 0;
	uint64_t root = own_root();
	int r = registry_query(sys_now_ms() + DEADLINE_MS, &infos, &count, &silent, reterr);

	if (r < 0)
		return r;
	if (count > 0)
		qsort(infos, count, sizeof(*infos), compare);
	for (size_t i = 0, users = 0; i < count; i++) {
		bool first = i == 0 || infos[i].uid != infos[i - 1].uid;

		/* One inside another user's is within that one's limits, and keeps its own. */
		users = first ? 0 : users;
		if (registry_root(infos[i].id) == root && users++ == 0)
			reload_user(reload, policy, &infos[i]);
	}
	for (size_t i = count; i < count + silent; i++) {
		fprintf(stderr, "carrel: reload: %s: its warden does not answer\n", infos[i].id);
		reload->failures++;
	}
	return 0;
}

static int run_reload(const struct verb *verb, int argc, char **argv)
{
	struct policy_errors errors = {0};
	struct policy *policy = NULL;
	struct reload reload = {0};
	struct failure failure;
	int code = VERB_DONE;

	while (verb_option(verb, argc, argv) != -1)
		;
	if (optind < argc)
		return verb_wrong(verb, "no argument is expected, not %s", argv[optind]);
	if (verb_need_root("reload") != VERB_DONE)
		return VERB_FAILED;
	if (accept_policy(&policy, &errors, &failure) < 0) {
		print_errors(&errors);
		(void)failure_wrap(&failure, "reload");
		code = verb_fail(&failure);
	} else if (reload_users(policy, &reload, &failure) < 0) {
		(void)failure_wrap(&failure, "reload");
		code = verb_fail(&failure);
	} else if (reload.failures > 0) {
		code = VERB_FAILED;
	} else {
		printf("policy accepted; %zu user%s logged in\n", reload.users,
		       reload.users == 1 ? "" : "s");
	}
	if (policy)
		policy_free(policy);
	policy_errors_free(&errors);
	return code;
}

static const struct option options[] = {VERB_OPTION_HELP, {0}};

const struct verb verb_reload = {
	.name = "reload",
	.synopsis = "",
	.summary = "Root: accept the policy, and apply its limits to who is logged in.",
	.details =
		"A bad policy, or one that this host can't enforce, changes nothing: its errors go "
		"to\n"
		"stderr with file:line. Namespaces of live sandboxes stay as they are. A limit "
		"that "
		"can't\n"
		"be applied now is told, and the others are applied all the same.\n"
		"Exit code: 0 all is as the policy says, 1 something is not.\n\n",
	.letters = ":h",
	.options = options,
	.run = run_reload,
};

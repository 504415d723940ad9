/* SPDX-License-Identifier: MIT */
#include "admin/policy_view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "core/cgroup.h"
#include "core/cleanup.h"
#include "core/mnt_share.h"
#include "core/shells.h"
#include "core/tmp_disk.h"
#include "core/user_policy.h"

int policy_view_load(struct policy_view *ret_view, struct failure *reterr)
{
	struct policy_view view = {.origin = POLICY_CURRENT};
	struct policy_errors repeated = {0};
	struct policy_sources sources = {0};
	int r = policy_sources_read(CARREL_POLICY, &view.errors, &sources);

	if (r == 0) {
		r = policy_parse(sources.files, sources.count, &view.errors, &view.policy);
		policy_sources_free(&sources);
	}
	/* Nothing is stored by this: the files are bad. Its errors are those that are had already. */
	if (r < 0)
		r = policy_load(CARREL_POLICY, CARREL_STATE, &repeated, &view.policy, &view.origin,
				reterr);
	policy_errors_free(&repeated);
	*ret_view = view;
	return r;
}

void policy_view_free(struct policy_view *view)
{
	if (view->policy)
		policy_free(view->policy);
	policy_errors_free(&view->errors);
	*view = (struct policy_view){0};
}

int policy_view_facts(struct plan_facts *ret_facts, char ret_host[HOST_NAME_SIZE],
		      struct failure *reterr)
{
	long page_size = sysconf(_SC_PAGESIZE);
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return failure_set(reterr, errno, "ask how much memory this machine has");
	if (page_size <= 0)
		return failure_set(reterr, EINVAL, "ask for the page size");
	if (gethostname(ret_host, HOST_NAME_SIZE) < 0)
		return failure_set(reterr, errno, "ask for the host name");
	ret_host[HOST_NAME_SIZE - 1] = '\0';
	ret_facts->memory_total = (uint64_t)info.totalram * info.mem_unit;
	ret_facts->page_size = (uint64_t)page_size;
	return 0;
}

/* What many sections inherit from [default] is said once. */
static void add_once(struct policy_errors *findings, const char *text)
{
	for (size_t i = 0; i < findings->count; i++)
		if (strcmp(findings->texts[i], text) == 0)
			return;
	policy_errors_add(findings, "%s", text);
}

static void check_disk(const struct effective *effective, const struct plan *plan,
		       struct policy_errors *findings)
{
	const struct policy_value *value = effective->values[KEY_TMP_STORE];
	struct failure failure;

	if (!mnt_has_disk(plan) || tmp_disk_check(plan, &failure) == 0)
		return;
	(void)failure_wrap(&failure, "%s:%d", value->file, value->line);
	add_once(findings, failure.text);
}

static void check_cgroups(const struct effective *effective, const struct plan *plan, uint32_t uid,
			  struct policy_errors *findings)
{
	const struct policy_value *value = effective->values[KEY_HOST_CGROUP];
	struct plan holding = *plan;
	struct cgroup_set set;
	struct failure failure;

	memset(holding.limits, 0, sizeof(holding.limits));
	if (cgroup_find(&holding, uid, &set, &failure) < 0) {
		if (value->line > 0)
			(void)failure_wrap(&failure, "%s:%d", value->file, value->line);
		add_once(findings, failure.text);
		return;
	}
	/*
	 * One after the other, each beside those that hold, so that every one that does not is named.
	 * Not each alone: on cgroup v1 swap_max stands on memory_max, which comes before it.
	 */
	for (size_t i = 0; i < PLAN_LIMITS; i++) {
		if (!plan->limits[i].set)
			continue;
		holding.limits[i] = plan->limits[i];
		if (cgroup_find(&holding, uid, &set, &failure) == 0)
			continue;
		holding.limits[i].set = false;
		value = effective->values[plan->limits[i].key];
		(void)failure_wrap(&failure, "%s:%d", value->file, value->line);
		add_once(findings, failure.text);
	}
}

void policy_view_check_plan(const struct effective *effective, const struct plan *plan,
			    uint32_t uid, struct policy_errors *findings)
{
	check_cgroups(effective, plan, uid, findings);
	check_disk(effective, plan, findings);
}

void policy_view_check_shell(const struct effective *effective, struct policy_errors *findings)
{
	struct policy_errors refusals = {0};
	struct failure failure;

	if (shells_check(effective, &failure) < 0)
		add_once(findings, failure.text);
	if (!effective_number(effective, KEY_SANDBOX))
		return;
	/* Without a login there is nothing to compare it with but the usual 0. */
	if ((int64_t)effective_number(effective, KEY_OOM_SCORE_ADJ) < 0)
		policy_errors_add(&refusals,
				  "oom_score_adj %s: only pam_carrel can lower it to %s; set "
				  "oom_score_adj = 0 under [service " USER_POLICY_SERVICE
				  "], or use pam_carrel",
				  match_origin(effective->values[KEY_OOM_SCORE_ADJ]).text,
				  effective->values[KEY_OOM_SCORE_ADJ]->text);
	user_policy_check(effective, cgroup_is_managed(), &refusals);
	for (size_t i = 0; i < refusals.count; i++)
		add_once(findings, refusals.texts[i]);
	policy_errors_free(&refusals);
}

/* Somebody whom the section is for, and no more of the others than can be helped. */
static void check_section(const struct policy *policy, const struct policy_section *section,
			  const struct plan_facts *facts, const char *host, bool shell,
			  struct policy_errors *findings)
{
	char *name = section->name ? section->name : (char *)"somebody";
	char *groups[] = {section->subject == SUBJECT_GROUP ? name : NULL, NULL};
	uint32_t uid = section->subject == SUBJECT_UID ? section->uid_max : UINT32_MAX - 1;
	struct login login = {
		.user = section->subject == SUBJECT_USER ? name : (char *)"somebody",
		.uid = uid,
		.gid = UINT32_MAX - 1,
		.home = (char *)"/nonexistent",
		.service = section->service ? section->service : (char *)"",
		.groups = groups,
		.gids = &login.gid,
		.gid_count = 1,
	};
	struct effective effective;
	struct failure failure;
	struct plan plan = {0};

	if (uid == 0)
		return;
	if (shell && section->service && strcmp(section->service, USER_POLICY_SERVICE) != 0)
		return;
	if (shell)
		login.service = (char *)USER_POLICY_SERVICE;
	if (match_login(policy, &login, &effective, &failure) < 0) {
		add_once(findings, failure.text);
		return;
	}
	if (shell)
		policy_view_check_shell(&effective, findings);
	if (!effective_number(&effective, KEY_SANDBOX))
		return;
	if (plan_build(&effective, &login, facts, host, &plan, &failure) < 0) {
		if (section->line > 0)
			(void)failure_wrap(&failure, "%s:%d", section->file, section->line);
		add_once(findings, failure.text);
		return;
	}
	if (!shell)
		policy_view_check_plan(&effective, &plan, uid, findings);
	plan_free(&plan);
}

int policy_view_check_host(const struct policy *policy, bool shell, struct policy_errors *findings,
			   struct failure *reterr)
{
	/* For whom there is no section [host] and the defaults count. */
	const struct policy_section others = {.subject = SUBJECT_DEFAULT};
	struct plan_facts facts;
	char host[HOST_NAME_SIZE];
	bool for_all = false;
	int r = policy_view_facts(&facts, host, reterr);

	if (r < 0)
		return r;
	for (size_t i = 0; i < policy->section_count; i++) {
		const struct policy_section *section = &policy->sections[i];

		for_all = for_all || (section->subject == SUBJECT_DEFAULT && !section->service);
		check_section(policy, section, &facts, host, shell, findings);
	}
	if (!for_all)
		check_section(policy, &others, &facts, host, shell, findings);
	return 0;
}

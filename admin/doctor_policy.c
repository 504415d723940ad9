/* SPDX-License-Identifier: MIT */
#include "admin/doctor.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/policy_view.h"
#include "core/cleanup.h"

#define SUBJECT "policy"

static void add_all(struct findings *findings, const struct policy_errors *errors, const char *mend)
{
	for (size_t i = 0; i < errors->count; i++) {
		findings_add(findings, FINDING_FAIL, SUBJECT, "%s", errors->texts[i]);
		findings_mend(findings, "%s", mend);
	}
}

/* A section for a name that NSS does not know is a typing error more often than not. */
static void look_at_names(struct findings *findings, const struct policy *policy)
{
	for (size_t i = 0; i < policy->section_count; i++) {
		const struct policy_section *section = &policy->sections[i];
		const struct policy_value *sandbox = &section->values[KEY_SANDBOX];
		bool group = section->subject == SUBJECT_GROUP;

		if (!group && section->subject != SUBJECT_USER)
			continue;
		/* [group wheel] and [group sudo] in one policy for all distributions are no error. */
		if (sandbox->set && !sandbox->number)
			continue;
		if (group ? getgrnam(section->name) != NULL : getpwnam(section->name) != NULL)
			continue;
		findings_add(findings, FINDING_WARN, SUBJECT, "%s:%d: NSS knows no %s %s",
			     section->file, section->line, group ? "group" : "user", section->name);
		findings_mend(findings, "names are compared with case; try `getent %s %s`",
			      group ? "group" : "passwd", section->name);
	}
}

/* Somebody besides uid 0 whom the policy leaves alone for every service: "group sudo", … */
static bool find_admin(const struct policy *policy, char *ret_who, size_t size)
{
	for (size_t i = 0; i < policy->section_count; i++) {
		const struct policy_section *section = &policy->sections[i];
		const struct policy_value *sandbox = &section->values[KEY_SANDBOX];
		const struct group *group;

		if (!sandbox->set || sandbox->number || section->service)
			continue;
		if (section->subject == SUBJECT_DEFAULT) {
			(void)snprintf(ret_who, size, "everybody by default");
			return true;
		}
		if (section->subject == SUBJECT_USER && getpwnam(section->name)) {
			(void)snprintf(ret_who, size, "user %s", section->name);
			return true;
		}
		group = section->subject == SUBJECT_GROUP ? getgrnam(section->name) : NULL;
		if (group && group->gr_mem[0]) {
			(void)snprintf(ret_who, size, "group %s (%s%s)", section->name,
				       group->gr_mem[0], group->gr_mem[1] ? ", …" : "");
			return true;
		}
	}
	return false;
}

static void look_for_way_in(struct findings *findings, const struct policy *policy,
			    const struct sshd_settings *settings)
{
	bool root_by_ssh = settings->installed && strcmp(settings->permit_root_login, "no") != 0;
	char who[320];

	if (policy && find_admin(policy, who, sizeof(who))) {
		findings_add(findings, FINDING_OK, SUBJECT, "an admin keeps a way in: %s", who);
	} else if (root_by_ssh) {
		findings_add(findings, FINDING_OK, SUBJECT,
			     "root keeps a way in: sshd has PermitRootLogin %s",
			     settings->permit_root_login);
	} else {
		findings_add(
			findings, FINDING_WARN, SUBJECT,
			"if logins were refused, only root at the console would get in: the policy "
			"leaves no existing admin alone, and ssh does not let root in");
		findings_mend(findings, "[group sudo] sandbox = no, for a group that has members");
	}
}

void doctor_policy(struct findings *findings, const struct sshd_settings *settings)
{
	struct policy_errors host = {0};
	struct policy_view view;
	struct failure failure;
	int r = policy_view_load(&view, &failure);

	add_all(findings, &view.errors, "see carrel.conf(5); `carrel check` tries it again");
	if (r < 0 && geteuid() != 0) {
		findings_add(findings, FINDING_WARN, SUBJECT,
			     "bad, and only root can see the last accepted policy");
		findings_mend(findings, "run `carrel doctor` as root");
	} else if (r < 0) {
		findings_add(findings, FINDING_FAIL, SUBJECT, "none that logins could go by: %s",
			     failure.text);
		findings_mend(findings, "mend %s; until then on_failure decides about logins",
			      CARREL_POLICY);
	} else if (view.origin == POLICY_LAST_ACCEPTED) {
		findings_add(findings, FINDING_FAIL, SUBJECT,
			     "bad; logins go on under the last accepted policy");
		findings_mend(findings, "mend %s", CARREL_POLICY);
	} else {
		findings_add(findings, FINDING_OK, SUBJECT, "%s is good, %zu section%s",
			     CARREL_POLICY, view.policy->section_count,
			     view.policy->section_count == 1 ? "" : "s");
	}
	if (view.policy) {
		if (policy_view_check_host(view.policy, false, &host, &failure) < 0)
			findings_add(findings, FINDING_FAIL, SUBJECT, "%s", failure.text);
		add_all(findings, &host,
			"until then those logins are refused; see the cgroup findings");
		look_at_names(findings, view.policy);
	}
	look_for_way_in(findings, view.policy, settings);
	policy_errors_free(&host);
	policy_view_free(&view);
}

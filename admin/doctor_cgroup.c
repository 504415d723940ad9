/* SPDX-License-Identifier: MIT */
#include "admin/doctor.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "core/cgroup.h"
#include "core/cleanup.h"

#define SUBJECT "cgroup"

static const char *layout(void)
{
	struct statfs fs;

	if (statfs(CGROUP_ROOT, &fs) < 0)
		return NULL;
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		return "v2";
	if (fs.f_type == CGROUP_SUPER_MAGIC)
		return "v1, one hierarchy";
	if (statfs(CGROUP_ROOT "/unified", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return "hybrid: v1, with a v2 hierarchy beside it";
	return "v1";
}

/*
 * Looked for in the same way as a login looks for it. As if the policy said `cgroup = cgroupfs`: that
 * a service manager owns the tree is a finding of its own.
 */
static void look_for(struct findings *findings, enum plan_limit_kind kind,
		     enum cgroup_controller_id controller, enum policy_key key, const char *text)
{
	const char *name = policy_keys[key].name;
	struct plan plan = {.cgroup = CGROUP_CGROUPFS};
	struct cgroup_set set;
	struct failure failure;

	plan.limits[kind] = (struct plan_limit){.set = true, .value = 1, .text = text, .key = key};
	/* cgroup v1 counts swap together with memory. */
	if (kind == LIMIT_SWAP_MAX)
		plan.limits[LIMIT_MEMORY_MAX] =
			(struct plan_limit){.set = true, .value = 1, .key = KEY_MEMORY_MAX};
	if (cgroup_find(&plan, UINT32_MAX - 1, &set, &failure) < 0) {
		findings_add(findings, FINDING_WARN, SUBJECT, "%s", failure.text);
		findings_mend(findings,
			      "leave %s out of the policy, unless a kernel option brings what "
			      "is missing (see cgroups(7))",
			      name);
	} else if (set.where[controller] >= 0) {
		const struct cgroup_hierarchy *at = &set.hierarchies[set.where[controller]];

		findings_add(findings, FINDING_OK, SUBJECT, "%s is enforced in %s (%s)", name,
			     at->mount, at->v2 ? "v2" : "v1");
	}
}

static void look_at_systemd(struct findings *findings)
{
	findings_add(findings, FINDING_WARN, SUBJECT,
		     "systemd owns this host's cgroups; this version sets no limits beside it with "
		     "`cgroup = auto`");
	findings_mend(findings, "leave the limits out of the policy, or set `cgroup = cgroupfs` in "
				"[host] if systemd may lose sight of those logins");
	findings_add(
		findings, FINDING_WARN, SUBJECT,
		"users' own systemd managers are not confined by this version, so `systemd-run "
		"--user` leads out of the sandbox");
	findings_mend(findings, "systemctl mask user@.service, where users can do without it");
}

void doctor_cgroup(struct findings *findings)
{
	static const struct {
		enum plan_limit_kind kind;
		enum cgroup_controller_id controller;
		enum policy_key key;
		const char *text;
	} limits[] = {
		{LIMIT_MEMORY_MAX, CONTROLLER_MEMORY, KEY_MEMORY_MAX, NULL},
		{LIMIT_MEMORY_HIGH, CONTROLLER_MEMORY, KEY_MEMORY_HIGH, NULL},
		{LIMIT_SWAP_MAX, CONTROLLER_MEMORY, KEY_SWAP_MAX, NULL},
		{LIMIT_CPU_MAX, CONTROLLER_CPU, KEY_CPU_MAX, NULL},
		{LIMIT_CPU_WEIGHT, CONTROLLER_CPU, KEY_CPU_WEIGHT, NULL},
		{LIMIT_CPUS, CONTROLLER_CPUSET, KEY_CPUS, "0"},
		{LIMIT_PIDS_MAX, CONTROLLER_PIDS, KEY_PIDS_MAX, NULL},
	};
	const char *how = layout();

	_Static_assert(ARRAY_SIZE(limits) == PLAN_LIMITS, "a row for each limit");
	if (!how) {
		findings_add(findings, FINDING_WARN, SUBJECT, "nothing at %s: %s", CGROUP_ROOT,
			     strerror(errno));
		findings_mend(findings, "mount cgroup2 there; without it no limit can be enforced");
		return;
	}
	findings_add(findings, FINDING_OK, SUBJECT, "layout: %s", how);
	if (cgroup_is_managed())
		look_at_systemd(findings);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		look_for(findings, limits[i].kind, limits[i].controller, limits[i].key,
			 limits[i].text);
}

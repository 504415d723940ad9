/* SPDX-License-Identifier: MIT */
#include "admin/doctor.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "admin/pam_stack.h"
#include "core/cgroup.h"
#include "core/cleanup.h"

#define SUBJECT "cgroup"
#define AGENT CARREL_LIBEXEC "/carrel-systemd"
#define MANAGERS "systemd-user"

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

/* Looked for in the same way as a login looks for it, without what the policy says. */
static void look_for(struct findings *findings, enum plan_limit_kind kind,
		     enum cgroup_controller_id controller, enum policy_key key, const char *text)
{
	const char *name = policy_keys[key].name;
	struct plan plan = {.cgroup = CGROUP_AUTO};
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

/* Is our line in the stack that user@UID.service logs in through? */
static void look_at_managers(struct findings *findings)
{
	__attribute__((cleanup(pam_stack_free))) struct pam_stack stack = {0};
	struct failure failure;

	if (pam_stack_read("", MANAGERS, "session", &stack, &failure) < 0)
		return; /* no user managers here */
	for (size_t i = 0; i < stack.count; i++) {
		if (strcmp(pam_line_module_name(&stack.lines[i]), "pam_carrel.so") == 0) {
			findings_add(findings, FINDING_OK, SUBJECT,
				     "users' own systemd managers are confined");
			return;
		}
	}
	findings_add(
		findings, FINDING_WARN, SUBJECT,
		"users' own systemd managers are not confined: `systemd-run --user` leads out of "
		"the sandbox, though not out of the limits");
	findings_mend(findings, "add `session required pam_carrel.so` as the last session line of "
				"/etc/pam.d/" MANAGERS
				" (copy it from /usr/lib/pam.d first), or systemctl mask "
				"user@.service");
}

static void look_at_systemd(struct findings *findings)
{
	findings_add(findings, FINDING_OK, SUBJECT,
		     "systemd owns this host's cgroups: limits are properties of user-UID.slice");
	if (access(AGENT, X_OK) < 0) {
		findings_add(findings, FINDING_FAIL, SUBJECT,
			     "%s can't be run (%s): every login will be refused", AGENT,
			     strerror(errno));
		findings_mend(findings, "install it: it is built where libsystemd's headers are");
	}
	look_at_managers(findings);
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
		{LIMIT_MEMORY_NODES, CONTROLLER_CPUSET, KEY_MEMORY_NODES, "0"},
		{LIMIT_PIDS_MAX, CONTROLLER_PIDS, KEY_PIDS_MAX, NULL},
		{LIMIT_IO_WEIGHT, CONTROLLER_IO, KEY_IO_WEIGHT, NULL},
		{LIMIT_IO_MAX, CONTROLLER_IO, KEY_IO_MAX, NULL},
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

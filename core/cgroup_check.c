/* SPDX-License-Identifier: MIT */
/*
 * What a limit of the policy needs of the host, looked at before anything is made: so that `carrel check` and
 * a login that is to be refused say the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "core/cgroup_internal.h"
#include "core/cgroup_io.h"
#include "core/cleanup.h"
#include "core/convert.h"

/* A CPU or node that this host does not have is refused by the kernel only when somebody logs in. */
static int check_list(const struct cgroup_hierarchy *hierarchy, const struct plan *plan,
		      enum plan_limit_kind kind, struct failure *reterr)
{
	const struct cgroup_limit_info *info = &cgroup_limits[kind];
	const struct plan_limit *limit = &plan->limits[kind];
	char path[96], text[CGROUP_VALUE_MAX];
	struct cpu_list wanted, there;

	(void)snprintf(path, sizeof(path), "%s/%s%s", hierarchy->mount,
		       hierarchy->v2 ? info->v2_file : info->v1_file,
		       hierarchy->v2 ? ".effective" : "");
	/* Where the host's list can't be read or is not understood, the kernel decides. */
	if (cgroup_read_file(AT_FDCWD, path, text, sizeof(text)) < 0 ||
	    convert_cpu_list(text, &there) < 0 || convert_cpu_list(limit->text, &wanted) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(wanted.bits); i++) {
		if (wanted.bits[i] & ~there.bits[i])
			return failure_say(reterr, EOPNOTSUPP,
					   "%s can't be enforced: \"%s\" is set, this host has %s",
					   policy_keys[limit->key].name, limit->text, text);
	}
	return 0;
}

static int check_limit(const struct cgroup_set *set, const struct plan *plan,
		       enum plan_limit_kind kind, struct failure *reterr)
{
	enum cgroup_controller_id controller = cgroup_limits[kind].controller;
	const struct cgroup_hierarchy *hierarchy;
	char text[CGROUP_VALUE_MAX];
	int r;

	if (set->where[controller] < 0)
		return failure_say(reterr, EOPNOTSUPP,
				   "%s can't be enforced: this host has no %s cgroup controller "
				   "(see /proc/cgroups and carrel doctor)",
				   policy_keys[plan->limits[kind].key].name,
				   cgroup_v2_name(controller));
	hierarchy = &set->hierarchies[set->where[controller]];
	if (cgroup_io_is(kind))
		return cgroup_io_check(hierarchy, plan, kind, reterr);
	r = cgroup_limit_text(plan, kind, hierarchy->v2, 4096, text, reterr);
	if (r == 0 && plan_limit_is_list(kind))
		r = check_list(hierarchy, plan, kind, reterr);
	return r;
}

int cgroup_check_limits(const struct cgroup_set *set, const struct plan *plan,
			struct failure *reterr)
{
	int r = 0;

	for (int kind = 0; r == 0 && kind < PLAN_LIMITS; kind++)
		if (plan->limits[kind].set)
			r = check_limit(set, plan, (enum plan_limit_kind)kind, reterr);
	return r;
}

/* SPDX-License-Identifier: MIT */
#include "core/plan.h"

#include <string.h>

#define CGROUPS "/sys/fs/cgroup"

/* Does one of them lie in the other? Both absolute and normal, as policy values are. */
static bool overlap(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	size_t len = a_len < b_len ? a_len : b_len;

	if (strncmp(a, b, len) != 0)
		return false;
	return a_len == b_len || (a_len > len ? a : b)[len] == '/';
}

static bool is_admins(enum plan_step_kind kind)
{
	return kind == STEP_BIND || kind == STEP_READ_ONLY || kind == STEP_HIDE;
}

/* All that follow such a step wait with it: their order counts. */
size_t plan_first_late(const struct plan *plan)
{
	bool view = false;

	for (size_t i = 0; i < plan->step_count; i++) {
		const struct plan_step *step = &plan->steps[i];

		view = view || step->kind == STEP_CGROUP_VIEW;
		if (!view || plan->as_user || !is_admins(step->kind))
			continue;
		if (overlap(step->target, CGROUPS) ||
		    (step->source && overlap(step->source, CGROUPS)))
			return i;
	}
	return plan->step_count;
}

/* SPDX-License-Identifier: MIT */
#include "core/plan.h"

#include <string.h>

#include "core/pod.h"

static uint64_t add_text(uint64_t hash, const char *text)
{
	/* With its NUL, so that "a" "bc" is not "ab" "c"; nothing is not "". */
	return text ? pod_hash(hash, text, strlen(text) + 1) : pod_hash(hash, "\1", 1);
}

uint64_t plan_limits_hash(const struct plan *plan)
{
	uint64_t hash = POD_HASH_START;

	for (size_t i = 0; i < PLAN_LIMITS; i++) {
		uint64_t numbers[] = {plan->limits[i].set, plan->limits[i].value};

		hash = pod_hash(hash, numbers, sizeof(numbers));
		hash = add_text(hash, plan->limits[i].text);
	}
	for (size_t i = 0; i < plan->io_max.count; i++) {
		hash = add_text(hash, plan->io_max.devices[i].path);
		hash = pod_hash(hash, plan->io_max.devices[i].rates,
				sizeof(plan->io_max.devices[i].rates));
	}
	return hash != 0 ? hash : 1;
}

/* Whose the private directories are, and where they are kept. */
static uint64_t add_store(uint64_t hash, const struct plan *plan, enum plan_step_kind kind)
{
	uint64_t scope = plan->tmp_scope;

	if (kind == STEP_TMPFS || kind == STEP_TMP_DISK)
		hash = pod_hash(hash, &scope, sizeof(scope));
	return kind == STEP_TMP_DISK ? add_text(hash, plan->tmp_root) : hash;
}

uint64_t plan_shape(const struct plan *plan)
{
	uint64_t numbers[] = {
		plan->cgroup,	  plan->propagation, plan->namespaces,	   plan->tmp_size,
		plan->tmp_inodes, plan->tmp_noexec,  plan->proc_invisible, plan->step_count,
	};
	uint64_t hash = pod_hash(POD_HASH_START, numbers, sizeof(numbers));

	hash = add_text(hash, plan->hostname);
	for (size_t i = 0; i < plan->step_count; i++) {
		uint64_t kind[] = {plan->steps[i].kind, plan->steps[i].read_only};

		hash = pod_hash(hash, kind, sizeof(kind));
		hash = add_text(hash, plan->steps[i].target);
		hash = add_text(hash, plan->steps[i].source);
		hash = add_store(hash, plan, plan->steps[i].kind);
	}
	return hash;
}

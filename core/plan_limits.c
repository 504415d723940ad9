/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/plan_internal.h"

#define TMPFS_INODES_BESIDE_DISK 100000

/* Bytes: a percentage is of the machine's memory, rounded down to whole pages. */
static int resolve_size(const struct policy_value *value, enum policy_key key,
			const struct plan_facts *facts, uint64_t *ret_bytes, struct failure *reterr)
{
	uint64_t bytes = value->number;

	if (value->percent) {
		if (facts->memory_total == 0 || facts->page_size == 0)
			return refuse(value, key, reterr,
				      "%s: the machine's memory is not known; expected bytes",
				      value->text);
		/* In two parts, so that no product overflows. */
		bytes = facts->memory_total / 100 * value->number +
			facts->memory_total % 100 * value->number / 100;
		bytes -= bytes % facts->page_size;
	}
	*ret_bytes = bytes;
	return 0;
}

static const struct {
	enum policy_key key;
	bool size;
} limit_keys[PLAN_LIMITS] = {
	[LIMIT_MEMORY_MAX] = {KEY_MEMORY_MAX, true},
	[LIMIT_MEMORY_HIGH] = {KEY_MEMORY_HIGH, true},
	[LIMIT_SWAP_MAX] = {KEY_SWAP_MAX, true},
	[LIMIT_CPU_MAX] = {KEY_CPU_MAX, false},
	[LIMIT_CPU_WEIGHT] = {KEY_CPU_WEIGHT, false},
	[LIMIT_CPUS] = {KEY_CPUS, false},
	[LIMIT_MEMORY_NODES] = {KEY_MEMORY_NODES, false},
	[LIMIT_PIDS_MAX] = {KEY_PIDS_MAX, false},
	[LIMIT_IO_WEIGHT] = {KEY_IO_WEIGHT, false},
	[LIMIT_IO_MAX] = {KEY_IO_MAX, false},
};
_Static_assert(PLAN_LIMITS == 10, "a new limit needs its row in limit_keys");

int plan_build_limits(const struct effective *effective, const struct plan_facts *facts,
		      struct plan *plan, struct failure *reterr)
{
	const struct plan_limit *max = &plan->limits[LIMIT_MEMORY_MAX];
	const struct plan_limit *high = &plan->limits[LIMIT_MEMORY_HIGH];

	for (size_t i = 0; i < PLAN_LIMITS; i++) {
		enum policy_key key = limit_keys[i].key;
		const struct policy_value *value = effective->values[key];
		struct plan_limit *limit = &plan->limits[i];
		const char *wrong;
		int r = 0;

		*limit = (struct plan_limit){.value = CONVERT_MAX, .key = key};
		if (!value->set || value->number == CONVERT_MAX)
			continue;
		limit->set = true;
		limit->value = value->number;
		if (limit_keys[i].size)
			r = resolve_size(value, key, facts, &limit->value, reterr);
		if (r < 0)
			return r;
		if (i == LIMIT_IO_MAX &&
		    (!value->words || io_max_read(value->words, &plan->io_max, &wrong) < 0))
			return refuse(value, key, reterr, "%s: expected devices with rates",
				      value->text);
		if (plan_limit_is_list((enum plan_limit_kind)i))
			limit->text = value->words ? value->words[0] : NULL;
	}
	if (high->set && high->value > max->value)
		return refuse(effective->values[KEY_MEMORY_HIGH], KEY_MEMORY_HIGH, reterr,
			      "%s: expected no more than memory_max, %s %s",
			      effective->values[KEY_MEMORY_HIGH]->text,
			      effective->values[KEY_MEMORY_MAX]->text,
			      match_origin(effective->values[KEY_MEMORY_MAX]).text);
	return 0;
}

bool plan_has_limits(const struct plan *plan)
{
	for (size_t i = 0; i < PLAN_LIMITS; i++)
		if (plan->limits[i].set)
			return true;
	return false;
}

/* tmpfs(5) takes 0, of bytes and of inodes, as "no limit": the opposite of what was written. */
int plan_build_tmp_limits(const struct effective *effective, const struct plan_facts *facts,
			  struct plan *plan, struct failure *reterr)
{
	const struct policy_value *size = effective->values[KEY_TMP_SIZE];
	const struct policy_value *inodes = effective->values[KEY_TMP_INODES];
	int r = resolve_size(size, KEY_TMP_SIZE, facts, &plan->tmp_size, reterr);

	if (r < 0)
		return r;
	if (plan->tmp_size == 0)
		return refuse(size, KEY_TMP_SIZE, reterr, "%s: expected more than nothing",
			      size->text);
	plan->tmp_inodes = inodes->number;
	if (plan->tmp_inodes == 0)
		return refuse(inodes, KEY_TMP_INODES, reterr, "%s: expected more than nothing",
			      inodes->text);
	plan->tmpfs_size = plan->tmp_size;
	plan->tmpfs_inodes = plan->tmp_inodes;
	if (plan->tmp_store != TMP_STORE_DISK)
		return 0;
	/* What is right for a disk, `max` above all, is too much for /dev/shm beside it. */
	uint64_t quarter = facts->memory_total / 4 - facts->memory_total / 4 % facts->page_size;

	if (quarter > 0 && plan->tmpfs_size > quarter)
		plan->tmpfs_size = quarter;
	if (plan->tmpfs_inodes > TMPFS_INODES_BESIDE_DISK)
		plan->tmpfs_inodes = TMPFS_INODES_BESIDE_DISK;
	return 0;
}

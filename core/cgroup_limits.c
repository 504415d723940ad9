/* SPDX-License-Identifier: MIT */
/*
 * The one table of limits, and setting them. Every limit is read back: a kernel file that takes a
 * value and holds another has not limited anybody.
 */
#include "core/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cgroup_io.h"
#include "core/cleanup.h"
#include "core/convert.h"

#define CPU_PERIOD_USEC 100000 /* the kernel's own default, in both versions */

const struct cgroup_limit_info cgroup_limits[PLAN_LIMITS] = {
	[LIMIT_MEMORY_MAX] = {CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "-1", "max",
			      NULL},
	[LIMIT_MEMORY_HIGH] = {CONTROLLER_MEMORY, NULL, "memory.high", NULL, "max",
			       "the v1 memory controller has no limit that throttles"},
	/* v1 limits memory and swap together. */
	[LIMIT_SWAP_MAX] = {CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max",
			    "-1", "max", NULL},
	[LIMIT_CPU_MAX] = {CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", "-1", "max 100000", NULL},
	[LIMIT_CPU_WEIGHT] = {CONTROLLER_CPU, "cpu.shares", "cpu.weight", "1024", "100", NULL},
	/* Unset: the slice is not in the cpuset hierarchy, or inherits (v2), or has all of its parent's. */
	[LIMIT_CPUS] = {CONTROLLER_CPUSET, "cpuset.cpus", "cpuset.cpus", NULL, "", NULL},
	[LIMIT_MEMORY_NODES] = {CONTROLLER_CPUSET, "cpuset.mems", "cpuset.mems", NULL, "", NULL},
	[LIMIT_PIDS_MAX] = {CONTROLLER_PIDS, "pids.max", "pids.max", "max", "max", NULL},
	/* Set by cgroup_io. */
	[LIMIT_IO_WEIGHT] = {CONTROLLER_IO, "blkio.bfq.weight", "io.weight", "100", "100", NULL},
	[LIMIT_IO_MAX] = {CONTROLLER_IO, "blkio.throttle.read_bps_device", "io.max", "", "", NULL},
};

static const char *key_name(const struct plan *plan, enum plan_limit_kind kind)
{
	return policy_keys[plan->limits[kind].key].name;
}

static uint64_t whole_pages(uint64_t bytes, uint64_t page_size)
{
	return bytes - bytes % page_size;
}

static int swap_text_v1(const struct plan *plan, uint64_t page_size, char *text,
			struct failure *reterr)
{
	if (!plan->limits[LIMIT_MEMORY_MAX].set)
		return failure_say(reterr, EOPNOTSUPP,
				   "%s can't be enforced: cgroup v1 limits swap only together with "
				   "memory; set memory_max as well",
				   key_name(plan, LIMIT_SWAP_MAX));
	(void)snprintf(text, CGROUP_VALUE_MAX, "%llu",
		       (unsigned long long)whole_pages(plan->limits[LIMIT_MEMORY_MAX].value,
						       page_size) +
			       whole_pages(plan->limits[LIMIT_SWAP_MAX].value, page_size));
	return 0;
}

int cgroup_limit_text(const struct plan *plan, enum plan_limit_kind kind, bool v2,
		      uint64_t page_size, char ret_text[CGROUP_VALUE_MAX], struct failure *reterr)
{
	const struct cgroup_limit_info *info = &cgroup_limits[kind];
	const struct plan_limit *limit = &plan->limits[kind];
	unsigned long long value = limit->value;

	if (!(v2 ? info->v2_file : info->v1_file))
		return failure_say(reterr, EOPNOTSUPP, "%s can't be enforced: %s",
				   key_name(plan, kind), info->v1_lacks);
	switch (kind) {
	case LIMIT_MEMORY_MAX:
	case LIMIT_MEMORY_HIGH:
		value = whole_pages(value, page_size);
		break;
	case LIMIT_SWAP_MAX:
		if (!v2)
			return swap_text_v1(plan, page_size, ret_text, reterr);
		value = whole_pages(value, page_size);
		break;
	case LIMIT_CPU_MAX:
		value = value * (CPU_PERIOD_USEC / 100);
		if (v2) {
			(void)snprintf(ret_text, CGROUP_VALUE_MAX, "%llu %d", value,
				       CPU_PERIOD_USEC);
			return 0;
		}
		break;
	case LIMIT_CPU_WEIGHT:
		/* The kernel's own mapping (sched/core.c): weight 100 is 1024 shares. */
		if (!v2)
			value = (value * 1024 + 50) / 100;
		if (!v2 && value < 2)
			value = 2;
		break;
	case LIMIT_CPUS:
	case LIMIT_MEMORY_NODES: {
		int len = snprintf(ret_text, CGROUP_VALUE_MAX, "%s", limit->text);

		if (len < 0 || len >= CGROUP_VALUE_MAX)
			return failure_say(reterr, ENAMETOOLONG, "%s: too long a list",
					   key_name(plan, kind));
		return 0;
	}
	case LIMIT_IO_WEIGHT:
		if (!v2)
			value = cgroup_io_bfq_weight(value);
		break;
	case LIMIT_IO_MAX: /* lines, of which a device has one: cgroup_io_format() */
	case LIMIT_PIDS_MAX:
	case PLAN_LIMITS:
		break;
	}
	(void)snprintf(ret_text, CGROUP_VALUE_MAX, "%llu", value);
	return 0;
}

bool cgroup_limit_holds(const char *wanted, const char *held, uint64_t page_size)
{
	uint64_t got;

	if (strcmp(wanted, held) == 0)
		return true;
	/* v1 shows "no limit" as the largest number of whole pages. */
	return strcmp(wanted, "-1") == 0 && convert_unsigned(held, 0, UINT64_MAX, &got) == 0 &&
	       got == (uint64_t)INT64_MAX - (uint64_t)INT64_MAX % page_size;
}

static int write_limit(const struct plan *plan, enum plan_limit_kind kind, int slice_fd,
		       const char *file, const char *wanted, uint64_t page_size,
		       struct failure *reterr)
{
	char held[CGROUP_VALUE_MAX];
	int r = cgroup_write_file(slice_fd, file, wanted);

	/*
	 * v1 keeps memory.limit_in_bytes below memory.memsw.limit_in_bytes at every moment: to raise
	 * both, the second must go first (and is set again right after, being next in the table).
	 */
	if (r == -EINVAL && file == cgroup_limits[LIMIT_MEMORY_MAX].v1_file) {
		(void)cgroup_write_file(slice_fd, cgroup_limits[LIMIT_SWAP_MAX].v1_file, "-1");
		r = cgroup_write_file(slice_fd, file, wanted);
	}
	if (r == -ENOENT)
		return failure_say(reterr, EOPNOTSUPP,
				   "%s can't be enforced: this kernel's cgroups have no %s",
				   key_name(plan, kind), file);
	if (r < 0)
		return failure_set(reterr, -r, "%s can't be enforced: write \"%s\" to %s",
				   key_name(plan, kind), wanted, file);
	r = cgroup_read_value(slice_fd, file, held, sizeof(held));
	if (r < 0)
		return failure_set(reterr, -r, "%s can't be verified: read %s back",
				   key_name(plan, kind), file);
	if (!cgroup_limit_holds(wanted, held, page_size))
		return failure_say(
			reterr, ENOTSUP,
			"%s can't be enforced: wrote \"%s\" to %s, the kernel holds \"%s\"",
			key_name(plan, kind), wanted, file, held);
	return 0;
}

static int verify_limit_v2(int dir_fd, const struct plan *plan, enum plan_limit_kind kind,
			   uint64_t page_size, struct failure *reterr)
{
	const char *file = cgroup_limits[kind].v2_file;
	char wanted[CGROUP_VALUE_MAX], held[CGROUP_VALUE_MAX];
	int r;

	if (cgroup_io_is(kind))
		return cgroup_io_verify(dir_fd, true, plan, kind, reterr);
	r = cgroup_limit_text(plan, kind, true, page_size, wanted, reterr);

	if (r < 0)
		return r;
	r = cgroup_read_value(dir_fd, file, held, sizeof(held));
	if (r == -ENOENT)
		return failure_say(reterr, EOPNOTSUPP, "%s can't be enforced: there is no %s",
				   key_name(plan, kind), file);
	if (r < 0)
		return failure_set(reterr, -r, "%s can't be verified: read %s",
				   key_name(plan, kind), file);
	if (!cgroup_limit_holds(wanted, held, page_size))
		return failure_say(
			reterr, ENOTSUP,
			"%s can't be enforced: %s is to hold \"%s\", the kernel has \"%s\"",
			key_name(plan, kind), file, wanted, held);
	return 0;
}

int cgroup_verify_limits_v2(const char *dir, const struct plan *plan, struct failure *reterr)
{
	_close_ int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	int r = 0;

	if (dir_fd < 0)
		return failure_set(reterr, errno, "open the cgroup %s", dir);
	for (int kind = 0; r == 0 && kind < PLAN_LIMITS; kind++)
		if (plan->limits[kind].set)
			r = verify_limit_v2(dir_fd, plan, (enum plan_limit_kind)kind, page_size,
					    reterr);
	return r;
}

/*
 * What a list becomes that is lifted: all that carrel.slice has. v1 has no word for that, and v2 takes its word,
 * nothing, only while no process is in the cgroup (ENOSPC).
 */
static int lifted_list(int slice_fd, bool v2, enum plan_limit_kind kind,
		       char ret_text[CGROUP_VALUE_MAX], struct failure *reterr)
{
	const struct cgroup_limit_info *info = &cgroup_limits[kind];
	char above[64];
	int r = 0;

	/* It may never have had one. */
	if (v2) {
		r = cgroup_read_value(slice_fd, info->v2_file, ret_text, CGROUP_VALUE_MAX);
		if (r == -ENOENT)
			ret_text[0] = '\0';
		if (r == -ENOENT || (r == 0 && ret_text[0] == '\0'))
			return 0;
	}
	(void)snprintf(above, sizeof(above), "../%s%s", v2 ? info->v2_file : info->v1_file,
		       v2 ? ".effective" : "");
	r = cgroup_read_value(slice_fd, above, ret_text, CGROUP_VALUE_MAX);
	if (r < 0)
		return failure_set(
			reterr, -r, "read what %s may lift",
			policy_keys[kind == LIMIT_CPUS ? KEY_CPUS : KEY_MEMORY_NODES].name);
	return 0;
}

int cgroup_set_limit(struct cgroup_hierarchy *hierarchy, int slice_fd, const struct plan *plan,
		     enum plan_limit_kind kind, struct failure *reterr)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct cgroup_limit_info *info = &cgroup_limits[kind];
	const char *file = hierarchy->v2 ? info->v2_file : info->v1_file;
	const char *unset = hierarchy->v2 ? info->v2_unset : info->v1_unset;
	char wanted[CGROUP_VALUE_MAX], held[CGROUP_VALUE_MAX];
	int r;

	if (cgroup_io_is(kind))
		return cgroup_io_set(hierarchy, slice_fd, plan, kind, reterr);
	if (plan->limits[kind].set) {
		r = cgroup_limit_text(plan, kind, hierarchy->v2, page_size, wanted, reterr);
		if (r < 0)
			return r;
	} else if (hierarchy->created || !file) {
		return 0;
	} else if (plan_limit_is_list(kind)) {
		r = lifted_list(slice_fd, hierarchy->v2, kind, wanted, reterr);
		if (r < 0)
			return r;
	} else if (!unset) {
		return 0;
	} else {
		(void)snprintf(wanted, sizeof(wanted), "%s", unset);
	}
	/* An earlier login's limits: write only what has changed. */
	if (!hierarchy->created) {
		r = cgroup_read_value(slice_fd, file, held, sizeof(held));
		if (r == 0 && cgroup_limit_holds(wanted, held, page_size))
			return 0;
		if (r == -ENOENT && !plan->limits[kind].set)
			return 0;
		hierarchy->changed = true;
	}
	return write_limit(plan, kind, slice_fd, file, wanted, page_size, reterr);
}

int cgroup_apply_limits(struct cgroup_hierarchy *hierarchy, int slice_fd, const struct plan *plan,
			struct failure *reterr)
{
	for (int kind = 0; kind < PLAN_LIMITS; kind++) {
		if (!((hierarchy->controllers | hierarchy->enabled) &
		      (1U << cgroup_limits[kind].controller)))
			continue;
		int r = cgroup_set_limit(hierarchy, slice_fd, plan, (enum plan_limit_kind)kind,
					 reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

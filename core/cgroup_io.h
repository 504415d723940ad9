/* SPDX-License-Identifier: MIT */
/*
 * cgroup_io - io_max and io_weight in the files of the io controller (blkio on v1). Other than those of other
 * limits, these have a line for each disk, or are two files with one meaning.
 *
 *   io_max     v2: io.max. v1: blkio.throttle.*, one file a rate; there the kernel throttles each cgroup by
 *              itself, and not what it writes back later from the page cache.
 *   io_weight  io.weight (the cost model, v2) and io.bfq.weight (the BFQ scheduler, 1-1000; v1:
 *              blkio.bfq.weight), in whichever there is. The kernel keeps a weight that no disk goes by, so
 *              whether one does is looked at.
 *
 * Linux 5.12 or later: v1's older blkio.weight went with the CFQ scheduler in 5.0.
 */
#ifndef CARREL_CGROUP_IO_H
#define CARREL_CGROUP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/cgroup.h"

#define CGROUP_IO_DISKS_MAX 64

struct cgroup_io_disk {
	dev_t disk;
	uint64_t rates[IO_RATES]; /* CONVERT_MAX: no limit */
};

struct cgroup_io_table {
	struct cgroup_io_disk disks[CGROUP_IO_DISKS_MAX];
	size_t count;
};

static inline bool cgroup_io_is(enum plan_limit_kind kind)
{
	return kind == LIMIT_IO_MAX || kind == LIMIT_IO_WEIGHT;
}

/* The disks of the plan's io_max; none where it has none. Two paths that lead to one disk are refused. */
int cgroup_io_wanted(const struct plan *plan, struct cgroup_io_table *ret_table,
		     struct failure *reterr);

/* What a slice's directory holds. -ENOENT: no such file. */
int cgroup_io_held(int slice_fd, bool v2, struct cgroup_io_table *ret_table);
int cgroup_io_held_weight(int slice_fd, bool v2, uint64_t *ret_weight);

/* Is a disk there for each device, and one that goes by weights? -EOPNOTSUPP, or why no device was found. */
int cgroup_io_check(const struct cgroup_hierarchy *hierarchy, const struct plan *plan,
		    enum plan_limit_kind kind, struct failure *reterr);

/* Is the limit of the plan in force? 0, -ENOTSUP, or what keeps from looking. */
int cgroup_io_verify(int slice_fd, bool v2, const struct plan *plan, enum plan_limit_kind kind,
		     struct failure *reterr);

/* Set and read back, or lift, as cgroup_set_limit(), which calls it. */
int cgroup_io_set(struct cgroup_hierarchy *hierarchy, int slice_fd, const struct plan *plan,
		  enum plan_limit_kind kind, struct failure *reterr);

/* "NAME=8:0 rbps=1024 wbps=max riops=max wiops=max,8:16 …" of the plan's io_max, for carrel-systemd. */
int cgroup_io_property(const struct plan *plan, const char *name, char *ret_text, size_t size,
		       struct failure *reterr);

/* Pure: "8:0 rbps=1024 wbps=max riops=max wiops=max", as io.max has it, and the disks of such lines. */
void cgroup_io_format(const struct cgroup_io_disk *disk, char *text, size_t size);
int cgroup_io_parse(const char *text, struct cgroup_io_table *ret_table);
/* A line "8:0 1024" of a v1 file, for one rate, into the table. */
int cgroup_io_parse_v1(const char *text, enum io_rate rate, struct cgroup_io_table *table);
/* BFQ's range is 1-1000: as systemd maps it, and back. */
uint64_t cgroup_io_bfq_weight(uint64_t weight);
uint64_t cgroup_io_from_bfq(uint64_t weight);

#endif

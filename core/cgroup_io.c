/* SPDX-License-Identifier: MIT */
#include "core/cgroup_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "core/block_device.h"
#include "core/cgroup_internal.h"
#include "core/cleanup.h"
#include "core/convert.h"

#define FILE_MAX 8192 /* a line of io.max has at most 100 characters */
#define LINE_SIZE 160
#define KERNEL_WEIGHT 100
#define QOS "io.cost.qos" /* of the v2 root alone */
#define BLOCK "/sys/block"

static const char *const v1_files[IO_RATES] = {
	[IO_RBPS] = "blkio.throttle.read_bps_device",
	[IO_WBPS] = "blkio.throttle.write_bps_device",
	[IO_RIOPS] = "blkio.throttle.read_iops_device",
	[IO_WIOPS] = "blkio.throttle.write_iops_device",
};

/* In which a weight may be; the first is not BFQ's. */
static const char *const weight_files[2][2] = {
	{NULL, "blkio.bfq.weight"},
	{"io.weight", "io.bfq.weight"},
};

/* The disks ----------------------------------------------------------------------------------- */

static const struct cgroup_io_disk *find(const struct cgroup_io_table *table, dev_t disk)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->disks[i].disk == disk)
			return &table->disks[i];
	}
	return NULL;
}

int cgroup_io_wanted(const struct plan *plan, struct cgroup_io_table *ret_table,
		     struct failure *reterr)
{
	const struct io_max *max = &plan->io_max;
	struct cgroup_io_table table = {.count = 0};

	for (size_t i = 0; plan->limits[LIMIT_IO_MAX].set && i < max->count; i++) {
		struct cgroup_io_disk *row = &table.disks[i];
		int r = block_device_find(max->devices[i].path, &row->disk, reterr);

		if (r < 0)
			return failure_wrap(reterr, "io_max can't be enforced");
		if (find(&table, row->disk))
			return failure_say(
				reterr, EINVAL,
				"io_max can't be enforced: %s is on the disk %u:%u, which "
				"it has by another path already",
				max->devices[i].path, major(row->disk), minor(row->disk));
		memcpy(row->rates, max->devices[i].rates, sizeof(row->rates));
		table.count++;
	}
	*ret_table = table;
	return 0;
}

int cgroup_io_property(const struct plan *plan, const char *name, char *ret_text, size_t size,
		       struct failure *reterr)
{
	struct cgroup_io_table table = {.count = 0};
	int r = cgroup_io_wanted(plan, &table, reterr);
	size_t used = (size_t)snprintf(ret_text, size, "%s=", name);

	for (size_t i = 0; r == 0 && i < table.count && used < size; i++) {
		char line[LINE_SIZE];

		cgroup_io_format(&table.disks[i], line, sizeof(line));
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i ? "," : "", line);
	}
	if (r == 0 && used >= size)
		r = failure_say(reterr, ENAMETOOLONG, "%s: too long a value", name);
	return r;
}

int cgroup_io_held(int slice_fd, bool v2, struct cgroup_io_table *ret_table)
{
	struct cgroup_io_table table = {.count = 0};
	char text[FILE_MAX];
	int r;

	if (v2) {
		r = cgroup_read_file(slice_fd, "io.max", text, sizeof(text));
		return r < 0 ? r : cgroup_io_parse(text, ret_table);
	}
	for (int i = 0; i < IO_RATES; i++) {
		r = cgroup_read_file(slice_fd, v1_files[i], text, sizeof(text));
		if (r == 0)
			r = cgroup_io_parse_v1(text, (enum io_rate)i, &table);
		if (r < 0)
			return r;
	}
	*ret_table = table;
	return 0;
}

static const struct cgroup_io_disk *row_or_none(const struct cgroup_io_table *table, dev_t disk,
						struct cgroup_io_disk *none)
{
	const struct cgroup_io_disk *row = find(table, disk);

	if (row)
		return row;
	*none = (struct cgroup_io_disk){.disk = disk,
					.rates = {CONVERT_MAX, CONVERT_MAX, CONVERT_MAX,
						  CONVERT_MAX}};
	return none;
}

/* The first disk of `of` that `other` has otherwise; one without a row has no limit. */
static const struct cgroup_io_disk *differs(const struct cgroup_io_table *of,
					    const struct cgroup_io_table *other)
{
	for (size_t i = 0; i < of->count; i++) {
		struct cgroup_io_disk none;

		if (memcmp(of->disks[i].rates, row_or_none(other, of->disks[i].disk, &none)->rates,
			   sizeof(none.rates)) != 0)
			return &of->disks[i];
	}
	return NULL;
}

static int verify_disks(int slice_fd, bool v2, const struct cgroup_io_table *wanted,
			struct failure *reterr)
{
	struct cgroup_io_table held = {.count = 0};
	const char *file = v2 ? "io.max" : v1_files[0];
	char text[LINE_SIZE], has[LINE_SIZE];
	const struct cgroup_io_disk *odd;
	struct cgroup_io_disk none;
	int r = cgroup_io_held(slice_fd, v2, &held);

	if (r == -ENOENT)
		return failure_say(reterr, EOPNOTSUPP,
				   "io_max can't be enforced: there is no %s here", file);
	if (r < 0)
		return failure_set(reterr, -r, "io_max can't be verified: read %s", file);
	odd = differs(wanted, &held);
	if (!odd)
		odd = differs(&held, wanted);
	if (!odd)
		return 0;
	cgroup_io_format(row_or_none(wanted, odd->disk, &none), text, sizeof(text));
	cgroup_io_format(row_or_none(&held, odd->disk, &none), has, sizeof(has));
	return failure_say(reterr, ENOTSUP,
			   "io_max can't be enforced: the kernel is to hold \"%s\", and has \"%s\"",
			   text, has);
}

static int write_disk(int slice_fd, bool v2, const struct cgroup_io_disk *row,
		      const struct cgroup_io_disk *was, struct failure *reterr)
{
	char text[LINE_SIZE];
	int r = 0;

	if (v2) {
		cgroup_io_format(row, text, sizeof(text));
		r = cgroup_write_file(slice_fd, "io.max", text);
		return r < 0 ? failure_set(reterr, -r,
					   "io_max can't be enforced: write \"%s\" to io.max", text)
			     : 0;
	}
	for (int i = 0; i < IO_RATES; i++) {
		if (row->rates[i] == was->rates[i])
			continue;
		/* Of v1's files 0 is "no limit". */
		(void)snprintf(text, sizeof(text), "%u:%u %llu", major(row->disk), minor(row->disk),
			       row->rates[i] == CONVERT_MAX ? 0ULL
							    : (unsigned long long)row->rates[i]);
		r = cgroup_write_file(slice_fd, v1_files[i], text);
		if (r < 0)
			return failure_set(reterr, -r,
					   "io_max can't be enforced: write \"%s\" to %s", text,
					   v1_files[i]);
	}
	return 0;
}

static int set_disks(struct cgroup_hierarchy *hierarchy, int slice_fd, const struct plan *plan,
		     struct failure *reterr)
{
	struct cgroup_io_table wanted, held = {.count = 0};
	struct cgroup_io_disk none;
	bool v2 = hierarchy->v2;
	int r = cgroup_io_wanted(plan, &wanted, reterr);

	if (r < 0)
		return r;
	/* Of an earlier login's: what this policy does not name any more is lifted. */
	if (!hierarchy->created)
		r = cgroup_io_held(slice_fd, v2, &held);
	if (r == -ENOENT && wanted.count == 0)
		return 0;
	for (size_t i = 0; i < held.count; i++) {
		struct cgroup_io_disk lifted = *row_or_none(&(struct cgroup_io_table){.count = 0},
							    held.disks[i].disk, &none);
		struct failure ignored;

		if (find(&wanted, lifted.disk))
			continue;
		hierarchy->changed = true;
		/* Of a disk that has just gone this fails; what stays is seen below. */
		(void)write_disk(slice_fd, v2, &lifted, &held.disks[i], &ignored);
	}
	for (size_t i = 0; i < wanted.count; i++) {
		const struct cgroup_io_disk *was = row_or_none(&held, wanted.disks[i].disk, &none);

		if (memcmp(was->rates, wanted.disks[i].rates, sizeof(was->rates)) == 0)
			continue;
		hierarchy->changed |= !hierarchy->created;
		r = write_disk(slice_fd, v2, &wanted.disks[i], was, reterr);
		if (r < 0)
			return r;
	}
	return verify_disks(slice_fd, v2, &wanted, reterr);
}

/* The weight --------------------------------------------------------------------------------- */

/* "default 100", with lines of single disks after it, or "100". */
static int read_weight(int slice_fd, const char *file, uint64_t *ret_weight)
{
	char text[FILE_MAX], *line = text;
	int r = cgroup_read_file(slice_fd, file, text, sizeof(text));

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "default ", strlen("default ")) == 0)
		line += strlen("default ");
	return convert_unsigned(line, 1, UINT32_MAX, ret_weight);
}

int cgroup_io_held_weight(int slice_fd, bool v2, uint64_t *ret_weight)
{
	const char *const *files = weight_files[v2];
	uint64_t weight;
	int r = files[0] ? read_weight(slice_fd, files[0], ret_weight) : -ENOENT;

	if (r != -ENOENT)
		return r;
	r = read_weight(slice_fd, files[1], &weight);
	if (r == 0)
		*ret_weight = cgroup_io_from_bfq(weight);
	return r;
}

static uint64_t wanted_weight(const struct plan *plan)
{
	const struct plan_limit *limit = &plan->limits[LIMIT_IO_WEIGHT];

	return limit->set ? limit->value : KERNEL_WEIGHT;
}

/* Write it where it is not held yet (unless `look`), and read it back; -ENOENT where there is no file. */
static int one_weight(int slice_fd, const char *file, uint64_t weight, bool look, bool *ret_changed,
		      struct failure *reterr)
{
	char text[24];
	uint64_t held;
	int r = read_weight(slice_fd, file, &held);

	if (r == -ENOENT)
		return r;
	if (r == 0 && held != weight && !look) {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)weight);
		*ret_changed = true;
		r = cgroup_write_file(slice_fd, file, text);
		if (r < 0)
			return failure_set(reterr, -r,
					   "io_weight can't be enforced: write \"%s\" to %s", text,
					   file);
		r = read_weight(slice_fd, file, &held);
	}
	if (r < 0)
		return failure_set(reterr, -r, "io_weight can't be verified: read %s", file);
	if (held != weight)
		return failure_say(reterr, ENOTSUP,
				   "io_weight can't be enforced: %s is to hold %llu, the kernel "
				   "has %llu",
				   file, (unsigned long long)weight, (unsigned long long)held);
	return 0;
}

/* All the files that there are hold it, and one is there. */
static int each_weight(int slice_fd, bool v2, const struct plan *plan, bool look, bool *ret_changed,
		       struct failure *reterr)
{
	int files = 0;

	for (int i = 0; i < 2; i++) {
		const char *file = weight_files[v2][i];
		uint64_t weight = wanted_weight(plan);
		int r = file ? one_weight(slice_fd, file, i ? cgroup_io_bfq_weight(weight) : weight,
					  look, ret_changed, reterr)
			     : -ENOENT;

		if (r < 0 && r != -ENOENT)
			return r;
		files += r == 0;
	}
	if (files == 0 && plan->limits[LIMIT_IO_WEIGHT].set)
		return failure_say(reterr, EOPNOTSUPP,
				   "io_weight can't be enforced: this kernel's cgroups have no %s",
				   weight_files[v2][1]);
	return 0;
}

/* "8:0 enable=1 ctrl=auto …": is any disk's time shared by the cost model? */
static bool cost_model_is_on(const char *mount)
{
	char path[96], text[FILE_MAX];

	(void)snprintf(path, sizeof(path), "%s/" QOS, mount);
	return cgroup_read_file(AT_FDCWD, path, text, sizeof(text)) == 0 &&
	       strstr(text, " enable=1");
}

/* Is BFQ the scheduler of any disk? "none mq-deadline [bfq]" */
static bool bfq_is_in_use(void)
{
	DIR *dir = opendir(BLOCK);
	const struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char path[NAME_MAX + 32], text[256];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/queue/scheduler", entry->d_name);
		found = cgroup_read_file(dirfd(dir), path, text, sizeof(text)) == 0 &&
			strstr(text, "[bfq]");
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

/* Both ------------------------------------------------------------------------------------- */

int cgroup_io_check(const struct cgroup_hierarchy *hierarchy, const struct plan *plan,
		    enum plan_limit_kind kind, struct failure *reterr)
{
	struct cgroup_io_table table;
	char path[128];

	if (kind == LIMIT_IO_WEIGHT) {
		if (bfq_is_in_use() || (hierarchy->v2 && cost_model_is_on(hierarchy->mount)))
			return 0;
		return failure_say(reterr, EOPNOTSUPP,
				   "io_weight can't be enforced: no disk of this host goes by "
				   "weights: none has BFQ as its scheduler%s",
				   hierarchy->v2 ? ", nor the cost model enabled in " QOS
						 : " (and v1 has no cost model)");
	}
	/* v2 has io.max only below the root: whether it is there is seen when it is set. */
	(void)snprintf(path, sizeof(path), "%s/%s", hierarchy->mount, v1_files[0]);
	if (!hierarchy->v2 && access(path, F_OK) < 0)
		return failure_say(reterr, EOPNOTSUPP,
				   "io_max can't be enforced: this kernel has no %s", v1_files[0]);
	return cgroup_io_wanted(plan, &table, reterr);
}

int cgroup_io_verify(int slice_fd, bool v2, const struct plan *plan, enum plan_limit_kind kind,
		     struct failure *reterr)
{
	struct cgroup_io_table wanted;
	bool ignored;
	int r;

	if (kind == LIMIT_IO_WEIGHT)
		return each_weight(slice_fd, v2, plan, true, &ignored, reterr);
	r = cgroup_io_wanted(plan, &wanted, reterr);
	return r < 0 ? r : verify_disks(slice_fd, v2, &wanted, reterr);
}

int cgroup_io_set(struct cgroup_hierarchy *hierarchy, int slice_fd, const struct plan *plan,
		  enum plan_limit_kind kind, struct failure *reterr)
{
	bool changed = false;
	int r;

	if (hierarchy->created && !plan->limits[kind].set)
		return 0;
	if (kind == LIMIT_IO_MAX)
		return set_disks(hierarchy, slice_fd, plan, reterr);
	r = each_weight(slice_fd, hierarchy->v2, plan, false, &changed, reterr);
	hierarchy->changed |= changed && !hierarchy->created;
	return r;
}

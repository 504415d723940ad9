/* SPDX-License-Identifier: MIT */
/* The texts of the io controller's files: the pure part of cgroup_io.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "core/cgroup_io.h"
#include "core/convert.h"

#define LINE_MAX_IO 160

void cgroup_io_format(const struct cgroup_io_disk *disk, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%u:%u", major(disk->disk), minor(disk->disk));

	for (int i = 0; i < IO_RATES && used < size; i++) {
		char number[24] = "max";

		if (disk->rates[i] != CONVERT_MAX)
			(void)snprintf(number, sizeof(number), "%llu",
				       (unsigned long long)disk->rates[i]);
		used += (size_t)snprintf(text + used, size - used, " %s=%s", io_rate_names[i],
					 number);
	}
}

static int read_disk(const char *word, dev_t *ret_disk)
{
	char text[32];
	char *colon;
	uint64_t major_number, minor_number;

	if (snprintf(text, sizeof(text), "%s", word) >= (int)sizeof(text) ||
	    !(colon = strchr(text, ':')))
		return -EINVAL;
	*colon = '\0';
	if (convert_unsigned(text, 0, UINT32_MAX, &major_number) < 0 ||
	    convert_unsigned(colon + 1, 0, UINT32_MAX, &minor_number) < 0)
		return -EINVAL;
	*ret_disk = makedev((unsigned int)major_number, (unsigned int)minor_number);
	return 0;
}

/* The disk's row, a new one without limits where there is none; NULL: too many. */
static struct cgroup_io_disk *row_of(struct cgroup_io_table *table, dev_t disk)
{
	struct cgroup_io_disk *row;

	for (size_t i = 0; i < table->count; i++) {
		if (table->disks[i].disk == disk)
			return &table->disks[i];
	}
	if (table->count == CGROUP_IO_DISKS_MAX)
		return NULL;
	row = &table->disks[table->count++];
	row->disk = disk;
	for (int i = 0; i < IO_RATES; i++)
		row->rates[i] = CONVERT_MAX;
	return row;
}

static int read_rate(const char *text, uint64_t *ret_rate)
{
	if (strcmp(text, "max") != 0)
		return convert_unsigned(text, 0, UINT64_MAX, ret_rate);
	*ret_rate = CONVERT_MAX;
	return 0;
}

/* Words that are no rate of ours ("low=…" of older kernels' debugging) are passed over. */
static int read_line(char *line, struct cgroup_io_table *table)
{
	char *word = strsep(&line, " ");
	struct cgroup_io_disk *row;
	dev_t disk;

	if (read_disk(word, &disk) < 0)
		return -EINVAL;
	row = row_of(table, disk);
	if (!row)
		return -E2BIG;
	while ((word = strsep(&line, " "))) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		for (int i = 0; i < IO_RATES; i++) {
			if (strcmp(word, io_rate_names[i]) == 0 &&
			    read_rate(value, &row->rates[i]) < 0)
				return -EINVAL;
		}
	}
	return 0;
}

/* Each line, a copy that may be cut up. */
static int each_line(const char *text, int (*take)(char *line, void *arg), void *arg)
{
	int r = 0;

	while (r == 0 && *text) {
		size_t len = strcspn(text, "\n");
		char line[LINE_MAX_IO];

		if (len >= sizeof(line))
			return -EINVAL;
		memcpy(line, text, len);
		line[len] = '\0';
		if (len > 0)
			r = take(line, arg);
		text += len + (text[len] == '\n');
	}
	return r;
}

static int take_v2(char *line, void *arg)
{
	return read_line(line, arg);
}

int cgroup_io_parse(const char *text, struct cgroup_io_table *ret_table)
{
	struct cgroup_io_table table = {.count = 0};
	int r = each_line(text, take_v2, &table);

	if (r == 0)
		*ret_table = table;
	return r;
}

struct v1_file {
	enum io_rate rate;
	struct cgroup_io_table *table;
};

static int take_v1(char *line, void *arg)
{
	const struct v1_file *file = arg;
	const char *word = strsep(&line, " ");
	struct cgroup_io_disk *row;
	dev_t disk;

	if (!line || read_disk(word, &disk) < 0)
		return -EINVAL;
	row = row_of(file->table, disk);
	if (!row)
		return -E2BIG;
	return read_rate(line, &row->rates[file->rate]);
}

int cgroup_io_parse_v1(const char *text, enum io_rate rate, struct cgroup_io_table *table)
{
	struct v1_file file = {.rate = rate, .table = table};

	return each_line(text, take_v1, &file);
}

uint64_t cgroup_io_bfq_weight(uint64_t weight)
{
	return weight <= 100 ? weight : 100 + (weight - 100) / 11;
}

uint64_t cgroup_io_from_bfq(uint64_t weight)
{
	return weight <= 100 ? weight : 100 + (weight - 100) * 11;
}

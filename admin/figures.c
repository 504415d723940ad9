/* SPDX-License-Identifier: MIT */
#include "admin/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "admin/verb.h"
#include "core/block_device.h"
#include "core/cleanup.h"
#include "core/convert.h"

#define NAME_SIZE 64

/* The policy's keys, in the order of `enum plan_limit_kind`. */
static const char *const keys[PLAN_LIMITS] = {
	[LIMIT_MEMORY_MAX] = "memory_max",     [LIMIT_MEMORY_HIGH] = "memory_high",
	[LIMIT_SWAP_MAX] = "swap_max",	       [LIMIT_CPU_MAX] = "cpu_max",
	[LIMIT_CPU_WEIGHT] = "cpu_weight",     [LIMIT_CPUS] = "cpus",
	[LIMIT_MEMORY_NODES] = "memory_nodes", [LIMIT_PIDS_MAX] = "pids_max",
	[LIMIT_IO_WEIGHT] = "io_weight",       [LIMIT_IO_MAX] = "io_max",
};

/* [{"disk": "vda", "device": "254:0", "rbps": 1024, "wbps": null, …}] */
static json_t *json_disks(const struct cgroup_io_table *table)
{
	json_t *disks = json_array();

	for (size_t i = 0; disks && i < table->count; i++) {
		const struct cgroup_io_disk *row = &table->disks[i];
		char name[NAME_SIZE], number[32];
		json_t *disk;

		block_device_name(row->disk, name, sizeof(name));
		(void)snprintf(number, sizeof(number), "%u:%u", major(row->disk), minor(row->disk));
		disk = json_pack("{s:o, s:s}", "disk", verb_json_text(name), "device", number);
		for (int rate = 0; disk && rate < IO_RATES; rate++) {
			if (json_object_set_new(disk, io_rate_names[rate],
						verb_json_number(row->rates[rate])) < 0) {
				json_decref(disk);
				disk = NULL;
			}
		}
		verb_json_append(&disks, disk);
	}
	return disks;
}

json_t *figures_json_limits(const struct cgroup_figures *figures)
{
	json_t *object = json_object();

	for (int kind = 0; object && kind < PLAN_LIMITS; kind++) {
		const struct cgroup_held *held = &figures->limits[kind];
		json_t *value = !held->known		   ? json_null()
				: plan_limit_is_list(kind) ? verb_json_text(held->text)
				: kind == LIMIT_IO_MAX	   ? json_disks(&figures->io_max)
							   : verb_json_number(held->value);

		if (json_object_set_new(object, keys[kind], value) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

json_t *figures_json_usage(const struct cgroup_figures *figures)
{
	const struct cgroup_usage *usage = &figures->usage;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "memory_bytes",
			 verb_json_number(usage->memory_bytes), "memory_peak_bytes",
			 verb_json_number(usage->memory_peak_bytes), "swap_bytes",
			 verb_json_number(figures->swap_bytes), "cpu_usec",
			 verb_json_number(usage->cpu_usec), "throttled_usec",
			 verb_json_number(figures->throttled_usec), "processes",
			 verb_json_number(usage->processes), "pids_refused",
			 verb_json_number(figures->pids_refused), "oom_kills",
			 verb_json_number(usage->oom_kills));
}

struct formatted figures_limit(const struct cgroup_figures *figures, enum plan_limit_kind kind)
{
	const struct cgroup_held *held = &figures->limits[kind];
	struct formatted text = {"-"};

	if (!held->known || (held->value == CONVERT_MAX && !plan_limit_is_list(kind)))
		return text;
	switch (kind) {
	case LIMIT_MEMORY_MAX:
	case LIMIT_MEMORY_HIGH:
	case LIMIT_SWAP_MAX:
		return format_bytes(held->value);
	case LIMIT_CPU_MAX:
		(void)snprintf(text.text, sizeof(text.text), "%" PRIu64 "%%", held->value);
		break;
	case LIMIT_CPUS:
	case LIMIT_MEMORY_NODES:
		(void)snprintf(text.text, sizeof(text.text), "%.*s", (int)sizeof(text.text) - 1,
			       held->text);
		break;
	case LIMIT_CPU_WEIGHT:
	case LIMIT_IO_WEIGHT:
	case LIMIT_IO_MAX:
	case LIMIT_PIDS_MAX:
	case PLAN_LIMITS:
		return format_count(held->value);
	}
	return text;
}

static void print_line(const char *what, const char *used, const char *limit, const char *more)
{
	printf("%-12s %10s %10s%s%s\n", what, used, limit, more[0] ? "  " : "", more);
}

static void print_io(const struct cgroup_figures *figures)
{
	const struct cgroup_io_table *table = &figures->io_max;

	if (figures->limits[LIMIT_IO_WEIGHT].known)
		print_line("io_weight", "", figures_limit(figures, LIMIT_IO_WEIGHT).text, "");
	for (size_t i = 0; i < table->count; i++) {
		const struct cgroup_io_disk *row = &table->disks[i];
		char name[NAME_SIZE];

		block_device_name(row->disk, name, sizeof(name));
		format_clean(name);
		printf("%-12s %10s", "io_max", name);
		for (int rate = 0; rate < IO_RATES; rate++) {
			bool bytes = rate == IO_RBPS || rate == IO_WBPS;

			if (row->rates[rate] != CONVERT_MAX)
				printf(" %s=%s", io_rate_names[rate],
				       bytes ? format_bytes(row->rates[rate]).text
					     : format_count(row->rates[rate]).text);
		}
		printf("\n");
	}
}

void figures_print(const struct cgroup_figures *figures)
{
	const struct cgroup_usage *usage = &figures->usage;
	char more[160];

	print_line("", "USED", "LIMIT", "");
	(void)snprintf(more, sizeof(more), "peak %s, OOM kills %s",
		       format_bytes(usage->memory_peak_bytes).text,
		       format_count(usage->oom_kills).text);
	print_line("memory", format_bytes(usage->memory_bytes).text,
		   figures_limit(figures, LIMIT_MEMORY_MAX).text, more);
	if (figures->limits[LIMIT_MEMORY_HIGH].known)
		print_line("memory_high", "", figures_limit(figures, LIMIT_MEMORY_HIGH).text, "");
	print_line("swap", format_bytes(figures->swap_bytes).text,
		   figures_limit(figures, LIMIT_SWAP_MAX).text, "");
	(void)snprintf(more, sizeof(more), "held back %s",
		       format_seconds(figures->throttled_usec).text);
	print_line("cpu", format_seconds(usage->cpu_usec).text,
		   figures_limit(figures, LIMIT_CPU_MAX).text, more);
	print_line("cpu_weight", "", figures_limit(figures, LIMIT_CPU_WEIGHT).text, "");
	if (figures->limits[LIMIT_CPUS].known)
		print_line("cpus", "", figures_limit(figures, LIMIT_CPUS).text, "");
	if (figures->limits[LIMIT_MEMORY_NODES].known)
		print_line("memory_nodes", "", figures_limit(figures, LIMIT_MEMORY_NODES).text, "");
	print_io(figures);
	(void)snprintf(more, sizeof(more), "refused %s", format_count(figures->pids_refused).text);
	print_line("processes", format_count(usage->processes).text,
		   figures_limit(figures, LIMIT_PIDS_MAX).text, more);
}

/* SPDX-License-Identifier: MIT */
#include "core/cgroup_usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cgroup_internal.h"
#include "core/cleanup.h"
#include "core/convert.h"

#define PROC_CGROUP_MAX 16384
#define V1_UNLIMITED (UINT64_C(1) << 62) /* v1 writes "no limit" as the largest number of pages */
#define CPU_PERIOD_USEC 100000

void cgroup_dirs_of_user(uint32_t uid, struct cgroup_dirs *ret_dirs)
{
	struct cgroup_dirs dirs = {{{0}}};
	struct cgroup_set set;

	*ret_dirs = dirs;
	if (cgroup_find_user(uid, &set) < 0)
		return;
	for (int i = 0; i < CONTROLLERS; i++) {
		char *path = dirs.paths[i];

		if (cgroup_slice_path(&set, (enum cgroup_controller_id)i, path,
				      sizeof(dirs.paths[i])) < 0 ||
		    access(path, F_OK) < 0)
			path[0] = '\0';
	}
	*ret_dirs = dirs;
}

/* Has the path the component "user-UID.slice"? */
static bool is_in_slice(const char *path, uint32_t uid)
{
	char slice[40];
	int len = snprintf(slice, sizeof(slice), "/user-%u.slice", uid);
	const char *at = strstr(path, slice);

	return at && (at[len] == '\0' || at[len] == '/');
}

/* Is it a hierarchy's root, and no user's slice? By what only roots have, or lack. */
static bool is_root(const char *dir, bool v2)
{
	char path[PROTOCOL_TEXT_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, v2 ? "cgroup.type" : "release_agent");
	return (access(path, F_OK) == 0) != v2;
}

/*
 * The path of the slice below the mount: cut after user-UID.slice, so that a process in a scope of it
 * (a service manager's) is told of the whole user.
 */
static void slice_of(const struct cgroup_hierarchy *hierarchy, const char *path, uint32_t uid,
		     char *dir, size_t size)
{
	const char *mount = hierarchy->mount;
	char slice[40];
	const char *at;
	int len;

	(void)snprintf(slice, sizeof(slice), "/user-%u.slice", uid);
	at = strstr(path, slice);
	len = at ? (int)(at - path) + (int)strlen(slice) : 0;
	if (snprintf(dir, size, "%s%.*s", mount, len, path) >= (int)size)
		dir[0] = '\0';
	/* In a view the slice stands where the hierarchy's root was. */
	if (dir[0] != '\0' && access(dir, F_OK) < 0)
		(void)snprintf(dir, size, "%s", mount);
	if (dir[0] != '\0' && is_root(dir, hierarchy->v2))
		dir[0] = '\0';
}

/* Is this line of /proc/self/cgroup the controller's? */
static bool is_line_of(const char *number, const char *names, bool v2, const char *controller)
{
	size_t len = strlen(controller);

	if (v2)
		return strcmp(number, "0") == 0;
	for (const char *at = names; (at = strstr(at, controller)); at += len) {
		if ((at == names || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

int cgroup_dirs_of_self(uint32_t uid, struct cgroup_dirs *ret_dirs)
{
	char text[PROC_CGROUP_MAX], *line, *rest = text;
	struct cgroup_dirs dirs = {{{0}}};
	struct cgroup_set set;
	bool any = false;
	int r = cgroup_find_user(uid, &set);

	if (r == 0)
		r = cgroup_read_file(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));
	if (r < 0)
		return r;
	while ((line = strsep(&rest, "\n"))) {
		const char *number = strsep(&line, ":");
		const char *names = line ? strsep(&line, ":") : NULL;

		/* "/": the root of a cgroup namespace, perhaps: is_root() decides. */
		if (!line || !names || (!is_in_slice(line, uid) && strcmp(line, "/") != 0))
			continue;
		for (int i = 0; i < CONTROLLERS; i++) {
			const struct cgroup_hierarchy *hierarchy =
				set.where[i] < 0 ? NULL : &set.hierarchies[set.where[i]];

			if (!hierarchy ||
			    !is_line_of(number, names, hierarchy->v2, cgroup_controllers[i].name))
				continue;
			slice_of(hierarchy, line, uid, dirs.paths[i], sizeof(dirs.paths[i]));
			any = any || dirs.paths[i][0] != '\0';
		}
	}
	if (!any)
		return -ENOENT;
	*ret_dirs = dirs;
	return 0;
}

/* Reading ------------------------------------------------------------------------------------- */

static int read_text(const char *dir, const char *file, char *text, size_t size)
{
	char path[PROTOCOL_TEXT_MAX + 64];

	if (dir[0] == '\0' || !file ||
	    snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return -ENOENT;
	return cgroup_read_file(AT_FDCWD, path, text, size);
}

static int parse_cpu_max(const char *text, bool v2, uint64_t *ret_percent)
{
	uint64_t quota, period = CPU_PERIOD_USEC;
	char first[32];
	const char *blank = strchr(text, ' ');

	if (strcmp(text, "-1") == 0 || strncmp(text, "max", 3) == 0) {
		*ret_percent = CONVERT_MAX;
		return 0;
	}
	if (blank && (!v2 || convert_unsigned(blank + 1, 1, UINT32_MAX, &period) < 0))
		return -EINVAL;
	if (snprintf(first, sizeof(first), "%.*s", blank ? (int)(blank - text) : (int)strlen(text),
		     text) >= (int)sizeof(first) ||
	    convert_unsigned(first, 0, UINT64_MAX / 100, &quota) < 0)
		return -EINVAL;
	*ret_percent = quota * 100 / period;
	return 0;
}

int cgroup_held_parse(enum plan_limit_kind kind, bool v2, const char *text, uint64_t *ret_value)
{
	uint64_t value;

	if (kind == LIMIT_CPU_MAX)
		return parse_cpu_max(text, v2, ret_value);
	if (strcmp(text, "max") == 0) {
		*ret_value = CONVERT_MAX;
		return 0;
	}
	if (convert_unsigned(text, 0, UINT64_MAX, &value) < 0)
		return -EINVAL;
	/* The kernel's own mapping (sched/core.c): weight 100 is 1024 shares. */
	if (kind == LIMIT_CPU_WEIGHT && !v2)
		value = (value * 100 + 512) / 1024;
	if (!v2 && (kind == LIMIT_MEMORY_MAX || kind == LIMIT_SWAP_MAX) && value >= V1_UNLIMITED)
		value = CONVERT_MAX;
	*ret_value = value;
	return 0;
}

static void read_limit(const struct cgroup_dirs *dirs, enum plan_limit_kind kind,
		       struct cgroup_held *ret_held)
{
	const struct cgroup_limit_info *info = &cgroup_limits[kind];
	const char *dir = dirs->paths[info->controller];
	char text[CGROUP_VALUE_MAX];
	bool v2 = true;
	int r;

	*ret_held = (struct cgroup_held){.value = CONVERT_MAX};
	if (plan_limit_is_list(kind)) {
		char effective[64];

		(void)snprintf(effective, sizeof(effective), "%s.effective", info->v2_file);
		r = read_text(dir, effective, text, sizeof(text));
		if (r < 0)
			r = read_text(dir, info->v1_file, text, sizeof(text));
		if (r == 0) {
			(void)snprintf(ret_held->text, sizeof(ret_held->text), "%.*s",
				       (int)sizeof(ret_held->text) - 1, text);
			ret_held->known = text[0] != '\0';
		}
		return;
	}
	if (cgroup_io_is(kind))
		return; /* read_io() */
	r = read_text(dir, info->v2_file, text, sizeof(text));
	/* Of the same name in both: the texts are the same, too. */
	if (r < 0) {
		v2 = false;
		r = read_text(dir, info->v1_file, text, sizeof(text));
	}
	ret_held->known = r == 0 && cgroup_held_parse(kind, v2, text, &ret_held->value) == 0;
}

static uint64_t less(uint64_t whole, uint64_t part)
{
	if (whole == UINT64_MAX || part == UINT64_MAX)
		return UINT64_MAX;
	return whole > part ? whole - part : 0;
}

/* v1 counts and limits memory and swap together. */
static void read_swap(const struct cgroup_dirs *dirs, struct cgroup_figures *figures)
{
	const char *dir = dirs->paths[CONTROLLER_MEMORY];
	struct cgroup_held *held = &figures->limits[LIMIT_SWAP_MAX];
	char text[64];

	figures->swap_bytes = cgroup_read_number(dir, "memory.swap.current");
	if (figures->swap_bytes == UINT64_MAX)
		figures->swap_bytes = less(cgroup_read_number(dir, "memory.memsw.usage_in_bytes"),
					   figures->usage.memory_bytes);
	if (held->known && held->value != CONVERT_MAX &&
	    read_text(dir, "memory.memsw.limit_in_bytes", text, sizeof(text)) == 0)
		held->value = less(held->value, figures->limits[LIMIT_MEMORY_MAX].value);
}

/* Lines of disks, and a weight that two files may hold. */
static void read_io(const struct cgroup_dirs *dirs, struct cgroup_figures *figures)
{
	struct cgroup_held *weight = &figures->limits[LIMIT_IO_WEIGHT];
	const char *dir = dirs->paths[CONTROLLER_IO];
	_close_ int fd = dir[0] == '\0' ? -1 : open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	weight->known = cgroup_io_held_weight(fd, true, &weight->value) == 0 ||
			cgroup_io_held_weight(fd, false, &weight->value) == 0;
	if (cgroup_io_held(fd, true, &figures->io_max) == 0 ||
	    cgroup_io_held(fd, false, &figures->io_max) == 0)
		figures->limits[LIMIT_IO_MAX].known = figures->io_max.count > 0;
}

void cgroup_read_figures(const struct cgroup_dirs *dirs, struct cgroup_figures *ret_figures)
{
	const char *cpu = dirs->paths[CONTROLLER_CPU];
	const char *account = dirs->paths[dirs->paths[CONTROLLER_CPUACCT][0] ? CONTROLLER_CPUACCT
									     : CONTROLLER_CPU];
	struct cgroup_figures figures;

	memset(&figures, 0, sizeof(figures));
	for (int kind = 0; kind < PLAN_LIMITS; kind++)
		read_limit(dirs, (enum plan_limit_kind)kind, &figures.limits[kind]);
	cgroup_read_usage_dirs(dirs->paths[CONTROLLER_MEMORY], account,
			       dirs->paths[CONTROLLER_PIDS], &figures.usage);
	read_swap(dirs, &figures);
	read_io(dirs, &figures);
	figures.pids_refused =
		cgroup_read_field(dirs->paths[CONTROLLER_PIDS], "pids.events", "max");
	figures.throttled_usec = cgroup_read_field(cpu, "cpu.stat", "throttled_usec");
	if (figures.throttled_usec == UINT64_MAX) {
		uint64_t nanoseconds = cgroup_read_field(cpu, "cpu.stat", "throttled_time");

		figures.throttled_usec =
			nanoseconds == UINT64_MAX ? UINT64_MAX : nanoseconds / 1000;
	}
	*ret_figures = figures;
}

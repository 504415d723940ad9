/* SPDX-License-Identifier: MIT */
#include "tests/bench/floor_cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const controllers[FLOOR_CONTROLLERS] = {"memory", "pids", "cpu"};

struct floor_hierarchy floor_hierarchies[FLOOR_CONTROLLERS];
size_t floor_hierarchy_count;

int floor_complain(const char *what, const char *object)
{
	fprintf(stderr, "floor: %s %s: %s\n", what, object, strerror(errno));
	return -1;
}

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += length) {
		if ((at == list || at[-1] == ',') && (!at[length] || strchr(",\n", at[length])))
			return true;
	}
	return false;
}

/* The path of this process in the hierarchy of `controller` ("" for cgroup2). */
static int find_home(const char *controller, char *ret_path)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 256];
	int r = -1;

	if (!file)
		return floor_complain("open", "/proc/self/cgroup");
	while (r < 0 && fgets(line, sizeof(line), file)) {
		char *list = strchr(line, ':');
		char *path = list ? strchr(list + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		list++;
		if (*controller ? has_word(list, controller) : !*list) {
			snprintf(ret_path, PATH_MAX, "%.*s", PATH_MAX - 1, path);
			r = 0;
		}
	}
	fclose(file);
	return r;
}

static int add_hierarchy(const char *mount_point, const char *controller, const char *tasks_file)
{
	struct floor_hierarchy *hierarchy = &floor_hierarchies[floor_hierarchy_count];
	char home[PATH_MAX], path[3 * PATH_MAX];

	if (find_home(controller, home) < 0)
		return 0;
	snprintf(path, sizeof(path), "%s%s/%s", mount_point, home, tasks_file);
	hierarchy->tasks_file = tasks_file;
	hierarchy->home_tasks_fd = open(path, O_WRONLY | O_CLOEXEC);
	if (hierarchy->home_tasks_fd < 0)
		return floor_complain("open", path);
	hierarchy->mount_fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (hierarchy->mount_fd < 0)
		return floor_complain("open", mount_point);
	floor_hierarchy_count++;
	return 0;
}

/* Adds the v1 mount of `controller`, or with "" that of cgroup2, if there is one. */
static int find_hierarchy(const char *controller)
{
	FILE *file = fopen("/proc/self/mounts", "re");
	char line[4 * PATH_MAX], point[PATH_MAX], type[64], options[PATH_MAX];
	int r = 0;

	if (!file)
		return floor_complain("open", "/proc/self/mounts");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %4095s %63s %4095s", point, type, options) != 3)
			continue;
		if (*controller && strcmp(type, "cgroup") == 0 && has_word(options, controller)) {
			r = add_hierarchy(point, controller, "tasks");
			break;
		}
		if (!*controller && strcmp(type, "cgroup2") == 0) {
			r = add_hierarchy(point, controller, "cgroup.procs");
			break;
		}
	}
	fclose(file);
	return r;
}

int floor_find_hierarchies(void)
{
	for (size_t i = 0; i < FLOOR_CONTROLLERS; i++) {
		if (find_hierarchy(controllers[i]) < 0)
			return -1;
	}
	return floor_hierarchy_count ? 0 : find_hierarchy("");
}

/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing controller files, what differs between v1 and v2 in making a cgroup usable,
 * and the figures of a slice.
 */
#include "core/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"

int cgroup_read_file(int dir_fd, const char *file, char *ret_text, size_t size)
{
	_close_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		ssize_t got = read(fd, ret_text + used, size - 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	if (used == size - 1)
		return -EFBIG;
	while (used > 0 && ret_text[used - 1] == '\n')
		used--;
	ret_text[used] = '\0';
	return 0;
}

int cgroup_read_value(int dir_fd, const char *file, char *ret_text, size_t size)
{
	_close_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	do
		got = fd < 0 ? -1 : read(fd, ret_text, size - 1);
	while (got < 0 && fd >= 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if ((size_t)got == size - 1)
		return -EFBIG;
	while (got > 0 && ret_text[got - 1] == '\n')
		got--;
	ret_text[got] = '\0';
	return 0;
}

int cgroup_write_file(int dir_fd, const char *file, const char *text)
{
	_close_ int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	ssize_t done = write(fd, text, len);

	if (done < 0)
		return -errno;
	return (size_t)done == len ? 0 : -EIO;
}

int cgroup_v1_fill_cpuset(int parent_fd, int child_fd, struct failure *reterr)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char text[CGROUP_VALUE_MAX];
		int r = cgroup_read_file(child_fd, files[i], text, sizeof(text));

		if (r == 0 && text[0] != '\0')
			continue;
		r = cgroup_read_file(parent_fd, files[i], text, sizeof(text));
		if (r == 0)
			r = cgroup_write_file(child_fd, files[i], text);
		if (r < 0)
			return failure_set(reterr, -r, "hand %s down to a new cgroup", files[i]);
	}
	return 0;
}

/* The controllers named in a blank-separated list, as bits. */
static uint32_t parse_controllers(char *text)
{
	uint32_t found = 0;
	char *word;

	while ((word = strsep(&text, " "))) {
		for (int i = 0; i < CONTROLLERS; i++) {
			if (!cgroup_controllers[i].v1_only && strcmp(word, cgroup_v2_name(i)) == 0)
				found |= 1U << i;
		}
	}
	return found;
}

uint32_t cgroup_v2_offers(const char *mount)
{
	char path[96], text[CGROUP_VALUE_MAX];

	(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", mount);
	return cgroup_read_file(AT_FDCWD, path, text, sizeof(text)) == 0 ? parse_controllers(text)
									 : 0;
}

int cgroup_v2_enable(int dir_fd, uint32_t controllers, const char *path, uint32_t *ret_enabled,
		     struct failure *reterr)
{
	char text[CGROUP_VALUE_MAX], wanted[CGROUP_VALUE_MAX] = "";
	size_t used = 0;
	int r = cgroup_read_file(dir_fd, "cgroup.subtree_control", text, sizeof(text));

	if (r < 0)
		return failure_set(reterr, -r, "read cgroup.subtree_control of %s", path);
	uint32_t enabled = parse_controllers(text), missing = controllers & ~enabled;

	*ret_enabled = enabled | controllers;
	if (!missing)
		return 0;
	for (int i = 0; i < CONTROLLERS; i++) {
		if (missing & (1U << i))
			used += (size_t)snprintf(wanted + used, sizeof(wanted) - used, "+%s ",
						 cgroup_v2_name(i));
	}
	r = cgroup_write_file(dir_fd, "cgroup.subtree_control", wanted);
	if (r < 0)
		return failure_set(reterr, -r, "write \"%s\" to cgroup.subtree_control of %s",
				   wanted, path);
	return 0;
}

/* All of a file of a few lines, which the kernel gives in one read(2) as well. */
static int read_below(const char *dir, const char *file, char *text, size_t size)
{
	char path[PROTOCOL_TEXT_MAX + 64];

	if (dir[0] == '\0' || snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return -ENOENT;
	return cgroup_read_value(AT_FDCWD, path, text, size);
}

uint64_t cgroup_read_number(const char *dir, const char *file)
{
	char text[64];
	uint64_t value;

	if (read_below(dir, file, text, sizeof(text)) < 0 ||
	    convert_unsigned(text, 0, UINT64_MAX, &value) < 0)
		return UINT64_MAX;
	return value;
}

uint64_t cgroup_read_field(const char *dir, const char *file, const char *name)
{
	char text[1024], *line, *rest = text;
	size_t len = strlen(name);
	uint64_t value;

	if (read_below(dir, file, text, sizeof(text)) < 0)
		return UINT64_MAX;
	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, name, len) == 0 && line[len] == ' ' &&
		    convert_unsigned(line + len + 1, 0, UINT64_MAX, &value) == 0)
			return value;
	}
	return UINT64_MAX;
}

/* cpuacct.usage is in nanoseconds. */
static uint64_t in_usec(uint64_t nanoseconds)
{
	return nanoseconds == UINT64_MAX ? UINT64_MAX : nanoseconds / 1000;
}

static uint64_t read_cpu_usec(const char *dir)
{
	uint64_t usec = in_usec(cgroup_read_number(dir, "cpuacct.usage"));

	return usec == UINT64_MAX ? cgroup_read_field(dir, "cpu.stat", "usage_usec") : usec;
}

static void read_peak(const char *dir, bool v2, struct cgroup_usage *usage)
{
	usage->memory_peak_bytes =
		cgroup_read_number(dir, v2 ? "memory.peak" : "memory.max_usage_in_bytes");
	usage->oom_kills =
		cgroup_read_field(dir, v2 ? "memory.events" : "memory.oom_control", "oom_kill");
}

void cgroup_read_usage_dirs(const char *memory_dir, const char *cpu_dir, const char *pids_dir,
			    struct cgroup_usage *ret_usage)
{
	struct cgroup_usage usage = CGROUP_USAGE_UNKNOWN;

	usage.cpu_usec = read_cpu_usec(cpu_dir);
	usage.memory_bytes = cgroup_read_number(memory_dir, "memory.usage_in_bytes");
	bool v2 = usage.memory_bytes == UINT64_MAX;

	if (v2)
		usage.memory_bytes = cgroup_read_number(memory_dir, "memory.current");
	read_peak(memory_dir, v2, &usage);
	usage.processes = cgroup_read_number(pids_dir, "pids.current");
	*ret_usage = usage;
}

/* The slice's directory, and whether that is on v2; "" where the controller is not used. */
static bool find_dir(const struct cgroup_set *set, enum cgroup_controller_id controller,
		     char dir[PROTOCOL_TEXT_MAX])
{
	if (cgroup_slice_path(set, controller, dir, PROTOCOL_TEXT_MAX) < 0)
		dir[0] = '\0';
	return dir[0] != '\0' && set->hierarchies[set->where[controller]].v2;
}

/* A login and a logout wait for it: each file is another 10 us. */
void cgroup_read_spent(const struct cgroup_set *set, struct cgroup_usage *ret_usage)
{
	struct cgroup_usage usage = CGROUP_USAGE_UNKNOWN;
	char dir[PROTOCOL_TEXT_MAX];

	/* cpuacct where v1 has it apart, else cpu, whose cpu.stat has the figure on v2. */
	(void)find_dir(set, CONTROLLER_CPUACCT, dir);
	if (dir[0] == '\0')
		(void)find_dir(set, CONTROLLER_CPU, dir);
	usage.cpu_usec = read_cpu_usec(dir);
	bool v2 = find_dir(set, CONTROLLER_MEMORY, dir);

	read_peak(dir, v2, &usage);
	(void)find_dir(set, CONTROLLER_PIDS, dir);
	usage.processes = cgroup_read_number(dir, "pids.current");
	*ret_usage = usage;
}

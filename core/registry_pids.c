/* SPDX-License-Identifier: MIT */
#include "core/registry_pids.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/proc_status.h"

#define NESTED_MAX 33 /* levels of pid namespaces, with the first (pid_namespaces(7)) */

struct process {
	pid_t pid, parent;
	pid_t in[NESTED_MAX]; /* "NSpid:", from our namespace down to its own */
	size_t depth;
	ino_t ns;
};

static bool read_process(const char *pid, struct process *ret_process)
{
	enum { PPID, NSPID, FIELDS };
	struct proc_status_field fields[FIELDS] = {
		[PPID] = {.name = "PPid"}, [NSPID] = {.name = "NSpid"}};
	struct process process = {.pid = (pid_t)strtol(pid, NULL, 10)};
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	if (proc_status_read(AT_FDCWD, path, fields, FIELDS) < 0)
		return false;
	const char *in = fields[NSPID].text;

	while (process.depth < NESTED_MAX && *in >= '0' && *in <= '9') {
		char *end;

		process.in[process.depth++] = (pid_t)strtol(in, &end, 10);
		in = end + (*end == '\t');
	}
	process.parent = (pid_t)strtol(fields[PPID].text, NULL, 10);
	(void)snprintf(path, sizeof(path), "/proc/%.20s/ns/pid", pid);
	if (stat(path, &st) < 0)
		return false;
	process.ns = st.st_ino;
	*ret_process = process;
	return true;
}

static bool has_pid(const struct process *process, const struct process *warden, pid_t inside)
{
	size_t level = warden->depth - 1;

	if (process->depth < warden->depth || process->in[level] != inside)
		return false;
	/* In the warden's namespace itself, or its child, which may have a namespace of its own. */
	return process->ns == warden->ns || process->parent == warden->pid;
}

void registry_translate(pid_t warden_pid, int32_t *const pids[], size_t count)
{
	struct process warden, process;
	const struct dirent *entry;
	char name[16];
	uint64_t pid;

	(void)snprintf(name, sizeof(name), "%d", warden_pid);
	bool readable = warden_pid > 0 && read_process(name, &warden);

	if (readable && warden.depth < 2)
		return;
	DIR *proc = readable ? opendir("/proc") : NULL;
	_free_ int32_t *found = calloc(count + 1, sizeof(*found));

	while (proc && found && (entry = readdir(proc))) {
		if (convert_unsigned(entry->d_name, 1, INT32_MAX, &pid) < 0 ||
		    !read_process(entry->d_name, &process))
			continue;
		for (size_t i = 0; i < count; i++)
			if (has_pid(&process, &warden, *pids[i]))
				found[i] = process.pid;
	}
	if (proc)
		(void)closedir(proc);
	for (size_t i = 0; i < count; i++)
		*pids[i] = found ? found[i] : 0;
}

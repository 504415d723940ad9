/* SPDX-License-Identifier: MIT */
#include "admin/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/format.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/policy_keys.h"
#include "core/proc_status.h"

#define NESTED_MAX 32 /* the kernel's own bound on pid namespaces in each other */

/* Which namespace makes a process one of the sandbox's. */
struct place {
	const char *file;
	ino_t inode;
	size_t depth; /* index of the sandbox's own pid in "NSpid:" */
};

static int read_all(int dir_fd, const char *file, char *text, size_t size, size_t *ret_used)
{
	_close_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	text[0] = '\0';
	if (fd < 0)
		return errno > 0 ? -errno : -EIO;
	while (used < size - 1) {
		ssize_t got = read(fd, text + used, size - 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno > 0 ? -errno : -EIO;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	text[used] = '\0';
	if (ret_used)
		*ret_used = used;
	return 0;
}

enum { NSPID, PPID, UID, THREADS, RSS, STATE, FIELDS };

struct status {
	struct proc_status_field fields[FIELDS];
};

static int read_status(int proc_fd, struct status *ret_status)
{
	*ret_status = (struct status){.fields = {
					      [NSPID] = {.name = "NSpid"},
					      [PPID] = {.name = "PPid"},
					      [UID] = {.name = "Uid"},
					      [THREADS] = {.name = "Threads"},
					      [RSS] = {.name = "VmRSS"},
					      [STATE] = {.name = "State"},
				      }};
	return proc_status_read(proc_fd, "status", ret_status->fields, FIELDS);
}

static uint64_t number(const struct status *status, int field)
{
	return strtoull(status->fields[field].text, NULL, 10);
}

pid_t processes_nspid(const char *numbers, size_t index)
{
	const char *at = numbers;
	long pid = 0;

	for (size_t i = 0; i <= index; i++) {
		char *end;

		at += strspn(at, " \t");
		if (*at < '0' || *at > '9')
			break;
		pid = strtol(at, &end, 10);
		at = end;
	}
	return (pid_t)pid;
}

static int find_place(const struct message_info *info, struct place *ret_place,
		      struct failure *reterr)
{
	bool own = info->namespaces & (1U << NS_PID);
	char path[64];
	struct status status;
	struct place place = {.file = own ? "pid" : "mnt"};
	_close_ int dir_fd = -1;
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d", info->init_pid);
	dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "ns/%s", place.file);
	if (dir_fd < 0 || fstatat(dir_fd, path, &st, 0) < 0)
		return failure_set(reterr, errno, "look at PID 1 of %s", info->id);
	place.inode = st.st_ino;
	int r = read_status(dir_fd, &status);

	if (r < 0)
		return failure_set(reterr, -r, "look at PID 1 of %s", info->id);
	/* Its own pid inside is the last of its line. */
	const char *pids = status.fields[NSPID].text;

	while (processes_nspid(pids, place.depth) != processes_nspid(pids, NESTED_MAX))
		place.depth++;
	if (!own)
		place.depth = 0;
	*ret_place = place;
	return 0;
}

static const struct place *match(const struct place *places, size_t count, const char *file,
				 ino_t inode)
{
	for (size_t i = 0; i < count; i++) {
		if (places[i].inode == inode && strcmp(places[i].file, file) == 0)
			return &places[i];
	}
	return NULL;
}

/* The one that it is in, or in a pid namespace that somebody made in there; NULL: none. */
static const struct place *find_own(int proc_fd, const struct place *places, size_t count)
{
	_close_ int fd = openat(proc_fd, "ns/pid", O_RDONLY | O_CLOEXEC);
	const struct place *place = NULL;
	struct stat st;

	for (int i = 0; fd >= 0 && !place && i < NESTED_MAX && fstat(fd, &st) == 0; i++) {
		place = match(places, count, "pid", st.st_ino);

		int parent = place ? -1 : ioctl(fd, NS_GET_PARENT);

		(void)close(fd);
		fd = parent;
	}
	if (!place && fstatat(proc_fd, "ns/mnt", &st, 0) == 0)
		place = match(places, count, "mnt", st.st_ino);
	return place;
}

/* utime and stime, the 14th and 15th field of /proc/PID/stat; the 2nd may hold blanks and brackets. */
static uint64_t cpu_usec(int proc_fd)
{
	static long ticks;
	char stat[1024];
	const char *at;
	uint64_t sum = 0;

	if (ticks == 0)
		ticks = sysconf(_SC_CLK_TCK);
	if (ticks <= 0 || read_all(proc_fd, "stat", stat, sizeof(stat), NULL) < 0)
		return UINT64_MAX;
	at = strrchr(stat, ')');
	for (int i = 2; at && i < 15; i++) {
		at = strchr(at + 1, ' ');
		if (at && i >= 13)
			sum += strtoull(at + 1, NULL, 10);
	}
	return at ? sum * 1000000 / (uint64_t)ticks : UINT64_MAX;
}

static void read_name(int proc_fd, struct process *process)
{
	char text[sizeof(process->name)];
	size_t used = 0;

	if (read_all(proc_fd, "cmdline", text, sizeof(text), &used) == 0 && used > 0) {
		while (used > 0 && text[used - 1] == '\0')
			used--;
		for (size_t i = 0; i < used; i++)
			if (text[i] == '\0')
				text[i] = ' ';
		text[used] = '\0';
		(void)snprintf(process->name, sizeof(process->name), "%s", text);
	}
	if (process->name[0] == '\0' && read_all(proc_fd, "comm", text, sizeof(text), NULL) == 0) {
		text[strcspn(text, "\n")] = '\0';
		(void)snprintf(process->name, sizeof(process->name), "[%.*s]",
			       (int)sizeof(process->name) - 3, text);
	}
	format_clean(process->name);
}

static bool read_process(int proc_fd, pid_t pid, const struct place *place,
			 struct process *ret_process)
{
	struct process process = {.pid = pid, .state = '?'};
	struct status status;

	if (read_status(proc_fd, &status) < 0)
		return false;
	process.inside = processes_nspid(status.fields[NSPID].text, place->depth);
	process.parent = (pid_t)number(&status, PPID);
	process.uid = (uint32_t)number(&status, UID);
	process.threads = number(&status, THREADS);
	process.memory_bytes = number(&status, RSS) * 1024;
	if (status.fields[STATE].text[0])
		process.state = status.fields[STATE].text[0];
	process.cpu_usec = cpu_usec(proc_fd);
	read_name(proc_fd, &process);
	*ret_process = process;
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct process *a = left, *b = right;

	return a->inside != b->inside ? (a->inside < b->inside ? -1 : 1)
				      : (a->pid > b->pid) - (a->pid < b->pid);
}

/* One more in a list. */
static int add(struct process_list *list, const struct process *process)
{
	if (list->count == list->room) {
		size_t room = list->room * 2 + 16;
		struct process *more = reallocarray(list->processes, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->processes = more;
		list->room = room;
	}
	list->processes[list->count++] = *process;
	return 0;
}

/* Sandboxes that have ended have no place. */
static int find_places(const struct message_info *infos, size_t count, struct place *places,
		       struct failure *reterr)
{
	for (size_t i = 0; i < count; i++) {
		int r = find_place(&infos[i], &places[i], reterr);

		if (r == -ENOENT || r == -ESRCH)
			places[i] = (struct place){.file = ""};
		else if (r < 0)
			return r;
	}
	return 0;
}

static int scan(const struct place *places, size_t count, struct process_list *lists,
		struct failure *reterr)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int r = 0;

	if (!proc)
		return failure_set(reterr, errno, "read /proc");
	while (r == 0 && (entry = readdir(proc))) {
		struct process process;
		uint64_t pid;

		if (convert_unsigned(entry->d_name, 1, INT32_MAX, &pid) < 0)
			continue;
		_close_ int fd =
			openat(dirfd(proc), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		const struct place *place = fd < 0 ? NULL : find_own(fd, places, count);

		if (place && read_process(fd, (pid_t)pid, place, &process))
			r = add(&lists[place - places], &process);
	}
	(void)closedir(proc);
	return r < 0 ? failure_set(reterr, -r, "list processes") : 0;
}

int processes_list(const struct message_info *infos, size_t count, struct process_list *ret_lists,
		   struct failure *reterr)
{
	_free_ struct place *places = calloc(count + 1, sizeof(*places));
	int r;

	memset(ret_lists, 0, count * sizeof(*ret_lists));
	if (!places)
		return failure_set(reterr, ENOMEM, "list the processes of %zu sandboxes", count);
	r = find_places(infos, count, places, reterr);
	if (r == 0)
		r = scan(places, count, ret_lists, reterr);
	for (size_t i = 0; i < count; i++) {
		if (r < 0)
			processes_free(&ret_lists[i]);
		else if (ret_lists[i].count > 0)
			qsort(ret_lists[i].processes, ret_lists[i].count,
			      sizeof(*ret_lists[i].processes), compare);
	}
	return r;
}

void processes_free(struct process_list *list)
{
	free(list->processes);
	*list = (struct process_list){.count = 0};
}

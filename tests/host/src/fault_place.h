/* SPDX-License-Identifier: MIT */
/*
 * fault_place - where a process is (namespaces, cgroups, cwd, descriptors, OOM score), whether a
 * process is inside, and what a session has left behind on the host.
 */
#ifndef CARREL_TESTS_FAULT_PLACE_H
#define CARREL_TESTS_FAULT_PLACE_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc_pid.h"

#define PLACE_TEXT 4096
#define WHY_MAX 400

/* The first four differ inside, whatever the policy of these tests says. */
static const char *const place_ns[] = {"mnt", "ipc", "uts", "pid_for_children", "cgroup"};
#define PLACE_NS 5

struct place {
	char ns[PLACE_NS][64];
	char cgroups[PLACE_TEXT];
	char cwd[PATH_MAX];
	char oom[16];
	int descriptors;
};

/* What the runner has told us; set by place_begin(). */
static char place_libexec[PATH_MAX], place_run[PATH_MAX], place_state[PATH_MAX];
static unsigned int place_uid, place_uids; /* the uids whose slices are looked at */
static char place_mounts[1 << 20];

/* Another session of the user's that lives all the while, and what of it is there; place_beside(). */
static bool place_has_beside;
static pid_t place_beside_pids[16];
static int place_beside_count, place_beside_names;
#define PLACE_MARK "/tmp/of-the-other" /* in the private /tmp that both have */

static inline ssize_t place_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -1;
	while (used < size - 1 && (got = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)got;
	(void)close(fd);
	text[used] = '\0';
	return got < 0 ? -1 : (ssize_t)used;
}

static inline int place_count(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static inline bool place_take(struct place *place)
{
	memset(place, 0, sizeof(*place));
	for (int i = 0; i < PLACE_NS; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", place_ns[i]);
		if (readlink(path, place->ns[i], sizeof(place->ns[i]) - 1) < 0)
			return false;
	}
	place->descriptors = place_count("/proc/self/fd");
	if (place_read("/proc/self/oom_score_adj", place->oom, sizeof(place->oom)) <= 0)
		return false;
	place->oom[strcspn(place->oom, "\n")] = '\0';
	return place_read("/proc/self/cgroup", place->cgroups, sizeof(place->cgroups)) > 0 &&
	       getcwd(place->cwd, sizeof(place->cwd));
}

/* "" or what differs. */
static inline void place_compare(const struct place *before, char why[WHY_MAX])
{
	struct place now;

	why[0] = '\0';
	if (!place_take(&now)) {
		(void)snprintf(why, WHY_MAX, "the caller's /proc/self can't be read");
		return;
	}
	for (int i = 0; i < PLACE_NS; i++) {
		if (strcmp(now.ns[i], before->ns[i]) != 0)
			(void)snprintf(why, WHY_MAX, "the caller is in another %s namespace",
				       place_ns[i]);
	}
	if (strcmp(now.cgroups, before->cgroups) != 0)
		(void)snprintf(why, WHY_MAX, "the caller is in other cgroups");
	if (strcmp(now.cwd, before->cwd) != 0)
		(void)snprintf(why, WHY_MAX, "the caller's cwd is %.99s, was %.99s", now.cwd,
			       before->cwd);
	if (strcmp(now.oom, before->oom) != 0)
		(void)snprintf(why, WHY_MAX, "the caller's OOM score is %s, was %s", now.oom,
			       before->oom);
	if (now.descriptors != before->descriptors)
		(void)snprintf(why, WHY_MAX, "the caller has %d descriptors, had %d",
			       now.descriptors, before->descriptors);
}

/* In a child of the caller, which is to be inside: "" or what is not confined. */
static inline void place_inside(const struct place *host, unsigned int uid, char why[WHY_MAX])
{
	static const char *const controllers[] = {"memory", "pids", "cpu"};
	char slice[64], *line, *rest, path[64];
	struct place here;
	unsigned int found = 0;

	why[0] = '\0';
	memset(&here, 0, sizeof(here));
	for (int i = 0; i < PLACE_NS; i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", place_ns[i]);
		if (readlink(path, here.ns[i], sizeof(here.ns[i]) - 1) < 0)
			(void)snprintf(why, WHY_MAX, "no %s inside", path);
		else if (i < PLACE_NS - 1 && strcmp(here.ns[i], host->ns[i]) == 0)
			(void)snprintf(why, WHY_MAX, "UNCONFINED: in the host's %s namespace",
				       place_ns[i]);
	}
	if (place_read("/proc/self/cgroup", here.cgroups, sizeof(here.cgroups)) <= 0)
		(void)snprintf(why, WHY_MAX, "no /proc/self/cgroup inside");
	(void)snprintf(slice, sizeof(slice), "/carrel.slice/user-%u.slice", uid);
	rest = here.cgroups;
	while ((line = strsep(&rest, "\n"))) {
		char *names = strchr(line, ':') ? strchr(line, ':') + 1 : line;
		size_t length = strlen(line);
		bool ours = length >= strlen(slice) &&
			    strcmp(line + length - strlen(slice), slice) == 0;

		for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
			size_t name = strlen(controllers[i]);

			if (strncmp(names, controllers[i], name) != 0 ||
			    (names[name] != ':' && names[name] != ','))
				continue;
			found++;
			if (!ours)
				(void)snprintf(why, WHY_MAX, "UNCONFINED: cgroup %.200s", line);
		}
		if (strncmp(line, "0::", 3) == 0 && ours)
			found += 3;
	}
	if (found < 3)
		(void)snprintf(why, WHY_MAX, "not in the user's cgroups");
	if (place_has_beside && access(PLACE_MARK, F_OK) < 0)
		(void)snprintf(why, WHY_MAX, "not the /tmp of the user's other session");
}

/* What is left --------------------------------------------------------------------------------- */

static inline bool place_begin(unsigned int uid, unsigned int uids)
{
	const char *prefix = getenv("CHECK_PREFIX"), *run = getenv("CHECK_RUN");

	if (!prefix || !run)
		return false;
	(void)snprintf(place_libexec, sizeof(place_libexec), "%s/libexec/carrel/", prefix);
	(void)snprintf(place_run, sizeof(place_run), "%s/carrel", run);
	(void)snprintf(place_state, sizeof(place_state), "%s/var/lib/carrel", prefix);
	place_uid = uid;
	place_uids = uids;
	return place_read("/proc/self/mountinfo", place_mounts, sizeof(place_mounts)) > 0;
}

/* The first name in a directory but `except`; false: nothing, or no such directory. */
static inline bool place_first(const char *path, const char *except, char name[NAME_MAX + 1])
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    (except && strcmp(entry->d_name, except) == 0))
			continue;
		(void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
		found = true;
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

/* Calls `each` with the pid of every process whose program is the product's; how many. */
static inline int place_processes(void (*each)(pid_t pid, const char *program))
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir))) {
		char path[32], program[PATH_MAX];
		pid_t pid = proc_pid(entry->d_name);
		ssize_t length;

		if (pid < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		length = readlink(path, program, sizeof(program) - 1);
		if (length < 0)
			continue;
		program[length] = '\0';
		if (strncmp(program, place_libexec, strlen(place_libexec)) != 0)
			continue;
		count++;
		if (each)
			each(pid, program);
	}
	if (dir)
		(void)closedir(dir);
	return count;
}

static inline bool place_slice_left(char why[WHY_MAX])
{
	DIR *dir = opendir("/sys/fs/cgroup");
	struct dirent *entry;
	bool left = false;

	while (dir && !left && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, "..") == 0)
			continue;
		for (unsigned int uid = place_uid; uid < place_uid + place_uids && !left; uid++) {
			char path[NAME_MAX + 96];

			(void)snprintf(path, sizeof(path),
				       "/sys/fs/cgroup/%s/carrel.slice/user-%u.slice",
				       entry->d_name, uid);
			left = access(path, F_OK) == 0;
			if (left)
				(void)snprintf(why, WHY_MAX, "left: cgroup %s", path);
		}
	}
	if (dir)
		(void)closedir(dir);
	return left;
}

static inline void place_user_run(char *path, size_t size)
{
	(void)snprintf(path, size, "%s/%u", place_run, place_uid);
}

static inline void place_note_beside(pid_t pid, const char *program)
{
	(void)program;
	if (place_beside_count < (int)(sizeof(place_beside_pids) / sizeof(place_beside_pids[0])))
		place_beside_pids[place_beside_count++] = pid;
}

static inline bool place_is_beside(pid_t pid)
{
	for (int i = 0; i < place_beside_count; i++) {
		if (place_beside_pids[i] == pid)
			return true;
	}
	return false;
}

/* From here on the session that there is now is to be there, and nothing but it. */
static inline void place_beside(void)
{
	char path[PATH_MAX + 16];

	place_user_run(path, sizeof(path));
	place_has_beside = true;
	(void)place_processes(place_note_beside);
	place_beside_names = place_count(path);
}

static inline void place_left_beside(char why[WHY_MAX])
{
	char path[PATH_MAX + 16];
	int processes = place_processes(NULL);

	place_user_run(path, sizeof(path));
	for (int i = 0; i < place_beside_count && !why[0]; i++) {
		if (kill(place_beside_pids[i], 0) < 0)
			(void)snprintf(why, WHY_MAX, "the other session's process %d has gone",
				       place_beside_pids[i]);
	}
	if (!why[0] && processes != place_beside_count)
		(void)snprintf(why, WHY_MAX, "left: %d processes of carrel, the other's are %d",
			       processes, place_beside_count);
	if (!why[0] && place_count(path) != place_beside_names)
		(void)snprintf(why, WHY_MAX, "left: %d names in the user's run directory, had %d",
			       place_count(path), place_beside_names);
}

/* "" when nothing is left, or the first thing that is. */
static inline void place_left(char why[WHY_MAX])
{
	static char mounts[sizeof(place_mounts)];
	char name[NAME_MAX + 1];
	int processes = place_processes(NULL);

	why[0] = '\0';
	if (place_has_beside)
		place_left_beside(why);
	if (why[0])
		return;
	if (!place_has_beside && processes > 0)
		(void)snprintf(why, WHY_MAX, "left: %d processes of carrel", processes);
	else if (!place_has_beside && place_first(place_run, NULL, name))
		(void)snprintf(why, WHY_MAX, "left: %.99s in the run directory", name);
	else if (place_first(place_state, "policy", name))
		(void)snprintf(why, WHY_MAX, "left: %.99s in the state directory", name);
	else if (!place_has_beside && place_slice_left(why))
		return;
	else if (place_read("/proc/self/mountinfo", mounts, sizeof(mounts)) <= 0 ||
		 strcmp(mounts, place_mounts) != 0)
		(void)snprintf(why, WHY_MAX, "left: the host's mount table has changed");
}

#endif

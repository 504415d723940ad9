/* SPDX-License-Identifier: MIT */
#include "core/cgroup_freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/cgroup_frost.h"
#include "core/cgroup_internal.h"
#include "core/cgroup_units.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/proc_status.h"

#define FREEZER CGROUP_FREEZER
#define FREEZER_PARENT FREEZER "/" CGROUP_PARENT

/* NULL: no hierarchy of v2 is in the set. */
static const struct cgroup_hierarchy *find_v2(const struct cgroup_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->hierarchies[i].v2)
			return &set->hierarchies[i];
	}
	return NULL;
}

bool cgroup_freezes_by_v2(const struct cgroup_set *set)
{
	return find_v2(set) != NULL;
}

/* The user's directory in the v1 freezer, O_PATH; -ENOENT: not frozen. */
static int open_freezer(uint32_t uid)
{
	char path[CGROUP_FROST_PATH_MAX];
	int fd;

	cgroup_frost_path(uid, path);
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int make_freezer(uint32_t uid, struct failure *reterr)
{
	char path[CGROUP_FROST_PATH_MAX];
	struct statfs fs;

	if (statfs(FREEZER, &fs) < 0 || fs.f_type != CGROUP_SUPER_MAGIC)
		return failure_say(reterr, EOPNOTSUPP,
				   "this host's cgroups can't: there is neither a slice on cgroup "
				   "v2 nor a freezer controller at " FREEZER);
	cgroup_frost_path(uid, path);
	for (int attempt = 0; attempt < 100; attempt++) {
		if (mkdir(FREEZER_PARENT, 0755) < 0 && errno != EEXIST)
			return failure_set(reterr, errno, "make the cgroup " FREEZER_PARENT);
		if (mkdir(path, 0755) == 0 || errno == EEXIST)
			return 0;
		/* Another user's thaw removed carrel.slice in between. */
		if (errno != ENOENT && errno != ENODEV)
			break;
	}
	return failure_set(reterr, errno, "make the cgroup %s", path);
}

bool cgroup_is_frozen(const struct cgroup_set *set)
{
	const struct cgroup_hierarchy *v2 = find_v2(set);
	struct failure ignored;
	char text[16];

	if (set->count == 0)
		return false;
	if (v2) {
		_close_ int slice_fd = cgroup_open_slice(v2, set->uid, &ignored);

		if (slice_fd >= 0 && set->systemd)
			return cgroup_units_frozen(slice_fd);
		return slice_fd >= 0 &&
		       cgroup_read_file(slice_fd, "cgroup.freeze", text, sizeof(text)) == 0 &&
		       strcmp(text, "1") == 0;
	}
	return cgroup_frost_is_there(set->uid);
}

int cgroup_freeze_begin(const struct cgroup_set *set, struct failure *reterr)
{
	const struct cgroup_hierarchy *v2 = find_v2(set);
	int r;

	if (set->count == 0)
		return failure_say(reterr, EOPNOTSUPP, "the user has no slice");
	if (v2) {
		_close_ int slice_fd = cgroup_open_slice(v2, set->uid, reterr);
		size_t running;

		if (slice_fd < 0)
			return slice_fd;
		if (set->systemd)
			return cgroup_units_freeze(slice_fd, &running, reterr);
		r = cgroup_write_file(slice_fd, "cgroup.freeze", "1");
		return r < 0 ? failure_set(reterr, -r, "write to the slice's cgroup.freeze") : 0;
	}
	r = make_freezer(set->uid, reterr);
	if (r < 0)
		return r;
	_close_ int fd = open_freezer(set->uid);

	if (fd < 0)
		return failure_set(reterr, -fd, "open the user's cgroup in " FREEZER);
	/* First of all: who comes in stops there and then. */
	r = cgroup_write_file(fd, "freezer.state", "FROZEN");
	return r < 0 ? failure_set(reterr, -r, "write to the user's freezer.state") : 0;
}

/* Processes ----------------------------------------------------------------------------------- */

/* The pids in a cgroup. The caller frees. */
static int read_procs(int dir_fd, pid_t **ret_pids, size_t *ret_count, struct failure *reterr)
{
	_close_ int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	_free_ pid_t *pids = NULL;
	size_t count = 0, room = 0;
	char line[32];

	if (!file)
		return failure_set(reterr, errno, "read the processes of a cgroup");
	(void)steal_fd(&fd);
	while (fgets(line, sizeof(line), file)) {
		uint64_t pid;

		line[strcspn(line, "\n")] = '\0';
		if (convert_unsigned(line, 1, INT32_MAX, &pid) < 0)
			continue; /* 0: of a pid namespace that is not ours */
		if (count == room) {
			pid_t *more = reallocarray(pids, room = room * 2 + 64, sizeof(*pids));

			if (!more)
				return failure_set(reterr, ENOMEM,
						   "read the processes of a cgroup");
			pids = more;
		}
		pids[count++] = (pid_t)pid;
	}
	*ret_pids = steal_ptr(&pids);
	*ret_count = count;
	return 0;
}

static int move_process(int dir_fd, pid_t pid)
{
	char text[16];
	int r;

	(void)snprintf(text, sizeof(text), "%d", pid);
	r = cgroup_write_file(dir_fd, "cgroup.procs", text);
	return r == -ESRCH ? 0 : r;
}

static int open_freezer_root(struct failure *reterr)
{
	int fd = open(FREEZER, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? failure_set(reterr, errno, "open " FREEZER) : fd;
}

/* Is the process in the user's freezer already, or has it ended? What can't be told counts as running. */
static bool is_in_freezer(pid_t pid, uint32_t uid)
{
	static const struct cgroup_place freezer = {.mount = FREEZER, .controller = "freezer"};
	char name[40], text[CGROUP_PLACE_TEXT], path[CGROUP_PLACE_PATH];

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	int r = cgroup_read_file(AT_FDCWD, name, text, sizeof(text));

	if (r < 0)
		return r == -ENOENT || r == -ESRCH;
	return cgroup_place_find(&freezer, text, path, sizeof(path)) == 0 &&
	       cgroup_place_is_slice(path, uid);
}

/* v1: move what is in the slice and not in the freezer there. */
static int round_v1(const struct cgroup_set *set, size_t *ret_running, struct failure *reterr)
{
	struct cgroup_set first = *set;
	_close_ int slice_fd = cgroup_open_slice(&set->hierarchies[0], set->uid, reterr);
	_close_ int freezer_fd = open_freezer(set->uid);
	_close_ int root_fd = open_freezer_root(reterr);
	_free_ pid_t *pids = NULL;
	size_t count = 0, running = 0;
	char state[16] = "";
	int r;

	if (slice_fd < 0 || root_fd < 0)
		return -reterr->err;
	if (freezer_fd < 0)
		return failure_set(reterr, -freezer_fd, "open the user's cgroup in " FREEZER);
	r = read_procs(slice_fd, &pids, &count, reterr);
	first.count = 1;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct failure ignored;

		if (is_in_freezer(pids[i], set->uid))
			continue;
		running++;
		r = move_process(freezer_fd, pids[i]);
		if (r < 0)
			return failure_set(reterr, -r, "freeze process %d", pids[i]);
		/* The pid may have become somebody else's between reading and writing it. */
		if (cgroup_verify(&first, pids[i], &ignored) == -EXDEV)
			(void)move_process(root_fd, pids[i]);
	}
	if (r < 0)
		return r;
	r = cgroup_read_file(freezer_fd, "freezer.state", state, sizeof(state));
	if (r < 0)
		return failure_set(reterr, -r, "read the user's freezer.state");
	/* FREEZING: something in there still has to come out of the kernel. */
	*ret_running = running + (strcmp(state, "FROZEN") != 0);
	return 0;
}

static int round_v2(const struct cgroup_set *set, const struct cgroup_hierarchy *hierarchy,
		    size_t *ret_running, struct failure *reterr)
{
	_close_ int slice_fd = cgroup_open_slice(hierarchy, set->uid, reterr);
	char text[256];
	int r;

	if (slice_fd < 0)
		return slice_fd;
	if (set->systemd)
		return cgroup_units_freeze(slice_fd, ret_running, reterr);
	r = cgroup_read_file(slice_fd, "cgroup.events", text, sizeof(text));
	if (r < 0)
		return failure_set(reterr, -r, "read the slice's cgroup.events");
	*ret_running = strstr(text, "frozen 1") == NULL;
	return 0;
}

int cgroup_freeze_round(const struct cgroup_set *set, size_t *ret_running, struct failure *reterr)
{
	const struct cgroup_hierarchy *v2 = find_v2(set);

	return v2 ? round_v2(set, v2, ret_running, reterr) : round_v1(set, ret_running, reterr);
}

/*
 * Out of the freezer one by one, while the others stay frozen: so nobody forks back in between, and
 * one pass is enough. 0 or the first failure.
 */
static int empty_freezer(int freezer_fd, struct failure *reterr)
{
	_close_ int root_fd = open_freezer_root(reterr);
	_free_ pid_t *pids = NULL;
	size_t count = 0;
	int r = root_fd < 0 ? root_fd : read_procs(freezer_fd, &pids, &count, reterr);

	for (size_t i = 0; r == 0 && i < count; i++) {
		r = move_process(root_fd, pids[i]);
		if (r < 0)
			r = failure_set(reterr, -r, "thaw process %d", pids[i]);
	}
	return r;
}

int cgroup_remove_freezer(uint32_t uid, struct failure *reterr)
{
	char path[CGROUP_FROST_PATH_MAX];
	int r = 0;

	cgroup_frost_path(uid, path);
	/* A zombie is in no list, and does not keep the directory. */
	for (int attempt = 0; attempt < 10; attempt++) {
		_close_ int fd = open_freezer(uid);

		if (fd == -ENOENT)
			return 0;
		if (fd < 0)
			return failure_set(reterr, -fd, "open %s", path);
		r = empty_freezer(fd, reterr);
		if (r < 0)
			return r;
		if (rmdir(path) == 0)
			break;
		r = failure_set(reterr, errno, "remove the cgroup %s", path);
	}
	/* Refused by the kernel as long as another user is frozen. */
	if (r == 0)
		(void)rmdir(FREEZER_PARENT);
	return r;
}

int cgroup_thaw(const struct cgroup_set *set, struct failure *reterr)
{
	const struct cgroup_hierarchy *v2 = find_v2(set);
	struct failure ignored;

	if (v2) {
		_close_ int slice_fd = cgroup_open_slice(v2, set->uid, &ignored);

		if (set->systemd)
			return slice_fd < 0 ? 0 : cgroup_units_thaw(slice_fd, set->uid, reterr);
		int r = slice_fd < 0 ? 0 : cgroup_write_file(slice_fd, "cgroup.freeze", "0");

		if (r < 0)
			return failure_set(reterr, -r, "write to the slice's cgroup.freeze");
	}
	return cgroup_remove_freezer(set->uid, reterr);
}

/*
 * v2: where a leader may go on, O_PATH or -1. Out of the slice; where that is systemd's, into the caller's
 * own scope, which ends with the sandbox.
 */
static int open_refuge(const struct cgroup_set *set, const struct cgroup_hierarchy *v2)
{
	char text[CGROUP_PLACE_TEXT], path[CGROUP_PLACE_PATH] = "";
	char dir[sizeof(v2->mount) + CGROUP_PLACE_PATH];
	struct cgroup_place place;

	cgroup_place_of(v2, &place);
	if (set->systemd &&
	    (cgroup_read_file(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0 ||
	     cgroup_place_find(&place, text, path, sizeof(path)) < 0))
		return -1;
	(void)snprintf(dir, sizeof(dir), "%s%s", v2->mount, path);
	return open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void cgroup_release_dying(const struct cgroup_set *set, pid_t leader)
{
	const struct cgroup_hierarchy *v2 = find_v2(set);
	_close_ int freezer_fd = v2 ? -1 : open_freezer(set->uid);
	_close_ int root_fd = -1;
	_free_ pid_t *pids = NULL;
	struct failure ignored;
	size_t count = 0;

	if (v2) {
		/* SIGKILL ends what is frozen there; the leader is root's, and has to reap it. */
		root_fd = open_refuge(set, v2);
		if (root_fd >= 0 && leader > 0 && cgroup_is_frozen(set) &&
		    cgroup_verify(set, leader, &ignored) == 0)
			(void)move_process(root_fd, leader);
		return;
	}
	if (freezer_fd < 0)
		return;
	root_fd = open_freezer_root(&ignored);
	if (root_fd < 0 || read_procs(freezer_fd, &pids, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (pids[i] == leader || proc_status_killed(pids[i]) > 0)
			(void)move_process(root_fd, pids[i]);
	}
}

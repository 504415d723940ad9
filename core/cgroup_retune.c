/* SPDX-License-Identifier: MIT */
#include "core/cgroup_retune.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/cgroup_internal.h"
#include "core/cgroup_systemd.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"

#define SYSTEMD_WAIT_MS 5000
#define MOVE_ROUNDS 10 /* what forks meanwhile is met in the next */

struct retune {
	cgroup_report *report;
	void *arg;
	int first;
	bool lost; /* sessions that no limit reaches */
};

static void note(struct retune *retune, const struct failure *failure)
{
	if (retune->first == 0)
		retune->first = -failure->err;
	retune->report(retune->arg, failure);
}

/* Every limit in one slice that is there. */
static void set_limits(struct cgroup_hierarchy *hierarchy, int slice_fd, const struct plan *plan,
		       struct retune *retune)
{
	struct failure failure;

	/* What no login so far has needed is not there yet; and what one has had may be to lift. */
	if (hierarchy->v2 && cgroup_v2_hand_down(hierarchy, &failure) < 0)
		note(retune, &failure);
	for (int kind = 0; kind < PLAN_LIMITS; kind++) {
		if (!((hierarchy->controllers | hierarchy->enabled) &
		      (1U << cgroup_limits[kind].controller)))
			continue;
		if (cgroup_set_limit(hierarchy, slice_fd, plan, (enum plan_limit_kind)kind,
				     &failure) < 0)
			note(retune, &failure);
	}
}

/* The pid may have become somebody else's between reading and writing it. */
static void put_back(const struct cgroup_set *from, const struct cgroup_hierarchy *to,
		     const char *pid)
{
	struct failure ignored;
	uint64_t number;

	if (convert_unsigned(pid, 1, INT32_MAX, &number) < 0 ||
	    cgroup_verify(from, (pid_t)number, &ignored) != -EXDEV)
		return;
	_close_ int root_fd = open(to->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root_fd >= 0)
		(void)cgroup_write_file(root_fd, "cgroup.procs", pid);
}

/* 1: it was not there, or has gone, and what it left behind is met in the next round. */
static int move_member(const struct cgroup_set *from, const struct cgroup_set *to, int to_fd,
		       const char *pid, size_t *outside, struct failure *reterr)
{
	const char *mount = to->hierarchies[0].mount;
	struct failure ignored;
	uint64_t number;

	if (convert_unsigned(pid, 1, INT32_MAX, &number) < 0)
		return failure_say(reterr, EXDEV,
				   "move process %s into the user's slice in %s: it is in none of "
				   "the pid namespaces that are seen from here; do this outside",
				   pid, mount);
	int r = cgroup_verify(to, (pid_t)number, &ignored);

	if (r == 0)
		return 0;
	*outside += r == -EXDEV;
	r = cgroup_write_file(to_fd, "cgroup.procs", pid);
	if (r < 0 && r != -ESRCH)
		return failure_set(reterr, -r, "move process %s into the user's slice in %s", pid,
				   mount);
	put_back(from, &to->hierarchies[0], pid);
	return 1;
}

/*
 * How many processes were not there yet: 0 when all are. Both sets are one hierarchy. *ret_outside of
 * them were seen to be elsewhere.
 */
static int move_members(const struct cgroup_set *from, int from_fd, const struct cgroup_set *to,
			int to_fd, size_t *ret_outside, struct failure *reterr)
{
	_close_ int fd = openat(from_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[32];
	int moved = 0;

	*ret_outside = 0;
	if (!file)
		return failure_set(reterr, errno, "read the processes of the user's slice in %s",
				   from->hierarchies[0].mount);
	(void)steal_fd(&fd);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		int r = move_member(from, to, to_fd, line, ret_outside, reterr);

		if (r < 0)
			return r;
		moved += r;
	}
	if (ferror(file))
		return failure_set(reterr, errno, "read the processes of the user's slice in %s",
				   from->hierarchies[0].mount);
	return moved;
}

/*
 * The user's slice in any other hierarchy, where the processes are; *ret_index is which. -ENOENT: in
 * none, else why one that may be there can't be opened.
 */
static int open_other(const struct cgroup_set *set, size_t index, size_t *ret_index,
		      struct failure *reterr)
{
	struct failure failure;
	int r = -ENOENT;

	for (size_t i = 0; i < set->count; i++) {
		/* One made just now may lack some that could not be moved. */
		if (i == index || set->hierarchies[i].created)
			continue;
		int fd = cgroup_open_slice(&set->hierarchies[i], set->uid, &failure);

		if (fd >= 0) {
			*ret_index = i;
			return fd;
		}
		if (r != -ENOENT || fd == -ENOENT)
			continue;
		*reterr = failure;
		r = fd;
	}
	return r;
}

/* Sessions from before `cgroup` was set in [host]: nobody knows their processes. */
static void note_lost(const struct plan *plan, struct retune *retune)
{
	struct failure failure;

	(void)failure_say(&failure, ESRCH,
			  "the open sessions are in no cgroup of the user's, so they stay without "
			  "limits; later logins have them");
	if (plan_has_limits(plan) && !retune->lost)
		note(retune, &failure);
	retune->lost = true;
}

/* Into the slice that is there by now. */
static int move_all(const struct cgroup_set *from, int from_fd, const struct cgroup_set *to,
		    struct failure *reterr)
{
	_close_ int to_fd = cgroup_open_slice(&to->hierarchies[0], to->uid, reterr);
	size_t outside = 0;
	int r = to_fd < 0 ? to_fd : 1;

	for (int round = 0; r > 0 && round < MOVE_ROUNDS; round++)
		r = move_members(from, from_fd, to, to_fd, &outside, reterr);
	/* Else they were short-lived ones, born where they are to be. */
	if (r > 0 && outside > 0)
		return failure_say(
			reterr, EBUSY,
			"the user's processes multiply faster than they are moved into %s: "
			"freeze them first",
			to->hierarchies[0].mount);
	return r;
}

/* A slice that a login before this policy had no use for. */
static void adopt(struct cgroup_set *set, size_t index, const struct plan *plan,
		  struct retune *retune)
{
	struct cgroup_set alone = {.uid = set->uid,
				   .hierarchies = {set->hierarchies[index]},
				   .count = 1};
	struct cgroup_set from = {.uid = set->uid, .count = 1};
	struct failure failure;
	size_t other = 0;
	_close_ int from_fd = open_other(set, index, &other, &failure);

	if (from_fd == -ENOENT) {
		note_lost(plan, retune);
		return;
	}
	if (from_fd < 0) {
		note(retune, &failure);
		return;
	}
	from.hierarchies[0] = set->hierarchies[other];
	int r = cgroup_create(&alone, plan, &failure);

	cgroup_close(&alone);
	set->hierarchies[index].created = alone.hierarchies[0].created;
	if (r == 0)
		r = move_all(&from, from_fd, &alone, &failure);
	if (r >= 0)
		return;
	note(retune, &failure);
	/* A slice that is there is one that all are in: to try once more, there must be none. */
	if (alone.hierarchies[0].created)
		(void)cgroup_remove_slices(&alone, &failure);
}

int cgroup_retune(struct cgroup_set *set, const struct plan *plan, cgroup_report *report, void *arg)
{
	struct retune retune = {.report = report, .arg = arg};
	struct failure failure;

	if (set->systemd &&
	    cgroup_systemd_limit(set, plan, sys_now_ms() + SYSTEMD_WAIT_MS, &failure) < 0)
		note(&retune, &failure);
	for (size_t i = 0; i < cgroup_join_count(set); i++) {
		_close_ int slice_fd = cgroup_open_slice(&set->hierarchies[i], set->uid, &failure);

		if (slice_fd >= 0)
			set_limits(&set->hierarchies[i], slice_fd, plan, &retune);
		else if (failure.err == ENOENT)
			adopt(set, i, plan, &retune);
		else
			note(&retune, &failure);
	}
	return retune.first;
}

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

/* How many processes were not there yet: 0 when all are. `from` is the hierarchy of from_fd alone. */
static int move_members(const struct cgroup_set *from, int from_fd,
			const struct cgroup_hierarchy *to, int to_fd, struct failure *reterr)
{
	_close_ int fd = openat(from_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[32], have[65536];
	int moved = 0;

	if (!file)
		return failure_set(reterr, errno, "read the processes of the user's cgroup");
	(void)steal_fd(&fd);
	if (cgroup_read_file(to_fd, "cgroup.procs", have, sizeof(have) - 1) < 0)
		have[0] = '\0';
	memmove(have + 1, have, strlen(have) + 1);
	have[0] = '\n';
	(void)strncat(have, "\n", sizeof(have) - strlen(have) - 1);
	while (fgets(line, sizeof(line), file)) {
		char key[40];
		int r;

		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(key, sizeof(key), "\n%s\n", line);
		if (strstr(have, key))
			continue;
		r = cgroup_write_file(to_fd, "cgroup.procs", line);
		if (r < 0 && r != -ESRCH)
			return failure_set(reterr, -r, "move process %s", line);
		put_back(from, to, line);
		moved++;
	}
	return moved;
}

/* A slice that a login before this policy had no use for. */
static void adopt(struct cgroup_set *set, size_t index, const struct plan *plan,
		  struct retune *retune)
{
	struct cgroup_hierarchy *hierarchy = &set->hierarchies[index];
	struct cgroup_set alone = {.uid = set->uid, .hierarchies = {*hierarchy}, .count = 1};
	size_t other = index == 0 ? 1 : 0;
	struct cgroup_set from = {.uid = set->uid,
				  .hierarchies = {set->hierarchies[other]},
				  .count = 1};
	struct failure failure;
	_close_ int from_fd =
		other < set->count ? cgroup_open_slice(&set->hierarchies[other], set->uid, &failure)
				   : -ENOENT;

	/* Sessions from before `cgroup` was set in [host]: nobody knows their processes. */
	if (from_fd < 0) {
		(void)failure_say(&failure, ESRCH,
				  "the open sessions are in no cgroup of the user's, so they stay "
				  "without limits; later logins have them");
		if (plan_has_limits(plan) && !retune->lost)
			note(retune, &failure);
		retune->lost = true;
		return;
	}
	int r = cgroup_create(&alone, plan, &failure);

	cgroup_close(&alone);
	_close_ int to_fd = r < 0 ? -1 : cgroup_open_slice(hierarchy, set->uid, &failure);

	if (r == 0 && to_fd < 0)
		r = to_fd;
	for (int round = 0; r >= 0 && round < MOVE_ROUNDS; round++) {
		r = move_members(&from, from_fd, hierarchy, to_fd, &failure);
		if (r <= 0)
			break;
	}
	if (r < 0)
		note(retune, &failure);
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

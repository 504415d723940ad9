/* SPDX-License-Identifier: MIT */
#include "helper/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/dir_names.h"
#include "core/policy_file.h"
#include "core/policy_store.h"
#include "core/registry.h"
#include "core/registry_id.h"
#include "core/sys.h"
#include "helper/disk.h"
#include "helper/log.h"

#define SWEEP_WAIT_MS 5000 /* processes that were just killed need a moment */
#define SWEEP_PAUSE_MS 20
#define SWEEP_ROUND_MS 200
#define SWEEP_ALIVE_MS 400 /* where nothing is left but live wardens, as far as one can see */
#define SWEEP_SOME 16

/* 1: a warden of the user's lives. */
static int sweep_once(uint32_t uid, int64_t deadline_ms, struct failure *reterr)
{
	struct registry_user user;
	struct cgroup_set cgroups;
	bool live = true, here = true;
	int r = registry_lock(uid, false, deadline_ms, &user, reterr);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = registry_clean(&user, &live, reterr);
	if (r == 0 && live && cgroup_find_all(uid, &cgroups) == 0) {
		r = registry_any_in(&user, cgroup_root(&cgroups), &here, reterr);
		if (r == 0 && !here)
			r = cgroup_remove_slices(&cgroups, reterr);
	} else if (r == 0 && !live && cgroup_find_all(uid, &cgroups) == 0) {
		/* A killed warden's processes: frozen, they could not even die. */
		if (cgroup_is_frozen(&cgroups))
			r = cgroup_thaw(&cgroups, reterr);
		if (r == 0)
			r = cgroup_remove(&cgroups, reterr);
	}
	if (r == 0)
		registry_leave(&user);
	else
		registry_unlock(&user);
	return r == 0 && live ? 1 : r;
}

static int sweep_until(uint32_t uid, int64_t deadline_ms, struct failure *reterr)
{
	int r;

	while ((r = sweep_once(uid, deadline_ms, reterr)) == -EBUSY && sys_now_ms() < deadline_ms)
		(void)poll(NULL, 0, SWEEP_PAUSE_MS);
	if (r < 0)
		log_line(LOG_ERR, "sweep of uid %u: %s", uid, reterr->text);
	return r;
}

void sweep_user(uint32_t uid)
{
	struct failure ignored; /* it is in the log */

	(void)sweep_until(uid, sys_now_ms() + SWEEP_WAIT_MS, &ignored);
}

enum round {
	ROUND_CLEAN, /* nothing lives, nothing is left */
	ROUND_LIVE, /* somebody's warden lives */
	ROUND_FAILED, /* something could not be removed, for a reason that stays */
	ROUND_BUSY, /* something could not be removed yet */
};

/* One look at each. What could not be removed yet is logged in the `last` round, what can't be in the `first`. */
static enum round sweep_users(int64_t deadline_ms, bool first, bool last)
{
	_free_ uint32_t *uids = NULL;
	struct failure failure;
	size_t count = 0;
	enum round result = ROUND_CLEAN;

	if (registry_users(&uids, &count, &failure) < 0) {
		log_line(LOG_ERR, "sweep: %s", failure.text);
		return ROUND_FAILED;
	}
	for (size_t i = 0; i < count; i++) {
		int r = sweep_once(uids[i], deadline_ms, &failure);
		enum round one = r == -EBUSY ? ROUND_BUSY
				 : r < 0     ? ROUND_FAILED
				 : r > 0     ? ROUND_LIVE
					     : ROUND_CLEAN;

		if ((one == ROUND_FAILED && first) || (one == ROUND_BUSY && last))
			log_line(LOG_ERR, "sweep of uid %u: %s", uids[i], failure.text);
		result = one > result ? one : result;
	}
	return result;
}

/*
 * In rounds: what one user has left may lie in another's slice (su from inside), whatever their order.
 * -1: something is left.
 */
static int sweep_rounds(void)
{
	int64_t began_ms = sys_now_ms(), deadline_ms = began_ms + SWEEP_WAIT_MS;

	for (bool first = true;; first = false) {
		int64_t passed_ms = sys_now_ms() - began_ms;
		bool last = passed_ms >= SWEEP_WAIT_MS;
		enum round result = sweep_users(deadline_ms, first, last);

		if (last || result == ROUND_CLEAN || result == ROUND_FAILED ||
		    (result == ROUND_LIVE && passed_ms >= SWEEP_ALIVE_MS))
			return result == ROUND_FAILED || result == ROUND_BUSY ? -1 : 0;
		(void)poll(NULL, 0, SWEEP_ROUND_MS);
	}
}

/* Below the policy's tmp_root; below the default one if there is no good policy. */
static int sweep_disk(void)
{
	struct policy_errors errors = {0};
	struct policy_sources sources = {0};
	struct policy *policy = NULL;
	const char *tmp_root = CARREL_STATE "/tmp";

	if (policy_sources_read(CARREL_POLICY, &errors, &sources) == 0 &&
	    policy_parse(sources.files, sources.count, &errors, &policy) == 0)
		tmp_root = policy->host[KEY_HOST_TMP_ROOT].words[0];
	int result = disk_sweep(tmp_root);

	policy_free(policy);
	policy_sources_free(&sources);
	policy_errors_free(&errors);
	return result;
}

int sweep_all(void)
{
	policy_store_sweep(CARREL_STATE);
	int result = sweep_rounds();
	int disk_result = sweep_disk();

	return result < 0 || disk_result < 0;
}

/*
 * Without a lock, so it may be wrong either way: a user who is just logging in has no socket yet.
 * sweep_once() looks again.
 */
static bool looks_left(int socket, uint32_t uid)
{
	char path[sizeof(CARREL_RUN) + 16];
	size_t sockets = 0, dead = 0;
	struct dir_names names;
	const char *name;

	(void)snprintf(path, sizeof(path), "%s/%u", CARREL_RUN, uid);
	_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return false;
	dir_names_begin(&names, fd);
	while (dead == 0 && (name = dir_names_next(&names))) {
		struct registry_id id;

		if (!registry_id_parse(name, &id))
			continue;
		sockets++;
		dead += registry_is_dead(socket, uid, name);
	}
	return dead > 0 || sockets == 0;
}

void sweep_some(void)
{
	_free_ uint32_t *uids = NULL;
	struct failure ignored;
	size_t count = 0;

	if (registry_users(&uids, &count, &ignored) < 0 || count == 0)
		return;
	_close_ int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (socket_fd < 0)
		return;
	for (size_t i = 0; i < count && i < SWEEP_SOME; i++) {
		uint32_t uid = uids[((size_t)getpid() + i) % count];

		if (looks_left(socket_fd, uid))
			(void)sweep_once(uid, sys_now_ms(), &ignored);
	}
}

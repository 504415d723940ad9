/* SPDX-License-Identifier: MIT */
#include "helper/sweep.h"

#include <errno.h>
#include <poll.h>
#include <syslog.h>

#include "core/cgroup.h"
#include "core/cleanup.h"
#include "core/policy_store.h"
#include "core/registry.h"
#include "core/sys.h"

#define SWEEP_WAIT_MS 5000 /* for one user: processes that were just killed need a moment */
#define SWEEP_PAUSE_MS 20
#define SWEEP_AGAIN_MS 500

/* 1: a warden of the user's lives. */
static int sweep_once(uint32_t uid, int64_t deadline_ms, struct failure *reterr)
{
	struct registry_user user;
	struct cgroup_set cgroups;
	bool live = true;
	int r = registry_lock(uid, false, deadline_ms, &user, reterr);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = registry_any(&user, &live, reterr);
	if (r == 0 && !live && cgroup_find_all(uid, &cgroups) == 0)
		r = cgroup_remove(&cgroups, reterr);
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
		syslog(LOG_ERR, "sweep of uid %u: %s", uid, reterr->text);
	return r;
}

void sweep_user(uint32_t uid)
{
	struct failure ignored; /* it is in the log */

	(void)sweep_until(uid, sys_now_ms() + SWEEP_WAIT_MS, &ignored);
}

/* 1: somebody's warden lives; -1: something could not be removed. */
static int sweep_users(void)
{
	_free_ uint32_t *uids = NULL;
	struct failure failure;
	size_t count = 0;
	int result = 0;

	if (registry_users(&uids, &count, &failure) < 0) {
		syslog(LOG_ERR, "sweep: %s", failure.text);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		int r = sweep_until(uids[i], sys_now_ms() + SWEEP_WAIT_MS, &failure);

		if (r < 0 || result == 0)
			result = r < 0 ? -1 : r;
	}
	return result;
}

int sweep_all(void)
{
	policy_store_sweep(CARREL_STATE);
	int result = sweep_users();

	/* What was killed a moment ago may have looked alive: a child of its had the socket, still. */
	if (result > 0) {
		(void)poll(NULL, 0, SWEEP_AGAIN_MS);
		result = sweep_users();
	}
	return result < 0;
}

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
	return r;
}

int sweep_all(void)
{
	_free_ uint32_t *uids = NULL;
	struct failure failure;
	size_t count = 0;
	int bad = 0;

	policy_store_sweep(CARREL_STATE);
	if (registry_users(&uids, &count, &failure) < 0) {
		syslog(LOG_ERR, "sweep: %s", failure.text);
		return 1;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t deadline_ms = sys_now_ms() + SWEEP_WAIT_MS;
		int r;

		while ((r = sweep_once(uids[i], deadline_ms, &failure)) == -EBUSY &&
		       sys_now_ms() < deadline_ms)
			(void)poll(NULL, 0, SWEEP_PAUSE_MS);
		if (r < 0) {
			syslog(LOG_ERR, "sweep of uid %u: %s", uids[i], failure.text);
			bad = 1;
		}
	}
	return bad;
}

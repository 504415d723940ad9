/* SPDX-License-Identifier: MIT */
#include "helper/slices.h"

#include <errno.h>

#include "core/registry.h"
#include "helper/anchor.h"

#define MAKE_AGAIN 8

/*
 * What this login made it also limited, without the lock: a login that came meanwhile may have set its own
 * limits in between. One that comes from now on finds these whole.
 */
static bool may_be_mixed(const struct opening *opening)
{
	const struct cgroup_set *cgroups = &opening->warden.cgroups;
	bool created = false;

	for (size_t i = 0; i < cgroups->count; i++)
		created = created || cgroups->hierarchies[i].created;
	return created && !registry_is_alone(opening->login.uid, opening->warden.info.id);
}

/* 1: nothing had to be changed in a slice that other logins are in. */
static int make_quickly(struct opening *opening, const struct cgroup_systemd_login *login,
			struct failure *reterr)
{
	struct cgroup_set *cgroups = &opening->warden.cgroups;
	int r;

	if (cgroups->systemd) {
		if (!cgroup_systemd_is_limited(cgroups, &opening->plan))
			return 0;
		r = cgroup_systemd_create(cgroups, &opening->plan, login, reterr);
		return r < 0 ? r : 1;
	}
	r = cgroup_create(cgroups, &opening->plan, reterr);
	/* Where it failed: another login may have written its limits between our write and our look. */
	return r == 0 && !cgroup_has_changed(cgroups) && !may_be_mixed(opening) ? 1 : 0;
}

static int make(struct opening *opening, const struct cgroup_systemd_login *login,
		struct failure *reterr)
{
	struct cgroup_set *cgroups = &opening->warden.cgroups;

	return cgroups->systemd ? cgroup_systemd_create(cgroups, &opening->plan, login, reterr)
				: cgroup_create(cgroups, &opening->plan, reterr);
}

static int make_locked(struct opening *opening, const struct cgroup_systemd_login *login,
		       struct failure *reterr)
{
	struct cgroup_set *cgroups = &opening->warden.cgroups;
	struct registry_user user;
	int r = registry_lock(opening->login.uid, true, opening->deadline_ms, &user, reterr);

	if (r < 0) {
		/* The try without the lock may have written some of them. */
		registry_tell_limits(opening->login.uid, 0);
		return r;
	}
	/* Ours, or by now another login's: no limit in it is still the kernel's own. */
	for (size_t i = 0; i < cgroups->count; i++)
		cgroups->hierarchies[i].created = false;
	r = make(opening, login, reterr);
	/* Logins that have yet to wait for the lock may have written theirs before we had looked, each once. */
	for (int again = 0; r == -ENOTSUP && !cgroups->systemd && again < MAKE_AGAIN; again++)
		r = make(opening, login, reterr);
	registry_tell_limits(opening->login.uid, r < 0 ? 0 : plan_limits_hash(&opening->plan));
	registry_leave(&user);
	return r;
}

/* What is to outlive its session can't be in logind's scope, where something else has to be then. */
static int leave_session(struct opening *opening, struct cgroup_systemd_login *login,
			 struct failure *reterr)
{
	const struct cgroup_set *cgroups = &opening->warden.cgroups;
	bool lingers =
		opening->plan.instance == INSTANCE_USER && opening->plan.linger && !opening->apart;

	if (!cgroups->systemd || !lingers || anchor_is_seat(opening->request.tty) ||
	    !cgroup_systemd_is_in_session(cgroups, opening->leader))
		return 0;
	login->leaves_session = true;
	return anchor_start(opening->deadline_ms, &opening->anchor_fd, reterr);
}

int slices_make(struct opening *opening, struct cgroup_systemd_login *login, bool known,
		struct failure *reterr)
{
	int r = leave_session(opening, login, reterr);

	if (r == 0 && known)
		r = make_quickly(opening, login, reterr);
	if (r != 0)
		return r < 0 ? r : 0;
	return make_locked(opening, login, reterr);
}

/* SPDX-License-Identifier: MIT */
/*
 * cgroup_systemd - the user's slice where systemd owns the cgroups: user.slice/user-UID.slice, which
 * logind makes. Nothing is written to the cgroup file system: what is to change is asked of systemd, by
 * the program carrel-systemd (helper/carrel_systemd.c; a program of its own, because the helper is
 * static and libsystemd is not), and then read back from the kernel's files.
 *
 *   limits     runtime properties of user-UID.slice: drop-ins in /run/systemd/system.control, which
 *              daemon-reload and a new slice of the same name keep. They stay after the last logout:
 *              what lingers is bound by them. What the policy no longer sets is lifted by the next
 *              login; CARREL_RUN/limits/UID says which properties were ours, so that an admin's own are
 *              left alone.
 *   the login  one that is in the slice already (a logind session) stays where it is, unless it is to
 *              outlive its session. That, and any other (cron, su, the 8193rd session), gets a scope,
 *              login-ID.scope.
 *   sandbox    the warden and PID 1 are moved to carrel-ID.scope, so that they keep no session scope
 *              from ending. It is in system.slice, where neither the user's limits nor their frost
 *              reach the warden, and is stopped after the login's own unit.
 *
 * A login from inside a sandbox (su) stays in the outer user's slice: its processes have no pids that
 * systemd knows by the same numbers. cgroup_find() then gives an empty set.
 *
 * Relies on systemd 252 or later and on the cgroup v2 layout.
 */
#ifndef CARREL_CGROUP_SYSTEMD_H
#define CARREL_CGROUP_SYSTEMD_H

#include "core/cgroup.h"

#define CGROUP_SYSTEMD_PARENT "user.slice"

/* As cgroup_find(), which calls it. */
int cgroup_systemd_find(const struct plan *plan, uint32_t uid, struct cgroup_set *ret_set,
			struct failure *reterr);

/* The user's slice as systemd has it here; -ENOENT where it has none. Looks only. */
int cgroup_systemd_look(uint32_t uid, struct cgroup_set *ret_set);

/* A login whose processes are to be where they belong. */
struct cgroup_systemd_login {
	const char *id; /* of the sandbox; names the scopes, so no two may be alike */
	pid_t leader;
	pid_t warden, init; /* 0: has a scope already (a login that joins, `carrel enter`) */
	bool leaves_session; /* also out of a session's scope, with which it would end */
	int64_t deadline_ms;
};

/* Is it in the scope of a session that logind made? Looks only. */
bool cgroup_systemd_is_in_session(const struct cgroup_set *set, pid_t leader);

/*
 * Does the slice hold the plan's limits, and none that an earlier policy left? Then cgroup_systemd_create()
 * changes none. Looks only.
 */
bool cgroup_systemd_is_limited(const struct cgroup_set *set, const struct plan *plan);

/*
 * In place of cgroup_create(): limits, the login's place, the sandbox's scope; each is verified.
 * Under the user's lock where it changes limits: those of parallel logins may differ.
 */
int cgroup_systemd_create(const struct cgroup_set *set, const struct plan *plan,
			  const struct cgroup_systemd_login *login, struct failure *reterr);

/* Set, lift and verify the limits alone (for sandboxes that live). */
int cgroup_systemd_limit(const struct cgroup_set *set, const struct plan *plan, int64_t deadline_ms,
			 struct failure *reterr);

/* Is this path of a process, as in /proc/PID/cgroup, below the user's slice? Pure. */
bool cgroup_systemd_holds(const char *path, uint32_t uid);

/* The unit that a path in the user's slice belongs to ("session-3.scope"); pure. -ENOENT: none. */
int cgroup_systemd_unit(const char *path, uint32_t uid, char *ret_unit, size_t size);

/* Is this the name of such a scope? Pure. */
bool cgroup_systemd_is_session(const char *unit);

/* The property and its value, "MemoryMax=1048576", for a limit, or to lift it; pure. */
int cgroup_systemd_property(const struct plan *plan, enum plan_limit_kind kind, uint64_t page_size,
			    char *ret_text, size_t size, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * plan - effective policy + facts about the host -> what to do, in order. Pure: it decides
 * everything and touches nothing; mnt, cgroup, ns and caps carry it out and decide nothing.
 */
#ifndef CARREL_PLAN_H
#define CARREL_PLAN_H

#include <stdint.h>

#include "core/io_max.h"
#include "core/match.h"

/* What the plan must know of the machine; gathered by the caller. */
struct plan_facts {
	uint64_t memory_total; /* bytes */
	uint64_t page_size;
};

/*
 * Mount steps, carried out by mnt_apply() in this order. The order is significant, see plan.c.
 */
enum plan_step_kind {
	STEP_PROPAGATION, /* the whole tree slave or private: nothing goes out to the host */
	STEP_PROC, /* fresh procfs of the new pid namespace */
	STEP_TMP_DISK, /* the user's directory below tmp_root; its private directories follow */
	STEP_TMPFS, /* one tmpfs; its private directories follow */
	STEP_TMP_DIR, /* target: one private directory, mode 1777; source: its name in the tmpfs or on disk */
	STEP_MQUEUE, /* fresh mqueue of the new ipc namespace, where the host has one */
	STEP_CGROUP_VIEW, /* the user's own slice in place of each hierarchy */
	STEP_HIDE_HOMES, /* target: a home root, empty but for source, the user's own home (or NULL) */
	STEP_BIND, /* source on target */
	STEP_READ_ONLY, /* target, with all below it */
	STEP_HIDE, /* target: covered by an empty directory or file without permissions */
};

struct plan_step {
	enum plan_step_kind kind;
	char *target; /* absolute path or NULL */
	char *source; /* absolute path or NULL; of STEP_TMP_DIR a name */
	bool read_only; /* of STEP_BIND */
};

/* A limit of the user's slice; cgroup_apply() turns it into controller files. */
enum plan_limit_kind {
	LIMIT_MEMORY_MAX, /* bytes */
	LIMIT_MEMORY_HIGH, /* bytes */
	LIMIT_SWAP_MAX, /* bytes of swap alone */
	LIMIT_CPU_MAX, /* percent of one CPU */
	LIMIT_CPU_WEIGHT, /* 1-10000, 100 is the kernel's own */
	LIMIT_CPUS, /* text */
	LIMIT_MEMORY_NODES, /* text */
	LIMIT_PIDS_MAX, /* processes and threads */
	LIMIT_IO_WEIGHT, /* 1-10000, 100 is the kernel's own */
	LIMIT_IO_MAX, /* what: in plan.io_max */
	PLAN_LIMITS
};

struct plan_limit {
	bool set; /* false: no limit, which is also what `max` becomes */
	uint64_t value; /* CONVERT_MAX while not set */
	const char *text; /* of CPUs and memory nodes: canonical list; points into the policy */
	enum policy_key key; /* for the error that names it */
};

/* Is it a list of what may be used, as a text? */
static inline bool plan_limit_is_list(enum plan_limit_kind kind)
{
	return kind == LIMIT_CPUS || kind == LIMIT_MEMORY_NODES;
}

struct plan {
	/*
	 * The user carries it out, in a user namespace that maps nobody else, instead of root:
	 * plan_for_user() sets it.
	 */
	bool as_user;
	struct plan_step *steps;
	size_t step_count;
	struct plan_limit limits[PLAN_LIMITS];
	struct io_max io_max; /* of LIMIT_IO_MAX; points into the policy */
	enum choice_cgroup cgroup;
	enum choice_propagation propagation;
	uint64_t namespaces; /* bits of enum choice_namespace */
	enum choice_tmp_scope tmp_scope;
	enum choice_tmp_store tmp_store;
	const char *tmp_root; /* points into the policy */
	uint64_t tmp_size; /* bytes, or CONVERT_MAX */
	uint64_t tmp_inodes; /* or CONVERT_MAX */
	uint64_t tmpfs_size,
		tmpfs_inodes; /* of the part in memory: as above, but bounded beside a disk */
	bool tmp_noexec;
	bool proc_invisible; /* hidepid=invisible */
	char *hostname; /* expanded, or NULL */
	uint64_t bounding_set; /* capability bits that stay; all ones: leave it alone */
	bool no_new_privs;
	uint64_t sessions_max; /* or CONVERT_MAX */
	bool manager; /* the user's own systemd, which is no session and counts as none */
	int oom_score_adj;
	enum choice_instance instance;
	bool linger; /* on_logout */
	uint64_t runtime_max; /* seconds, or CONVERT_MAX */
	bool notify; /* on the session's terminal */
};

/*
 * host_name is what %h in `hostname` becomes. -EINVAL with reterr where a value can't be carried
 * out (a host name too long, a bind whose target lies in the /proc). *ret_plan is the caller's to
 * plan_free(); it points into `effective`'s policy.
 */
int plan_build(const struct effective *effective, const struct login *login,
	       const struct plan_facts *facts, const char *host_name, struct plan *ret_plan,
	       struct failure *reterr);
void plan_free(struct plan *plan);

/*
 * Make it a plan that the user carries out without root's help: carrel-shell's. `read_only` and `hide`
 * (or NULL) are one more path each to make so, after all others.
 */
int plan_for_user(struct plan *plan, const char *read_only, const char *hide,
		  struct failure *reterr);

/*
 * A hash of what the sandbox is made as: namespaces, mounts, host name. Not of what can follow a change
 * of the policy while it lives: limits, and what each login is given.
 */
uint64_t plan_shape(const struct plan *plan);

/*
 * A hash of the limits: what the user's slice is to hold while a login of this plan is the last that set
 * them. Never 0, which says that it is not known what the slice holds.
 */
uint64_t plan_limits_hash(const struct plan *plan);

/*
 * The first step that waits for STEP_CGROUP_VIEW, with all that come after it: what the admin's paths bind,
 * hide or make read-only in /sys/fs/cgroup, or above it, is the view, not what was there before. step_count:
 * there is none.
 */
size_t plan_first_late(const struct plan *plan);

/* Is any limit set (so that a slice without a working controller must refuse the login)? */
bool plan_has_limits(const struct plan *plan);

#endif

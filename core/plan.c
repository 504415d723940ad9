/* SPDX-License-Identifier: MIT */
/*
 * The order of the steps, and why. mnt_apply() carries them out as they stand.
 *
 *   propagation  first: whatever is mounted before it would show up on the host.
 *   proc         before the admin's paths: none of those may lie in it, so that it stays whole, and
 *                the kernel lets a user namespace mount its own only where a whole one is seen.
 *                Before the private directories: it is done while the helper finds out who has them.
 *   tmp disk,    each before its directories, which are bound from it.
 *   tmpfs
 *   tmp dirs     before everything that may name a path in /tmp: a bind to /tmp/shared must land in
 *                the private one.
 *   mqueue,      after the private directories, one of which may be above them; before the admin's
 *   cgroup view  paths, so that `hide` can cover them.
 *   hide_homes   before bind: a bind to a directory in the user's own home lands in the home that is
 *                seen, and the source of a bind can't be a home that is hidden.
 *   bind         before read_only and hide: these hold for what was bound as well.
 *   read_only    before hide: a path that is hidden already could not be found any more.
 *   hide         last: nothing is mounted over it or beside it, so nothing brings it back.
 */
#include "core/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/plan_internal.h"

/* Paths --------------------------------------------------------------------------------------- */

/* Is it `top`, or below it? Both absolute and normal, as policy values are. */
static bool path_is_in(const char *path, const char *top)
{
	size_t len = strlen(top);

	if (len == 1) /* "/" */
		return true;
	return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool path_is_below(const char *path, const char *top)
{
	return path_is_in(path, top) && strcmp(path, top) != 0;
}

/*
 * A home as NSS has it, made normal without a look at the disk: no "//", no "/./", no slash at the
 * end. NULL with errno 0 when there is nothing to show: it is not absolute, or climbs with "..".
 */
static char *normal_home(const char *home)
{
	char *normal, *to;

	errno = 0;
	if (!home || home[0] != '/')
		return NULL;
	normal = malloc(strlen(home) + 1);
	if (!normal) {
		errno = ENOMEM;
		return NULL;
	}
	to = normal;
	while (*home) {
		size_t len;

		home += strspn(home, "/");
		len = strcspn(home, "/");
		if (len == 2 && memcmp(home, "..", 2) == 0) {
			free(normal);
			errno = 0;
			return NULL;
		}
		if (len > 0 && !(len == 1 && home[0] == '.')) {
			*to++ = '/';
			memcpy(to, home, len);
			to += len;
		}
		home += len;
	}
	*to = '\0';
	return normal;
}

/* Steps --------------------------------------------------------------------------------------- */

/* plan->steps has room: count_steps() has seen to it. The strings are copied; NULL stays NULL. */
static int add_step(struct plan *plan, enum plan_step_kind kind, const char *target,
		    const char *source, struct failure *reterr)
{
	struct plan_step *step = &plan->steps[plan->step_count];

	*step = (struct plan_step){.kind = kind};
	if (target)
		step->target = strdup(target);
	if (source)
		step->source = strdup(source);
	plan->step_count++; /* plan_free() takes it from here */
	if ((target && !step->target) || (source && !step->source))
		return out_of_memory(reterr);
	return 0;
}

static size_t count_words(const struct effective *effective, enum policy_key key)
{
	char **words = effective_words(effective, key);
	size_t count = 0;

	while (words && words[count])
		count++;
	return count;
}

/* No fewer than there will be. */
static size_t count_steps(const struct effective *effective)
{
	static const enum policy_key lists[] = {KEY_PRIVATE_TMP, KEY_HOST_HOME_ROOTS, KEY_BIND,
						KEY_READ_ONLY, KEY_HIDE};
	size_t count = STEP_HIDE + 1; /* one of each kind, for those that come once */

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		count += count_words(effective, lists[i]);
	return count;
}

/*
 * May something be mounted there? Not over the root, which stays what it was for whoever holds it
 * already, and nowhere in /proc: the kernel then refuses user namespaces a procfs of their own.
 */
static int check_target(const struct policy_value *value, enum policy_key key, const char *target,
			struct failure *reterr)
{
	if (strcmp(target, "/") == 0)
		return refuse(value, key, reterr, "%s: expected a path below /", target);
	if (path_is_in(target, "/proc"))
		return refuse(value, key, reterr, "%s: expected a path outside of /proc", target);
	return 0;
}

static int check_tmp_dir(const struct policy_value *value, const char *target,
			 struct failure *reterr)
{
	int r = check_target(value, KEY_PRIVATE_TMP, target, reterr);

	if (r < 0)
		return r;
	if (path_is_in(target, "/sys"))
		return refuse(value, KEY_PRIVATE_TMP, reterr,
			      "%s: expected a directory outside of /sys", target);
	for (char **other = value->words; *other; other++)
		if (path_is_below(target, *other))
			return refuse(value, KEY_PRIVATE_TMP, reterr,
				      "%s: lies in %s; expected directories apart from each other",
				      target, *other);
	return 0;
}

static bool seen_before(char **words, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(words[i], words[index]) == 0)
			return true;
	return false;
}

/*
 * The name of a private directory where all of them are kept: its path, with '-' for '/'. A different one for
 * each path, whatever policy the user's other sandboxes have, so '-' and '\' are escaped.
 */
static char *tmp_dir_name(const char *path)
{
	char *name = malloc(strlen(path) * 2), *to = name;

	while (name && *++path) {
		if (*path == '-' || *path == '\\')
			*to++ = '\\';
		*to++ = *path == '/' ? '-' : *path;
	}
	if (name)
		*to = '\0';
	return name;
}

/* POSIX shared memory is memory: programs map it, and expect it to be as quick. */
static bool is_on_disk(const struct plan *plan, const char *path)
{
	return plan->tmp_store == TMP_STORE_DISK && !path_is_in(path, "/dev/shm");
}

/* In the order of the policy: none of them lies in another, so any order does. */
static int add_tmp_dirs(const struct policy_value *value, bool disk, struct plan *plan,
			struct failure *reterr)
{
	bool first = true;
	int r = 0;

	for (size_t i = 0; r == 0 && value->words[i]; i++) {
		_free_ char *name = NULL;

		if (seen_before(value->words, i) || is_on_disk(plan, value->words[i]) != disk)
			continue;
		r = check_tmp_dir(value, value->words[i], reterr);
		if (r == 0 && first)
			r = add_step(plan, disk ? STEP_TMP_DISK : STEP_TMPFS, NULL, NULL, reterr);
		first = false;
		name = tmp_dir_name(value->words[i]);
		if (r == 0 && !name)
			r = out_of_memory(reterr);
		if (r == 0)
			r = add_step(plan, STEP_TMP_DIR, value->words[i], name, reterr);
	}
	return r;
}

static int add_private_tmp(const struct effective *effective, struct plan *plan,
			   struct failure *reterr)
{
	const struct policy_value *value = effective->values[KEY_PRIVATE_TMP];
	int r;

	if (count_words(effective, KEY_PRIVATE_TMP) == 0)
		return 0;
	r = add_tmp_dirs(value, true, plan, reterr);
	return r < 0 ? r : add_tmp_dirs(value, false, plan, reterr);
}

/* The fresh views of kernel file systems, but /proc. */
static int add_views(struct plan *plan, struct failure *reterr)
{
	int r = 0;

	if (plan->namespaces & BIT(NS_IPC))
		r = add_step(plan, STEP_MQUEUE, NULL, NULL, reterr);
	if (r == 0 && plan->cgroup != CGROUP_NONE)
		r = add_step(plan, STEP_CGROUP_VIEW, NULL, NULL, reterr);
	return r;
}

/* A home root in another one has vanished by the time it would be its turn. */
static bool is_covered(char **roots, size_t index)
{
	for (size_t i = 0; roots[i]; i++)
		if (path_is_below(roots[index], roots[i]))
			return true;
	return seen_before(roots, index);
}

static int add_hidden_homes(const struct effective *effective, const char *home, struct plan *plan,
			    struct failure *reterr)
{
	const struct policy_value *value = effective->values[KEY_HOST_HOME_ROOTS];
	int r = 0;

	if (!effective_number(effective, KEY_HIDE_HOMES))
		return 0;
	for (size_t i = 0; r == 0 && value->words && value->words[i]; i++) {
		const char *root = value->words[i];

		r = check_target(value, KEY_HOST_HOME_ROOTS, root, reterr);
		if (r == 0 && !is_covered(value->words, i))
			r = add_step(plan, STEP_HIDE_HOMES, root,
				     home && path_is_below(home, root) ? home : NULL, reterr);
	}
	return r;
}

/* word: SRC:DST or SRC:DST:ro, as policy_value_parse() lets through. */
static int add_bind(const struct policy_value *value, const char *word, struct plan *plan,
		    struct failure *reterr)
{
	_free_ char *source = strdup(word);
	char *target, *mode;
	int r;

	if (!source)
		return out_of_memory(reterr);
	target = strchr(source, ':');
	if (!target)
		return refuse(value, KEY_BIND, reterr, "%s: expected SRC:DST or SRC:DST:ro", word);
	*target++ = '\0';
	mode = strchr(target, ':');
	if (mode)
		*mode++ = '\0';
	if (mode && strcmp(mode, "ro") != 0)
		return refuse(value, KEY_BIND, reterr, "%s: expected SRC:DST or SRC:DST:ro", word);
	r = check_target(value, KEY_BIND, target, reterr);
	if (r == 0)
		r = add_step(plan, STEP_BIND, target, source, reterr);
	if (r == 0)
		plan->steps[plan->step_count - 1].read_only = mode != NULL;
	return r;
}

/* What the admin names: binds, then read_only, then hide. */
static int add_paths(const struct effective *effective, struct plan *plan, struct failure *reterr)
{
	static const struct {
		enum policy_key key;
		enum plan_step_kind kind;
	} lists[] = {
		{KEY_BIND, STEP_BIND},
		{KEY_READ_ONLY, STEP_READ_ONLY},
		{KEY_HIDE, STEP_HIDE},
	};
	int r = 0;

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const struct policy_value *value = effective->values[lists[l].key];

		for (size_t i = 0; r == 0 && value->words && value->words[i]; i++) {
			if (lists[l].kind == STEP_BIND) {
				r = add_bind(value, value->words[i], plan, reterr);
				continue;
			}
			r = check_target(value, lists[l].key, value->words[i], reterr);
			if (r == 0 && !seen_before(value->words, i))
				r = add_step(plan, lists[l].kind, value->words[i], NULL, reterr);
		}
	}
	return r;
}

static int build_steps(const struct effective *effective, const struct login *login,
		       struct plan *plan, struct failure *reterr)
{
	_free_ char *home = NULL;
	int r;

	if (!(plan->namespaces & BIT(NS_MOUNT)))
		return 0;
	home = normal_home(login->home);
	if (!home && errno == ENOMEM)
		return out_of_memory(reterr);
	plan->steps = calloc(count_steps(effective), sizeof(*plan->steps));
	if (!plan->steps)
		return out_of_memory(reterr);
	r = add_step(plan, STEP_PROPAGATION, NULL, NULL, reterr);
	if (r == 0 && ((plan->namespaces & BIT(NS_PID)) || plan->manager))
		r = add_step(plan, STEP_PROC, NULL, NULL, reterr);
	if (r == 0)
		r = add_private_tmp(effective, plan, reterr);
	if (r == 0)
		r = add_views(plan, reterr);
	if (r == 0)
		r = add_hidden_homes(effective, home, plan, reterr);
	if (r == 0)
		r = add_paths(effective, plan, reterr);
	return r;
}

/* The user's service manager ------------------------------------------------------------------ */

/*
 * user@UID.service logs in through the PAM service systemd-user. It must go on to know its own pids and
 * cgroups by the host's numbers and paths, or nobody could talk to it, nor could it run anything: so it
 * has no pid and no cgroup namespace, but a /proc that hides other users, and stays where systemd put it.
 */
static void adapt_to_manager(const struct login *login, struct plan *plan)
{
	plan->manager = login->service && strcmp(login->service, "systemd-user") == 0;
	if (!plan->manager)
		return;
	plan->namespaces &= ~(BIT(NS_PID) | BIT(NS_CGROUP));
	plan->proc_invisible = true;
	plan->sessions_max = CONVERT_MAX;
	plan->instance = INSTANCE_SESSION;
	if (plan->cgroup == CGROUP_CGROUPFS)
		plan->cgroup = CGROUP_NONE;
}

/* The whole ----------------------------------------------------------------------------------- */

static int build(const struct effective *effective, const struct login *login,
		 const struct plan_facts *facts, const char *host_name, struct plan *plan,
		 struct failure *reterr)
{
	int r;

	plan->cgroup = (enum choice_cgroup)effective_number(effective, KEY_HOST_CGROUP);
	plan->propagation =
		(enum choice_propagation)effective_number(effective, KEY_HOST_MOUNT_PROPAGATION);
	plan->namespaces = effective_number(effective, KEY_NAMESPACES);
	plan->tmp_scope = (enum choice_tmp_scope)effective_number(effective, KEY_TMP_SCOPE);
	plan->tmp_store = (enum choice_tmp_store)effective_number(effective, KEY_TMP_STORE);
	plan->tmp_root = effective_words(effective, KEY_HOST_TMP_ROOT)[0];
	plan->tmp_noexec = effective_number(effective, KEY_TMP_NOEXEC) != 0;
	plan->proc_invisible = effective_number(effective, KEY_PROC) == PROC_INVISIBLE;
	plan->bounding_set = effective_number(effective, KEY_CAPABILITIES);
	plan->no_new_privs = effective_number(effective, KEY_NO_NEW_PRIVS) != 0;
	plan->sessions_max = effective_number(effective, KEY_SESSIONS_MAX);
	plan->oom_score_adj = (int)(int64_t)effective_number(effective, KEY_OOM_SCORE_ADJ);
	plan->instance = (enum choice_instance)effective_number(effective, KEY_INSTANCE);
	plan->linger = effective_number(effective, KEY_ON_LOGOUT) == LOGOUT_LINGER;
	plan->runtime_max = effective_number(effective, KEY_RUNTIME_MAX);
	plan->notify = effective_number(effective, KEY_NOTIFY) == NOTIFY_TTY;
	adapt_to_manager(login, plan);
	r = plan_build_tmp_limits(effective, facts, plan, reterr);
	if (r == 0)
		r = plan_build_limits(effective, facts, plan, reterr);
	if (r == 0)
		r = plan_build_hostname(effective, login, host_name, plan, reterr);
	if (r == 0)
		r = build_steps(effective, login, plan, reterr);
	return r;
}

int plan_build(const struct effective *effective, const struct login *login,
	       const struct plan_facts *facts, const char *host_name, struct plan *ret_plan,
	       struct failure *reterr)
{
	struct plan plan = {0};
	int r = build(effective, login, facts, host_name, &plan, reterr);

	if (r < 0)
		plan_free(&plan);
	else
		*ret_plan = plan;
	return r;
}

int plan_for_user(struct plan *plan, const char *read_only, const char *hide,
		  struct failure *reterr)
{
	struct plan_step *steps;
	int r = 0;

	plan->as_user = true;
	/* The kernel's own weight, or user_policy_check() has refused it. */
	plan->limits[LIMIT_IO_WEIGHT].set = false;
	plan->tmp_scope =
		TMP_SCOPE_SESSION; /* the default is for those whose sandboxes root makes */
	if (!(plan->namespaces & BIT(NS_MOUNT)))
		return 0;
	steps = reallocarray(plan->steps, plan->step_count + 2, sizeof(*steps));
	if (!steps)
		return out_of_memory(reterr);
	plan->steps = steps;
	if (read_only)
		r = add_step(plan, STEP_READ_ONLY, read_only, NULL, reterr);
	if (r == 0 && hide)
		r = add_step(plan, STEP_HIDE, hide, NULL, reterr);
	return r;
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		free(plan->steps[i].target);
		free(plan->steps[i].source);
	}
	free(plan->steps);
	free(plan->hostname);
	*plan = (struct plan){0};
}

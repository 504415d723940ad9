/* SPDX-License-Identifier: MIT */
/* carrel freeze, carrel thaw - stop a user's processes where they are, and let them go on. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/select.h"
#include "admin/verb.h"
#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/registry.h"
#include "core/sys.h"

#define LOCK_WAIT_MS 5000
#define ROUND_PAUSE_MS 10
#define FREEZE_WAIT_MS 30000
/* A login that was under way when the freeze began has answered, or given up, by then. */
#define LOGIN_WAIT_MS 6000

/* The user's, wherever it may be; the lock is held for `action`. */
static int with_lock(uint32_t uid, const struct cgroup_set *set,
		     int (*action)(const struct cgroup_set *set, struct failure *reterr),
		     struct failure *reterr)
{
	struct registry_user user;
	int r = registry_lock(uid, true, sys_now_ms() + LOCK_WAIT_MS, &user, reterr);

	if (r < 0)
		return r;
	r = action(set, reterr);
	registry_leave(&user);
	return r;
}

/* Freezing ------------------------------------------------------------------------------------ */

/* A login that had registered before the freeze answers when its session stands. */
static bool any_silent(uint32_t uid)
{
	_free_ struct message_info *infos = NULL;
	size_t count = 0, silent = 0;
	struct failure ignored;

	return registry_query_user(uid, sys_now_ms() + 2 * ROUND_PAUSE_MS, &infos, &count, &silent,
				   &ignored) < 0 ||
	       silent > 0;
}

/*
 * Until none runs. What is not frozen yet may fork meanwhile, so it takes a few rounds, and against a
 * fork bomb more.
 */
static int freeze_all(uint32_t uid, const struct cgroup_set *set, struct failure *reterr)
{
	int64_t began_ms = sys_now_ms();
	size_t running = 0;

	for (;;) {
		int r = cgroup_freeze_round(set, &running, reterr);
		int64_t passed_ms = sys_now_ms() - began_ms;

		if (r < 0)
			return r;
		if (running == 0 && (passed_ms > LOGIN_WAIT_MS || !any_silent(uid)))
			return 0;
		if (passed_ms > FREEZE_WAIT_MS)
			return failure_say(reterr, ETIME,
					   "after %d s some processes are not at rest yet; the "
					   "others are frozen",
					   FREEZE_WAIT_MS / 1000);
		if (running == 0 || passed_ms > 0)
			(void)poll(NULL, 0, ROUND_PAUSE_MS);
	}
}

/*
 * A sandbox whose slice is in another user's (su from inside that one's). NULL: none; the caller frees.
 * *ret_all: there are no others.
 */
static char *out_of_reach(const struct selection *selection, uint64_t root, bool *ret_all)
{
	size_t all = selection->count + selection->silent, nested = 0;
	const char *id = NULL;

	for (size_t i = 0; i < all; i++) {
		if (registry_root(selection->infos[i].id) == root)
			continue;
		id = selection->infos[i].id;
		nested++;
	}
	*ret_all = nested == all;
	return id ? strdup(id) : NULL;
}

static int freeze(const char *word, struct failure *reterr)
{
	struct selection selection;
	struct cgroup_set set;
	int r = select_find(word, &selection, reterr);

	if (r < 0)
		return r;
	_free_ char *beyond = NULL;
	uint32_t uid = selection.uid;
	bool all = false;

	r = cgroup_find_user(uid, &set);
	if (r == 0)
		beyond = out_of_reach(&selection, cgroup_root(&set), &all);
	select_free(&selection);
	if (r < 0)
		return failure_set(reterr, -r, "look for the user's cgroups");
	r = all ? 0 : with_lock(uid, &set, cgroup_freeze_begin, reterr);
	if (r == 0 && !all)
		r = freeze_all(uid, &set, reterr);
	if (r == 0 && beyond)
		return failure_say(reterr, EOPNOTSUPP,
				   "%s is in another user's sandbox, and runs on; end it by "
				   "carrel kill",
				   beyond);
	return r;
}

/* Thawing ------------------------------------------------------------------------------------- */

/* Also when nothing lives any more that could be asked: what a killed warden left is thawed as well. */
static int thaw(const char *word, struct failure *reterr)
{
	struct selection selection;
	struct cgroup_set set;
	uint32_t uid;
	int r = select_find(word, &selection, reterr);

	if (r == 0) {
		uid = selection.uid;
		select_free(&selection);
	} else if (r != -ENOENT || !select_uid(word, &uid)) {
		return r;
	}
	bool live = r == 0;

	r = cgroup_find_user(uid, &set);
	if (r < 0)
		return failure_set(reterr, -r, "look for the user's cgroups");
	if (!live && !cgroup_is_frozen(&set))
		return -reterr->err;
	return with_lock(uid, &set, cgroup_thaw, reterr);
}

/* --------------------------------------------------------------------------------------------- */

static int run_each(const struct verb *verb, int argc, char **argv,
		    int (*action)(const char *word, struct failure *reterr))
{
	struct failure failure;
	int code = VERB_DONE;

	while (verb_option(verb, argc, argv) != -1)
		;
	if (optind >= argc)
		return verb_wrong(verb, "expected a user or an id");
	if (verb_need_root(verb->name) != VERB_DONE)
		return VERB_FAILED;
	for (int i = optind; i < argc; i++) {
		if (action(argv[i], &failure) == 0)
			continue;
		(void)failure_wrap(&failure, "%s", verb->name);
		code = verb_fail(&failure);
	}
	return code;
}

static int run_freeze(const struct verb *verb, int argc, char **argv)
{
	return run_each(verb, argc, argv, freeze);
}

static int run_thaw(const struct verb *verb, int argc, char **argv)
{
	return run_each(verb, argc, argv, thaw);
}

static const struct option options[] = {VERB_OPTION_HELP, {0}};

const struct verb verb_freeze = {
	.name = "freeze",
	.synopsis = "USER|ID…",
	.summary = "Root: stop all processes of a user's sandboxes where they are.",
	.details = "They stay as they are until `carrel thaw`, or until the last of the user's "
		   "sandboxes\n"
		   "ends. Limits and frost are the user's: an id stands for all sandboxes of its "
		   "user. "
		   "New\n"
		   "logins of the user are refused meanwhile.\n\n",
	.letters = ":h",
	.options = options,
	.run = run_freeze,
};

const struct verb verb_thaw = {
	.name = "thaw",
	.synopsis = "USER|ID…",
	.summary = "Root: let what is frozen go on.",
	.details = "An id stands for all sandboxes of its user. What is not frozen stays as it "
		   "is.\n\n",
	.letters = ":h",
	.options = options,
	.run = run_thaw,
};

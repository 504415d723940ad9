/* SPDX-License-Identifier: MIT */
/* carrel kill - end sandboxes, and wait until they have gone. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "admin/select.h"
#include "admin/verb.h"
#include "admin/warden_pidfd.h"
#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/registry.h"
#include "core/sys.h"

#define HELPER CARREL_LIBEXEC "/carrel-session"
#define WAIT_MS 10000
#define HUNG_WAIT_MS 2000 /* for wardens that do not answer, all of them together */

struct victim {
	const struct message_info *info;
	bool silent;
	int pidfd; /* of its warden; -1: has gone */
};

/* Wait for those that still live; returns how many do at the deadline. */
static size_t wait_for(struct victim *victims, size_t count, int64_t deadline_ms)
{
	size_t left = count;

	for (size_t i = 0; i < count; i++) {
		struct victim *victim = &victims[i];

		if (victim->pidfd >= 0 && sys_wait_readable(victim->pidfd, deadline_ms) > 0)
			close_fd(&victim->pidfd);
		left -= victim->pidfd < 0;
	}
	return left;
}

/* What was left by wardens that had to be killed. */
static int sweep(struct failure *reterr)
{
	char *argv[] = {(char *)HELPER, (char *)"--sweep", NULL};
	char *envp[] = {NULL};
	int status = -1;
	pid_t pid, reaped;
	int err = posix_spawn(&pid, HELPER, NULL, NULL, argv, envp);

	if (err)
		return failure_set(reterr, err, "run " HELPER " --sweep");
	do
		reaped = waitpid(pid, &status, 0);
	while (reaped < 0 && errno == EINTR);
	if (reaped < 0)
		return failure_set(reterr, errno, "wait for " HELPER " --sweep");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return failure_say(reterr, EIO,
				   HELPER " --sweep could not remove everything (see the log)");
	return 0;
}

static int say_left(const struct victim *victims, size_t count, struct failure *reterr)
{
	char ids[300] = "";
	size_t used = 0;

	for (size_t i = 0; i < count && used < sizeof(ids) - PROTOCOL_ID_MAX; i++)
		if (victims[i].pidfd >= 0)
			used += (size_t)snprintf(ids + used, sizeof(ids) - used, " %s",
						 victims[i].info->id);
	return failure_say(reterr, ETIME, "after %d s not everything has ended; still ending:%s",
			   WAIT_MS / 1000, ids);
}

/* One whose warden can't be told does not keep the others; the first failure is kept. */
static int tell_all(struct victim *victims, size_t count, struct failure *reterr)
{
	struct failure later;
	int first = 0;

	for (size_t i = 0; i < count; i++) {
		int r = warden_pidfd_open(victims[i].info, &victims[i].pidfd,
					  first < 0 ? &later : reterr);

		first = first < 0 ? first : r;
		if (victims[i].pidfd < 0)
			continue;
		(void)sys_pidfd_send_signal(victims[i].pidfd, SIGTERM);
		/* Somebody may have stopped it. */
		(void)sys_pidfd_send_signal(victims[i].pidfd, SIGCONT);
	}
	return first;
}

/*
 * The warden ends its sandbox in order. One that hangs is killed, which ends the sandbox too, by its
 * link to PID 1; the sweep then does the warden's part.
 */
static int end_all(struct victim *victims, size_t count, struct failure *reterr)
{
	int64_t deadline_ms = sys_now_ms() + WAIT_MS, hung_ms = sys_now_ms() + HUNG_WAIT_MS;
	bool killed = false;
	size_t left;
	int r = tell_all(victims, count, reterr);

	for (size_t i = 0; i < count; i++) {
		if (!victims[i].silent || wait_for(&victims[i], 1, hung_ms) == 0)
			continue;
		killed = true;
		(void)sys_pidfd_send_signal(victims[i].pidfd, SIGKILL);
	}
	left = wait_for(victims, count, deadline_ms);
	if (killed) {
		struct failure later;
		int swept = sweep(r < 0 ? &later : reterr);

		r = r < 0 ? r : swept;
	}
	return r == 0 && left > 0 ? say_left(victims, count, reterr) : r;
}

/*
 * Where systemd owns the slice: with the user's last sandbox the freeze ends, as it does elsewhere with the
 * slice. Else the user's manager would stay frozen, and systemd could not stop it.
 */
static int thaw_what_is_left(uint32_t uid, struct failure *reterr)
{
	_free_ struct message_info *infos = NULL;
	size_t count = 0, silent = 0;
	struct cgroup_set set;

	if (cgroup_find_user(uid, &set) < 0 || !set.systemd || !cgroup_is_frozen(&set))
		return 0;
	int r = registry_query_user(uid, sys_now_ms() + HUNG_WAIT_MS, &infos, &count, &silent,
				    reterr);

	return r < 0 || count + silent > 0 ? r : cgroup_thaw(&set, reterr);
}

static int end_sandboxes(const char *word, struct failure *reterr)
{
	_free_ struct victim *victims = NULL;
	struct selection selection;
	int r = select_find(word, &selection, reterr);

	if (r < 0)
		return r;
	size_t count = selection.count + selection.silent;

	victims = calloc(count, sizeof(*victims));
	if (!victims)
		r = failure_set(reterr, ENOMEM, "end %zu sandboxes", count);
	for (size_t i = 0; r == 0 && i < count; i++)
		victims[i] = (struct victim){.info = &selection.infos[i],
					     .silent = i >= selection.count,
					     .pidfd = -1};
	if (r == 0)
		r = end_all(victims, count, reterr);
	if (r == 0)
		r = thaw_what_is_left(selection.uid, reterr);
	for (size_t i = 0; victims && i < count; i++)
		close_fd(&victims[i].pidfd);
	select_free(&selection);
	return r;
}

/* A pidfd for each sandbox. Nothing of anybody else's runs with it: the sweep, and carrel-systemd. */
static void raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_kill(const struct verb *verb, int argc, char **argv)
{
	struct failure failure;
	int code = VERB_DONE;

	while (verb_option(verb, argc, argv) != -1)
		;
	if (optind >= argc)
		return verb_wrong(verb, "expected a user or an id");
	if (verb_need_root("kill") != VERB_DONE)
		return VERB_FAILED;
	raise_nofile();
	for (int i = optind; i < argc; i++) {
		if (end_sandboxes(argv[i], &failure) == 0)
			continue;
		(void)failure_wrap(&failure, "kill");
		code = verb_fail(&failure);
	}
	return code;
}

static const struct option options[] = {VERB_OPTION_HELP, {0}};

const struct verb verb_kill = {
	.name = "kill",
	.synopsis = "USER|ID…",
	.summary = "Root: end all sandboxes of a user, or one, and wait until they have gone.",
	.details = "Frozen ones too. Fails when something is left after ten seconds.\n\n",
	.letters = ":h",
	.options = options,
	.run = run_kill,
};

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
#include <sys/wait.h>

#include "admin/select.h"
#include "admin/verb.h"
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

/* The pidfd of the warden, or -1 when the sandbox has ended meanwhile. */
static int open_warden(const struct message_info *info, int *ret_pidfd, struct failure *reterr)
{
	_close_ int pidfd = info->warden_pid > 0 ? sys_pidfd_open(info->warden_pid) : -1;
	pid_t pid = 0;
	int r;

	*ret_pidfd = -1;
	if (pidfd < 0 && info->warden_pid > 0 && errno != ESRCH)
		return failure_set(reterr, errno, "open the warden of %s", info->id);
	r = registry_warden_pid(info->uid, info->id, &pid, reterr);
	/* As SO_PEERCRED has who is in none of our pid namespaces: numbers mean somebody else here. */
	if (r == 0 && pid == 0)
		return failure_say(reterr, EXDEV,
				   "the warden of %s is outside of this sandbox; do this outside",
				   info->id);
	if (r == -ENOENT || (r == 0 && pidfd < 0))
		return 0;
	if (r < 0)
		return r;
	/* It still listens: so the pid was its own when the pidfd was opened. */
	if (pid == info->warden_pid)
		*ret_pidfd = steal_fd(&pidfd);
	return 0;
}

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
	int status = 0;
	pid_t pid;
	int err = posix_spawn(&pid, HELPER, NULL, NULL, argv, envp);

	if (err)
		return failure_set(reterr, err, "run " HELPER " --sweep");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
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

/*
 * The warden ends its sandbox in order. One that hangs is killed, which ends the sandbox too, by its
 * link to PID 1; the sweep then does the warden's part.
 */
static int end_all(struct victim *victims, size_t count, struct failure *reterr)
{
	int64_t deadline_ms = sys_now_ms() + WAIT_MS, hung_ms = sys_now_ms() + HUNG_WAIT_MS;
	bool killed = false;
	size_t left;

	for (size_t i = 0; i < count; i++) {
		int r = open_warden(victims[i].info, &victims[i].pidfd, reterr);

		if (r < 0)
			return r;
		if (victims[i].pidfd < 0)
			continue;
		(void)sys_pidfd_send_signal(victims[i].pidfd, SIGTERM);
		/* Somebody may have stopped it. */
		(void)sys_pidfd_send_signal(victims[i].pidfd, SIGCONT);
	}
	for (size_t i = 0; i < count; i++) {
		if (!victims[i].silent || wait_for(&victims[i], 1, hung_ms) == 0)
			continue;
		killed = true;
		(void)sys_pidfd_send_signal(victims[i].pidfd, SIGKILL);
	}
	left = wait_for(victims, count, deadline_ms);
	if (killed && sweep(reterr) < 0)
		return -reterr->err;
	return left > 0 ? say_left(victims, count, reterr) : 0;
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

/* SPDX-License-Identifier: MIT */
/* carrel enter - a shell or a command inside a live sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/enter.h"
#include "admin/policy_view.h"
#include "admin/processes.h"
#include "admin/select.h"
#include "admin/user_plan.h"
#include "admin/verb.h"
#include "core/cgroup_freeze.h"
#include "core/cgroup_internal.h"
#include "core/cleanup.h"
#include "core/ns.h"
#include "core/registry.h"
#include "core/sys.h"

#define SIGNALLED 128

/* What is there ------------------------------------------------------------------------------ */

/*
 * The pidfd of PID 1. Its pid is the warden's child, not reaped before the warden itself ends it: so if
 * the warden still says the same after the pidfd was opened, that is the right process.
 */
static int open_init(struct enter *enter, struct failure *reterr)
{
	const struct message_info *info = &enter->info;
	struct message_info again;
	int r;

	enter->init_pidfd = sys_pidfd_open(info->init_pid);
	if (enter->init_pidfd < 0)
		return failure_set(reterr, errno, "open PID 1 of %s", info->id);
	r = registry_query_one(info->uid, info->id, sys_now_ms() + SELECT_DEADLINE_MS, &again,
			       reterr);
	if (r < 0)
		return r;
	if (again.init_pid != info->init_pid || again.warden_pid != info->warden_pid ||
	    sys_wait_readable(enter->init_pidfd, 0) != 0)
		return failure_say(reterr, ENOENT, "the sandbox %s has ended", info->id);
	enter->namespaces = (int)ns_clone_flags(info->namespaces);
	if (info->namespaces & (1U << NS_NET))
		enter->namespaces |= CLONE_NEWNET;
	return 0;
}

/* A process inside, but for its leader, whose cgroups are the sandbox's; 0: nobody. */
static pid_t find_inside(const struct message_info *info)
{
	struct process_list list = {.count = 0};
	struct failure ignored;
	pid_t member = 0;

	if (processes_list(info, 1, &list, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < list.count && member == 0; i++)
		if (list.processes[i].pid != info->init_pid &&
		    list.processes[i].pid != info->leader_pid)
			member = list.processes[i].pid;
	processes_free(&list);
	return member;
}

static int open_slice_join(const struct cgroup_hierarchy *hierarchy, uint32_t uid)
{
	struct failure ignored;
	_close_ int slice_fd = cgroup_open_slice(hierarchy, uid, &ignored);

	if (slice_fd < 0)
		return slice_fd;
	int fd = openat(slice_fd, cgroup_place_join_file(hierarchy->v2), O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_path_join(const struct cgroup_place *place, const char *path)
{
	char file[sizeof(place->mount) + CGROUP_PLACE_PATH + 16];

	(void)snprintf(file, sizeof(file), "%s%s/%s", place->mount, path,
		       cgroup_place_join_file(place->controller[0] == '\0'));
	int fd = open(file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Where the member is, if that is below the user's slice (a scope that a service manager made). */
static int open_scope_join(const struct cgroup_place *place, const char *path, uint32_t uid)
{
	char below[40];

	(void)snprintf(below, sizeof(below), "/user-%u.slice/", uid);
	return strstr(path, below) ? open_path_join(place, path) : -ENOENT;
}

/* NULL: not one whose slice is below that of another sandbox, in which somebody called su. */
static const char *nested_path(const char *path)
{
	static const char parent[] = "/" CGROUP_PARENT "/";
	const char *outer = strstr(path, parent);

	return outer && strstr(outer + 1, parent) ? outer : NULL;
}

/* -ENOENT: the member isn't in the user's slice there, so that hierarchy isn't used for the user. */
static int open_join(const struct cgroup_hierarchy *hierarchy, const char *member_cgroups,
		     uint32_t uid)
{
	char path[CGROUP_PLACE_PATH];
	struct cgroup_place place;

	if (!member_cgroups)
		return open_slice_join(hierarchy, uid);
	cgroup_place_of(hierarchy, &place);
	int r = cgroup_place_find(&place, member_cgroups, path, sizeof(path));

	if (r < 0)
		return r;
	if (!cgroup_place_is_slice(path, uid))
		return open_scope_join(&place, path, uid);
	return nested_path(path) ? open_path_join(&place, nested_path(path))
				 : open_slice_join(hierarchy, uid);
}

/* Into the cgroups that the member is in; without one (0), into the user's own. */
static int join_as(struct enter *enter, const struct cgroup_set *set, pid_t member,
		   struct failure *reterr)
{
	char name[32], text[CGROUP_PLACE_TEXT];
	int r = 0;

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", member);
	if (member > 0)
		r = cgroup_read_file(AT_FDCWD, name, text, sizeof(text));
	if (r == -ENOENT || r == -ESRCH)
		return 0; /* it has just ended */
	if (r < 0)
		return failure_set(reterr, -r, "read %s", name);
	for (size_t i = 0; i < set->count; i++) {
		int fd = open_join(&set->hierarchies[i], member > 0 ? text : NULL, set->uid);

		if (fd >= 0)
			enter->join_fds[enter->join_count++] = fd;
		else if (fd != -ENOENT)
			return failure_set(reterr, -fd, "open the user's cgroup in %s",
					   set->hierarchies[i].mount);
	}
	return 0;
}

/* Has it cgroups of its own? Not with cgroup = none, nor inside another one on cgroup v2. */
static bool has_slice(const struct message_info *info)
{
	return info->memory_dir[0] || info->cpu_dir[0] || info->pids_dir[0];
}

/* Into the cgroups that the sandbox's processes are in. */
static int open_joins(struct enter *enter, struct failure *reterr)
{
	const struct message_info *info = &enter->info;
	bool leads = info->leader_pid > 0 && kill(info->leader_pid, 0) == 0;
	struct cgroup_set set;
	int r = cgroup_find_user(info->uid, &set);

	if (r < 0)
		return failure_set(reterr, -r, "look for the user's cgroups");
	if (cgroup_is_frozen(&set))
		return failure_say(reterr, EBUSY,
				   "%s is frozen, so nothing would run there (see: carrel thaw)",
				   info->user);
	if (leads)
		r = join_as(enter, &set, info->leader_pid, reterr);
	/* A session's leader ends before what it has left behind, and its pid becomes somebody else's. */
	if (r == 0 && enter->join_count == 0 && (!leads || has_slice(info)))
		r = join_as(enter, &set, find_inside(info), reterr);
	if (r == 0 && enter->join_count == 0 && set.count > 0 && has_slice(info))
		return failure_say(
			reterr, ESRCH,
			"no process of %s is in the user's cgroups, so that what runs there "
			"would be without limits",
			info->id);
	return r;
}

/* As a login of the user has it now. */
static int find_rights(struct enter *enter, struct failure *reterr)
{
	struct policy_view view;
	struct plan plan = {0};
	bool sandboxed = false;
	int r = policy_view_load(&view, reterr);

	if (r == 0)
		r = user_plan(view.policy, enter->info.user, enter->info.service, &sandboxed, &plan,
			      reterr);
	if (r == 0 && sandboxed) {
		enter->bounding_set = plan.bounding_set;
		enter->no_new_privs = plan.no_new_privs;
		enter->oom_score_adj = plan.oom_score_adj;
		plan_free(&plan);
	}
	policy_view_free(&view);
	return r;
}

static int prepare(struct enter *enter, const char *word, bool root, struct failure *reterr)
{
	struct selection selection;
	const struct message_info *info;
	int r = select_find(word, &selection, reterr);

	if (r < 0)
		return r;
	r = select_one(&selection, word, &info, reterr);
	if (r == 0)
		enter->info = *info;
	select_free(&selection);
	if (r == 0)
		r = open_init(enter, reterr);
	if (r == 0)
		r = open_joins(enter, reterr);
	if (r == 0 && !root)
		r = find_rights(enter, reterr);
	if (r == 0)
		r = account_look_up(root ? "root" : enter->info.user, &enter->account, reterr);
	if (r == 0)
		r = account_look_up_groups(&enter->account, reterr);
	if (r < 0)
		return r;
	if (!enter->account.passwd || enter->account.passwd->pw_uid != (root ? 0 : enter->info.uid))
		return failure_say(reterr, EPERM, "the name %s has another uid now",
				   enter->info.user);
	if (r == 0)
		r = pty_relay_open(&enter->relay, enter->account.passwd->pw_uid, reterr);
	return r;
}

/* Going in ------------------------------------------------------------------------------------ */

/* From here, where nothing inside can lie about it: is it in all of the sandbox's namespaces? */
static int verify(const struct enter *enter, pid_t pid, struct failure *reterr)
{
	uint64_t flags = ns_clone_flags(enter->info.namespaces);
	_close_ int pidfd = sys_pidfd_open(pid);
	struct ns_ids wanted, got;

	if (pidfd < 0)
		return failure_set(reterr, errno, "open the process that went in");
	int r = ns_identify(enter->init_pidfd, enter->info.init_pid, flags, &wanted, reterr);

	if (r == 0)
		r = ns_identify(pidfd, pid, flags, &got, reterr);
	return r < 0 ? r : ns_compare(&wanted, &got, flags, reterr);
}

static int go(struct enter *enter, int *ret_status, struct failure *reterr)
{
	_close_ int door = -1;
	sigset_t signals;
	pid_t pid;
	int r;

	pty_relay_signals(&signals);
	/* Who waits at the door may be killed with the sandbox: then the write says so. */
	(void)sigaddset(&signals, SIGPIPE);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigprocmask(SIG_BLOCK, &signals, &enter->mask_was);
	r = enter_fork(enter, &pid, &door, reterr);
	if (r < 0)
		return r;
	r = verify(enter, pid, reterr);
	if (r == 0 && write(door, "", 1) != 1)
		r = failure_set(reterr, errno, "let the command begin");
	close_fd(&door);
	if (r < 0) {
		(void)enter_reap(pid);
		return r;
	}
	return pty_relay_run(&enter->relay, pid, ret_status, reterr);
}

static void release(struct enter *enter)
{
	for (size_t i = 0; i < enter->join_count; i++)
		close_fd(&enter->join_fds[i]);
	close_fd(&enter->init_pidfd);
	pty_relay_close(&enter->relay);
	account_free(&enter->account);
}

static int run_enter(const struct verb *verb, int argc, char **argv)
{
	struct enter enter = {.init_pidfd = -1,
			      .bounding_set = UINT64_MAX,
			      .relay = {.master = -1, .slave = -1, .output = -1}};
	struct failure failure;
	int letter, code, status = 0;
	bool root = false;
	const char *word;

	while ((letter = verb_option(verb, argc, argv)) != -1)
		if (letter == 'r')
			root = true;
	if (optind >= argc)
		return verb_wrong(verb, "expected a user or an id");
	word = argv[optind++];
	if (optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	if (optind < argc)
		enter.command = argv + optind;
	if (verb_need_root("enter") != VERB_DONE)
		return VERB_FAILED;
	if (prepare(&enter, word, root, &failure) < 0 || go(&enter, &status, &failure) < 0) {
		(void)failure_wrap(&failure, "enter");
		code = verb_fail(&failure);
	} else {
		code = WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
	}
	release(&enter);
	return code;
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"root", no_argument, NULL, 'r'},
	{0},
};

const struct verb verb_enter = {
	.name = "enter",
	.synopsis = "[--root] USER|ID [--] [COMMAND [ARGUMENT…]]",
	.summary = "Root: a shell, or COMMAND, inside a live sandbox, as its user.",
	.details = "In all of the sandbox's namespaces and in the user's cgroups, with the user's "
		   "groups and\n"
		   "the policy's rights. On a terminal it gets one of its own; pipes are passed as "
		   "they are.\n"
		   "A user with several logins' sandboxes is refused: name one by its id.\n"
		   "Exit code: as `carrel run`.\n\n"
		   "      --root         as root\n",
	.letters = "+:hr",
	.options = options,
	.run = run_enter,
};

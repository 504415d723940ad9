/* SPDX-License-Identifier: MIT */
/* carrel show - everything about one user's sandboxes, or one sandbox. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/figures.h"
#include "admin/namespaces.h"
#include "admin/processes.h"
#include "admin/select.h"
#include "admin/verb.h"
#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/registry.h"
#include "core/sys.h"

/* One sandbox; the arrays are its own. */
struct shown {
	const struct message_info *info;
	bool silent;
	struct session_record *sessions;
	size_t session_count;
	const struct process_list *processes;
	uint64_t inodes[NAMESPACES];
};

struct show {
	struct selection selection;
	struct shown *sandboxes;
	struct process_list *processes; /* of those that answer */
	size_t count;
	struct cgroup_figures figures;
	bool frozen;
	int64_t now;
};

/* What ends while it is looked at has no processes and no sessions any more. */
static int look(struct shown *shown, struct failure *reterr)
{
	const struct message_info *info = shown->info;
	int r = registry_query_sessions(info->uid, info->id, sys_now_ms() + SELECT_DEADLINE_MS,
					&shown->sessions, &shown->session_count, reterr);

	if (r < 0 && r != -ENOENT && r != -ECONNRESET && r != -ETIME)
		return r;
	namespaces_read(info, shown->inodes);
	return 0;
}

static int gather(const char *word, struct show *show, struct failure *reterr)
{
	struct cgroup_dirs dirs;
	struct cgroup_set set;
	int r = select_find(word, &show->selection, reterr);

	if (r < 0)
		return r;
	show->count = show->selection.count + show->selection.silent;
	show->sandboxes = calloc(show->count, sizeof(*show->sandboxes));
	show->processes = calloc(show->count, sizeof(*show->processes));
	if (!show->sandboxes || !show->processes)
		return failure_set(reterr, ENOMEM, "show %zu sandboxes", show->count);
	for (size_t i = 0; r == 0 && i < show->count; i++) {
		struct shown *shown = &show->sandboxes[i];

		shown->info = &show->selection.infos[i];
		shown->processes = &show->processes[i];
		shown->silent = i >= show->selection.count;
		if (!shown->silent)
			r = look(shown, reterr);
	}
	if (r == 0)
		r = processes_list(show->selection.infos, show->selection.count, show->processes,
				   reterr);
	cgroup_dirs_of_user(show->selection.uid, &dirs);
	cgroup_read_figures(&dirs, &show->figures);
	show->frozen = cgroup_find_user(show->selection.uid, &set) == 0 && cgroup_is_frozen(&set);
	show->now = (int64_t)time(NULL);
	return r;
}

static void release(struct show *show)
{
	for (size_t i = 0; show->sandboxes && i < show->count; i++) {
		free(show->sandboxes[i].sessions);
	}
	for (size_t i = 0; show->processes && i < show->count; i++)
		processes_free(&show->processes[i]);
	free(show->processes);
	free(show->sandboxes);
	select_free(&show->selection);
}

/* "" for a user of whose sandboxes none answers. */
static const char *user_of(const struct show *show)
{
	return show->selection.infos[0].user;
}

/* Text ---------------------------------------------------------------------------------------- */

static struct formatted or_dash(const char *text)
{
	struct formatted clean = {"-"};

	if (text[0])
		(void)snprintf(clean.text, sizeof(clean.text), "%.*s", (int)sizeof(clean.text) - 1,
			       text);
	format_clean(clean.text);
	return clean;
}

static void print_sandbox(const struct show *show, const struct shown *shown)
{
	const struct message_info *info = shown->info;

	if (shown->silent) {
		printf("\nsandbox %s: its warden, process %" PRId32 ", does not answer\n", info->id,
		       info->warden_pid);
		return;
	}
	printf("\nsandbox %s: age %s, warden %" PRId32 ", PID 1 %" PRId32 "\n", info->id,
	       format_age(show->now - info->started).text, info->warden_pid, info->init_pid);
	printf("namespaces:");
	for (size_t i = 0; i < NAMESPACES; i++)
		if (shown->inodes[i])
			printf(" %s %" PRIu64, namespace_kinds[i].file, shown->inodes[i]);
	printf("\n%-8s %-12s %-10s %-24s %s\n", "LEADER", "SERVICE", "TTY", "FROM", "AGE");
	for (size_t i = 0; i < shown->session_count; i++) {
		const struct session_record *session = &shown->sessions[i];

		printf("%-8" PRId32 " %-12s %-10s %-24s %s\n", session->leader_pid,
		       or_dash(session->service).text, or_dash(session->tty).text,
		       or_dash(session->rhost).text, format_age(show->now - session->started).text);
	}
	printf("%-8s %-8s %-8s %s %7s %8s %9s  %s\n", "PID", "INSIDE", "UID", "S", "THREADS",
	       "MEMORY", "CPU", "COMMAND");
	for (size_t i = 0; i < shown->processes->count; i++) {
		const struct process *process = &shown->processes->processes[i];

		printf("%-8d %-8d %-8" PRIu32 " %c %7" PRIu64 " %8s %9s  %s\n", process->pid,
		       process->inside, process->uid, process->state, process->threads,
		       format_bytes(process->memory_bytes).text,
		       format_seconds(process->cpu_usec).text, process->name);
	}
}

static int print_text(const struct show *show)
{
	printf("%s, uid %" PRIu32 "%s\n", or_dash(user_of(show)).text, show->selection.uid,
	       show->frozen ? ": frozen" : "");
	figures_print(&show->figures);
	for (size_t i = 0; i < show->count; i++)
		print_sandbox(show, &show->sandboxes[i]);
	return VERB_DONE;
}

/* JSON ---------------------------------------------------------------------------------------- */

static json_t *json_sessions(const struct show *show, const struct shown *shown)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < shown->session_count; i++) {
		const struct session_record *session = &shown->sessions[i];
		int64_t age = show->now > session->started ? show->now - session->started : 0;

		verb_json_append(&array, json_pack("{s:i, s:o, s:o, s:o, s:I, s:I}", "leader_pid",
						   (int)session->leader_pid, "service",
						   verb_json_text(session->service), "tty",
						   verb_json_text(session->tty), "rhost",
						   verb_json_text(session->rhost), "started_usec",
						   (json_int_t)session->started * 1000000,
						   "age_usec", (json_int_t)age * 1000000));
	}
	return array;
}

static json_t *json_processes(const struct shown *shown)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < shown->processes->count; i++) {
		const struct process *process = &shown->processes->processes[i];
		const char state[] = {process->state, '\0'};

		verb_json_append(&array,
				 json_pack("{s:i, s:i, s:i, s:I, s:o, s:o, s:o, s:o, s:o}", "pid",
					   (int)process->pid, "inside_pid", (int)process->inside,
					   "parent_pid", (int)process->parent, "uid",
					   (json_int_t)process->uid, "state", verb_json_text(state),
					   "threads", verb_json_number(process->threads),
					   "memory_bytes", verb_json_number(process->memory_bytes),
					   "cpu_usec", verb_json_number(process->cpu_usec),
					   "command", verb_json_text(process->name)));
	}
	return array;
}

static json_t *json_sandbox(const struct show *show, const struct shown *shown)
{
	const struct message_info *info = shown->info;
	bool silent = shown->silent;

	return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "id", verb_json_text(info->id),
			 "silent", (int)silent, "warden_pid",
			 info->warden_pid ? json_integer(info->warden_pid) : json_null(),
			 "init_pid", silent ? json_null() : json_integer(info->init_pid),
			 "started_usec",
			 silent ? json_null() : json_integer(info->started * 1000000), "namespaces",
			 namespaces_json(shown->inodes), "sessions", json_sessions(show, shown),
			 "processes", json_processes(shown));
}

static int print_json(const struct show *show)
{
	json_t *sandboxes = json_array();

	for (size_t i = 0; sandboxes && i < show->count; i++)
		verb_json_append(&sandboxes, json_sandbox(show, &show->sandboxes[i]));
	return verb_print_json(
		json_pack("{s:o, s:I, s:b, s:o, s:o, s:o}", "user",
			  user_of(show)[0] ? verb_json_text(user_of(show)) : json_null(), "uid",
			  (json_int_t)show->selection.uid, "frozen", (int)show->frozen, "limits",
			  figures_json_limits(&show->figures), "usage",
			  figures_json_usage(&show->figures), "sandboxes", sandboxes));
}

/* --------------------------------------------------------------------------------------------- */

static int run_show(const struct verb *verb, int argc, char **argv)
{
	struct show show = {0};
	struct failure failure;
	bool json = false;
	int letter, code;

	while ((letter = verb_option(verb, argc, argv)) != -1)
		if (letter == 'j')
			json = true;
	if (optind + 1 != argc)
		return verb_wrong(verb, "expected one user or id");
	if (verb_need_root("show") != VERB_DONE)
		return VERB_FAILED;
	if (gather(argv[optind], &show, &failure) < 0) {
		(void)failure_wrap(&failure, "show");
		code = verb_fail(&failure);
	} else {
		code = json ? print_json(&show) : print_text(&show);
	}
	release(&show);
	return code;
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"json", no_argument, NULL, 'j'},
	{0},
};

const struct verb verb_show = {
	.name = "show",
	.synopsis = "[--json] USER|ID",
	.summary = "Root: limits beside usage, sessions and processes of a user's sandboxes.",
	.details = "Limits and usage are of the user's slice, so of all sandboxes of the user "
		   "together. "
		   "Each\n"
		   "process has its pid here and its pid inside.\n\n"
		   "      --json         one object: user, uid, frozen, limits, usage, sandboxes\n",
	.letters = ":h",
	.options = options,
	.run = run_show,
};

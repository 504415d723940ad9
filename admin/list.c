/* SPDX-License-Identifier: MIT */
/* carrel list - the live sandboxes, as their wardens tell. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/format.h"
#include "admin/namespaces.h"
#include "admin/verb.h"
#include "core/cgroup_usage.h"
#include "core/cleanup.h"
#include "core/registry.h"
#include "core/sys.h"

#define DEADLINE_MS 1000

struct row {
	struct message_info info;
	struct cgroup_usage usage; /* of the user's slice */
	uint64_t inodes[NAMESPACES]; /* 0: the host's own, or gone meanwhile */
	bool silent; /* its warden did not answer: id, uid and usage are all that is known */
};

static int compare_rows(const void *left, const void *right)
{
	const struct message_info *a = &((const struct row *)left)->info;
	const struct message_info *b = &((const struct row *)right)->info;
	int by_user = strcmp(a->user, b->user);

	if (by_user)
		return by_user;
	if (a->started != b->started)
		return a->started < b->started ? -1 : 1;
	return strcmp(a->id, b->id);
}

/* Text ---------------------------------------------------------------------------------------- */

/* Of the first two columns: a directory's user names are long. */
struct widths {
	int id, user;
};

static struct widths find_widths(const struct row *rows, size_t count)
{
	struct widths widths = {20, 12};

	for (size_t i = 0; i < count; i++) {
		int id = (int)strlen(rows[i].info.id), user = (int)strlen(rows[i].info.user);

		if (id > widths.id)
			widths.id = id;
		if (user > widths.user)
			widths.user = user;
	}
	return widths;
}

static void print_row(const struct row *row, const struct widths *widths, int64_t now,
		      bool namespaces)
{
	const struct message_info *info = &row->info;
	char user[sizeof(info->user)];

	memcpy(user, info->user, sizeof(user));
	format_clean(user);
	printf("%-*s %-*s", widths->id, info->id, widths->user, user);
	if (row->silent)
		printf(" %8s %7s", "-", "silent");
	else
		printf(" %8" PRIu32 " %7s", info->sessions, format_age(now - info->started).text);
	printf(" %5s %8s %9s", format_count(row->usage.processes).text,
	       format_bytes(row->usage.memory_bytes).text,
	       format_seconds(row->usage.cpu_usec).text);
	for (size_t i = 0; namespaces && i < NAMESPACES; i++) {
		printf(" %10s", row->inodes[i] ? format_count(row->inodes[i]).text : "-");
	}
	putchar('\n');
}

static void print_text(const struct row *rows, size_t count, bool namespaces)
{
	struct widths widths = find_widths(rows, count);
	int64_t now = (int64_t)time(NULL);

	printf("%-*s %-*s %8s %7s %5s %8s %9s", widths.id, "ID", widths.user, "USER", "SESSIONS",
	       "AGE", "PROCS", "MEMORY", "CPU");
	for (size_t i = 0; namespaces && i < NAMESPACES; i++)
		printf(" %10s", namespace_kinds[i].title);
	putchar('\n');
	for (size_t i = 0; i < count; i++)
		print_row(&rows[i], &widths, now, namespaces);
}

/* JSON ---------------------------------------------------------------------------------------- */

/* Of a silent warden, what only it could have told is null. */
static json_t *known(const struct row *row, json_t *value)
{
	if (!row->silent)
		return value;
	json_decref(value);
	return json_null();
}

static json_t *json_row(const struct row *row, int64_t now, bool namespaces)
{
	const struct message_info *info = &row->info;
	int64_t age = now > info->started ? now - info->started : 0;
	json_t *object = json_pack(
		"{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:b}",
		"id", verb_json_text(info->id), "user", verb_json_text(info->user), "uid",
		(json_int_t)info->uid, "service", known(row, verb_json_text(info->service)), "tty",
		known(row, verb_json_text(info->tty)), "rhost",
		known(row, verb_json_text(info->rhost)), "sessions",
		known(row, json_integer(info->sessions)), "started_usec",
		known(row, json_integer(info->started * 1000000)), "age_usec",
		known(row, json_integer(age * 1000000)), "processes",
		verb_json_number(row->usage.processes), "memory_bytes",
		verb_json_number(row->usage.memory_bytes), "memory_peak_bytes",
		verb_json_number(row->usage.memory_peak_bytes), "cpu_usec",
		verb_json_number(row->usage.cpu_usec), "oom_kills",
		verb_json_number(row->usage.oom_kills), "warden_pid",
		info->warden_pid ? json_integer(info->warden_pid) : json_null(), "init_pid",
		known(row, json_integer(info->init_pid)), "leader_pid",
		known(row, json_integer(info->leader_pid)), "silent", (int)row->silent);

	if (object && namespaces &&
	    json_object_set_new(object, "namespaces", namespaces_json(row->inodes)) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int print_json(const struct row *rows, size_t count, bool namespaces)
{
	int64_t now = (int64_t)time(NULL);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		verb_json_append(&array, json_row(&rows[i], now, namespaces));
	return verb_print_json(array);
}

/* --------------------------------------------------------------------------------------------- */

/* The user's name is the host's to tell. */
static void name_silent(struct row *row)
{
	const struct passwd *passwd = getpwuid(row->info.uid);

	row->silent = true;
	if (!passwd || protocol_text(row->info.user, sizeof(row->info.user), passwd->pw_name) < 0)
		(void)snprintf(row->info.user, sizeof(row->info.user), "%" PRIu32, row->info.uid);
}

/* Many sandboxes of one user have one slice: it is read for the first of them. */
static void read_usage(struct row *row, const struct row *before)
{
	const struct message_info *info = &row->info;
	struct cgroup_figures figures;
	struct cgroup_dirs dirs;

	if (before && before->silent == row->silent && before->info.uid == info->uid &&
	    strcmp(before->info.memory_dir, info->memory_dir) == 0 &&
	    strcmp(before->info.cpu_dir, info->cpu_dir) == 0 &&
	    strcmp(before->info.pids_dir, info->pids_dir) == 0) {
		row->usage = before->usage;
		return;
	}
	if (!row->silent) {
		cgroup_read_usage_dirs(info->memory_dir, info->cpu_dir, info->pids_dir,
				       &row->usage);
		return;
	}
	cgroup_dirs_of_user(info->uid, &dirs);
	cgroup_read_figures(&dirs, &figures);
	row->usage = figures.usage;
}

static int gather(bool namespaces, struct row **ret_rows, size_t *ret_count, size_t *ret_silent,
		  struct failure *reterr)
{
	_free_ struct message_info *infos = NULL;
	size_t count = 0, silent = 0;
	struct row *rows;
	int r = registry_query(sys_now_ms() + DEADLINE_MS, &infos, &count, &silent, reterr);

	if (r < 0)
		return r;
	rows = calloc(count + silent + 1, sizeof(*rows));
	if (!rows)
		return failure_set(reterr, ENOMEM, "list %zu sandboxes", count);
	for (size_t i = 0; i < count + silent; i++) {
		rows[i].info = infos[i];
		if (i >= count)
			name_silent(&rows[i]);
	}
	qsort(rows, count + silent, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < count + silent; i++)
		read_usage(&rows[i], i > 0 ? &rows[i - 1] : NULL);
	for (size_t i = 0; namespaces && i < count + silent; i++)
		if (!rows[i].silent)
			namespaces_read(&rows[i].info, rows[i].inodes);
	*ret_rows = rows;
	*ret_count = count + silent;
	*ret_silent = silent;
	return 0;
}

static int list(bool namespaces, bool json)
{
	_free_ struct row *rows = NULL;
	size_t count = 0, silent = 0;
	struct failure failure;
	int code = VERB_DONE;

	if (gather(namespaces, &rows, &count, &silent, &failure) < 0)
		return verb_fail(&failure);
	if (json)
		code = print_json(rows, count, namespaces);
	else
		print_text(rows, count, namespaces);
	if (silent)
		fprintf(stderr, "carrel: list: %zu warden%s did not answer within %d ms\n", silent,
			silent == 1 ? "" : "s", DEADLINE_MS);
	return code;
}

static int run_list(const struct verb *verb, int argc, char **argv)
{
	bool namespaces = false, json = false;
	int letter;

	while ((letter = verb_option(verb, argc, argv)) != -1) {
		if (letter == 'n')
			namespaces = true;
		if (letter == 'j')
			json = true;
	}
	if (optind < argc)
		return verb_wrong(verb, "no argument is expected, not %s", argv[optind]);
	if (verb_need_root("list") != VERB_DONE)
		return VERB_FAILED;
	return list(namespaces, json);
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"namespaces", no_argument, NULL, 'n'},
	{"json", no_argument, NULL, 'j'},
	{0},
};

const struct verb verb_list = {
	.name = "list",
	.synopsis = "[--namespaces] [--json]",
	.summary = "Root: the live sandboxes.",
	.details =
		"One line a sandbox: ID USER SESSIONS AGE PROCS MEMORY CPU. The last three are of "
		"the\n"
		"user's slice, so of all sandboxes of the user together; - where the host can't "
		"tell.\n"
		"Of a warden that doesn't answer within a second the age is `silent`; stderr "
		"counts "
		"them.\n\n"
		"      --namespaces   also the inode numbers of the sandbox's own namespaces, as\n"
		"                     /proc/PID/ns has them; - for those it shares with the host\n"
		"      --json         one array; bytes and microseconds, null for unknown\n",
	.letters = ":h",
	.options = options,
	.run = run_list,
};

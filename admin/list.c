/* SPDX-License-Identifier: MIT */
/* carrel list - the live sandboxes, as their wardens tell. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "admin/verb.h"
#include "core/cgroup.h"
#include "core/cleanup.h"
#include "core/policy_keys.h"
#include "core/registry.h"
#include "core/sys.h"

#define DEADLINE_MS 1000

/* In the order of the columns; the names are those of /proc/PID/ns. */
static const struct {
	const char *file, *title;
	enum choice_namespace bit;
} kinds[] = {
	{"mnt", "MNT", NS_MOUNT}, {"pid", "PID", NS_PID}, {"ipc", "IPC", NS_IPC},
	{"uts", "UTS", NS_UTS},	  {"net", "NET", NS_NET}, {"cgroup", "CGROUP", NS_CGROUP},
};

struct row {
	struct message_info info;
	struct cgroup_usage usage; /* of the user's slice */
	uint64_t inodes[ARRAY_SIZE(kinds)]; /* 0: the host's own, or gone meanwhile */
};

/* The namespaces of the sandbox's PID 1; where only its children are in one, PID 1 is in it too. */
static void read_namespaces(struct row *row)
{
	char path[64];
	_close_ int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%" PRId32 "/ns", row->info.init_pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(kinds); i++) {
		struct stat st;

		if (row->info.namespaces >> kinds[i].bit & 1 &&
		    fstatat(fd, kinds[i].file, &st, 0) == 0)
			row->inodes[i] = st.st_ino;
	}
}

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

/* Two figures at most: "45s", "12m", "3h05m", "9d04h". */
static void text_age(int64_t seconds, char *text, size_t size)
{
	if (seconds < 0)
		seconds = 0; /* the clock was set back */
	if (seconds < 60)
		(void)snprintf(text, size, "%" PRId64 "s", seconds);
	else if (seconds < 3600)
		(void)snprintf(text, size, "%" PRId64 "m", seconds / 60);
	else if (seconds < 86400)
		(void)snprintf(text, size, "%" PRId64 "h%02" PRId64 "m", seconds / 3600,
			       seconds / 60 % 60);
	else
		(void)snprintf(text, size, "%" PRId64 "d%02" PRId64 "h", seconds / 86400,
			       seconds / 3600 % 24);
}

static void text_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "KMGT";
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes == UINT64_MAX) {
		(void)snprintf(text, size, "-");
		return;
	}
	while (value >= 1024 && unit < sizeof(units) - 2) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(text, size, "%.1f%c", value, units[unit]);
}

static void text_count(uint64_t count, char *text, size_t size)
{
	if (count == UINT64_MAX)
		(void)snprintf(text, size, "-");
	else
		(void)snprintf(text, size, "%" PRIu64, count);
}

static void print_row(const struct row *row, int64_t now, bool namespaces)
{
	char age[32], processes[32], memory[32], cpu[32] = "-";

	text_age(now - row->info.started, age, sizeof(age));
	text_count(row->usage.processes, processes, sizeof(processes));
	text_bytes(row->usage.memory_bytes, memory, sizeof(memory));
	if (row->usage.cpu_usec != UINT64_MAX)
		(void)snprintf(cpu, sizeof(cpu), "%" PRIu64 ".%02" PRIu64 "s",
			       row->usage.cpu_usec / 1000000, row->usage.cpu_usec / 10000 % 100);
	printf("%-20s %-12s %8" PRIu32 " %7s %5s %8s %9s", row->info.id, row->info.user,
	       row->info.sessions, age, processes, memory, cpu);
	for (size_t i = 0; namespaces && i < ARRAY_SIZE(kinds); i++) {
		char inode[32] = "-";

		if (row->inodes[i])
			text_count(row->inodes[i], inode, sizeof(inode));
		printf(" %10s", inode);
	}
	putchar('\n');
}

static void print_text(const struct row *rows, size_t count, bool namespaces)
{
	int64_t now = (int64_t)time(NULL);

	printf("%-20s %-12s %8s %7s %5s %8s %9s", "ID", "USER", "SESSIONS", "AGE", "PROCS",
	       "MEMORY", "CPU");
	for (size_t i = 0; namespaces && i < ARRAY_SIZE(kinds); i++)
		printf(" %10s", kinds[i].title);
	putchar('\n');
	for (size_t i = 0; i < count; i++)
		print_row(&rows[i], now, namespaces);
}

/* JSON ---------------------------------------------------------------------------------------- */

static json_t *json_namespaces(const struct row *row)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < ARRAY_SIZE(kinds); i++)
		if (json_object_set_new(object, kinds[i].file,
					row->inodes[i] ? verb_json_number(row->inodes[i])
						       : json_null()) < 0) {
			json_decref(object);
			return NULL;
		}
	return object;
}

static json_t *json_row(const struct row *row, int64_t now, bool namespaces)
{
	const struct message_info *info = &row->info;
	int64_t age = now > info->started ? now - info->started : 0;
	json_t *object =
		json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, "
			  "s:i, s:i, s:i}",
			  "id", verb_json_text(info->id), "user", verb_json_text(info->user), "uid",
			  (json_int_t)info->uid, "service", verb_json_text(info->service), "tty",
			  verb_json_text(info->tty), "rhost", verb_json_text(info->rhost),
			  "sessions", (json_int_t)info->sessions, "started_usec",
			  (json_int_t)info->started * 1000000, "age_usec",
			  (json_int_t)age * 1000000, "processes",
			  verb_json_number(row->usage.processes), "memory_bytes",
			  verb_json_number(row->usage.memory_bytes), "memory_peak_bytes",
			  verb_json_number(row->usage.memory_peak_bytes), "cpu_usec",
			  verb_json_number(row->usage.cpu_usec), "oom_kills",
			  verb_json_number(row->usage.oom_kills), "warden_pid",
			  (int)info->warden_pid, "init_pid", (int)info->init_pid, "leader_pid",
			  (int)info->leader_pid);

	if (object && namespaces &&
	    json_object_set_new(object, "namespaces", json_namespaces(row)) < 0) {
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

static int list(bool namespaces, bool json)
{
	_free_ struct message_info *infos = NULL;
	_free_ struct row *rows = NULL;
	size_t count = 0, silent = 0;
	struct failure failure;
	int code = VERB_DONE;

	if (registry_query(sys_now_ms() + DEADLINE_MS, &infos, &count, &silent, &failure) < 0)
		return verb_fail(&failure);
	rows = calloc(count ? count : 1, sizeof(*rows));
	if (!rows) {
		(void)failure_set(&failure, ENOMEM, "list %zu sandboxes", count);
		return verb_fail(&failure);
	}
	for (size_t i = 0; i < count; i++) {
		rows[i].info = infos[i];
		cgroup_read_usage_dirs(infos[i].memory_dir, infos[i].cpu_dir, infos[i].pids_dir,
				       &rows[i].usage);
		if (namespaces)
			read_namespaces(&rows[i]);
	}
	qsort(rows, count, sizeof(*rows), compare_rows);
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
		"Wardens that don't answer within a second are counted on stderr.\n\n"
		"      --namespaces   also the inode numbers of the sandbox's own namespaces, as\n"
		"                     /proc/PID/ns has them; - for those it shares with the host\n"
		"      --json         one array; bytes and microseconds, null for unknown\n",
	.letters = ":h",
	.options = options,
	.run = run_list,
};

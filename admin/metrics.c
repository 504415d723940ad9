/* SPDX-License-Identifier: MIT */
/* carrel metrics - what Prometheus and its like collect. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "admin/openmetrics.h"
#include "admin/users.h"
#include "admin/verb.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"

#define DEADLINE_MS 1000
#define LABELS_MAX (2 * PROTOCOL_NAME_MAX * 3 + 64)

static double number(uint64_t value)
{
	return value == UINT64_MAX ? NAN : (double)value;
}

static double seconds(uint64_t usec)
{
	return number(usec) / 1e6;
}

static double limit(const struct user_row *row, enum plan_limit_kind kind)
{
	const struct cgroup_held *held = &row->figures.limits[kind];

	return held->known ? number(held->value) : NAN;
}

static double sandboxes(const struct user_row *row)
{
	return (double)row->sandboxes;
}

static double sessions(const struct user_row *row)
{
	return (double)row->sessions;
}

static double silent(const struct user_row *row)
{
	return (double)row->silent;
}

static double frozen(const struct user_row *row)
{
	return row->frozen ? 1 : 0;
}

static double memory(const struct user_row *row)
{
	return number(row->figures.usage.memory_bytes);
}

static double memory_peak(const struct user_row *row)
{
	return number(row->figures.usage.memory_peak_bytes);
}

static double memory_limit(const struct user_row *row)
{
	return limit(row, LIMIT_MEMORY_MAX);
}

static double swap(const struct user_row *row)
{
	return number(row->figures.swap_bytes);
}

static double oom_kills(const struct user_row *row)
{
	return number(row->figures.usage.oom_kills);
}

static double cpu(const struct user_row *row)
{
	return seconds(row->figures.usage.cpu_usec);
}

static double throttled(const struct user_row *row)
{
	return seconds(row->figures.throttled_usec);
}

static double cpu_limit(const struct user_row *row)
{
	return limit(row, LIMIT_CPU_MAX) / 100;
}

static double processes(const struct user_row *row)
{
	return number(row->figures.usage.processes);
}

static double processes_limit(const struct user_row *row)
{
	return limit(row, LIMIT_PIDS_MAX);
}

static double refused(const struct user_row *row)
{
	return number(row->figures.pids_refused);
}

/* One sample for each user; a limit that is not set has none. */
static const struct {
	const char *name;
	double (*value)(const struct user_row *row);
	const char *help;
} families[] = {
	{"carrel_user_sandboxes", sandboxes, "Live sandboxes of the user."},
	{"carrel_user_sessions", sessions, "Sessions in them."},
	{"carrel_user_silent_wardens", silent, "Sandboxes whose warden did not answer."},
	{"carrel_user_frozen", frozen, "1 while the user is frozen."},
	{"carrel_user_memory_bytes", memory, "Memory that the user's processes have."},
	{"carrel_user_memory_peak_bytes", memory_peak, "The most that it was."},
	{"carrel_user_memory_limit_bytes", memory_limit, "memory_max of the user."},
	{"carrel_user_swap_bytes", swap, "Swap that the user's processes have."},
	{"carrel_user_oom_kills", oom_kills, "Processes killed at memory_max, since first login."},
	{"carrel_user_cpu_seconds", cpu, "CPU time used since the first of the live logins."},
	{"carrel_user_cpu_throttled_seconds", throttled, "Time that cpu_max held processes back."},
	{"carrel_user_cpu_limit_ratio", cpu_limit, "cpu_max of the user, in CPUs."},
	{"carrel_user_processes", processes, "Processes and threads of the user."},
	{"carrel_user_processes_limit", processes_limit, "pids_max of the user."},
	{"carrel_user_processes_refused", refused, "Forks refused at pids_max, since first login."},
};

static int make_labels(const struct user_row *row, char *labels, size_t size,
		       struct failure *reterr)
{
	char name[PROTOCOL_NAME_MAX * 3];
	int r = openmetrics_escape(row->name, name, sizeof(name));
	int len = r < 0 ? -1 : snprintf(labels, size, "user=\"%s\",uid=\"%u\"", name, row->uid);

	if (len < 0 || (size_t)len >= size)
		return failure_say(reterr, ENAMETOOLONG, "the name of uid %u is too long",
				   row->uid);
	return 0;
}

static int print_users(const struct user_row *rows, size_t count, struct failure *reterr)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		openmetrics_family(stdout, families[i].name, families[i].help);
		for (size_t j = 0; j < count; j++) {
			char labels[LABELS_MAX];
			int r = make_labels(&rows[j], labels, sizeof(labels), reterr);

			if (r < 0)
				return r;
			openmetrics_sample(stdout, families[i].name, labels,
					   families[i].value(&rows[j]));
		}
	}
	return 0;
}

static void print_one(const char *name, const char *labels, double value, const char *help)
{
	openmetrics_family(stdout, name, help);
	openmetrics_sample(stdout, name, labels, value);
}

static void print_host(const struct user_row *rows, size_t count)
{
	size_t all = 0, quiet = 0, sum = 0;
	struct sysinfo info;

	for (size_t i = 0; i < count; i++) {
		all += rows[i].sandboxes;
		quiet += rows[i].silent;
		sum += rows[i].sessions;
	}
	print_one("carrel_version_info", "version=\"" CARREL_VERSION "\"", 1,
		  "The version of carrel.");
	print_one("carrel_users", "", (double)count, "Users with a live sandbox.");
	print_one("carrel_sandboxes", "", (double)all, "Live sandboxes.");
	print_one("carrel_sessions", "", (double)sum, "Sessions in live sandboxes.");
	print_one("carrel_silent_wardens", "", (double)quiet,
		  "Wardens that did not answer in time.");
	if (sysinfo(&info) == 0)
		print_one("carrel_host_memory_bytes", "",
			  (double)info.totalram * (double)info.mem_unit,
			  "Memory of this machine, of which percentages in the policy are.");
}

static int run_metrics(const struct verb *verb, int argc, char **argv)
{
	_free_ struct user_row *rows = NULL;
	struct failure failure;
	size_t count = 0;

	while (verb_option(verb, argc, argv) != -1)
		;
	if (optind < argc)
		return verb_wrong(verb, "no argument is expected, not %s", argv[optind]);
	if (verb_need_root("metrics") != VERB_DONE)
		return VERB_FAILED;
	if (users_gather(sys_now_ms() + DEADLINE_MS, &rows, &count, &failure) < 0) {
		(void)failure_wrap(&failure, "metrics");
		return verb_fail(&failure);
	}
	print_host(rows, count);
	if (print_users(rows, count, &failure) < 0) {
		(void)failure_wrap(&failure, "metrics");
		return verb_fail(&failure);
	}
	openmetrics_end(stdout);
	return VERB_DONE;
}

static const struct option options[] = {VERB_OPTION_HELP, {0}};

const struct verb verb_metrics = {
	.name = "metrics",
	.synopsis = "",
	.summary = "Root: OpenMetrics text, per user and of the host.",
	.details = "For a collector of text files, or anything that runs a command. What a host "
		   "does not\n"
		   "tell, and limits that are not set, have no sample.\n\n",
	.letters = ":h",
	.options = options,
	.run = run_metrics,
};

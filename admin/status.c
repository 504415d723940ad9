/* SPDX-License-Identifier: MIT */
/* carrel status - for any user: what I may use here, and what I use. Needs no privilege. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "admin/figures.h"
#include "admin/verb.h"
#include "core/cleanup.h"
#include "core/convert.h"

struct status {
	uint32_t uid;
	const char *user;
	bool in_slice; /* else nothing of carrel holds this process */
	struct cgroup_figures figures;
};

static bool is_limited(const struct cgroup_held *held)
{
	return held->known && held->value != CONVERT_MAX;
}

/* "41%", or "" */
static struct formatted share(uint64_t used, const struct cgroup_held *held)
{
	struct formatted text = {""};

	if (used != UINT64_MAX && is_limited(held) && held->value > 0)
		(void)snprintf(text.text, sizeof(text.text), " (%" PRIu64 "%%)",
			       (uint64_t)((double)used * 100 / (double)held->value));
	return text;
}

static void print_memory(const struct cgroup_figures *figures)
{
	const struct cgroup_held *held = &figures->limits[LIMIT_MEMORY_MAX];
	const struct cgroup_held *soft = &figures->limits[LIMIT_MEMORY_HIGH];
	const struct cgroup_usage *usage = &figures->usage;

	printf("Memory:     %s used", format_bytes(usage->memory_bytes).text);
	if (is_limited(held))
		printf(" of %s%s", format_bytes(held->value).text,
		       share(usage->memory_bytes, held).text);
	else
		printf(", no limit of your own");
	if (usage->memory_peak_bytes != UINT64_MAX)
		printf("; the most so far was %s", format_bytes(usage->memory_peak_bytes).text);
	printf(".\n");
	if (is_limited(soft))
		printf("            Above %s your programs are slowed down.\n",
		       format_bytes(soft->value).text);
	if (is_limited(&figures->limits[LIMIT_SWAP_MAX]))
		printf("            Swap: %s used of %s.\n", format_bytes(figures->swap_bytes).text,
		       figures_limit(figures, LIMIT_SWAP_MAX).text);
	if (usage->oom_kills != UINT64_MAX && usage->oom_kills > 0)
		printf("            %" PRIu64 " of your programs %s been killed because the memory "
		       "was used up.\n",
		       usage->oom_kills, usage->oom_kills == 1 ? "has" : "have");
}

static void print_cpu(const struct cgroup_figures *figures)
{
	const struct cgroup_held *held = &figures->limits[LIMIT_CPU_MAX];

	printf("CPU:        %s used", format_seconds(figures->usage.cpu_usec).text);
	if (is_limited(held))
		printf("; you may use %" PRIu64 "%% of one CPU at a time", held->value);
	else
		printf(", no limit of your own");
	printf(".\n");
	if (figures->throttled_usec != UINT64_MAX && figures->throttled_usec >= 10000)
		printf("            Your programs have been held back for %s at that limit.\n",
		       format_seconds(figures->throttled_usec).text);
	if (figures->limits[LIMIT_CPUS].known)
		printf("            They may run on CPUs %s.\n", figures->limits[LIMIT_CPUS].text);
}

static void print_processes(const struct cgroup_figures *figures)
{
	const struct cgroup_held *held = &figures->limits[LIMIT_PIDS_MAX];

	printf("Processes:  %s running", format_count(figures->usage.processes).text);
	if (is_limited(held))
		printf(" of %" PRIu64 " that you may have%s", held->value,
		       share(figures->usage.processes, held).text);
	else
		printf(", no limit of your own");
	printf(" (threads count, too).\n");
	if (figures->pids_refused != UINT64_MAX && figures->pids_refused > 0)
		printf("            Starting another one has been refused %" PRIu64 " time%s.\n",
		       figures->pids_refused, figures->pids_refused == 1 ? "" : "s");
}

static int print_text(const struct status *status)
{
	if (!status->in_slice) {
		printf("This login is not limited by carrel.\n");
		return VERB_DONE;
	}
	printf("All logins of %s on this machine share this:\n\n", status->user);
	print_memory(&status->figures);
	print_cpu(&status->figures);
	print_processes(&status->figures);
	return VERB_DONE;
}

static int print_json(const struct status *status)
{
	return verb_print_json(
		json_pack("{s:o, s:I, s:b, s:o, s:o}", "user", verb_json_text(status->user), "uid",
			  (json_int_t)status->uid, "limited", (int)status->in_slice, "limits",
			  status->in_slice ? figures_json_limits(&status->figures) : json_null(),
			  "usage",
			  status->in_slice ? figures_json_usage(&status->figures) : json_null()));
}

static int run_status(const struct verb *verb, int argc, char **argv)
{
	const struct passwd *passwd = getpwuid(getuid());
	char number[16];
	struct status status = {.uid = getuid()};
	struct cgroup_dirs dirs;
	bool json = false;
	int letter;

	while ((letter = verb_option(verb, argc, argv)) != -1)
		if (letter == 'j')
			json = true;
	if (optind < argc)
		return verb_wrong(verb, "no argument is expected, not %s", argv[optind]);
	(void)snprintf(number, sizeof(number), "%" PRIu32, status.uid);
	status.user = passwd ? passwd->pw_name : number;
	status.in_slice = cgroup_dirs_of_self(status.uid, &dirs) == 0;
	if (status.in_slice)
		cgroup_read_figures(&dirs, &status.figures);
	return json ? print_json(&status) : print_text(&status);
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"json", no_argument, NULL, 'j'},
	{0},
};

const struct verb verb_status = {
	.name = "status",
	.synopsis = "[--json]",
	.summary = "What you may use on this machine, and what you use.",
	.details = "For everybody, about themselves.\n\n"
		   "      --json         one object: user, uid, limited, limits, usage\n",
	.letters = ":h",
	.options = options,
	.run = run_status,
};

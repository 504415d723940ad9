/* SPDX-License-Identifier: MIT */
/* carrel check - is the policy good, and can this host do what it asks for? */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/policy_view.h"
#include "admin/verb.h"
#include "core/cleanup.h"

struct check {
	struct policy_errors errors; /* in the policy's text */
	struct policy_errors host; /* what this host can't do */
	struct policy *policy; /* NULL: bad */
	size_t files;
	bool ours; /* the policy at CARREL_POLICY, not files of the command line */
};

static void print_errors(const struct policy_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		fprintf(stderr, "%s\n", errors->texts[i]);
	if (errors->dropped)
		fprintf(stderr, "… and %zu more\n", errors->dropped);
}

/* When the files are bad: by what do logins go on? "last accepted", "none" or "unknown". */
static const char *in_force(const struct check *check)
{
	struct policy_view view;
	struct failure failure;
	const char *answer;

	if (check->policy)
		return "current";
	if (geteuid() != 0)
		return "unknown";
	answer = policy_view_load(&view, &failure) < 0 ? "none"
		 : view.origin == POLICY_CURRENT       ? "current"
						       : "last accepted";
	policy_view_free(&view);
	return answer;
}

static json_t *texts(const struct policy_errors *errors)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < errors->count; i++)
		verb_json_append(&array, verb_json_text(errors->texts[i]));
	return array;
}

static int print_json(const struct check *check, bool good)
{
	const char *force = check->ours ? in_force(check) : NULL;
	json_t *value =
		json_pack("{s:b, s:I, s:I, s:o, s:o, s:s?}", "good", good, "files",
			  (json_int_t)check->files, "sections",
			  (json_int_t)(check->policy ? check->policy->section_count : 0), "errors",
			  texts(&check->errors), "host", texts(&check->host), "in_force", force);
	int r = verb_print_json(value);

	return r == VERB_DONE && !good ? VERB_FAILED : r;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static int print_text(const struct check *check)
{
	size_t bad = check->errors.count + check->errors.dropped;
	size_t host = check->host.count + check->host.dropped;
	const char *force;

	print_errors(&check->errors);
	print_errors(&check->host);
	if (bad == 0 && host == 0) {
		printf("policy: good (%zu section%s, %zu file%s)\n", check->policy->section_count,
		       plural(check->policy->section_count), check->files, plural(check->files));
		return VERB_DONE;
	}
	if (bad == 0) {
		fprintf(stderr,
			"carrel: policy: good, but this host refuses logins under it for "
			"%zu reason%s\n",
			host, plural(host));
		return VERB_FAILED;
	}
	fprintf(stderr, "carrel: policy: bad, %zu error%s", bad, plural(bad));
	if (check->ours) {
		force = in_force(check);
		if (strcmp(force, "last accepted") == 0)
			fprintf(stderr, "; logins go on under the last accepted policy");
		else if (strcmp(force, "none") == 0)
			fprintf(stderr,
				"; no accepted policy is there to go by, so on_failure decides "
				"about logins");
		else if (strcmp(force, "unknown") == 0)
			fprintf(stderr, "; only root can see under which policy logins go on");
	}
	fprintf(stderr, "\n");
	return VERB_FAILED;
}

static int look(struct check *check, char **files, size_t count, bool syntax, bool shell,
		struct failure *reterr)
{
	struct policy_sources sources = {0};
	int r;

	check->ours = count == 0;
	r = check->ours ? policy_sources_read(CARREL_POLICY, &check->errors, &sources)
			: policy_sources_read_files(files, count, &check->errors, &sources);
	if (r < 0)
		return 0; /* said in errors */
	check->files = sources.count;
	r = policy_parse(sources.files, sources.count, &check->errors, &check->policy);
	policy_sources_free(&sources);
	if (r < 0 || syntax)
		return 0;
	return policy_view_check_host(check->policy, shell, &check->host, reterr);
}

static int run_check(const struct verb *verb, int argc, char **argv)
{
	struct check check = {0};
	struct failure failure;
	bool json = false, syntax = false, shell = false;
	int letter, code;

	while ((letter = verb_option(verb, argc, argv)) != -1) {
		if (letter == 'j')
			json = true;
		if (letter == 's')
			syntax = true;
		if (letter == 'l')
			shell = true;
	}
	if (look(&check, argv + optind, (size_t)(argc - optind), syntax, shell, &failure) < 0)
		code = verb_fail(&failure);
	else if (json)
		code = print_json(&check, check.policy && check.host.count == 0);
	else
		code = print_text(&check);
	if (check.policy)
		policy_free(check.policy);
	policy_errors_free(&check.errors);
	policy_errors_free(&check.host);
	return code;
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"json", no_argument, NULL, 'j'},
	{"shell", no_argument, NULL, 'l'},
	{"syntax", no_argument, NULL, 's'},
	{0},
};

const struct verb verb_check = {
	.name = "check",
	.synopsis = "[--syntax] [--shell] [--json] [FILE…]",
	.summary = "Validate the policy, or the FILEs as one policy.",
	.details =
		"Every error goes to stderr with file:line. A limit that this host can't enforce "
		"is an\n"
		"error too: it would refuse logins. Looking changes nothing; the policy is "
		"accepted by\n"
		"the next login.\n"
		"Exit code: 0 good, 1 bad.\n\n"
		"      --syntax       only what is written, not what this host can do\n"
		"      --shell        what carrel-shell can have without pam_carrel, instead of "
		"this\n"
		"                     host's cgroups\n"
		"      --json         one object: good, files, sections, errors, host, in_force\n",
	.letters = ":h",
	.options = options,
	.run = run_check,
};

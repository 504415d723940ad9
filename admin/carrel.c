/* SPDX-License-Identifier: MIT */
/* carrel - the admin's command: a table of verbs, each in a file of its own. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "admin/verb.h"
#include "core/cleanup.h"

static const struct verb *const verbs[] = {
	&verb_check,   &verb_explain, &verb_run,    &verb_list,	  &verb_show,
	&verb_enter,   &verb_freeze,  &verb_thaw,   &verb_kill,	  &verb_reload,
	&verb_metrics, &verb_top,     &verb_status, &verb_doctor,
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage: carrel COMMAND [ARGUMENT…]\n\n"
		    "Look after the sandboxes that pam_carrel gives to logins.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %-9s %s\n", verbs[i]->name, verbs[i]->summary);
	fprintf(to, "\n  --help     this text; `carrel COMMAND --help` for one command\n"
		    "  --version  the version\n\n"
		    "Exit codes: 0 done, 1 failed, 2 wrong usage; run and enter pass on the "
		    "command's own.\n");
}

/* A full disk behind stdout must not look like success. */
static int finish(int code)
{
	struct failure failure;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	(void)failure_set(&failure, errno ? errno : EIO, "write to standard output");
	return verb_fail(&failure);
}

int main(int argc, char **argv)
{
	/* Ignored, which a caller may hand down, it would hide how our children have ended. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (argc < 2) {
		print_help(stderr);
		return VERB_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return finish(VERB_DONE);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("carrel %s\n", CARREL_VERSION);
		return finish(VERB_DONE);
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(argv[1], verbs[i]->name) == 0)
			return finish(verbs[i]->run(verbs[i], argc - 1, argv + 1));
	fprintf(stderr, "carrel: %s: no such %s (see carrel --help)\n", argv[1],
		argv[1][0] == '-' ? "option" : "command");
	return VERB_USAGE;
}

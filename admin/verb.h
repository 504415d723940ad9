/* SPDX-License-Identifier: MIT */
/*
 * verb - what all verbs of the `carrel` command share: their table entry, options, errors, JSON.
 *
 * Exit codes: VERB_DONE, VERB_FAILED after one line "carrel: WHAT: WHY" on stderr, VERB_USAGE for
 * wrong usage. A verb returns its code to main(), which also makes sure that stdout was written.
 */
#ifndef CARREL_VERB_H
#define CARREL_VERB_H

#include <getopt.h>
#include <jansson.h>
#include <stdint.h>

#include "core/failure.h"

#define VERB_DONE 0
#define VERB_FAILED 1
#define VERB_USAGE 2

struct verb {
	const char *name;
	const char *synopsis; /* what follows the name on the command line */
	const char *summary; /* one line of `carrel --help` */
	const char *details; /* what `carrel VERB --help` says below the synopsis */
	const char *letters; /* short options as getopt(3) takes them; 'h' is in each */
	const struct option *options; /* long options, with "help" among them */
	int (*run)(const struct verb *verb, int argc, char **argv); /* argv[0]: the verb */
};

extern const struct verb verb_check, verb_explain, verb_run, verb_list, verb_doctor;
extern const struct verb verb_show, verb_top, verb_enter, verb_freeze, verb_thaw, verb_kill;
extern const struct verb verb_reload, verb_metrics, verb_status;

/* The entry that each verb's long options start with. */
#define VERB_OPTION_HELP                                                                           \
	{                                                                                          \
		"help", no_argument, NULL, 'h'                                                     \
	}

/*
 * The next option's letter, or -1 after the last one. --help and a wrong option end the program
 * here, with VERB_DONE and VERB_USAGE.
 */
int verb_option(const struct verb *verb, int argc, char **argv);

/* "carrel: VERB: FORMATTED (see carrel VERB --help)"; returns VERB_USAGE. */
int verb_wrong(const struct verb *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "carrel: " and the failure's text; returns VERB_FAILED. */
int verb_fail(const struct failure *failure);

/* VERB_DONE for root; else says that `what` needs root and returns VERB_FAILED. */
int verb_need_root(const char *what);

/* Print and free `value`, which is NULL when there was no memory to build it. Returns an exit code. */
int verb_print_json(json_t *value);

/* A JSON string; bytes that aren't UTF-8 become U+FFFD. NULL: no memory. */
json_t *verb_json_text(const char *text);

/*
 * Append `value`, which is taken over. Without memory for either, *array is freed and becomes NULL:
 * a list never lacks an entry in silence.
 */
void verb_json_append(json_t **array, json_t *value);

/* An integer, or null for UINT64_MAX ("unknown", "no limit"). */
json_t *verb_json_number(uint64_t number);

#endif

/* SPDX-License-Identifier: MIT */
#include "admin/verb.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"

static void print_help(const struct verb *verb)
{
	printf("Usage: carrel %s%s%s\n\n%s\n\n%s", verb->name, verb->synopsis[0] ? " " : "",
	       verb->synopsis, verb->summary, verb->details);
	printf("  -h, --help         this text\n");
}

int verb_option(const struct verb *verb, int argc, char **argv)
{
	int at = optind ? optind : 1;
	int letter;

	opterr = 0;
	letter = getopt_long(argc, argv, verb->letters, verb->options, NULL);
	if (letter == 'h') {
		print_help(verb);
		exit(fflush(stdout) == 0 ? VERB_DONE : VERB_FAILED);
	}
	if (letter == ':')
		exit(verb_wrong(verb, "option %s needs a value", argv[optind - 1]));
	if (letter == '?' && optopt)
		exit(verb_wrong(verb, "wrong option -%c", optopt));
	if (letter == '?')
		exit(verb_wrong(verb, "wrong option %s", argv[optind > at ? optind - 1 : at]));
	return letter;
}

int verb_wrong(const struct verb *verb, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "carrel: %s: ", verb->name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (see carrel %s --help)\n", verb->name);
	return VERB_USAGE;
}

int verb_fail(const struct failure *failure)
{
	fprintf(stderr, "carrel: %s\n", failure->text);
	return VERB_FAILED;
}

int verb_need_root(const char *what)
{
	if (geteuid() == 0)
		return VERB_DONE;
	fprintf(stderr, "carrel: %s: only root can do this\n", what);
	return VERB_FAILED;
}

int verb_print_json(json_t *value)
{
	struct failure failure;
	int r;

	if (!value) {
		(void)failure_set(&failure, ENOMEM, "write JSON");
		return verb_fail(&failure);
	}
	/* U+0080 to U+009F stand as they are in JSON, and some terminals obey them. */
	r = json_dumpf(value, stdout,
		       JSON_INDENT(2) | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0));
	json_decref(value);
	if (r == 0 && putchar('\n') == EOF)
		r = -1;
	/* main() says of every command what is wrong with standard output. */
	if (r < 0 && ferror(stdout))
		return VERB_FAILED;
	if (r < 0) {
		(void)failure_say(&failure, EIO, "write JSON: it can't be encoded");
		return verb_fail(&failure);
	}
	return VERB_DONE;
}

json_t *verb_json_text(const char *text)
{
	static const char unknown[] = "\xef\xbf\xbd";
	json_t *value = json_string(text);
	_free_ char *clean = NULL;
	size_t used = 0;

	if (value)
		return value;
	clean = malloc(strlen(text) * (sizeof(unknown) - 1) + 1);
	if (!clean)
		return NULL;
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x80) {
			clean[used++] = *c;
		} else {
			memcpy(clean + used, unknown, sizeof(unknown) - 1);
			used += sizeof(unknown) - 1;
		}
	}
	clean[used] = '\0';
	return json_string(clean);
}

void verb_json_append(json_t **array, json_t *value)
{
	if (!*array) {
		json_decref(value);
		return;
	}
	if (json_array_append_new(*array, value) < 0) {
		json_decref(*array);
		*array = NULL;
	}
}

json_t *verb_json_number(uint64_t number)
{
	if (number == UINT64_MAX)
		return json_null();
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

/* SPDX-License-Identifier: MIT */
#include "admin/sshd_settings.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "admin/ask.h"
#include "core/cleanup.h"

#define DUMP_MAX (64 * 1024)
#define INCLUDE_DEPTH_MAX 16 /* sshd's own limit */
#define BLANKS " \t\r\n"

static const char *const programs[] = {"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd",
				       "/usr/bin/sshd"};

struct seen {
	bool use_pam, permit_root_login, service;
};

/* The first value of a keyword counts. One that does not fit is not one that we know. */
static void set_text(char *field, size_t size, const char *value, bool *seen)
{
	if (!*seen && strlen(value) < size)
		memcpy(field, value, strlen(value) + 1);
	*seen = true;
}

static void take(struct sshd_settings *settings, struct seen *seen, const char *keyword,
		 const char *value)
{
	if (strcasecmp(keyword, "usepam") == 0) {
		if (!seen->use_pam)
			settings->use_pam = strcasecmp(value, "yes") == 0;
		seen->use_pam = true;
	} else if (strcasecmp(keyword, "permitrootlogin") == 0) {
		set_text(settings->permit_root_login, sizeof(settings->permit_root_login), value,
			 &seen->permit_root_login);
	} else if (strcasecmp(keyword, "pamservicename") == 0) {
		set_text(settings->service, sizeof(settings->service), value, &seen->service);
	}
}

/* "Keyword value", "Keyword=value", 'Keyword "value"', cut in place. false: nothing on the line. */
static bool split(char *line, char **ret_keyword, char **ret_value)
{
	char *keyword = line + strspn(line, BLANKS);
	char *value = keyword + strcspn(keyword, BLANKS "=");

	if (!*keyword || *keyword == '#')
		return false;
	if (*value)
		*value++ = '\0';
	value += strspn(value, BLANKS "=");
	if (*value == '"') {
		value++;
		value[strcspn(value, "\"")] = '\0';
	} else {
		value[strcspn(value, "\r\n")] = '\0';
	}
	*ret_keyword = keyword;
	*ret_value = value;
	return true;
}

static void set_defaults(struct sshd_settings *settings)
{
	*settings =
		(struct sshd_settings){.permit_root_login = "prohibit-password", .service = "sshd"};
}

void sshd_settings_parse(const char *text, struct sshd_settings *settings)
{
	struct seen seen = {0};

	set_defaults(settings);
	while (*text) {
		size_t length = strcspn(text, "\n");
		char line[256], *keyword, *value;

		if (length < sizeof(line)) {
			memcpy(line, text, length);
			line[length] = '\0';
			if (split(line, &keyword, &value)) {
				value[strcspn(value, BLANKS)] = '\0';
				take(settings, &seen, keyword, value);
			}
		}
		text += length + (text[length] == '\n');
	}
	settings->installed = settings->asked = true;
}

/* Files --------------------------------------------------------------------------------------- */

static int read_config(const char *root, const char *path, int depth,
		       struct sshd_settings *settings, struct seen *seen, struct failure *reterr);

/* One pattern of an Include; what matches nothing is no error, as in sshd. */
static int include(const char *root, const char *pattern, int depth, struct sshd_settings *settings,
		   struct seen *seen, struct failure *reterr)
{
	_free_ char *full = NULL;
	glob_t found = {0};
	int r = 0;

	if (asprintf(&full, "%s%s%s", root, pattern[0] == '/' ? "" : "/etc/ssh/", pattern) < 0) {
		full = NULL;
		return failure_set(reterr, ENOMEM, "read sshd's configuration");
	}
	if (glob(full, 0, NULL, &found) == 0)
		for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
			r = read_config(root, found.gl_pathv[i], depth + 1, settings, seen, reterr);
	globfree(&found);
	return r;
}

static int read_config(const char *root, const char *path, int depth,
		       struct sshd_settings *settings, struct seen *seen, struct failure *reterr)
{
	_fclose_ FILE *file = fopen(path, "re");
	_free_ char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return failure_set(reterr, errno, "open %s", path);
	if (depth > INCLUDE_DEPTH_MAX)
		return failure_say(reterr, ELOOP, "%s: included too deep", path);
	while (r == 0 && getline(&line, &size, file) >= 0) {
		char *keyword, *value, *rest = NULL;

		if (!split(line, &keyword, &value))
			continue;
		if (strcasecmp(keyword, "match") == 0)
			break;
		if (strcasecmp(keyword, "include") == 0) {
			for (char *one = strtok_r(value, BLANKS, &rest); r == 0 && one;
			     one = strtok_r(NULL, BLANKS, &rest))
				r = include(root, one, depth, settings, seen, reterr);
			continue;
		}
		value[strcspn(value, BLANKS)] = '\0';
		take(settings, seen, keyword, value);
	}
	return r;
}

int sshd_settings_read_files(const char *root, struct sshd_settings *ret_settings,
			     struct failure *reterr)
{
	struct sshd_settings settings;
	struct seen seen = {0};
	_free_ char *path = NULL;
	int r;

	set_defaults(&settings);
	if (asprintf(&path, "%s/etc/ssh/sshd_config", root) < 0) {
		path = NULL;
		return failure_set(reterr, ENOMEM, "read sshd's configuration");
	}
	r = read_config(root, path, 0, &settings, &seen, reterr);
	if (r < 0)
		return r;
	settings.installed = true;
	*ret_settings = settings;
	return 0;
}

/* Asking -------------------------------------------------------------------------------------- */

bool sshd_settings_ask(const char *program, struct sshd_settings *settings)
{
	char *const argv[] = {(char *)program, (char *)"-T", NULL};
	_free_ char *text = malloc(DUMP_MAX);

	if (!text || !ask_program(argv, text, DUMP_MAX))
		return false;
	sshd_settings_parse(text, settings);
	return true;
}

int sshd_settings_read(struct sshd_settings *ret_settings, struct failure *reterr)
{
	const char *program = NULL;

	for (size_t i = 0; !program && i < ARRAY_SIZE(programs); i++)
		if (access(programs[i], X_OK) == 0)
			program = programs[i];
	if (!program) {
		set_defaults(ret_settings);
		return 0;
	}
	if (sshd_settings_ask(program, ret_settings))
		return 0;
	return sshd_settings_read_files("", ret_settings, reterr);
}

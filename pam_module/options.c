/* SPDX-License-Identifier: MIT */
#include "pam_module/options.h"

#include <errno.h>
#include <string.h>

static const struct options defaults = {
	.timeout = OPTION_TIMEOUT_DEFAULT,
	.helper = CARREL_LIBEXEC "/carrel-session",
};

static const char *value_of(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

static bool parse_seconds(const char *text, unsigned int *ret_seconds)
{
	unsigned int seconds = 0;

	for (const char *digit = text; *digit; digit++) {
		if (*digit < '0' || *digit > '9' || digit - text >= 3)
			return false;
		seconds = seconds * 10 + (unsigned int)(*digit - '0');
	}
	if (seconds < 1 || seconds > OPTION_TIMEOUT_MAX)
		return false;
	*ret_seconds = seconds;
	return true;
}

static bool parse_word(const char *word, struct options *options)
{
	const char *value;

	if (strcmp(word, "debug") == 0) {
		options->debug = true;
		return true;
	}
	value = value_of(word, "on_failure");
	if (value) {
		options->permit = strcmp(value, "permit") == 0;
		return options->permit || strcmp(value, "deny") == 0;
	}
	value = value_of(word, "timeout");
	if (value)
		return parse_seconds(value, &options->timeout);
	value = value_of(word, "helper");
	if (value) {
		options->helper = value;
		return value[0] == '/';
	}
	return false;
}

int options_parse(int argc, const char **argv, struct options *ret_options, struct failure *reterr)
{
	struct options options = defaults;

	for (int i = 0; i < argc; i++) {
		if (parse_word(argv[i], &options))
			continue;
		*ret_options = defaults;
		return failure_say(
			reterr, EINVAL,
			"option \"%.64s\": expected on_failure=deny|permit, timeout=1 to %d "
			"(seconds), debug or helper=/ABSOLUTE/PATH",
			argv[i], OPTION_TIMEOUT_MAX);
	}
	*ret_options = options;
	return 0;
}

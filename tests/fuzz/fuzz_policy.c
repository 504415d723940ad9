/* SPDX-License-Identifier: MIT */
/*
 * fuzz_policy: any bytes as up to four policy files (separated by byte 0x1e, which no policy holds).
 * Beyond not crashing, what comes out must keep its promises: an error list exactly when it is
 * refused, each error with its place and fit for a terminal, and values that stand by themselves.
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/policy.h"

#define FILES_MAX 4
#define SEPARATOR 0x1e

static void require(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static size_t split(const uint8_t *data, size_t size, struct policy_source *sources)
{
	static char names[FILES_MAX][8] = {"f0.conf", "f1.conf", "f2.conf", "f3.conf"};
	size_t count = 0;

	while (count < FILES_MAX) {
		const uint8_t *end = count + 1 < FILES_MAX ? memchr(data, SEPARATOR, size) : NULL;
		size_t length = end ? (size_t)(end - data) : size;
		/* A copy of its own, so that each byte read past its end is seen. */
		char *bytes = malloc(length ? length : 1);

		require(bytes != NULL, "memory");
		memcpy(bytes, data, length);
		sources[count] = (struct policy_source){names[count], bytes, length};
		count++;
		if (!end)
			break;
		data += length + 1;
		size -= length + 1;
	}
	return count;
}

/* "fN.conf:LINE: ...", printable */
static void check_error(const char *text)
{
	size_t digits = strspn(text + 8, "0123456789");

	require(strlen(text) > 10 && text[0] == 'f' && strncmp(text + 2, ".conf:", 6) == 0,
		"an error begins with its file");
	require(digits > 0 && strncmp(text + 8 + digits, ": ", 2) == 0, "an error names its line");
	for (const char *p = text; *p; p++)
		require(isprint((unsigned char)*p), "an error is printable");
}

static void check_value(enum policy_key key, const struct policy_value *value)
{
	const struct policy_key_info *info = &policy_keys[key];
	struct policy_value again;
	char why[512];

	if (!value->set)
		return;
	require(!info->unsupported, "what is not supported is refused");
	require(value->text && value->file && value->line >= 0, "a value knows where it is from");
	require(policy_value_parse(key, value->text, &again, why, sizeof(why)) == 0,
		"a value's text is a value");
	require(again.number == value->number && again.percent == value->percent,
		"the same text is the same value");
	policy_value_clear(&again);
	if (info->type == TYPE_PATHS || info->type == TYPE_BINDS) {
		require(value->words != NULL, "a list has words, if none");
		for (char **word = value->words; *word; word++)
			require((*word)[0] == '/' && !strstr(*word, "//") && !strstr(*word, "/../"),
				"a path is absolute and normal");
	}
}

static void check_policy(const struct policy *policy)
{
	for (enum policy_key key = 0; key < POLICY_KEYS; key++) {
		check_value(key, &policy->host[key]);
		check_value(key, &policy->defaults[key]);
		require(!policy->host[key].set || policy_keys[key].host, "[host] has its own keys");
	}
	for (size_t i = 0; i < policy->section_count; i++) {
		const struct policy_section *section = &policy->sections[i];
		int named = section->subject == SUBJECT_GROUP || section->subject == SUBJECT_USER;

		require(named == (section->name != NULL), "groups and users have names");
		require(!section->name || *section->name, "no name is empty");
		require(section->uid_min <= section->uid_max, "uids ascend");
		for (enum policy_key key = 0; key < POLICY_KEYS; key++)
			if (!policy_keys[key].host)
				check_value(key, &section->values[key]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_source sources[FILES_MAX];
	struct policy_errors errors = {0};
	struct policy *policy = NULL;
	size_t count = split(data, size, sources);
	int r = policy_parse(sources, count, &errors, &policy);

	require(r == 0 || r == -EINVAL, "accepted or refused");
	require((r == 0) == (errors.count + errors.dropped == 0), "refused with a reason");
	require((r == 0) == (policy != NULL), "a policy exactly when accepted");
	for (size_t i = 0; i < errors.count; i++)
		check_error(errors.texts[i]);
	if (policy)
		check_policy(policy);
	policy_free(policy);
	policy_errors_free(&errors);
	for (size_t i = 0; i < count; i++)
		free(sources[i].bytes);
	return 0;
}

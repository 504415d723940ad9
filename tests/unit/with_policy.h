/* SPDX-License-Identifier: MIT */
/*
 * with_policy - policies from text, for tests. Include it after cmocka.h.
 */
#ifndef CARREL_TESTS_WITH_POLICY_H
#define CARREL_TESTS_WITH_POLICY_H

#include <string.h>

#include "core/cleanup.h"
#include "core/match.h"

#define POLICY_NAME "/etc/carrel/carrel.conf"

/* Up to two files; the second is "second.conf". The test fails where the policy is refused. */
static inline struct policy *parse_two(const char *text, const char *second)
{
	struct policy_errors errors = {0};
	struct policy *policy = NULL;
	char *bytes[2] = {strdup(text), strdup(second ? second : "")};
	char names[2][32] = {POLICY_NAME, "second.conf"};
	struct policy_source sources[2] = {
		{.name = names[0], .bytes = bytes[0], .size = strlen(text)},
		{.name = names[1], .bytes = bytes[1], .size = second ? strlen(second) : 0},
	};
	int r = policy_parse(sources, second ? 2 : 1, &errors, &policy);

	for (size_t i = 0; i < errors.count; i++)
		print_error("%s\n", errors.texts[i]);
	policy_errors_free(&errors);
	free(bytes[0]);
	free(bytes[1]);
	assert_int_equal(r, 0);
	return policy;
}

static inline struct policy *parse(const char *text)
{
	return parse_two(text, NULL);
}

static inline void cleanup_policy(struct policy **policy)
{
	policy_free(*policy);
}
#define _policy_ __attribute__((cleanup(cleanup_policy)))

#endif

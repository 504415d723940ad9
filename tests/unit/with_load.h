/* SPDX-License-Identifier: MIT */
/*
 * with_load - policy_load() in the test's directory: MAIN is the policy, "state" the state directory.
 * A policy is known by its pids_max. Include it after cmocka.h.
 */
#ifndef CARREL_TESTS_WITH_LOAD_H
#define CARREL_TESTS_WITH_LOAD_H

#include "core/policy_file.h"
#include "tests/unit/with_directory.h"

#define MAIN "carrel.conf"
#define STORED "state/policy"
#define STORED_NEW "state/policy.new"

static inline char *policy_text(char text[64], int pids)
{
	(void)snprintf(text, 64, "[default]\npids_max = %d\n", pids);
	return text;
}

static inline void write_policy(int pids)
{
	char text[64];

	write_text(MAIN, policy_text(text, pids));
}

/* What came of a load: the policy's pids_max, or -errno. */
struct loaded {
	int pids;
	enum policy_origin origin;
	struct policy_errors errors;
	struct failure failure;
};

static inline struct loaded load(void)
{
	struct loaded loaded = {.origin = (enum policy_origin)77};
	struct policy *policy = NULL;
	int r = policy_load(in_directory(MAIN), in_directory("state"), &loaded.errors, &policy,
			    &loaded.origin, &loaded.failure);

	if (r < 0) {
		assert_null(policy);
		loaded.pids = r;
		return loaded;
	}
	assert_true(policy->section_count >= 1);
	loaded.pids = (int)policy->sections[0].values[KEY_PIDS_MAX].number;
	policy_free(policy);
	return loaded;
}

static inline void loaded_free(struct loaded *loaded)
{
	policy_errors_free(&loaded->errors);
}
#define _loaded_ __attribute__((cleanup(loaded_free)))

static inline void assert_current(int pids)
{
	_loaded_ struct loaded loaded = load();

	if (loaded.errors.count > 0)
		fail_msg("%s", loaded.errors.texts[0]);
	assert_int_equal(loaded.pids, pids);
	assert_int_equal(loaded.origin, POLICY_CURRENT);
}

/* Current, though `words` went wrong with storing it. */
static inline void assert_current_but(int pids, const char *words)
{
	_loaded_ struct loaded loaded = load();

	assert_int_equal(loaded.pids, pids);
	assert_int_equal(loaded.origin, POLICY_CURRENT);
	assert_int_equal(loaded.errors.count, 1);
	if (!strstr(loaded.errors.texts[0], words) ||
	    !strstr(loaded.errors.texts[0], "store the accepted policy in"))
		fail_msg("no \"%s\" in: %s", words, loaded.errors.texts[0]);
}

/* The last accepted one, because of `words`. */
static inline void assert_last(int pids, const char *words)
{
	_loaded_ struct loaded loaded = load();

	if (loaded.pids < 0)
		fail_msg("%s", loaded.failure.text);
	assert_int_equal(loaded.pids, pids);
	assert_int_equal(loaded.origin, POLICY_LAST_ACCEPTED);
	assert_true(loaded.errors.count >= 1);
	if (!strstr(loaded.errors.texts[0], words))
		fail_msg("no \"%s\" in: %s", words, loaded.errors.texts[0]);
}

static inline void assert_none(int err, const char *words)
{
	_loaded_ struct loaded loaded = load();

	assert_int_equal(loaded.pids, -err);
	assert_int_equal(loaded.origin, 77); /* untouched */
	assert_int_equal(loaded.failure.err, err);
	assert_true(loaded.errors.count >= 1);
	if (!strstr(loaded.failure.text, words))
		fail_msg("no \"%s\" in: %s", words, loaded.failure.text);
}

static inline struct stat status(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(in_directory(name), &st), 0);
	return st;
}

/* Accept one, so that there is something to fall back on. */
static inline void accept_policy(int pids)
{
	write_policy(pids);
	assert_current(pids);
}

#endif

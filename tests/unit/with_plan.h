/* SPDX-License-Identifier: MIT */
/*
 * with_plan - plans from policies as text, for a login of alice's. Include it after cmocka.h.
 */
#ifndef CARREL_TESTS_WITH_PLAN_H
#define CARREL_TESTS_WITH_PLAN_H

#include <errno.h>

#include "core/plan.h"
#include "tests/unit/with_policy.h"

#define GB (UINT64_C(1) << 30)

static const struct plan_facts facts = {.memory_total = 8 * GB, .page_size = 4096};

static inline struct login alice(void)
{
	return (struct login){
		.user = (char *)"alice",
		.uid = 1500,
		.gid = 1500,
		.home = (char *)"/home/alice",
		.service = (char *)"sshd",
	};
}

/* A plan holds pointers into the policy: they live and die together. */
struct planned {
	struct policy *policy;
	struct plan plan;
	struct failure failure;
	int r;
};

static inline struct planned plan_for(const char *text, const struct login *login,
				      const struct plan_facts *machine)
{
	struct planned planned = {.policy = parse(text)};
	struct effective effective;

	planned.r = match_login(planned.policy, login, &effective, &planned.failure);
	if (planned.r != 0)
		fail_msg("%s", planned.failure.text);
	planned.r = plan_build(&effective, login, machine, "reading.example.org", &planned.plan,
			       &planned.failure);
	return planned;
}

static inline void planned_free(struct planned *planned)
{
	plan_free(&planned->plan);
	policy_free(planned->policy);
}
#define _planned_ __attribute__((cleanup(planned_free)))

static inline struct planned plan_text(const char *text)
{
	struct login login = alice();
	struct planned planned = plan_for(text, &login, &facts);

	if (planned.r != 0)
		fail_msg("refused: %s", planned.failure.text);
	return planned;
}

/* Refused, and the error holds these words. */
static inline void assert_refused(const char *text, const char *needle, const char *other)
{
	struct login login = alice();
	_planned_ struct planned planned = plan_for(text, &login, &facts);

	if (planned.r != -EINVAL)
		fail_msg("not refused: %s", text);
	assert_null(planned.plan.steps); /* untouched */
	if (!strstr(planned.failure.text, needle) || !strstr(planned.failure.text, other))
		fail_msg("no \"%s\" or \"%s\" in: %s", needle, other, planned.failure.text);
}

/* A value that the language lets nobody write: a plan of another origin must not hold it either. */
static inline void assert_value_refused(const struct login *login, enum policy_key key,
					const struct policy_value *bad, const char *needle)
{
	_policy_ struct policy *policy =
		parse("[default]\nnamespaces = mount uts\nhide_homes = yes\n");
	struct effective effective;
	struct failure failure = {0};
	struct plan plan = {.step_count = 77};

	assert_int_equal(match_login(policy, login, &effective, &failure), 0);
	effective.values[key] = bad;
	assert_int_equal(plan_build(&effective, login, &facts, "h", &plan, &failure), -EINVAL);
	assert_int_equal(plan.step_count, 77); /* untouched */
	if (!strstr(failure.text, policy_keys[key].name) || !strstr(failure.text, needle))
		fail_msg("no \"%s\" in: %s", needle, failure.text);
}

static inline void assert_word_refused(enum policy_key key, const char *word, const char *needle)
{
	char *words[] = {(char *)word, NULL};
	struct policy_value bad = {.set = true, .words = words, .text = words[0], .file = "x.conf"};
	struct login login = alice();

	assert_value_refused(&login, key, &bad, needle);
}

#endif

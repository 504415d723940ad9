/* SPDX-License-Identifier: MIT */
/*
 * match - a login and a policy -> the effective policy, each value with its origin. Pure.
 *
 * For each key the value comes from the most specific section that sets it: a section that names a
 * service beats one that does not; then user beats group beats uid beats default; on a tie the later
 * one wins. Names are compared exactly, with case.
 */
#ifndef CARREL_MATCH_H
#define CARREL_MATCH_H

#include "core/policy.h"

/* Who logs in through what; identity_lookup() fills it from NSS. */
struct login {
	char *user; /* the name NSS gives (pw_name), not what was typed */
	uint32_t uid, gid;
	char *home;
	char *service; /* PAM service */
	char **groups; /* names of primary and supplementary groups, NULL-terminated */
	uint32_t *gids; /* all of them, also those without a name */
	size_t gid_count;
};

/*
 * values[] point into the policy they came from: it must outlive them. policy_parse() keeps the
 * defaults in policy->defaults[], so every entry is non-NULL; a key that nobody set and that has no
 * default has `set` false there. [host] keys are here too (from policy->host), so that one array has all.
 */
struct effective {
	const struct policy_value *values[POLICY_KEYS];
};

/*
 * Returns 0, or -EINVAL with reterr where the keys contradict each other for this login: `mount` left
 * out of namespaces while private_tmp, hide, read_only, bind or hide_homes is set; hostname without
 * uts; memory_high above memory_max; capabilities that lack setuid, setgid or setpcap without
 * no_new_privs; on_logout = linger with instance = user and without pid. The text names the key and the file:line that set it.
 */
int match_login(const struct policy *policy, const struct login *login,
		struct effective *ret_effective, struct failure *reterr);

/* Does the section's header fit the login? */
bool match_section(const struct policy_section *section, const struct login *login);

/* Where a value was set, for errors: "(FILE:LINE)", or "(default)"; a path too long is cut. */
struct origin {
	char text[200];
};
struct origin match_origin(const struct policy_value *value);

static inline uint64_t effective_number(const struct effective *effective, enum policy_key key)
{
	return effective->values[key]->number;
}

static inline char **effective_words(const struct effective *effective, enum policy_key key)
{
	return effective->values[key]->words;
}

#endif

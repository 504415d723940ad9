/* SPDX-License-Identifier: MIT */
#include "core/match.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"

#define BIT(n) (UINT64_C(1) << (n))

static bool is_member(const struct login *login, const char *group)
{
	for (char **name = login->groups; name && *name; name++)
		if (strcmp(*name, group) == 0)
			return true;
	return false;
}

bool match_section(const struct policy_section *section, const struct login *login)
{
	if (section->service && (!login->service || strcmp(section->service, login->service) != 0))
		return false;
	switch (section->subject) {
	case SUBJECT_DEFAULT:
		return true;
	case SUBJECT_UID:
		return login->uid >= section->uid_min && login->uid <= section->uid_max;
	case SUBJECT_GROUP:
		return is_member(login, section->name);
	case SUBJECT_USER:
		return strcmp(section->name, login->user) == 0;
	}
	return false;
}

/*
 * How specific a section is: any that names a service is above all that do not, and within each the
 * order of enum policy_subject counts. 0 is below them all.
 */
static unsigned int rank(const struct policy_section *section)
{
	_Static_assert(SUBJECT_DEFAULT < SUBJECT_UID && SUBJECT_UID < SUBJECT_GROUP &&
			       SUBJECT_GROUP < SUBJECT_USER && SUBJECT_USER < 7,
		       "the order of subjects is their precedence");
	return 1 + (unsigned int)section->subject + (section->service ? 8 : 0);
}

static void apply_section(const struct policy_section *section, unsigned int ranks[POLICY_KEYS],
			  struct effective *effective)
{
	unsigned int mine = rank(section);

	for (size_t key = 0; key < POLICY_KEYS; key++) {
		/* Not less, so that of equals the later one wins. */
		if (!section->values[key].set || mine < ranks[key])
			continue;
		ranks[key] = mine;
		effective->values[key] = &section->values[key];
	}
}

/* Contradictions ------------------------------------------------------------------------------ */

struct origin match_origin(const struct policy_value *value)
{
	struct origin origin;
	int n;

	if (!value->file || value->line == 0)
		n = snprintf(origin.text, sizeof(origin.text), "(default)");
	else
		n = snprintf(origin.text, sizeof(origin.text), "(%s:%d)", value->file, value->line);
	if (n < 0)
		origin.text[0] = '\0';
	return origin;
}

/* "KEY (WHERE): EXPECTED, because of OTHER (WHERE)" */
static int contradiction(const struct effective *effective, enum policy_key key,
			 const char *expected, enum policy_key other, struct failure *reterr)
{
	return failure_say(reterr, EINVAL, "%s %s: %s, because of %s %s", policy_keys[key].name,
			   match_origin(effective->values[key]).text, expected,
			   policy_keys[other].name, match_origin(effective->values[other]).text);
}

static bool has_words(const struct effective *effective, enum policy_key key)
{
	char **words = effective_words(effective, key);

	return words && words[0] && words[0][0];
}

static bool is_yes(const struct effective *effective, enum policy_key key)
{
	return effective->values[key]->set && effective_number(effective, key) != 0;
}

/* What can be had only in a mount namespace of one's own. */
static int check_mount(const struct effective *effective, struct failure *reterr)
{
	static const enum policy_key needing[] = {KEY_PRIVATE_TMP, KEY_HIDE, KEY_READ_ONLY,
						  KEY_BIND};
	uint64_t namespaces = effective_number(effective, KEY_NAMESPACES);

	if (namespaces & BIT(NS_MOUNT))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(needing); i++)
		if (has_words(effective, needing[i]))
			return contradiction(effective, KEY_NAMESPACES, "expected mount among them",
					     needing[i], reterr);
	if (is_yes(effective, KEY_HIDE_HOMES))
		return contradiction(effective, KEY_NAMESPACES, "expected mount among them",
				     KEY_HIDE_HOMES, reterr);
	/* The host's /proc would show the host's processes, and has no entry for our own. */
	if (namespaces & BIT(NS_PID))
		return failure_say(reterr, EINVAL,
				   "%s %s: expected mount beside pid, or neither: a pid namespace "
				   "needs a /proc of its own",
				   policy_keys[KEY_NAMESPACES].name,
				   match_origin(effective->values[KEY_NAMESPACES]).text);
	return 0;
}

static int check_hostname(const struct effective *effective, struct failure *reterr)
{
	if (effective_number(effective, KEY_NAMESPACES) & BIT(NS_UTS))
		return 0;
	if (has_words(effective, KEY_HOSTNAME))
		return contradiction(effective, KEY_NAMESPACES, "expected uts among them",
				     KEY_HOSTNAME, reterr);
	return 0;
}

/* A percentage against bytes can be compared only by who knows the machine: plan_build() does. */
static int check_memory(const struct effective *effective, struct failure *reterr)
{
	const struct policy_value *max = effective->values[KEY_MEMORY_MAX];
	const struct policy_value *high = effective->values[KEY_MEMORY_HIGH];

	if (!max->set || !high->set || max->percent != high->percent ||
	    high->number == CONVERT_MAX || high->number <= max->number)
		return 0;
	return contradiction(effective, KEY_MEMORY_HIGH, "expected no more than memory_max",
			     KEY_MEMORY_MAX, reterr);
}

/*
 * Without CAP_SETUID and CAP_SETGID in the bounding set, programs that are setuid root fail to drop
 * root, and many go on as root; without CAP_SETPCAP they can't lower their own capabilities.
 * no_new_privs makes the setuid bit void, so that nothing of this arises.
 */
static int check_capabilities(const struct effective *effective, struct failure *reterr)
{
	uint64_t needed = BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP);

	if (!effective->values[KEY_CAPABILITIES]->set || is_yes(effective, KEY_NO_NEW_PRIVS) ||
	    (effective_number(effective, KEY_CAPABILITIES) & needed) == needed)
		return 0;
	return contradiction(effective, KEY_CAPABILITIES,
			     "expected setuid, setgid and setpcap among them", KEY_NO_NEW_PRIVS,
			     reterr);
}

/* The last process of a sandbox is the last of its pid namespace. */
static int check_linger(const struct effective *effective, struct failure *reterr)
{
	if (effective_number(effective, KEY_INSTANCE) != INSTANCE_USER ||
	    effective_number(effective, KEY_ON_LOGOUT) != LOGOUT_LINGER ||
	    (effective_number(effective, KEY_NAMESPACES) & BIT(NS_PID)))
		return 0;
	return contradiction(effective, KEY_NAMESPACES, "expected pid among them", KEY_ON_LOGOUT,
			     reterr);
}

static int check(const struct effective *effective, struct failure *reterr)
{
	int r = check_mount(effective, reterr);

	if (r == 0)
		r = check_hostname(effective, reterr);
	if (r == 0)
		r = check_memory(effective, reterr);
	if (r == 0)
		r = check_capabilities(effective, reterr);
	if (r == 0)
		r = check_linger(effective, reterr);
	return r;
}

int match_login(const struct policy *policy, const struct login *login,
		struct effective *ret_effective, struct failure *reterr)
{
	unsigned int ranks[POLICY_KEYS] = {0};
	struct effective effective;
	int r = 0;

	for (size_t key = 0; key < POLICY_KEYS; key++)
		effective.values[key] =
			policy_keys[key].host ? &policy->host[key] : &policy->defaults[key];
	for (size_t i = 0; i < policy->section_count; i++)
		if (match_section(&policy->sections[i], login))
			apply_section(&policy->sections[i], ranks, &effective);
	/* A login that is left alone is not refused for values that nobody will carry out. */
	if (login->uid != 0 && is_yes(&effective, KEY_SANDBOX))
		r = check(&effective, reterr);
	if (r == 0)
		*ret_effective = effective;
	return r;
}

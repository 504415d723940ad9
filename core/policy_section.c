/* SPDX-License-Identifier: MIT */
#include "core/policy_section.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"

#define UID_LAST (UINT32_MAX - 1) /* (uid_t)-1 is no uid: it means "leave as it is" */

#define EXPECTED_HEADER                                                                            \
	"expected [host], [default], [uid N], [uid N-M], [group NAME], [user NAME] or "            \
	"[service NAME]; uid, group and user may be followed by \", service NAME\""

static int refuse(const char *expected, char *why, size_t why_size)
{
	if (snprintf(why, why_size, "%s", expected) < 0 && why_size > 0)
		why[0] = '\0';
	return -EINVAL;
}

/* The rest of `text` behind "WORD ", or NULL. */
static const char *behind_word(const char *text, const char *word)
{
	size_t size = strlen(word);

	return strncmp(text, word, size) == 0 && text[size] == ' ' ? text + size + 1 : NULL;
}

/* One name: no blank, no comma, not empty. */
static bool is_name(const char *text)
{
	return *text && text[strcspn(text, " ,")] == '\0';
}

static int copy_name(const char *text, char **ret_name, char *why, size_t why_size)
{
	char *name;

	if (!is_name(text))
		return refuse("expected one name, without blanks or commas", why, why_size);
	name = strdup(text);
	if (!name)
		return -ENOMEM;
	*ret_name = name;
	return 0;
}

/* "1000" or "1000-1999"; the text is cut at the '-'. */
static int parse_uids(char *text, struct policy_section *section, char *why, size_t why_size)
{
	char *dash = strchr(text, '-');
	uint64_t first, last;
	int r;

	if (dash)
		*dash = '\0';
	r = convert_unsigned(text, 0, UID_LAST, &first);
	if (r == 0 && dash)
		r = convert_unsigned(dash + 1, 0, UID_LAST, &last);
	else
		last = first;
	/* N-N too: it would be a second way to write [uid N], and a duplicate could hide in it. */
	if (r < 0 || (dash && last <= first))
		return refuse("expected [uid N] or [uid N-M], N below M, from 0 to 4294967294", why,
			      why_size);
	section->uid_min = (uint32_t)first;
	section->uid_max = (uint32_t)last;
	return 0;
}

/* "uid 5", "group a", "user b" */
static int parse_subject(char *text, struct policy_section *section, char *why, size_t why_size)
{
	const char *name;

	if (behind_word(text, "uid")) {
		section->subject = SUBJECT_UID;
		return parse_uids(text + sizeof("uid"), section, why, why_size);
	}
	if ((name = behind_word(text, "group")))
		section->subject = SUBJECT_GROUP;
	else if ((name = behind_word(text, "user")))
		section->subject = SUBJECT_USER;
	else
		return refuse(EXPECTED_HEADER, why, why_size);
	return copy_name(name, &section->name, why, why_size);
}

static int parse_header(char *text, struct policy_section *section, char *why, size_t why_size)
{
	const char *service = behind_word(text, "service");
	char *comma = strchr(text, ',');
	int r = 0;

	if (strcmp(text, "default") == 0)
		return 0;
	if (service)
		return copy_name(service, &section->service, why, why_size);
	if (comma) {
		*comma = '\0';
		service = behind_word(comma + 1 + strspn(comma + 1, " "), "service");
		if (!service)
			return refuse(EXPECTED_HEADER, why, why_size);
		r = copy_name(service, &section->service, why, why_size);
	}
	if (r == 0)
		r = parse_subject(text, section, why, why_size);
	return r;
}

/* Is it a good header but for its letter case? Names have theirs, so only the first word counts. */
static bool is_wrong_case(const char *header)
{
	static const char *const words[] = {"host", "default", "uid", "group", "user", "service"};
	size_t size = strcspn(header, " ,");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == size && strncasecmp(header, words[i], size) == 0)
			return strncmp(header, words[i], size) != 0;
	return false;
}

int policy_section_parse(const char *header, struct policy_section *ret_section, char *why,
			 size_t why_size)
{
	struct policy_section section = {.subject = SUBJECT_DEFAULT};
	_free_ char *text = strdup(header);
	int r;

	if (!text)
		return -ENOMEM;
	if (is_wrong_case(header))
		return refuse("letter case counts: " EXPECTED_HEADER, why, why_size);
	r = parse_header(text, &section, why, why_size);
	if (r < 0) {
		free(section.name);
		free(section.service);
		return r;
	}
	ret_section->subject = section.subject;
	ret_section->name = section.name;
	ret_section->uid_min = section.uid_min;
	ret_section->uid_max = section.uid_max;
	ret_section->service = section.service;
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "admin/doctor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/ask.h"
#include "core/policy_keys.h"

#define SUBJECT "logind"
#define LOGINCTL "/usr/bin/loginctl"

/* The value of KEY= in lines of such, or "". */
static const char *find_value(char *text, const char *key)
{
	size_t length = strlen(key);

	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == '=')
			return line + length + 1;
	}
	return "";
}

/* Words are separated by blanks, up to the end of the line. */
static bool has_word(const char *line, const char *word)
{
	size_t length = strlen(word), wide;

	for (; *line && *line != '\n'; line += wide + (line[wide] == ' ')) {
		wide = strcspn(line, " \n");
		if (wide == length && strncmp(line, word, length) == 0)
			return true;
	}
	return false;
}

void doctor_logind(struct findings *findings, const struct policy *policy)
{
	char *const argv[] = {(char *)LOGINCTL,
			      (char *)"show-session", /* of none: the manager's */
			      (char *)"--property=KillUserProcesses",
			      (char *)"--property=KillExcludeUsers",
			      (char *)"--property=KillOnlyUsers",
			      NULL};
	char text[4096];

	if (access("/run/systemd/system", F_OK) < 0 || !ask_program(argv, text, sizeof(text)))
		return;
	const char *excluded = find_value(text, "KillExcludeUsers");
	const char *key =
		*find_value(text, "KillOnlyUsers") > ' ' ? "KillOnlyUsers" : "KillUserProcesses";
	const char *who = find_value(text, key);

	if (*who <= ' ' || strncmp(who, "no\n", 3) == 0)
		return;
	for (size_t i = 0; i < policy->section_count; i++) {
		const struct policy_section *section = &policy->sections[i];
		const struct policy_value *value = &section->values[KEY_ON_LOGOUT];

		if (!value->set || value->number != LOGOUT_LINGER ||
		    (section->subject == SUBJECT_USER && has_word(excluded, section->name)))
			continue;
		findings_add(findings, FINDING_WARN, SUBJECT,
			     "%s:%d: on_logout = linger, but %s=%.*s in logind.conf ends what a "
			     "session leaves running",
			     value->file, value->line, key, (int)strcspn(who, "\n"), who);
		findings_mend(findings, "name those users in KillExcludeUsers= of "
					"/etc/systemd/logind.conf, and restart systemd-logind");
	}
}

/* SPDX-License-Identifier: MIT */
#include "admin/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/pam_stack.h"
#include "core/cleanup.h"
#include "core/convert.h"

#define SUBJECT "pam"
#define MODULE "pam_carrel.so"
#define LINE "session required " MODULE
#define TIMEOUT_MAX 300 /* seconds, as the module takes it */
#define NAMES_SIZE 512

/* One service, with the place of our line in its session stack. */
struct place {
	const char *service;
	const struct pam_stack *stack;
	const struct pam_line *ours;
	size_t at; /* index of ours */
};

/* Options ------------------------------------------------------------------------------------- */

static void look_at_option(struct findings *findings, const struct pam_line *line, const char *word)
{
	const char *value = strchr(word, '=');
	size_t name = value ? (size_t)(value - word) : strlen(word);
	uint64_t seconds;

	value = value ? value + 1 : "";
	if (strcmp(word, "debug") == 0 || strcmp(word, "on_failure=deny") == 0 ||
	    (strncmp(word, "helper=/", strlen("helper=/")) == 0) ||
	    (name == strlen("timeout") && strncmp(word, "timeout=", name + 1) == 0 &&
	     convert_unsigned(value, 1, TIMEOUT_MAX, &seconds) == 0))
		return;
	if (strcmp(word, "on_failure=permit") == 0) {
		findings_add(findings, FINDING_WARN, SUBJECT,
			     "%s:%d: on_failure=permit: a login that can't be confined goes on "
			     "unconfined",
			     line->file, line->line);
		findings_mend(findings, "take it out once everything here is right");
		return;
	}
	findings_add(findings, FINDING_FAIL, SUBJECT,
		     "%s:%d: option \"%s\" is not one of " MODULE ": every login is refused",
		     line->file, line->line, word);
	findings_mend(findings,
		      "expected on_failure=deny or permit, timeout=1 to %d, debug, "
		      "helper=/ABSOLUTE/PATH",
		      TIMEOUT_MAX);
}

/* Our own line -------------------------------------------------------------------------------- */

/* "[success=ok default=bad]": does a failure fail the login? */
static bool is_binding(const char *control)
{
	if (strcasecmp(control, "required") == 0 || strcasecmp(control, "requisite") == 0)
		return true;
	return control[0] == '[' &&
	       (strstr(control, "default=bad") || strstr(control, "default=die"));
}

static void look_at_line(struct findings *findings, const struct place *place)
{
	const struct pam_line *line = place->ours;

	if (!is_binding(line->control)) {
		findings_add(findings, FINDING_FAIL, SUBJECT,
			     "%s:%d: its control is %s: a login that can't be confined goes on "
			     "unconfined",
			     line->file, line->line, line->control);
		findings_mend(findings, "make it `" LINE "`");
	}
	if (line->may_be_missing) {
		findings_add(
			findings, FINDING_WARN, SUBJECT,
			"%s:%d: the line starts with -session: without the module logins go on "
			"unconfined, in silence",
			line->file, line->line);
		findings_mend(findings, "make it `" LINE "`");
	}
	for (char **word = line->arguments; *word; word++)
		look_at_option(findings, line, *word);
}

/* Before it ----------------------------------------------------------------------------------- */

/* How many lines does "[… success=2 …]" skip at most? */
static uint64_t longest_jump(const char *control)
{
	uint64_t longest = 0;

	for (const char *at = strchr(control, '='); at; at = strchr(at + 1, '=')) {
		uint64_t jump = strtoul(at + 1, NULL, 10);

		if (at[1] >= '0' && at[1] <= '9' && jump > longest)
			longest = jump;
	}
	return longest;
}

/* A line that may end the stack, or jump, before ours is reached. */
static bool may_skip(const struct place *place, size_t i)
{
	const struct pam_line *line = &place->stack->lines[i];

	/* What ends a substack goes on behind it, where ours may be. */
	if (line->substack != 0 && line->substack != place->ours->substack)
		return false;
	if (strcasecmp(line->control, "sufficient") == 0)
		return true;
	if (line->control[0] != '[')
		return false;
	return strstr(line->control, "=done") || longest_jump(line->control) >= place->at - i;
}

static void look_before(struct findings *findings, const struct place *place)
{
	for (size_t i = 0; i < place->at; i++) {
		const struct pam_line *line = &place->stack->lines[i];

		if (!may_skip(place, i))
			continue;
		findings_add(findings, FINDING_WARN, SUBJECT,
			     "%s: %s:%d (%s %s) may leave out the lines behind it, " MODULE
			     " at %s:%d among them",
			     place->service, line->file, line->line, line->control,
			     pam_line_module_name(line), place->ours->file, place->ours->line);
		findings_mend(findings, "make it `optional`, or see that nothing can skip " MODULE);
	}
}

/* After it ------------------------------------------------------------------------------------ */

/* They run inside the sandbox then, where what they do is lost or fails. */
static const struct {
	const char *module, *why;
} misplaced[] = {
	{"pam_mkhomedir.so", "the home it makes may be hidden or read-only by then"},
	{"pam_oddjob_mkhomedir.so", "the home it makes may be hidden or read-only by then"},
	{"pam_systemd.so", "logind is told about a process that it can't see"},
	{"pam_systemd_home.so", "the home appears after the sandbox was made"},
	{"pam_elogind.so", "logind is told about a process that it can't see"},
	{"pam_mount.so", "what it mounts is gone with the session, or never seen outside"},
	{"pam_limits.so", "it counts the user's logins in a /proc of the sandbox"},
	{"pam_namespace.so", "two modules then make the private /tmp"},
	{"pam_cgroup.so", "it moves the login out of the user's slice"},
	{"pam_cgfs.so", "it moves the login out of the user's slice"},
	{"pam_loginuid.so", "it writes to the /proc of the sandbox"},
	{"pam_exec.so", "what it runs is root inside the sandbox"},
	{"pam_ecryptfs.so", "what it mounts is not seen outside"},
	{"pam_zfs_key.so", "what it mounts is not seen outside"},
};

/* These do no harm behind us. */
static const char *const harmless[] = {"pam_permit.so",	   "pam_deny.so",    "pam_motd.so",
				       "pam_mail.so",	   "pam_lastlog.so", "pam_echo.so",
				       "pam_env.so",	   "pam_umask.so",   "pam_unix.so",
				       "pam_warn.so",	   "pam_debug.so",   "pam_lastlog2.so",
				       "pam_selinux.so",   "pam_keyinit.so", "pam_sss.so",
				       "pam_ldap.so",	   "pam_winbind.so", "pam_krb5.so",
				       "pam_succeed_if.so"};

static const char *why_misplaced(const char *module)
{
	for (size_t i = 0; i < ARRAY_SIZE(misplaced); i++)
		if (strcmp(misplaced[i].module, module) == 0)
			return misplaced[i].why;
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (strcmp(harmless[i], module) == 0)
			return NULL;
	return "it runs inside the sandbox";
}

static void look_after(struct findings *findings, const struct place *place)
{
	for (size_t i = place->at + 1; i < place->stack->count; i++) {
		const struct pam_line *line = &place->stack->lines[i];
		const char *module = pam_line_module_name(line), *why;

		if (strcmp(module, MODULE) == 0) {
			findings_add(findings, FINDING_FAIL, SUBJECT,
				     "%s: " MODULE " stands twice, at %s:%d and %s:%d",
				     place->service, place->ours->file, place->ours->line,
				     line->file, line->line);
			findings_mend(findings, "take the first one out");
			continue;
		}
		why = why_misplaced(module);
		if (!why)
			continue;
		findings_add(findings, FINDING_WARN, SUBJECT,
			     "%s: %s at %s:%d stands after " MODULE ": %s", place->service, module,
			     line->file, line->line, why);
		findings_mend(findings, "make `" LINE "` the last session line of /etc/pam.d/%s",
			      place->service);
	}
}

/* Services ------------------------------------------------------------------------------------ */

/* "a, b, c" in a buffer; what does not fit is shown by an ellipsis. */
struct names {
	char text[NAMES_SIZE];
	size_t used, count;
};

static void names_add(struct names *names, const char *name)
{
	size_t room = sizeof(names->text) - names->used;
	int n = snprintf(names->text + names->used, room, "%s%s", names->count ? ", " : "", name);

	names->count++;
	if (n < 0 || (size_t)n >= room)
		(void)snprintf(names->text + sizeof(names->text) - 4, 4, "...");
	else
		names->used += (size_t)n;
}

/* Does what, beyond the module, let people in? */
static bool is_login(const char *service, const char *ssh_service)
{
	static const char *const logins[] = {"sshd",	"login",	"remote",    "su",
					     "su-l",	"cron",		"crond",     "atd",
					     "lightdm", "gdm-password", "gdm",	     "sddm",
					     "cockpit", "xrdp-sesman",	"mosh",	     "dropbear",
					     "vsftpd",	"proftpd",	"pure-ftpd", "jupyterhub"};

	if (ssh_service && strcmp(service, ssh_service) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(logins); i++)
		if (strcmp(service, logins[i]) == 0)
			return true;
	return false;
}

/* In a stack other than session's the module does nothing. */
static void look_at_other_types(struct findings *findings, const char *root, const char *service)
{
	static const char *const types[] = {"auth", "account", "password"};

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		__attribute__((cleanup(pam_stack_free))) struct pam_stack stack = {0};
		struct failure failure;

		/* What can't be read was said for the session stack. */
		if (pam_stack_read(root, service, types[t], &stack, &failure) < 0)
			continue;
		for (size_t i = 0; i < stack.count; i++)
			if (strcmp(pam_line_module_name(&stack.lines[i]), MODULE) == 0) {
				findings_add(findings, FINDING_WARN, SUBJECT,
					     "%s:%d: " MODULE " does nothing in the %s stack",
					     stack.lines[i].file, stack.lines[i].line, types[t]);
				findings_mend(findings, "make it `" LINE "`");
			}
	}
}

/* Does our line reach the service? */
static bool look_at_service(struct findings *findings, const char *root, const char *service)
{
	__attribute__((cleanup(pam_stack_free))) struct pam_stack stack = {0};
	struct place place = {.service = service, .stack = &stack};
	struct failure failure;

	if (pam_stack_read(root, service, "session", &stack, &failure) < 0) {
		findings_add(findings, FINDING_WARN, SUBJECT, "%s: %s", service, failure.text);
		findings_mend(findings, "libpam stumbles over this too; mend the file");
		return false;
	}
	look_at_other_types(findings, root, service);
	while (place.at < stack.count &&
	       strcmp(pam_line_module_name(&stack.lines[place.at]), MODULE) != 0)
		place.at++;
	if (place.at == stack.count)
		return false;
	place.ours = &stack.lines[place.at];
	look_at_line(findings, &place);
	look_before(findings, &place);
	look_after(findings, &place);
	return true;
}

void doctor_pam(struct findings *findings, const char *root, const char *ssh_service)
{
	struct names reached = {0}, missed = {0};
	char **services = NULL;
	size_t count = 0;
	struct failure failure;

	if (pam_stack_services(root, &services, &count, &failure) < 0) {
		findings_add(findings, FINDING_FAIL, SUBJECT, "%s", failure.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (look_at_service(findings, root, services[i]))
			names_add(&reached, services[i]);
		else if (is_login(services[i], ssh_service))
			names_add(&missed, services[i]);
	}
	pam_stack_services_free(services, count);
	if (reached.count)
		findings_add(findings, FINDING_OK, SUBJECT, MODULE " reaches: %s", reached.text);
	else
		findings_add(findings, FINDING_FAIL, SUBJECT,
			     MODULE " reaches no service: no login "
				    "is confined");
	if (!reached.count)
		findings_mend(findings, "add `" LINE "` as the last session line of /etc/pam.d/%s",
			      ssh_service ? ssh_service : "sshd");
	if (!reached.count || !missed.count)
		return;
	findings_add(findings, FINDING_WARN, SUBJECT, MODULE " does not reach: %s", missed.text);
	findings_mend(findings, "where their logins are to be confined, add `" LINE
				"` as the last session line of /etc/pam.d/SERVICE");
}

/* SPDX-License-Identifier: MIT */
/* carrel doctor - carrel-shell: can the users whose login shell it is log in, and are they held? */
#include "admin/doctor.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/policy_file.h"
#include "core/shells.h"

#define SUBJECT "carrel-shell"
#define PROFILES "/sys/kernel/security/apparmor/profiles"

/* Those of /etc/passwd: to list all of NSS may take minutes. */
static size_t count_users(void)
{
	_fclose_ FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *passwd;
	size_t users = 0;

	while (file && (passwd = fgetpwent(file)))
		users += strcmp(passwd->pw_shell, SHELLS_OWN) == 0;
	return users;
}

/* The first character of a file, '\0' without one. */
static int first_of(const char *path)
{
	_fclose_ FILE *file = fopen(path, "re");
	int c = file ? getc(file) : EOF;

	return c == EOF ? '\0' : c;
}

static bool has_profile(void)
{
	_fclose_ FILE *file = fopen(PROFILES, "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "carrel-shell ", strlen("carrel-shell ")) == 0)
			return true;
	return false;
}

static void look_at_user_namespaces(struct findings *findings, enum finding_level level)
{
	if (access("/proc/self/ns/user", F_OK) < 0) {
		findings_add(findings, level, SUBJECT, "the kernel has no user namespaces");
		findings_mend(findings, "use pam_carrel, or boot a kernel with CONFIG_USER_NS");
	} else if (first_of("/proc/sys/user/max_user_namespaces") == '0') {
		findings_add(findings, level, SUBJECT,
			     "user namespaces are off: user.max_user_namespaces is 0");
		findings_mend(
			findings,
			"sysctl user.max_user_namespaces=16384, and see /etc/sysctl.d; or use "
			"pam_carrel");
	} else if (first_of("/proc/sys/kernel/unprivileged_userns_clone") == '0') {
		findings_add(
			findings, level, SUBJECT,
			"user namespaces are off for users: kernel.unprivileged_userns_clone is 0");
		findings_mend(
			findings,
			"sysctl kernel.unprivileged_userns_clone=1, and see /etc/sysctl.d; or "
			"use pam_carrel");
	} else if (first_of("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == '1' &&
		   !has_profile()) {
		findings_add(findings, level, SUBJECT,
			     "AppArmor lets only programs with a profile use user namespaces, and "
			     "carrel-shell's is not loaded");
		findings_mend(findings, "apparmor_parser -r /etc/apparmor.d/carrel-shell");
	} else {
		findings_add(findings, FINDING_OK, SUBJECT, "users may make user namespaces");
	}
}

/* Its process is the user's: what only root can read refuses every login. */
static void look_at_policy(struct findings *findings, enum finding_level level)
{
	struct stat st;

	if (stat(CARREL_POLICY, &st) < 0 || (st.st_mode & S_IROTH))
		return;
	findings_add(findings, level, SUBJECT, "%s: mode %04o: users can't read their policy",
		     CARREL_POLICY, st.st_mode & 07777);
	findings_mend(findings, "chmod o+r %s", CARREL_POLICY);
}

/* chsh(1) and su -s ask whether the present shell is in there. */
static void look_at_shells(struct findings *findings)
{
	const char *shell;
	bool listed = false;

	setusershell();
	while (!listed && (shell = getusershell()))
		listed = strcmp(shell, SHELLS_OWN) == 0;
	endusershell();
	if (!listed)
		return;
	findings_add(findings, FINDING_WARN, SUBJECT,
		     "%s is in /etc/shells: its users may change their shell with chsh, and others "
		     "choose one with su -s",
		     SHELLS_OWN);
	findings_mend(findings, "take it out of /etc/shells");
}

void doctor_shell(struct findings *findings)
{
	size_t users = count_users();
	enum finding_level level = users > 0 ? FINDING_FAIL : FINDING_WARN;

	findings_add(findings, FINDING_OK, SUBJECT, "the login shell of %zu user%s in /etc/passwd",
		     users, users == 1 ? "" : "s");
	look_at_user_namespaces(findings, level);
	look_at_policy(findings, level);
	look_at_shells(findings);
}

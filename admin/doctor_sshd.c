/* SPDX-License-Identifier: MIT */
#include "admin/doctor.h"

#define SUBJECT "sshd"

void doctor_sshd(struct findings *findings, const struct sshd_settings *settings)
{
	const char *source = settings->asked ? "sshd -T" : "/etc/ssh/sshd_config";

	if (!settings->installed) {
		findings_add(findings, FINDING_OK, SUBJECT, "no sshd on this host");
		return;
	}
	if (settings->use_pam) {
		findings_add(findings, FINDING_OK, SUBJECT, "UsePAM yes, says %s", source);
	} else {
		findings_add(
			findings, FINDING_FAIL, SUBJECT,
			"UsePAM no, says %s: ssh logins do not go through PAM, so they are not "
			"confined",
			source);
		findings_mend(findings, "set `UsePAM yes` in /etc/ssh/sshd_config and reload sshd");
	}
	if (!settings->asked) {
		findings_add(findings, FINDING_WARN, SUBJECT,
			     "`sshd -T` gave no answer, so its files were read instead");
		findings_mend(findings, "run it as root to see what it complains about");
	}
}

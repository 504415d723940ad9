/* SPDX-License-Identifier: MIT */
/* carrel doctor - what is right on this host, what is wrong, and how to mend it. */
#include "admin/doctor.h"

#include <errno.h>
#include <stdio.h>

#include "admin/verb.h"
#include "core/cleanup.h"

static const char *const levels[FINDING_LEVELS] = {
	[FINDING_OK] = "ok",
	[FINDING_WARN] = "warn",
	[FINDING_FAIL] = "fail",
};

static void examine(struct findings *findings)
{
	struct sshd_settings settings = {.service = "sshd"};
	struct failure failure;

	doctor_kernel(findings);
	doctor_cgroup(findings);
	doctor_files(findings);
	doctor_shell(findings);
	if (sshd_settings_read(&settings, &failure) < 0) {
		findings_add(findings, FINDING_WARN, "sshd", "%s", failure.text);
		findings_mend(findings, "see that UsePAM is yes");
	} else {
		doctor_sshd(findings, &settings);
	}
	doctor_pam(findings, "", settings.installed ? settings.service : NULL);
	doctor_policy(findings, &settings);
}

static void print_text(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		printf("%-4s %s: %s\n", levels[finding->level], finding->subject, finding->text);
		if (finding->mend)
			printf("     mend: %s\n", finding->mend);
	}
	printf("%zu ok, %zu to look at, %zu wrong\n", findings_count(findings, FINDING_OK),
	       findings_count(findings, FINDING_WARN), findings_count(findings, FINDING_FAIL));
}

static int print_json(const struct findings *findings)
{
	json_t *array = json_array();

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		verb_json_append(&array,
				 json_pack("{s:s, s:s, s:o, s:o}", "level", levels[finding->level],
					   "subject", finding->subject, "text",
					   verb_json_text(finding->text), "mend",
					   finding->mend ? verb_json_text(finding->mend)
							 : json_null()));
	}
	return verb_print_json(json_pack("{s:I, s:I, s:I, s:o}", "ok",
					 (json_int_t)findings_count(findings, FINDING_OK), "warn",
					 (json_int_t)findings_count(findings, FINDING_WARN), "fail",
					 (json_int_t)findings_count(findings, FINDING_FAIL),
					 "findings", array));
}

static int run_doctor(const struct verb *verb, int argc, char **argv)
{
	__attribute__((cleanup(findings_free))) struct findings findings = {0};
	struct failure failure;
	bool json = false;
	int letter, code = VERB_DONE;
	size_t wrong;

	while ((letter = verb_option(verb, argc, argv)) != -1)
		json = json || letter == 'j';
	if (optind < argc)
		return verb_wrong(verb, "no argument is expected, not %s", argv[optind]);
	examine(&findings);
	if (findings.no_memory) {
		(void)failure_set(&failure, ENOMEM, "note the findings");
		return verb_fail(&failure);
	}
	if (json)
		code = print_json(&findings);
	else
		print_text(&findings);
	wrong = findings_count(&findings, FINDING_FAIL);
	if (code != VERB_DONE || wrong == 0)
		return code;
	(void)failure_say(&failure, EINVAL, "doctor: %zu finding%s must be mended", wrong,
			  wrong == 1 ? "" : "s");
	return verb_fail(&failure);
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"json", no_argument, NULL, 'j'},
	{0},
};

const struct verb verb_doctor = {
	.name = "doctor",
	.synopsis = "[--json]",
	.summary = "Examine kernel, cgroups, files, sshd, PAM stacks and policy.",
	.details = "One line a finding, `ok`, `warn` or `fail` first; how to mend it is on the "
		   "line below.\n"
		   "Nothing is changed. As root it sees all there is.\n"
		   "Exit code: 1 when anything failed.\n\n"
		   "      --json         one object: ok, warn, fail (counts), findings\n",
	.letters = ":h",
	.options = options,
	.run = run_doctor,
};

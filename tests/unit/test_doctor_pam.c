/* SPDX-License-Identifier: MIT */
/*
 * pam_stack, doctor_pam and sshd_settings: against PAM and sshd files that each test writes below a
 * root of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/doctor.h"
#include "admin/pam_stack.h"
#include "tests/unit/with_directory.h"

static int setup(void **state)
{
	if (directory_setup(state) < 0)
		return -1;
	make_directory("etc", 0755);
	make_directory("etc/pam.d", 0755);
	make_directory("etc/ssh", 0755);
	make_directory("usr", 0755);
	make_directory("usr/lib", 0755);
	make_directory("usr/lib/pam.d", 0755);
	return 0;
}

static const char *root(void)
{
	return in_directory("");
}

/* The stack as "MODULE MODULE …". */
static void assert_modules(const char *service, const char *type, const char *expected)
{
	struct pam_stack stack = {0};
	struct failure failure;
	char text[512] = "";
	size_t used = 0;

	assert_int_equal(pam_stack_read(root(), service, type, &stack, &failure), 0);
	for (size_t i = 0; i < stack.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 pam_line_module_name(&stack.lines[i]));
	assert_string_equal(text, expected);
	pam_stack_free(&stack);
}

static void assert_refused(const char *service, int r, const char *part)
{
	struct pam_stack stack = {0};
	struct failure failure = {0};

	assert_int_equal(pam_stack_read(root(), service, "session", &stack, &failure), r);
	if (!strstr(failure.text, part))
		fail_msg("\"%s\" does not say \"%s\"", failure.text, part);
}

/* Is there a finding of this level whose text has this part? */
static bool has(const struct findings *findings, enum finding_level level, const char *part)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].level == level && strstr(findings->items[i].text, part))
			return true;
	return false;
}

static void assert_finding(enum finding_level level, const char *part)
{
	struct findings findings = {0};

	doctor_pam(&findings, root(), "sshd");
	assert_false(findings.no_memory);
	if (!has(&findings, level, part)) {
		for (size_t i = 0; i < findings.count; i++)
			print_error("%d %s\n", findings.items[i].level, findings.items[i].text);
		fail_msg("no finding of level %d says \"%s\"", level, part);
	}
	findings_free(&findings);
}

static void assert_no_finding(enum finding_level level, const char *part)
{
	struct findings findings = {0};

	doctor_pam(&findings, root(), "sshd");
	if (has(&findings, level, part))
		fail_msg("a finding of level %d says \"%s\"", level, part);
	findings_free(&findings);
}

/* The stack ----------------------------------------------------------------------------------- */

static void reads_lines_of_the_type(void **state)
{
	struct pam_stack stack = {0};
	struct failure failure;

	(void)state;
	write_text("etc/pam.d/sshd",
		   "# a comment\n\n"
		   "auth required pam_unix.so\n"
		   "  SESSION\trequired  /lib/security/pam_a.so one=1 two # tail\n"
		   "-session [success=1 default=ignore] pam_b.so \\\n"
		   "   three [four five \\]six]\n"
		   "session optional pam_c.so");
	assert_int_equal(pam_stack_read(root(), "sshd", "session", &stack, &failure), 0);
	assert_int_equal(stack.count, 3);
	assert_string_equal(stack.lines[0].module, "/lib/security/pam_a.so");
	assert_string_equal(pam_line_module_name(&stack.lines[0]), "pam_a.so");
	assert_string_equal(stack.lines[0].file, "/etc/pam.d/sshd");
	assert_int_equal(stack.lines[0].line, 4);
	assert_string_equal(stack.lines[0].arguments[0], "one=1");
	assert_string_equal(stack.lines[0].arguments[1], "two");
	assert_null(stack.lines[0].arguments[2]);
	assert_false(stack.lines[0].may_be_missing);
	assert_string_equal(stack.lines[1].control, "[success=1 default=ignore]");
	assert_string_equal(stack.lines[1].arguments[0], "three");
	assert_string_equal(stack.lines[1].arguments[1], "[four five \\]six]");
	assert_null(stack.lines[1].arguments[2]);
	assert_true(stack.lines[1].may_be_missing);
	assert_int_equal(stack.lines[2].line, 7);
	pam_stack_free(&stack);
}

static void follows_includes(void **state)
{
	(void)state;
	write_text("etc/pam.d/sshd", "session required pam_a.so\n"
				     "@include common-session\n"
				     "session include more\n"
				     "auth include common-auth\n"
				     "session substack sub\n"
				     "session required pam_z.so\n");
	write_text("etc/pam.d/common-session", "auth required pam_no.so\n"
					       "session required pam_b.so\n");
	write_text("usr/lib/pam.d/more", "session required pam_c.so\n");
	write_text("etc/pam.d/sub", "session required pam_d.so\n");
	assert_modules("sshd", "session", "pam_a.so pam_b.so pam_c.so pam_d.so pam_z.so");
}

static void etc_hides_usr(void **state)
{
	(void)state;
	write_text("usr/lib/pam.d/sshd", "session required pam_vendor.so\n");
	assert_modules("sshd", "session", "pam_vendor.so");
	write_text("etc/pam.d/sshd", "session required pam_admin.so\n");
	assert_modules("sshd", "session", "pam_admin.so");
}

static void falls_back_to_other(void **state)
{
	(void)state;
	write_text("etc/pam.d/other", "session required pam_other.so\n");
	write_text("etc/pam.d/sudo", "auth required pam_unix.so\n");
	assert_modules("sudo", "session", "pam_other.so");
	assert_modules("sudo", "auth", "pam_unix.so");
}

static void refuses_what_libpam_stumbles_on(void **state)
{
	(void)state;
	assert_refused("nosuch", -ENOENT, "nosuch");
	write_text("etc/pam.d/a", "session include gone\n");
	assert_refused("a", -EINVAL, "/etc/pam.d/a:1: includes gone, which does not exist");
	write_text("etc/pam.d/b", "\nsession required\n");
	assert_refused("b", -EINVAL, "/etc/pam.d/b:2: a line without a module");
	write_text("etc/pam.d/c", "@include\n");
	assert_refused("c", -EINVAL, "/etc/pam.d/c:1: @include without a name");
	write_text("etc/pam.d/d", "session include d\n");
	assert_refused("d", -EINVAL, "included more than");
}

static void lists_services(void **state)
{
	char **names = NULL;
	size_t count = 0;
	struct failure failure;

	(void)state;
	write_text("etc/pam.d/sshd", "");
	write_text("etc/pam.d/common-session", "");
	write_text("etc/pam.d/su.dpkg-old", "");
	write_text("etc/pam.d/su~", "");
	write_text("etc/pam.d/cron", "");
	write_text("usr/lib/pam.d/sshd", "");
	write_text("usr/lib/pam.d/systemd-user", "");
	assert_int_equal(pam_stack_services(root(), &names, &count, &failure), 0);
	assert_int_equal(count, 3);
	assert_string_equal(names[0], "cron");
	assert_string_equal(names[1], "sshd");
	assert_string_equal(names[2], "systemd-user");
	pam_stack_services_free(names, count);
}

/* Findings ------------------------------------------------------------------------------------ */

static void no_service_is_a_failure(void **state)
{
	(void)state;
	write_text("etc/pam.d/sshd", "session required pam_unix.so\n");
	assert_finding(FINDING_FAIL, "reaches no service");
	assert_no_finding(FINDING_WARN, "does not reach");
}

static void tells_who_is_reached(void **state)
{
	(void)state;
	write_text("etc/pam.d/sshd", "session required pam_limits.so\n"
				     "session required pam_carrel.so timeout=5 debug\n");
	write_text("etc/pam.d/cron", "session required pam_unix.so\n");
	write_text("etc/pam.d/passwd", "password required pam_unix.so\n");
	assert_finding(FINDING_OK, "reaches: sshd");
	assert_finding(FINDING_WARN, "does not reach: cron");
	assert_no_finding(FINDING_WARN, "passwd");
	assert_no_finding(FINDING_FAIL, "");
	assert_no_finding(FINDING_WARN, "stands after");
}

static void warns_of_what_stands_after(void **state)
{
	(void)state;
	write_text("etc/pam.d/sshd", "session required pam_carrel.so\n"
				     "session optional pam_mkhomedir.so\n"
				     "session optional /x/pam_systemd.so\n"
				     "session optional pam_motd.so\n"
				     "session optional pam_strange.so\n"
				     "session optional pam_exec.so /usr/local/bin/hello\n");
	assert_finding(FINDING_WARN, "pam_exec.so at /etc/pam.d/sshd:6 stands after");
	assert_finding(FINDING_WARN, "sshd: pam_mkhomedir.so at /etc/pam.d/sshd:2 stands after");
	assert_finding(FINDING_WARN, "pam_systemd.so at /etc/pam.d/sshd:3 stands after");
	assert_finding(FINDING_WARN, "pam_strange.so at /etc/pam.d/sshd:5 stands after");
	assert_no_finding(FINDING_WARN, "pam_motd");
}

static void sees_the_line_twice(void **state)
{
	(void)state;
	write_text("etc/pam.d/sshd", "@include common-session\nsession required pam_carrel.so\n");
	write_text("etc/pam.d/common-session", "session required pam_carrel.so\n");
	assert_finding(FINDING_FAIL, "stands twice, at /etc/pam.d/common-session:1 and "
				     "/etc/pam.d/sshd:2");
}

static void judges_the_control(void **state)
{
	(void)state;
	write_text("etc/pam.d/sshd", "session optional pam_carrel.so\n");
	assert_finding(FINDING_FAIL, "its control is optional");
	write_text("etc/pam.d/sshd", "session [success=ok default=ignore] pam_carrel.so\n");
	assert_finding(FINDING_FAIL, "its control is [success=ok default=ignore]");
	write_text("etc/pam.d/sshd", "session [success=ok ignore=ignore default=bad] "
				     "pam_carrel.so\n");
	assert_no_finding(FINDING_FAIL, "");
	write_text("etc/pam.d/sshd", "-session required pam_carrel.so\n");
	assert_finding(FINDING_WARN, "starts with -session");
	write_text("etc/pam.d/sshd", "auth required pam_carrel.so\n"
				     "session required pam_carrel.so\n");
	assert_finding(FINDING_WARN, "/etc/pam.d/sshd:1: pam_carrel.so does nothing in the auth");
}

static void judges_the_options(void **state)
{
	static const char *const wrong[] = {"on_failure=maybe", "timeout=0", "timeout=301",
					    "timeout=5s",	"timeout",   "Debug",
					    "helper=x",		"foo"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		(void)snprintf(text, sizeof(text), "session required pam_carrel.so %s\n", wrong[i]);
		write_text("etc/pam.d/sshd", text);
		assert_finding(FINDING_FAIL, wrong[i]);
	}
	write_text("etc/pam.d/sshd", "session required pam_carrel.so on_failure=permit\n");
	assert_finding(FINDING_WARN, "goes on unconfined");
	write_text("etc/pam.d/sshd", "session required pam_carrel.so on_failure=deny timeout=300 "
				     "debug helper=/opt/helper\n");
	assert_no_finding(FINDING_FAIL, "");
	assert_no_finding(FINDING_WARN, "");
}

static void sees_what_skips_the_line(void **state)
{
	(void)state;
	write_text("etc/pam.d/sshd", "session sufficient pam_first.so\n"
				     "session required pam_carrel.so\n");
	assert_finding(FINDING_WARN, "/etc/pam.d/sshd:1 (sufficient pam_first.so) may leave out");
	write_text("etc/pam.d/sshd", "session [success=done default=ignore] pam_first.so\n"
				     "session required pam_carrel.so\n");
	assert_finding(FINDING_WARN, "may leave out");
	write_text("etc/pam.d/sshd", "session [success=2 default=ignore] pam_succeed_if.so\n"
				     "session required pam_x.so\n"
				     "session required pam_carrel.so\n");
	assert_finding(FINDING_WARN, "may leave out");
	/* Debian's own: over pam_deny.so and no further. */
	write_text("etc/pam.d/sshd", "session [default=1] pam_permit.so\n"
				     "session requisite pam_deny.so\n"
				     "session required pam_permit.so\n"
				     "session required pam_carrel.so\n");
	assert_no_finding(FINDING_WARN, "may leave out");
	/* What ends a substack ends nothing else. */
	write_text("etc/pam.d/sub", "session sufficient pam_first.so\n");
	write_text("etc/pam.d/sshd", "session substack sub\nsession required pam_carrel.so\n");
	assert_no_finding(FINDING_WARN, "may leave out");
}

static void says_what_cannot_be_read(void **state)
{
	(void)state;
	write_text("etc/pam.d/login", "session include gone\n");
	assert_finding(FINDING_WARN, "login: /etc/pam.d/login:1: includes gone");
}

/* sshd ---------------------------------------------------------------------------------------- */

static void reads_what_sshd_tells(void **state)
{
	struct sshd_settings settings;

	(void)state;
	sshd_settings_parse("port 22\nusepam yes\npermitrootlogin without-password\n", &settings);
	assert_true(settings.asked && settings.use_pam);
	assert_string_equal(settings.permit_root_login, "without-password");
	assert_string_equal(settings.service, "sshd");
	sshd_settings_parse("usepam no\npamservicename login", &settings);
	assert_false(settings.use_pam);
	assert_string_equal(settings.service, "login");
}

/* More than is kept of it, and one that does not end: neither may hold up who asks. */
static void asks_sshd_however_much_it_tells(void **state)
{
	struct sshd_settings settings = {.use_pam = false};

	(void)state;
	write_text("sshd",
		   "#!/bin/sh\necho usepam yes\n"
		   "i=0; while [ $i -lt 8000 ]; do echo allowusers somebody$i; i=$((i + 1)); "
		   "done\n");
	assert_int_equal(chmod(in_directory("sshd"), 0700), 0);
	(void)alarm(30);
	assert_true(sshd_settings_ask(in_directory("sshd"), &settings));
	assert_true(settings.installed && settings.asked && settings.use_pam);
	write_text("sshd", "#!/bin/sh\necho usepam yes\nexec >&-\nexec sleep 60\n");
	assert_int_equal(chmod(in_directory("sshd"), 0700), 0);
	assert_false(sshd_settings_ask(in_directory("sshd"), &settings));
	write_text("sshd", "#!/bin/sh\necho usepam yes\nexit 1\n");
	assert_int_equal(chmod(in_directory("sshd"), 0700), 0);
	assert_false(sshd_settings_ask(in_directory("sshd"), &settings));
	(void)alarm(0);
}

static void assert_use_pam(bool expected)
{
	struct sshd_settings settings;
	struct failure failure;

	assert_int_equal(sshd_settings_read_files(root(), &settings, &failure), 0);
	assert_int_equal(settings.use_pam, expected);
}

static void reads_sshd_files(void **state)
{
	struct sshd_settings settings;
	struct failure failure;

	(void)state;
	assert_int_equal(sshd_settings_read_files(root(), &settings, &failure), -ENOENT);
	write_text("etc/ssh/sshd_config", "Port 22\n");
	assert_use_pam(false); /* sshd's own default */
	write_text("etc/ssh/sshd_config", "# UsePAM yes\nuSEPAM = \"yes\"\nUsePAM no\n");
	assert_use_pam(true);
	write_text("etc/ssh/sshd_config", "Match User x\nUsePAM yes\n");
	assert_use_pam(false);
	make_directory("etc/ssh/sshd_config.d", 0755);
	write_text("etc/ssh/sshd_config.d/1.conf", "Match User x\nUsePAM no\n");
	write_text("etc/ssh/sshd_config.d/2.conf", "UsePAM yes\nPermitRootLogin no\n");
	write_text("etc/ssh/sshd_config",
		   "Include /etc/ssh/sshd_config.d/*.conf nothing-like-this\n"
		   "UsePAM no\n");
	assert_use_pam(true);
	write_text("etc/ssh/sshd_config", "Include sshd_config\n");
	assert_int_equal(sshd_settings_read_files(root(), &settings, &failure), -ELOOP);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, directory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(reads_lines_of_the_type),
		test(follows_includes),
		test(etc_hides_usr),
		test(falls_back_to_other),
		test(refuses_what_libpam_stumbles_on),
		test(lists_services),
		test(no_service_is_a_failure),
		test(tells_who_is_reached),
		test(warns_of_what_stands_after),
		test(sees_the_line_twice),
		test(judges_the_control),
		test(judges_the_options),
		test(sees_what_skips_the_line),
		test(says_what_cannot_be_read),
		test(reads_what_sshd_tells),
		test(asks_sshd_however_much_it_tells),
		test(reads_sshd_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

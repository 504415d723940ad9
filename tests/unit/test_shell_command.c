/* SPDX-License-Identifier: MIT */
/* carrel-shell: which variables are dropped, and what the real shell is called with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/cleanup.h"
#include "login_shell/command.h"
#include "login_shell/environment.h"

static void dangerous_variables_are_known(void **state)
{
	static const char *const dropped[] = {"LD_PRELOAD=x",
					      "LD_=",
					      "LD_AUDIT=",
					      "GLIBC_TUNABLES=a=b",
					      "BASH_ENV=/x",
					      "ENV=/x",
					      "BASH_FUNC_id%%=() { :; }",
					      "IFS=x",
					      "MALLOC_CHECK_=1",
					      "LOCPATH=",
					      "SHELLOPTS=x",
					      "PS4=$(id)",
					      "no equals sign",
					      "=nameless",
					      ""};
	static const char *const kept[] = {"LANG=C",	     "TERM=xterm", "ENVIRONMENT=x",
					   "ENV2=x",	     "LD=ld",	   "XLD_A=1",
					   "PATH=/bin",	     "TMPDIR=/x",  "SSH_CLIENT=1",
					   "A=LD_PRELOAD=x", "IFSX=1",	   "BASH=/bin/bash",
					   "TZ=UTC"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		assert_true(environment_is_dangerous(dropped[i]));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		assert_false(environment_is_dangerous(kept[i]));
}

/* Put `word` and `end` at the end of what is `used` of the text. */
static void append(char *text, size_t size, size_t *used, const char *word, const char *end)
{
	int len = snprintf(text + *used, size - *used, "%s%s", word, end);

	assert_in_range(len, 0, size - *used - 1);
	*used += (size_t)len;
}

/* "ARGV0|ARGV1|… ;ENV1|ENV2|…" of what would be run. */
static const char *built(char **argv, char **envp, bool own)
{
	static char text[512];
	struct command command;
	struct failure failure;
	size_t used = 0;

	assert_int_equal(command_build("/bin/bash", argv, envp, own, &command, &failure), 0);
	for (char **arg = command.argv; *arg; arg++)
		append(text, sizeof(text), &used, *arg, "|");
	append(text, sizeof(text), &used, ";", "");
	for (char **entry = command.envp; *entry; entry++)
		append(text, sizeof(text), &used, *entry, "|");
	command_free(&command);
	return text;
}
#define LIST(...) ((char *[]){__VA_ARGS__, NULL})
#define S(text) ((char *)(text))

static void arguments_are_handed_on(void **state)
{
	char **none = (char *[]){NULL};

	(void)state;
	assert_string_equal(built(LIST(S("-carrel-shell")), none, false),
			    "-bash|;SHELL=/bin/bash|");
	assert_string_equal(built(LIST(S("carrel-shell"), S("-c"), S("scp x; ls")), none, false),
			    "bash|-c|scp x; ls|;SHELL=/bin/bash|");
	assert_string_equal(built(LIST(S("carrel-shell"), S("-c"), S("a"), S("-c"), S("")), none,
				  false),
			    "bash|-c|a|-c||;SHELL=/bin/bash|");
	assert_string_equal(built(LIST(S("-")), none, false), "-bash|;SHELL=/bin/bash|");
	assert_string_equal(built(LIST(S("")), none, false), "bash|;SHELL=/bin/bash|");
	assert_string_equal(built(none, none, false), "bash|;SHELL=/bin/bash|");
}

static void a_forced_command_runs_the_original_one(void **state)
{
	char *original = S("SSH_ORIGINAL_COMMAND=ls /tmp; id");

	(void)state;
	assert_string_equal(built(LIST(S("/usr/bin/carrel-shell")), LIST(original, S("A=1")),
				  false),
			    "bash|-c|ls /tmp; id|;A=1|SHELL=/bin/bash|");
	assert_string_equal(built(LIST(S("/usr/bin/carrel-shell")), LIST(S("A=1")), false),
			    "-bash|;A=1|SHELL=/bin/bash|");
	/* As a login shell, or with arguments, it is a variable like others. */
	assert_string_equal(built(LIST(S("-carrel-shell")), LIST(original), false),
			    "-bash|;SSH_ORIGINAL_COMMAND=ls /tmp; id|SHELL=/bin/bash|");
	assert_string_equal(built(LIST(S("/x/carrel-shell"), S("-c"), S("b")), LIST(original),
				  false),
			    "bash|-c|b|;SSH_ORIGINAL_COMMAND=ls /tmp; id|SHELL=/bin/bash|");
}

static void the_environment_is_cleaned_once_more(void **state)
{
	char **envp = LIST(S("LD_PRELOAD=x"), S("SHELL=/usr/bin/carrel-shell"), S("LANG=C"),
			   S("XDG_RUNTIME_DIR=/run/user/1"), S("DBUS_SESSION_BUS_ADDRESS=unix:x"));

	(void)state;
	assert_string_equal(
		built(LIST(S("x")), envp, false),
		"bash|;LANG=C|XDG_RUNTIME_DIR=/run/user/1|DBUS_SESSION_BUS_ADDRESS=unix:x|"
		"SHELL=/bin/bash|");
	assert_string_equal(built(LIST(S("x")), envp, true), "bash|;LANG=C|SHELL=/bin/bash|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_variables_are_known),
		cmocka_unit_test(arguments_are_handed_on),
		cmocka_unit_test(a_forced_command_runs_the_original_one),
		cmocka_unit_test(the_environment_is_cleaned_once_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

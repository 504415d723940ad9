/* SPDX-License-Identifier: MIT */
/* match: who a section is for, which section wins for a key, what contradicts what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <stdio.h>

#include "core/convert.h"
#include "tests/unit/with_policy.h"

static char *alice_groups[] = {(char *)"alice", (char *)"students", (char *)"Lab-2", NULL};
static uint32_t alice_gids[] = {1500, 2000, 2001, 4242};

static struct login alice(void)
{
	return (struct login){
		.user = (char *)"alice",
		.uid = 1500,
		.gid = 1500,
		.home = (char *)"/home/alice",
		.service = (char *)"sshd",
		.groups = alice_groups,
		.gids = alice_gids,
		.gid_count = ARRAY_SIZE(alice_gids),
	};
}

static uint64_t pids_max(const struct policy *policy, const struct login *login)
{
	struct effective effective;
	struct failure failure;

	assert_int_equal(match_login(policy, login, &effective, &failure), 0);
	return effective_number(&effective, KEY_PIDS_MAX);
}

/* Precedence ---------------------------------------------------------------------------------- */

/* All that fit alice by sshd, from the least to the most specific. */
static const char *const ladder[] = {
	"default",
	"uid 1000-1999",
	"group students",
	"user alice",
	"service sshd",
	"uid 1000-1999, service sshd",
	"group students, service sshd",
	"user alice, service sshd",
};

static void the_more_specific_section_wins_in_either_order(void **state)
{
	struct login login = alice();

	(void)state;
	for (size_t low = 0; low < ARRAY_SIZE(ladder); low++)
		for (size_t high = low + 1; high < ARRAY_SIZE(ladder); high++) {
			char text[300];

			(void)snprintf(text, sizeof(text),
				       "[%s]\npids_max = 11\n[%s]\npids_max = 22\n", ladder[low],
				       ladder[high]);
			{
				_policy_ struct policy *policy = parse(text);

				assert_int_equal(pids_max(policy, &login), 22);
			}
			(void)snprintf(text, sizeof(text),
				       "[%s]\npids_max = 22\n[%s]\npids_max = 11\n", ladder[high],
				       ladder[low]);
			{
				_policy_ struct policy *policy = parse(text);

				assert_int_equal(pids_max(policy, &login), 22);
			}
		}
}

static void of_equals_the_later_wins(void **state)
{
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ladder); i++) {
		char first[100], second[100];

		(void)snprintf(first, sizeof(first), "[%s]\npids_max = 11\n", ladder[i]);
		(void)snprintf(second, sizeof(second), "[%s]\npids_max = 22\n", ladder[i]);
		{
			_policy_ struct policy *policy = parse_two(first, second);

			assert_int_equal(pids_max(policy, &login), 22);
		}
	}
	{
		_policy_ struct policy *policy = parse("[group students]\npids_max = 11\n"
						       "[group Lab-2]\npids_max = 22\n");

		assert_int_equal(pids_max(policy, &login), 22);
	}
	{
		/* A narrower range is no more specific. */
		_policy_ struct policy *policy = parse("[uid 1500]\npids_max = 11\n"
						       "[uid 1000-1999]\npids_max = 22\n");

		assert_int_equal(pids_max(policy, &login), 22);
	}
}

static void each_key_is_looked_up_alone(void **state)
{
	_policy_ struct policy *policy = parse("[default]\n"
					       "pids_max = 10\n"
					       "cpu_max = 50%\n"
					       "tmp_noexec = yes\n"
					       "[group students]\n"
					       "pids_max = 20\n"
					       "cpu_max = 60%\n"
					       "[user alice]\n"
					       "pids_max = 30\n");
	struct login login = alice();
	struct effective effective;
	struct failure failure;

	(void)state;
	assert_int_equal(match_login(policy, &login, &effective, &failure), 0);
	assert_int_equal(effective_number(&effective, KEY_PIDS_MAX), 30);
	assert_int_equal(effective.values[KEY_PIDS_MAX]->line, 9);
	assert_int_equal(effective_number(&effective, KEY_CPU_MAX), 60);
	assert_int_equal(effective.values[KEY_CPU_MAX]->line, 7);
	assert_int_equal(effective_number(&effective, KEY_TMP_NOEXEC), 1);
	assert_int_equal(effective.values[KEY_TMP_NOEXEC]->line, 4);
	assert_string_equal(effective.values[KEY_TMP_NOEXEC]->file, POLICY_NAME);
}

static void what_nobody_sets_has_its_default(void **state)
{
	_policy_ struct policy *policy = parse("[host]\nhome_roots = /srv/home\n");
	struct login login = alice();
	struct effective effective;
	struct failure failure;

	(void)state;
	assert_int_equal(match_login(policy, &login, &effective, &failure), 0);
	for (size_t key = 0; key < POLICY_KEYS; key++)
		assert_non_null(effective.values[key]);
	assert_int_equal(effective_number(&effective, KEY_SANDBOX), 1);
	assert_int_equal(effective.values[KEY_SANDBOX]->line, 0);
	assert_string_equal(effective.values[KEY_SANDBOX]->file, "(default)");
	assert_false(effective.values[KEY_CPU_WEIGHT]->set);
	assert_string_equal(effective_words(&effective, KEY_PRIVATE_TMP)[0], "/tmp");
	/* [host] is in the same array. */
	assert_string_equal(effective_words(&effective, KEY_HOST_HOME_ROOTS)[0], "/srv/home");
	assert_int_equal(effective.values[KEY_HOST_HOME_ROOTS]->line, 2);
}

/* Who a section is for ------------------------------------------------------------------------ */

static void headers_fit_exactly(void **state)
{
	static const struct {
		const char *header;
		bool fits;
	} cases[] = {
		{"default", true},
		{"user alice", true},
		{"user Alice", false},
		{"user alic", false},
		{"user alice2", false},
		{"group students", true},
		{"group Students", false},
		{"group student", false},
		{"group students2", false},
		{"group lab-2", false},
		{"group Lab-2", true},
		{"group alice", true}, /* her primary group */
		{"group 4242", false}, /* a gid is not a name */
		{"uid 1500", true},
		{"uid 1499", false},
		{"uid 1500-1600", true},
		{"uid 1400-1500", true},
		{"uid 1501-1600", false},
		{"uid 1400-1499", false},
		{"uid 0-4294967294", true},
		{"service sshd", true},
		{"service SSHD", false},
		{"service ssh", false},
		{"service sshd2", false},
		{"user alice, service sshd", true},
		{"user alice, service cron", false},
		{"user bob, service sshd", false},
		{"group students, service su", false},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[100];

		(void)snprintf(text, sizeof(text), "[%s]\npids_max = 7\n", cases[i].header);
		{
			_policy_ struct policy *policy = parse(text);

			if (match_section(&policy->sections[0], &login) != cases[i].fits)
				fail_msg("[%s] %s", cases[i].header,
					 cases[i].fits ? "should fit" : "should not fit");
			assert_int_equal(pids_max(policy, &login) == 7, cases[i].fits);
		}
	}
}

static void a_login_without_groups_or_service_fits_no_such_section(void **state)
{
	_policy_ struct policy *policy = parse("[default]\npids_max = 1\n"
					       "[group students]\npids_max = 2\n"
					       "[service sshd]\npids_max = 3\n");
	struct login login = alice();

	(void)state;
	login.groups = NULL;
	login.service = NULL;
	assert_int_equal(pids_max(policy, &login), 1);
}

/* Contradictions ------------------------------------------------------------------------------ */

static void contradictions_are_refused(void **state)
{
	/* The texts that the error must hold. */
	static const struct {
		const char *text;
		const char *says[3];
	} cases[] = {
		/* The default has private directories. */
		{"[default]\nnamespaces = ipc\n",
		 {"namespaces (" POLICY_NAME ":2)", "mount", "private_tmp (default)"}},
		{"[default]\nnamespaces = ipc\nprivate_tmp = no\nhide = /srv/x\n",
		 {"namespaces (" POLICY_NAME ":2)", "mount", "hide (" POLICY_NAME ":4)"}},
		{"[default]\nnamespaces = ipc\nprivate_tmp = no\nread_only = /srv/x\n",
		 {"namespaces (" POLICY_NAME ":2)", "mount", "read_only (" POLICY_NAME ":4)"}},
		{"[default]\nnamespaces = ipc\nprivate_tmp = no\nbind = /srv/x:/srv/y\n",
		 {"namespaces (" POLICY_NAME ":2)", "mount", "bind (" POLICY_NAME ":4)"}},
		{"[default]\nnamespaces = ipc\nprivate_tmp = no\nhide_homes = yes\n",
		 {"namespaces (" POLICY_NAME ":2)", "mount", "hide_homes (" POLICY_NAME ":4)"}},
		{"[default]\nprivate_tmp = no\nnamespaces = pid ipc\n",
		 {"namespaces (" POLICY_NAME ":3)", "mount", "pid"}},
		/* From two sections that agree each for itself. */
		{"[default]\nprivate_tmp = no\nnamespaces = ipc\n[user alice]\nhide = /srv/x\n",
		 {"namespaces (" POLICY_NAME ":3)", "mount", "hide (" POLICY_NAME ":5)"}},
		{"[default]\nhostname = box\n",
		 {"namespaces (default)", "uts", "hostname (" POLICY_NAME ":2)"}},
		{"[default]\nmemory_max = 1G\nmemory_high = 2G\n",
		 {"memory_high (" POLICY_NAME ":3)", "memory_max (" POLICY_NAME ":2)", ""}},
		{"[default]\nmemory_max = 1%\nmemory_high = 2%\n",
		 {"memory_high (" POLICY_NAME ":3)", "memory_max (" POLICY_NAME ":2)", ""}},
		{"[default]\ninstance = user\non_logout = linger\nnamespaces = mount ipc\n",
		 {"namespaces (" POLICY_NAME ":4)", "pid", "on_logout (" POLICY_NAME ":3)"}},
		{"[default]\ncapabilities = none\n",
		 {"capabilities (" POLICY_NAME ":2)", "setuid, setgid and setpcap",
		  "no_new_privs (default)"}},
		{"[default]\ncapabilities = setuid setgid\n",
		 {"capabilities (" POLICY_NAME ":2)", "setpcap", ""}},
		{"[default]\ncapabilities = setuid setpcap\n",
		 {"capabilities (" POLICY_NAME ":2)", "setgid", ""}},
		{"[default]\ncapabilities = setgid setpcap\n",
		 {"capabilities (" POLICY_NAME ":2)", "setuid", ""}},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_policy_ struct policy *policy = parse(cases[i].text);
		struct effective effective = {0};
		struct failure failure = {0};

		if (match_login(policy, &login, &effective, &failure) != -EINVAL)
			fail_msg("not refused: %s", cases[i].text);
		for (size_t k = 0; k < 3; k++)
			if (!strstr(failure.text, cases[i].says[k]))
				fail_msg("no \"%s\" in: %s", cases[i].says[k], failure.text);
		assert_null(effective.values[0]); /* untouched */
	}
}

static void what_only_looks_like_a_contradiction_is_not(void **state)
{
	static const char *const texts[] = {
		"[default]\nnamespaces = ipc\nprivate_tmp = no\n",
		"[default]\nnamespaces = ipc uts\nprivate_tmp = no\nhostname = box\n",
		"[default]\nnamespaces = mount pid ipc uts\nhostname = box\n",
		"[default]\nmemory_max = 2G\nmemory_high = 2G\n",
		"[default]\nmemory_max = max\nmemory_high = 2G\n",
		"[default]\nmemory_max = 2G\nmemory_high = max\n",
		"[default]\nmemory_high = 2G\n",
		/* Not to be compared before the machine is known. */
		"[default]\nmemory_max = 1G\nmemory_high = 100%\n",
		"[default]\nmemory_max = 100%\nmemory_high = 1M\n",
		"[default]\ncapabilities = none\nno_new_privs = yes\n",
		"[default]\ncapabilities = setuid setgid setpcap\n",
		"[default]\ncapabilities = all\n",
		/* Somebody else's contradiction. */
		"[user bob]\nnamespaces = ipc\n",
		/* The more specific section mends it. */
		"[default]\nnamespaces = ipc\n[user alice]\nprivate_tmp = no\n",
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_policy_ struct policy *policy = parse(texts[i]);
		struct effective effective;
		struct failure failure = {0};

		if (match_login(policy, &login, &effective, &failure) != 0)
			fail_msg("refused: %s: %s", texts[i], failure.text);
	}
}

static void who_is_left_alone_is_not_refused(void **state)
{
	_policy_ struct policy *policy = parse("[default]\nnamespaces = ipc\n"
					       "[group students]\nsandbox = no\n");
	struct login login = alice();
	struct effective effective;
	struct failure failure;

	(void)state;
	assert_int_equal(match_login(policy, &login, &effective, &failure), 0);
	assert_int_equal(effective_number(&effective, KEY_SANDBOX), 0);
	login.groups = NULL;
	assert_int_equal(match_login(policy, &login, &effective, &failure), -EINVAL);
	login.uid = 0;
	assert_int_equal(match_login(policy, &login, &effective, &failure), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_more_specific_section_wins_in_either_order),
		cmocka_unit_test(of_equals_the_later_wins),
		cmocka_unit_test(each_key_is_looked_up_alone),
		cmocka_unit_test(what_nobody_sets_has_its_default),
		cmocka_unit_test(headers_fit_exactly),
		cmocka_unit_test(a_login_without_groups_or_service_fits_no_such_section),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(what_only_looks_like_a_contradiction_is_not),
		cmocka_unit_test(who_is_left_alone_is_not_refused),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}

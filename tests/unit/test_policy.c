/* SPDX-License-Identifier: MIT */
/*
 * policy: headers, places of keys, each class of error with its file:line, and the caps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/convert.h"
#include "tests/unit/with_policy.h"

/* Helpers ------------------------------------------------------------------------------------- */

/* The errors of up to two files, a.conf and b.conf; the policy must be refused. */
static struct policy_errors refuse(const char *text, size_t size, const char *second)
{
	struct policy_errors errors = {0};
	struct policy *policy = (struct policy *)&errors;
	char names[2][8] = {"a.conf", "b.conf"};
	struct policy_source sources[2] = {
		{.name = names[0], .bytes = (char *)text, .size = size},
		{.name = names[1], .bytes = (char *)second, .size = second ? strlen(second) : 0},
	};

	assert_int_equal(policy_parse(sources, second ? 2 : 1, &errors, &policy), -EINVAL);
	assert_ptr_equal(policy, &errors);
	assert_true(errors.count > 0);
	return errors;
}

/* There is this one error, to the letter. */
static void check_error(const char *text, const char *expected)
{
	struct policy_errors errors = refuse(text, strlen(text), NULL);

	assert_string_equal(errors.texts[0], expected);
	assert_int_equal(errors.count, 1);
	policy_errors_free(&errors);
}

/* There is one error, in this place and with these words. */
static void check_words(const char *text, const char *place, const char *words)
{
	struct policy_errors errors = refuse(text, strlen(text), NULL);

	if (errors.count != 1 || strncmp(errors.texts[0], place, strlen(place)) != 0 ||
	    !strstr(errors.texts[0], words) || !strstr(errors.texts[0], "expected"))
		fail_msg("%zu errors, %s (instead of %s ... %s)", errors.count, errors.texts[0],
			 place, words);
	policy_errors_free(&errors);
}

static const struct policy_value *value_of(const struct policy *policy, size_t section,
					   enum policy_key key)
{
	assert_true(section < policy->section_count);
	return &policy->sections[section].values[key];
}

static void check_value(const struct policy *policy, size_t section, enum policy_key key,
			const char *text, int line)
{
	const struct policy_value *value = value_of(policy, section, key);

	assert_true(value->set);
	assert_string_equal(value->text, text);
	assert_string_equal(value->file, POLICY_NAME);
	assert_int_equal(value->line, line);
}

/* What the policy is -------------------------------------------------------------------------- */

static void test_empty(void **state)
{
	struct policy *policy _policy_ = parse("");

	(void)state;
	assert_int_equal(policy->section_count, 0);
	for (enum policy_key key = 0; key < POLICY_KEYS; key++) {
		const struct policy_value *value =
			policy_keys[key].host ? &policy->host[key] : &policy->defaults[key];

		assert_int_equal(value->set, policy_keys[key].fallback != NULL);
		assert_string_equal(value->file, "(default)");
		assert_int_equal(value->line, 0);
	}
	assert_int_equal(policy->defaults[KEY_SANDBOX].number, 1);
	assert_int_equal(policy->defaults[KEY_TMP_SCOPE].number, TMP_SCOPE_USER);
	assert_true(policy->defaults[KEY_TMP_SIZE].percent);
	assert_string_equal(policy->defaults[KEY_PRIVATE_TMP].words[2], "/dev/shm");
	assert_true(policy->defaults[KEY_CAPABILITIES].number == UINT64_MAX);
	assert_true(policy->defaults[KEY_MEMORY_MAX].number == CONVERT_MAX);
	assert_false(policy->defaults[KEY_CPUS].set);
	assert_null(policy->defaults[KEY_HIDE].words[0]);
	assert_string_equal(policy->host[KEY_HOST_HOME_ROOTS].words[0], "/home");
}

static void test_headers(void **state)
{
	static const struct {
		const char *header;
		enum policy_subject subject;
		const char *name, *service;
		uint32_t uid_min, uid_max;
	} cases[] = {
		{"[default]", SUBJECT_DEFAULT, NULL, NULL, 0, 0},
		{"[service cron]", SUBJECT_DEFAULT, NULL, "cron", 0, 0},
		{"[uid 0]", SUBJECT_UID, NULL, NULL, 0, 0},
		{"[uid 1000-1999]", SUBJECT_UID, NULL, NULL, 1000, 1999},
		{"[uid 0-4294967294]", SUBJECT_UID, NULL, NULL, 0, UINT32_MAX - 1},
		{"[uid 5, service su]", SUBJECT_UID, NULL, "su", 5, 5},
		{"[group students]", SUBJECT_GROUP, "students", NULL, 0, 0},
		{"[ group\tstudents ,service sshd ]", SUBJECT_GROUP, "students", "sshd", 0, 0},
		{"[user alice]", SUBJECT_USER, "alice", NULL, 0, 0},
		{"[user alice, service su-l]", SUBJECT_USER, "alice", "su-l", 0, 0},
		{"[user 0x0]", SUBJECT_USER, "0x0", NULL, 0, 0},
		{"[user -x]", SUBJECT_USER, "-x", NULL, 0, 0},
		{"[user a:b]", SUBJECT_USER, "a:b", NULL, 0, 0},
		{"[user s0]", SUBJECT_USER, "s0", NULL, 0, 0},
		{"[user service]", SUBJECT_USER, "service", NULL, 0, 0},
		{"[user a;b#c=d\"[]", SUBJECT_USER, "a;b#c=d\"[", NULL, 0, 0},
		{"[user caf\xc3\xa9]", SUBJECT_USER, "caf\xc3\xa9", NULL, 0, 0},
		{"[user DOM\\bob]", SUBJECT_USER, "DOM\\bob", NULL, 0, 0},
		{"[user aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]", SUBJECT_USER,
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[128];
		const struct policy_section *section;

		assert_true(snprintf(text, sizeof(text), "# c\n%s\nsandbox = no\n",
				     cases[i].header) > 0);
		struct policy *policy _policy_ = parse(text);

		assert_int_equal(policy->section_count, 1);
		section = &policy->sections[0];
		assert_int_equal(section->subject, cases[i].subject);
		assert_int_equal(section->uid_min, cases[i].uid_min);
		assert_int_equal(section->uid_max, cases[i].uid_max);
		assert_int_equal(section->line, 2);
		assert_int_equal(!section->name, !cases[i].name);
		if (cases[i].name)
			assert_string_equal(section->name, cases[i].name);
		assert_int_equal(!section->service, !cases[i].service);
		if (cases[i].service)
			assert_string_equal(section->service, cases[i].service);
		check_value(policy, 0, KEY_SANDBOX, "no", 3);
		assert_int_equal(value_of(policy, 0, KEY_SANDBOX)->number, 0);
	}
}

static void test_bad_headers(void **state)
{
	static const char *const bad[] = {
		"defaults",
		"grp x",
		"group",
		"user",
		"uid",
		"user a b",
		"user a,b",
		"user a,",
		"user , service x",
		"service",
		"service a b",
		"host x",
		"default x",
		"default, service x",
		"host, service x",
		"service a, service b",
		"user a, service",
		"user a, service b c",
		"user a, group b",
		"user a, service b, service c",
		"uid x",
		"uid -1",
		"uid 1-",
		"uid -",
		"uid 5-5",
		"uid 9-5",
		"uid 010",
		"uid 4294967295",
		"uid 1-4294967295",
		"uid 99999999999999999999",
		"uid 1 - 5",
		"uid 1-2-3",
		"uid 1000,",
		"user:alice",
		"x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[128];

		/* The keys below are not looked at: whom they are for is not known. */
		assert_true(snprintf(text, sizeof(text), "\n[%s]\nnonsense = 1\n", bad[i]) > 0);
		check_words(text, "a.conf:2: [", "expected");
	}
	check_words("[Default]\n", "a.conf:1: [Default]", "letter case counts");
	check_words("[USER bob]\n", "a.conf:1: [USER bob]", "letter case counts");
	check_words("[grp x]\n", "a.conf:1: [grp x]", "[group NAME]");
}

static void test_host(void **state)
{
	struct policy *policy _policy_ =
		parse_two("[host]\ncgroup = cgroupfs\nhome_roots = /home\n",
			  "[host]\n\nhome_roots = /srv/home /export\n");

	(void)state;
	assert_int_equal(policy->section_count, 0);
	assert_int_equal(policy->host[KEY_HOST_CGROUP].number, CGROUP_CGROUPFS);
	assert_string_equal(policy->host[KEY_HOST_CGROUP].file, POLICY_NAME);
	assert_int_equal(policy->host[KEY_HOST_CGROUP].line, 2);
	assert_string_equal(policy->host[KEY_HOST_HOME_ROOTS].words[1], "/export");
	assert_string_equal(policy->host[KEY_HOST_HOME_ROOTS].file, "second.conf");
	assert_int_equal(policy->host[KEY_HOST_HOME_ROOTS].line, 3);
	assert_string_equal(policy->host[KEY_HOST_MOUNT_PROPAGATION].file, "(default)");
}

/* The same section in two files is no error, and both are there, in their order. */
static void test_two_files(void **state)
{
	struct policy *policy _policy_ =
		parse_two("[default]\npids_max = 10\n", "[default]\npids_max = 20\n");

	(void)state;
	assert_int_equal(policy->section_count, 2);
	assert_int_equal(value_of(policy, 0, KEY_PIDS_MAX)->number, 10);
	assert_int_equal(value_of(policy, 1, KEY_PIDS_MAX)->number, 20);
	assert_string_equal(value_of(policy, 1, KEY_PIDS_MAX)->file, "second.conf");
}

/* Errors -------------------------------------------------------------------------------------- */

static void test_keys(void **state)
{
	(void)state;
	check_error("[default]\n\nmemory_mx = 1G\n",
		    "a.conf:3: [default] memory_mx: unknown key, expected one that carrel.conf(5) "
		    "lists");
	check_error("[user bob]\nSandbox = no\n",
		    "a.conf:2: [user bob] Sandbox: unknown key, expected sandbox (letter case "
		    "counts)");
	check_words("[host]\nsandbox = no\n", "a.conf:2: [host] sandbox:", "not a key of [host]");
	check_words("[default]\ncgroup = none\n", "a.conf:2: [default] cgroup:", "a key of [host]");
	check_error("[default]\nnet = private\n",
		    "a.conf:2: [default] net: not supported by this version");
	check_words("[default]\ntmp_root = /x\n",
		    "a.conf:2: [default] tmp_root:", "a key of [host]");
	check_words("[default]\nnamespaces = net\n",
		    "a.conf:2: [default] namespaces:", "\"net\" is not supported by this version");
	check_words("[user a\"\xff]\nk\x80 = 1\n",
		    "a.conf:2: [user a\\\"\\xff] k\\x80:", "unknown key");
}

static void test_values(void **state)
{
	(void)state;
	check_error("[default]\nsandbox = maybe\n",
		    "a.conf:2: [default] sandbox: expected yes or no, not \"maybe\"");
	check_words("[uid 5]\npids_max = 0\n", "a.conf:2: [uid 5] pids_max:", "from 1 to");
	check_words("[uid 5]\npids_max = 10x\n", "a.conf:2: [uid 5] pids_max:", "\"10x\"");
	check_words("[default]\nhide = tmp\n", "a.conf:2: [default] hide:", "absolute paths");
	check_words("[default]\nsandbox =\n", "a.conf:2: [default] sandbox:", "not \"\"");
}

/* CONTRACT's other classes, as they come out of policy_parse(). */
static void test_lines(void **state)
{
	char text[10 + 1001];
	struct policy_errors errors;

	(void)state;
	check_words("[default]\nsandbox = no\nsandbox = yes\n",
		    "a.conf:3: [default] sandbox:", "twice");
	check_words("[user a]\n[user b]\n[user  a]\n", "a.conf:3: [user a]:", "twice");
	check_words("[host]\n[host]\n", "a.conf:2: [host]:", "twice");
	check_words("[default]\nnonsense\n", "a.conf:2: \"nonsense\":", "KEY = VALUE");
	memset(text, ' ', sizeof(text));
	memcpy(text, "[default]\n", 10);
	errors = refuse(text, sizeof(text), NULL);
	assert_string_equal(errors.texts[0],
			    "a.conf:2: expected at most 1000 characters in a line, "
			    "not 1001");
	policy_errors_free(&errors);
	errors = refuse("[default]\nsandbox = no\0\n", 24, NULL);
	assert_string_equal(errors.texts[0], "a.conf:2: expected text, not a NUL byte");
	policy_errors_free(&errors);
}

static void test_cgroup_none(void **state)
{
	static const char *const limits[] = {
		"memory_max = 25%", "memory_high = 1G", "swap_max = 0",
		"cpu_max = 100%",   "cpu_weight = 100", "cpus = 0",
		"memory_nodes = 0", "io_weight = 100",	"io_max = /dev/sda rbps=1M",
		"pids_max = 100"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		char text[128];

		assert_true(snprintf(text, sizeof(text), "[user bob]\n%s\n[host]\ncgroup = none\n",
				     limits[i]) > 0);
		check_words(text, "a.conf:2: ", "cgroup = none (a.conf:4)");
	}
	struct policy *policy _policy_ =
		parse("[host]\ncgroup = none\n[default]\nmemory_max = max\nmemory_high = max\n"
		      "swap_max = max\ncpu_max = max\npids_max = max\nio_max = max\nsessions_max = "
		      "5\ntmp_size = 1G\n");

	assert_int_equal(policy->host[KEY_HOST_CGROUP].number, CGROUP_NONE);
	/* A later file may take it back. */
	struct policy *again _policy_ =
		parse_two("[host]\ncgroup = none\n[default]\npids_max = 5\n",
			  "[host]\ncgroup = auto\n");
	assert_int_equal(again->host[KEY_HOST_CGROUP].number, CGROUP_AUTO);
}

/* All errors of all files, and none hides another. */
static void test_all_errors(void **state)
{
	static const char first[] = "[default]\nsandbox = 1\nfoo = 2\nbar\n[nobody]\n";
	struct policy_errors errors = refuse(first, sizeof(first) - 1, "[default]\npids_max = 0\n");
	size_t line[6] = {0}, in_second = 0;

	(void)state;
	assert_int_equal(errors.count, 5);
	for (size_t i = 0; i < errors.count; i++) {
		in_second += strncmp(errors.texts[i], "b.conf:2:", 9) == 0;
		for (size_t n = 1; n < ARRAY_SIZE(line); n++) {
			char place[16];

			assert_true(snprintf(place, sizeof(place), "a.conf:%zu:", n) > 0);
			line[n] += strncmp(errors.texts[i], place, strlen(place)) == 0;
		}
	}
	assert_int_equal(in_second, 1);
	for (size_t n = 2; n < ARRAY_SIZE(line); n++)
		assert_int_equal(line[n], 1);
	policy_errors_free(&errors);
}

static void test_caps(void **state)
{
	static char many[20 * 20000];
	struct policy_source *sources = calloc(POLICY_FILES_MAX + 1, sizeof(*sources));
	struct policy_errors errors;
	struct policy *policy = NULL;
	size_t used = 0;

	(void)state;
	/* 20,000 keys: refused where the cap is passed, and the list of errors is capped too. */
	used += (size_t)snprintf(many, sizeof(many), "[default]\n");
	for (int i = 0; i < 20000; i++)
		used += (size_t)snprintf(many + used, sizeof(many) - used, "k%d=1\n", i);
	assert_true(used < POLICY_BYTES_MAX);
	errors = refuse(many, used, NULL);
	assert_non_null(strstr(errors.texts[0], "at most 4096 sections and keys"));
	assert_int_equal(errors.count, POLICY_ERRORS_MAX);
	assert_int_equal(errors.dropped, 4096 - POLICY_ERRORS_MAX);
	policy_errors_free(&errors);

	memset(many, '\n', POLICY_BYTES_MAX + 1);
	errors = refuse(many, POLICY_BYTES_MAX + 1, NULL);
	assert_string_equal(errors.texts[0], "a.conf:1: expected at most 262144 bytes, not 262145");
	policy_errors_free(&errors);

	for (size_t i = 0; i <= POLICY_FILES_MAX; i++)
		sources[i] = (struct policy_source){.name = many, .bytes = many, .size = 0};
	memcpy(many, "x.conf", 7);
	assert_int_equal(policy_parse(sources, POLICY_FILES_MAX + 1, &errors, &policy), -EINVAL);
	assert_string_equal(errors.texts[0], "x.conf:1: expected at most 128 files, not 129");
	policy_errors_free(&errors);
	assert_int_equal(policy_parse(sources, POLICY_FILES_MAX, &errors, &policy), 0);
	policy_free(policy);
	free(sources);

	used = 0;
	for (int i = 0; i <= POLICY_SECTIONS_MAX; i++)
		used += (size_t)snprintf(many + used, sizeof(many) - used, "[user u%d]\n", i);
	errors = refuse(many, used, NULL);
	assert_string_equal(
		errors.texts[0],
		"a.conf:1025: [user u1024]: expected at most 1024 sections in all files");
	policy_errors_free(&errors);
}

/* As many lines as there can be, so that iniparser gets them in many pieces. */
static void test_large(void **state)
{
	static char text[POLICY_BYTES_MAX];
	size_t used = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "[user u%d]\npids_max = %d\nhide = /u/%d\nproc = own\n", i,
					 i + 1, i);
	struct policy *policy _policy_ = parse(text);

	assert_int_equal(policy->section_count, 1000);
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(value_of(policy, i, KEY_PIDS_MAX)->number, i + 1);
		assert_int_equal(strtoul(value_of(policy, i, KEY_HIDE)->words[0] + 3, NULL, 10), i);
		assert_int_equal(value_of(policy, i, KEY_PROC)->line, 4 * i + 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	    cmocka_unit_test(test_headers),
		cmocka_unit_test(test_bad_headers), cmocka_unit_test(test_host),
		cmocka_unit_test(test_two_files),   cmocka_unit_test(test_keys),
		cmocka_unit_test(test_values),	    cmocka_unit_test(test_lines),
		cmocka_unit_test(test_cgroup_none), cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_caps),	    cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}

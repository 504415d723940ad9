/* SPDX-License-Identifier: MIT */
/*
 * The traps of iniparser. Each is sprung first (so that the test is known to be about something that
 * happens), then laid before policy_parse(), which must not fall in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <iniparser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/policy_ini.h"
#include "core/scan.h"
#include "tests/unit/with_policy.h"

static int say_nothing(const char *format, ...)
{
	(void)format;
	return 0;
}

/* What iniparser alone makes of the text. */
static dictionary *load_raw(const char *text, size_t size)
{
	int fd = memfd_create("raw", MFD_CLOEXEC);
	char path[64];
	dictionary *dict;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	assert_true(snprintf(path, sizeof(path), "/proc/self/fd/%d", fd) > 0);
	iniparser_set_error_callback(say_nothing);
	dict = iniparser_load(path);
	close(fd);
	return dict;
}

static void check_raw(const char *text, size_t size, const char *name, const char *expected)
{
	dictionary *dict = load_raw(text, size);
	const char *value;

	assert_non_null(dict);
	value = iniparser_getstring(dict, name, "(none)");
	assert_string_equal(value ? value : "(null)", expected);
	iniparser_freedict(dict);
}

static void check_refused(const char *text, size_t size, const char *error)
{
	struct policy_errors errors = {0};
	struct policy *policy = NULL;
	char name[] = "a.conf";
	struct policy_source source = {.name = name, .bytes = (char *)text, .size = size};

	assert_int_equal(policy_parse(&source, 1, &errors, &policy), -EINVAL);
	if (!strstr(errors.texts[0], error))
		fail_msg("%s (instead of %s)", errors.texts[0], error);
	policy_errors_free(&errors);
}

#define CHECK_RAW(text, name, expected) check_raw(text, sizeof(text) - 1, name, expected)
#define CHECK_REFUSED(text, error) check_refused(text, sizeof(text) - 1, error)

/* Bob's limits become bob's. */
static void test_merged_names(void **state)
{
	static const char text[] = "[user Bob]\npids_max = 10\n[user bob]\npids_max = 20\n";
	struct policy *policy _policy_ = parse(text);

	(void)state;
	CHECK_RAW(text, "user Bob:pids_max", "20");
	assert_string_equal(policy->sections[0].name, "Bob");
	assert_int_equal(policy->sections[0].values[KEY_PIDS_MAX].number, 10);
	assert_string_equal(policy->sections[1].name, "bob");
	assert_int_equal(policy->sections[1].values[KEY_PIDS_MAX].number, 20);
}

/* A colon in a name: one section's key is the other's. */
static void test_colon(void **state)
{
	static const char text[] = "[user a]\npids_max = 10\n[user a:pids_max]\n";
	struct policy *policy _policy_ = parse(text);

	(void)state;
	CHECK_RAW(text, "user a:pids_max", "(null)");
	assert_int_equal(policy->section_count, 2);
	assert_int_equal(policy->sections[0].values[KEY_PIDS_MAX].number, 10);
}

static void test_duplicates(void **state)
{
	static const char keys[] = "[default]\nsandbox = yes\nsandbox = no\n";
	static const char sections[] =
		"[user a]\nsandbox = yes\n[user b]\n[user a]\nsandbox = no\n";
	static const char cases[] = "[default]\nsandbox = yes\nSANDBOX = no\n";

	(void)state;
	CHECK_RAW(keys, "default:sandbox", "no");
	CHECK_REFUSED(keys, "a.conf:3: [default] sandbox: the same key twice (first in line 2)");
	CHECK_RAW(sections, "user a:sandbox", "no");
	CHECK_REFUSED(sections, "a.conf:4: [user a]: the same section twice (first in line 1)");
	CHECK_RAW(cases, "default:sandbox", "no");
	CHECK_REFUSED(cases, "a.conf:3: [default] SANDBOX: unknown key");
}

static void test_cut_values(void **state)
{
	static const char semicolon[] = "[default]\nhide = /srv/a;b\n";
	static const char hash[] = "[default]\nhide = /srv/a#1 /srv/b\n";
	struct policy *policy _policy_ = parse("[default]\nhide = \"/srv/a;b /c#d\" ; comment\n"
					       "read_only = /e ; comment\n");

	(void)state;
	CHECK_RAW(semicolon, "default:hide", "/srv/a");
	CHECK_REFUSED(semicolon, "a.conf:2: [default] hide: ';' within a value: expected quotes");
	CHECK_RAW(hash, "default:hide", "/srv/a");
	CHECK_REFUSED(hash, "a.conf:2: [default] hide: '#' within a value: expected quotes");
	assert_string_equal(policy->sections[0].values[KEY_HIDE].words[0], "/srv/a;b");
	assert_string_equal(policy->sections[0].values[KEY_HIDE].words[1], "/c#d");
	assert_string_equal(policy->sections[0].values[KEY_READ_ONLY].text, "/e");
}

static void test_numbers(void **state)
{
	static const char text[] = "[default]\na = 10G\nb = 010\nc = tXX\n";
	dictionary *dict = load_raw(text, sizeof(text) - 1);

	(void)state;
	assert_non_null(dict);
	assert_int_equal(iniparser_getint(dict, "default:a", -1), 10);
	assert_int_equal(iniparser_getint(dict, "default:b", -1), 8);
	assert_int_equal(iniparser_getboolean(dict, "default:c", -1), 1);
	iniparser_freedict(dict);
	CHECK_REFUSED("[default]\npids_max = 10G\n", "not \"10G\"");
	CHECK_REFUSED("[default]\npids_max = 010\n", "not \"010\"");
	CHECK_REFUSED("[default]\nsandbox = tXX\n", "not \"tXX\"");
}

/* A line goes on in the next one, even that of a comment. */
static void test_continued(void **state)
{
	static const char comment[] = "[default]\n# \\\npids_max = 10\n";
	static const char value[] = "[default]\nhide = /a \\\npids_max = 10\n";
	struct policy *policy _policy_ = parse(comment);

	(void)state;
	CHECK_RAW(comment, "default:pids_max", "(none)");
	assert_int_equal(policy->sections[0].values[KEY_PIDS_MAX].number, 10);
	CHECK_RAW(value, "default:pids_max", "(none)");
	CHECK_REFUSED(value, "a.conf:2: [default] hide: expected the whole value in one line");
}

/* What stands behind a NUL is not seen. */
static void test_nul(void **state)
{
	static const char text[] = "[default]\npids_max = 10\n\0pids_max = 20\n";

	(void)state;
	CHECK_RAW(text, "default:pids_max", "10");
	CHECK_REFUSED(text, "a.conf:3: expected text, not a NUL byte");
}

/* Quotes without an end are taken, and what follows them is lost. */
static void test_quotes(void **state)
{
	static const char open[] = "[default]\nhide = \"/a /b\n";
	static const char behind[] = "[default]\nhide = \"/a\" /b\n";

	(void)state;
	CHECK_RAW(open, "default:hide", "/a /b");
	CHECK_REFUSED(open, "a.conf:2: [default] hide: expected a closing \"");
	CHECK_RAW(behind, "default:hide", "/a");
	CHECK_REFUSED(
		behind,
		"a.conf:2: [default] hide: expected nothing but a comment behind the closing");
}

/* The whole policy is lost for one bad line, without its number; and stderr is written to. */
static void test_messages(void **state)
{
	static const char text[] = "[default]\nsandbox = no\nnonsense\n";
	int saved = dup(STDERR_FILENO), fd = memfd_create("stderr", MFD_CLOEXEC);

	(void)state;
	assert_null(load_raw(text, sizeof(text) - 1));
	assert_true(saved >= 0 && fd >= 0);
	iniparser_set_error_callback(NULL);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	assert_null(iniparser_load("/nonexistent"));
	assert_true(lseek(fd, 0, SEEK_END) > 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	CHECK_REFUSED(text, "a.conf:3: \"nonsense\": expected KEY = VALUE");
	(void)iniparser_load("/nonexistent");
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(saved);
	close(fd);
}

/* The bridge ---------------------------------------------------------------------------------- */

struct taken {
	size_t count;
	char values[4][64];
};

static int take(void *arg, size_t index, const char *value)
{
	struct taken *taken = arg;

	assert_int_equal(index, taken->count);
	assert_true(snprintf(taken->values[taken->count++], 64, "%s", value ? value : "(null)") >
			    0 ||
		    (value && !*value));
	return 0;
}

static struct ini_line line_of(const char *bytes, size_t section, const char *key)
{
	return (struct ini_line){bytes, strlen(bytes), section, key};
}

/* A pair that does not come back is NULL, however it got lost. */
static void test_lost_pairs(void **state)
{
	struct ini_line lines[] = {line_of("a = 1", 0, "a"), line_of("b = 2", 3, "lost"),
				   line_of("c = 3", 3, "c")};
	struct taken taken = {0};
	struct failure failure;

	(void)state;
	assert_int_equal(policy_ini_read(lines, 3, take, &taken, &failure), 0);
	assert_string_equal(taken.values[0], "1");
	assert_string_equal(taken.values[1], "(null)");
	assert_string_equal(taken.values[2], "3");
	lines[1] = line_of("no pair", 3, "b");
	taken.count = 0;
	assert_int_equal(policy_ini_read(lines, 3, take, &taken, &failure), 0);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(taken.values[i], "(null)");
}

static void report(void *arg, int line, const char *text)
{
	(void)arg;
	fail_msg("line %d: %s", line, text);
}

/* Each form of a value that the scan lets through: both must read the same, in every version. */
static void test_same_values(void **state)
{
	static const char *const forms[] = {
		"k=",	      "k = ",	      "k = ; c",	 "k =#",	   "k = \"\"",
		"k='' # c",   "k = \"a b\"",  "k = \" a \"",	 "k = 'a;b#c' ;d", "k = \"it's\"",
		"k = 'a\"b'", "k == b",	      "k = a\"b\"",	 "k = a\\b",	   "k = a\tb",
		"\tk\t=\ta ", "k = \xc3\xa9", "k = a = b ; c=d", "k = \xa0 \x85",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		char text[64];
		struct taken taken = {0};
		struct failure failure;
		struct ini_line line = line_of(forms[i], 0, "k");
		struct scan scan;
		int n = snprintf(text, sizeof(text), "[s]\n%s\n", forms[i]);

		assert_int_equal(scan_bytes(text, (size_t)n, report, NULL, &scan), 0);
		assert_int_equal(policy_ini_read(&line, 1, take, &taken, &failure), 0);
		assert_string_equal(scan.entries[1].value, taken.values[0]);
		scan_free(&scan);
	}
}

/* No descriptor left for it: said, and refused. */
static void test_no_descriptor(void **state)
{
	struct rlimit limit, none;
	struct policy_errors errors = {0};
	struct policy *policy = NULL;
	char name[] = "a.conf", text[] = "[default]\nsandbox = no\n";
	struct policy_source source = {.name = name, .bytes = text, .size = sizeof(text) - 1};
	int r;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = policy_parse(&source, 1, &errors, &policy);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	/* A later iniparser reads from memory and needs none. */
	if (r == 0)
		policy_free(policy);
	else
		assert_string_equal(errors.texts[0],
				    "a.conf:1: hand the policy to iniparser: Too many open files");
	policy_errors_free(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merged_names), cmocka_unit_test(test_colon),
		cmocka_unit_test(test_duplicates),   cmocka_unit_test(test_cut_values),
		cmocka_unit_test(test_numbers),	     cmocka_unit_test(test_continued),
		cmocka_unit_test(test_nul),	     cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_messages),     cmocka_unit_test(test_lost_pairs),
		cmocka_unit_test(test_same_values),  cmocka_unit_test(test_no_descriptor),
	};

	return cmocka_run_group_tests_name("policy_iniparser", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* options: each word after pam_carrel.so is known and has a good value, or the defaults hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/cleanup.h"
#include "pam_module/options.h"

static void assert_defaults(const struct options *options)
{
	assert_false(options->permit);
	assert_false(options->debug);
	assert_int_equal(options->timeout, 5);
	assert_string_equal(options->helper, CARREL_LIBEXEC "/carrel-session");
}

static int parse(const char *word, struct options *ret_options, struct failure *reterr)
{
	memset(ret_options, '#', sizeof(*ret_options));
	return options_parse(1, &word, ret_options, reterr);
}

static void nothing_gives_the_defaults(void **state)
{
	struct failure failure;
	struct options options;

	(void)state;
	memset(&options, '#', sizeof(options));
	assert_int_equal(options_parse(0, NULL, &options, &failure), 0);
	assert_defaults(&options);
}

static void all_of_them(void **state)
{
	const char *words[] = {"on_failure=permit", "timeout=300", "debug", "helper=/x/y"};
	struct failure failure;
	struct options options;

	(void)state;
	assert_int_equal(options_parse(4, words, &options, &failure), 0);
	assert_true(options.permit);
	assert_true(options.debug);
	assert_int_equal(options.timeout, 300);
	assert_string_equal(options.helper, "/x/y");
}

static void the_last_one_wins(void **state)
{
	const char *words[] = {"on_failure=permit", "timeout=9", "on_failure=deny", "timeout=1"};
	struct failure failure;
	struct options options;

	(void)state;
	assert_int_equal(options_parse(4, words, &options, &failure), 0);
	assert_false(options.permit);
	assert_int_equal(options.timeout, 1);
}

static void good_words(void **state)
{
	static const char *const words[] = {
		"on_failure=deny", "timeout=1", "timeout=300", "timeout=05",
		"timeout=005",	   "helper=/",	"helper=/a b", "debug",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct failure failure = {0};
		struct options options;

		if (parse(words[i], &options, &failure) != 0)
			fail_msg("%s: %s", words[i], failure.text);
		assert_false(options.permit);
	}
}

static void bad_words_are_said_and_leave_the_defaults(void **state)
{
	static const char *const words[] = {
		"",
		"=",
		"Debug",
		"debug=1",
		"debug ",
		"on_failure",
		"on_failure=",
		"on_failure=Permit",
		"on_failure=permit ",
		"on_failure=permitted",
		"on_failures=permit",
		"on-failure=permit",
		"timeout",
		"timeout=",
		"timeout=0",
		"timeout=000",
		"timeout=301",
		"timeout=0300",
		"timeout=-1",
		"timeout=+5",
		"timeout= 5",
		"timeout=5s",
		"timeout=0x5",
		"timeout=5.0",
		"timeout=4294967297",
		"timeout=99999999999999999999",
		"helper",
		"helper=",
		"helper=carrel-session",
		"helper=./carrel-session",
		"no_such_option",
		"%s%n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct failure failure = {0};
		struct options options;

		if (parse(words[i], &options, &failure) != -EINVAL)
			fail_msg("\"%s\" is taken", words[i]);
		assert_defaults(&options);
		if (!strstr(failure.text, words[i]))
			fail_msg("\"%s\" is not named: %s", words[i], failure.text);
	}
}

static void one_bad_word_undoes_the_good_ones(void **state)
{
	const char *words[] = {"on_failure=permit", "debug", "timeout=9", "bad",
			       "on_failure=permit"};
	struct failure failure;
	struct options options;

	(void)state;
	assert_int_equal(options_parse(5, words, &options, &failure), -EINVAL);
	assert_defaults(&options);
}

static void a_long_word_is_cut_in_the_text(void **state)
{
	static char word[100000];
	struct failure failure = {0};
	struct options options;

	(void)state;
	memset(word, 'z', sizeof(word) - 1);
	assert_int_equal(parse(word, &options, &failure), -EINVAL);
	assert_non_null(strstr(failure.text, "expected on_failure=deny|permit"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_gives_the_defaults),
		cmocka_unit_test(all_of_them),
		cmocka_unit_test(the_last_one_wins),
		cmocka_unit_test(good_words),
		cmocka_unit_test(bad_words_are_said_and_leave_the_defaults),
		cmocka_unit_test(one_bad_word_undoes_the_good_ones),
		cmocka_unit_test(a_long_word_is_cut_in_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

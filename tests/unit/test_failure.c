/* SPDX-License-Identifier: MIT */
/* failure: the text says what and why, is cut and never overrun, and the code comes back negative. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/failure.h"

/* What lies behind the text in memory must stay as it is. */
struct guarded {
	struct failure failure;
	char guard[16];
};

static struct guarded fresh(void)
{
	struct guarded guarded;

	memset(&guarded, '#', sizeof(guarded));
	return guarded;
}

static void check_guard(const struct guarded *guarded)
{
	for (size_t i = 0; i < sizeof(guarded->guard); i++)
		assert_int_equal(guarded->guard[i], '#');
	assert_non_null(memchr(guarded->failure.text, '\0', FAILURE_TEXT_MAX));
}

static void set_adds_the_reason(void **state)
{
	struct guarded guarded = fresh();

	(void)state;
	assert_int_equal(failure_set(&guarded.failure, ENOSPC, "mount %s on %s", "tmpfs", "/tmp"),
			 -ENOSPC);
	assert_int_equal(guarded.failure.err, ENOSPC);
	assert_string_equal(guarded.failure.text, "mount tmpfs on /tmp: No space left on device");
	check_guard(&guarded);
}

static void set_takes_any_number(void **state)
{
	struct guarded guarded = fresh();

	(void)state;
	assert_int_equal(failure_set(&guarded.failure, 99999, "x"), -99999);
	assert_string_equal(guarded.failure.text, "x: Unknown error 99999");
}

static void say_adds_nothing(void **state)
{
	struct guarded guarded = fresh();

	(void)state;
	assert_int_equal(failure_say(&guarded.failure, EPERM, "uid %d, not root's", 7), -EPERM);
	assert_int_equal(guarded.failure.err, EPERM);
	assert_string_equal(guarded.failure.text, "uid 7, not root's");
	check_guard(&guarded);
}

static void wrap_goes_in_front(void **state)
{
	struct guarded guarded = fresh();

	(void)state;
	(void)failure_say(&guarded.failure, ELOOP, "a link");
	assert_int_equal(failure_wrap(&guarded.failure, "bind %d", 3), -ELOOP);
	assert_int_equal(failure_wrap(&guarded.failure, "%s", "in the sandbox"), -ELOOP);
	assert_string_equal(guarded.failure.text, "in the sandbox: bind 3: a link");
	check_guard(&guarded);
}

static void its_own_text_can_be_an_argument(void **state)
{
	struct guarded guarded = fresh();

	(void)state;
	(void)failure_say(&guarded.failure, ELOOP, "inner");
	assert_int_equal(failure_wrap(&guarded.failure, "again %s", guarded.failure.text), -ELOOP);
	assert_string_equal(guarded.failure.text, "again inner: inner");
}

/* All lengths around the end of the buffer. */
static void long_texts_are_cut(void **state)
{
	char text[FAILURE_TEXT_MAX + 8];

	(void)state;
	for (int length = FAILURE_TEXT_MAX - 40; length < FAILURE_TEXT_MAX + 8; length++) {
		struct guarded guarded = fresh();

		memset(text, 'y', (size_t)length);
		text[length < (int)sizeof(text) ? length : (int)sizeof(text) - 1] = '\0';
		assert_int_equal(failure_set(&guarded.failure, EIO, "%s", text), -EIO);
		check_guard(&guarded);
		assert_memory_equal(guarded.failure.text, text, FAILURE_TEXT_MAX - 41);
		assert_int_equal(failure_say(&guarded.failure, EIO, "%s", text), -EIO);
		check_guard(&guarded);
		assert_int_equal(failure_wrap(&guarded.failure, "%s", text), -EIO);
		check_guard(&guarded);
		assert_int_equal(failure_wrap(&guarded.failure, "%s", "short"), -EIO);
		check_guard(&guarded);
		assert_memory_equal(guarded.failure.text, "short: yyyy", 11);
	}
}

static void percent_signs_in_texts_are_texts(void **state)
{
	struct guarded guarded = fresh();

	(void)state;
	(void)failure_say(&guarded.failure, EIO, "%s", "%n%s%d");
	(void)failure_wrap(&guarded.failure, "%s", "%x");
	assert_string_equal(guarded.failure.text, "%x: %n%s%d");
}

static void it_is_one_line_that_no_terminal_obeys(void **state)
{
	struct guarded guarded = fresh();

	(void)state;
	(void)failure_say(&guarded.failure, EINVAL, "user %s", "a\nb\x1b[2J\x7f");
	assert_string_equal(guarded.failure.text, "user a?b?[2J?");
	(void)failure_wrap(&guarded.failure, "%s",
			   "K\xc3\xa4se\xc2\x9b"
			   "2J\r");
	assert_string_equal(guarded.failure.text, "K\xc3\xa4se??2J?: user a?b?[2J?");
	(void)failure_set(&guarded.failure, ENOENT, "open %s", "\xc2\xa0\xc2");
	assert_string_equal(guarded.failure.text, "open \xc2\xa0\xc2: No such file or directory");
	check_guard(&guarded);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_adds_the_reason),
		cmocka_unit_test(set_takes_any_number),
		cmocka_unit_test(say_adds_nothing),
		cmocka_unit_test(wrap_goes_in_front),
		cmocka_unit_test(its_own_text_can_be_an_argument),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(percent_signs_in_texts_are_texts),
		cmocka_unit_test(it_is_one_line_that_no_terminal_obeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

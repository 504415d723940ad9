/* SPDX-License-Identifier: MIT */
/* scan: lines, letter case, duplicates, and each kind of line that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/scan.h"

struct said {
	size_t count;
	int line; /* of the first */
	char text[512];
};

static void report(void *arg, int line, const char *text)
{
	struct said *said = arg;

	assert_true(line > 0);
	if (said->count++ > 0)
		return;
	said->line = line;
	assert_true(snprintf(said->text, sizeof(said->text), "%s", text) > 0);
}

static struct scan scan_good(const char *bytes, size_t size)
{
	struct said said = {0};
	struct scan scan;
	int r = scan_bytes(bytes, size, report, &said, &scan);

	if (r != 0 || said.count)
		fail_msg("%d, line %d: %s", r, said.line, said.text);
	return scan;
}

static void check_entry(const struct scan *scan, size_t index, int line, const char *name,
			const char *value)
{
	const struct scan_entry *entry = &scan->entries[index];

	assert_true(index < scan->count);
	assert_int_equal(entry->line, line);
	assert_string_equal(entry->name, name);
	assert_int_equal(entry->kind, value ? SCAN_KEY : SCAN_SECTION);
	if (value)
		assert_string_equal(entry->value, value);
	else
		assert_null(entry->value);
}

/* One error, in this line, with these words. */
static void check_refused(const char *bytes, size_t size, int line, const char *words)
{
	struct said said = {0};
	struct scan scan;

	assert_int_equal(scan_bytes(bytes, size, report, &said, &scan), -EINVAL);
	scan_free(&scan);
	if (said.count != 1 || said.line != line || !strstr(said.text, words))
		fail_msg("%zu errors, line %d: %s (instead of line %d: %s)", said.count, said.line,
			 said.text, line, words);
}

static void check_text_refused(const char *text, int line, const char *words)
{
	check_refused(text, strlen(text), line, words);
}

static void test_lines(void **state)
{
	static const char text[] = "# comment\n"
				   "\n"
				   "[default]\n"
				   "  sandbox=yes\t \n"
				   "; another \\\n"
				   "[user Bob]\r\n"
				   "\tMemory_Max = 1G ; why\r\n"
				   "hide = /a /b # c; d\n"
				   "bind =a=b";
	struct scan scan = scan_good(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(scan.count, 6);
	check_entry(&scan, 0, 3, "default", NULL);
	check_entry(&scan, 1, 4, "sandbox", "yes");
	check_entry(&scan, 2, 6, "user Bob", NULL);
	check_entry(&scan, 3, 7, "Memory_Max", "1G");
	check_entry(&scan, 4, 8, "hide", "/a /b");
	check_entry(&scan, 5, 9, "bind", "a=b");
	assert_int_equal(scan.entries[1].section, 0);
	assert_int_equal(scan.entries[5].section, 2);
	assert_int_equal(scan.entries[3].length, strlen("\tMemory_Max = 1G ; why"));
	assert_memory_equal(text + scan.entries[3].offset, "\tMemory_Max", 11);
	scan_free(&scan);
}

static void test_nothing(void **state)
{
	struct scan scan = scan_good(NULL, 0);

	(void)state;
	assert_int_equal(scan.count, 0);
	scan_free(&scan);
	scan = scan_good("\n \n\t\n#\n;", 8);
	assert_int_equal(scan.count, 0);
	scan_free(&scan);
}

/* The values as iniparser gives them; test_policy compares the two. */
static void test_values(void **state)
{
	static const struct {
		const char *line, *value;
	} cases[] = {
		{"k=", ""},
		{"k = ", ""},
		{"k = ; c", ""},
		{"k =#", ""},
		{"k = \"\"", ""},
		{"k = '' # c", ""},
		{"k = \"a b\"", "a b"},
		{"k = \" a \"", " a "},
		{"k = 'a;b#c' ; d", "a;b#c"},
		{"k = \"it's\"", "it's"},
		{"k = 'a\"b'", "a\"b"},
		{"k == b", "= b"},
		{"k = a\"b\"", "a\"b\""},
		{"k = a\\b", "a\\b"},
		{"k = a\tb", "a\tb"},
		{"k = \xc3\xa9", "\xc3\xa9"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];
		int n = snprintf(text, sizeof(text), "[s]\n%s\n", cases[i].line);
		struct scan scan = scan_good(text, (size_t)n);

		assert_int_equal(scan.count, 2);
		check_entry(&scan, 1, 2, "k", cases[i].value);
		scan_free(&scan);
	}
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{"sandbox", "expected KEY = VALUE"},
		{"= yes", "expected KEY = VALUE"},
		{" = yes", "expected KEY = VALUE"},
		{"[user bob", "expected one ']' at the end"},
		{"[user bob] # c", "expected one ']' at the end"},
		{"[a]b]", "expected one ']' at the end"},
		{"[]", "expected the name of a section"},
		{"[ \t]", "expected the name of a section"},
		{"k = \"a", "[s] k: expected a closing \""},
		{"k = '", "expected a closing '"},
		{"k = \"a\" b", "expected nothing but a comment"},
		{"k = ''a''", "expected nothing but a comment"},
		{"k = \"a\\\"b\"", "expected no backslash between quotes"},
		{"k = a;b", "expected quotes around the value"},
		{"k = a#b", "expected quotes around the value"},
		{"k = a \\", "without '\\' at its end"},
		{"k = a # c \\", "without '\\' at its end"},
		{"k = \x1b[31m", "not the byte \\x1b"},
		{"k = a\rb", "not the byte \\x0d"},
		{"# \x7f", "not the byte \\x7f"},
		{"\xef\xbb\xbf[default]", "\"\\xef\\xbb\\xbf[default]\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];

		assert_true(snprintf(text, sizeof(text), "[s]\n%s\n", cases[i].line) > 0);
		check_text_refused(text, 2, cases[i].words);
	}
}

static void test_byte_order_mark(void **state)
{
	(void)state;
	check_text_refused("\xef\xbb\xbf[s]\na = 1\n", 1, "not a byte order mark at the start");
}

static void test_nul(void **state)
{
	(void)state;
	check_refused("[s]\nk = a\0b\n", 12, 2, "not a NUL byte");
	check_refused("[s]\n#\0\n", 7, 2, "not a NUL byte");
	check_refused("\0", 1, 1, "not a NUL byte");
}

static void test_long_line(void **state)
{
	char text[SCAN_LINE_MAX + 64];
	struct scan scan;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "[s]\nk=", 6);
	text[4 + SCAN_LINE_MAX] = '\n';
	scan = scan_good(text, 4 + SCAN_LINE_MAX + 1);
	assert_int_equal(strlen(scan.entries[1].value), SCAN_LINE_MAX - 2);
	scan_free(&scan);
	text[4 + SCAN_LINE_MAX] = 'a';
	check_refused(text, 4 + SCAN_LINE_MAX + 1, 2,
		      "at most 1000 characters in a line, not 1001");
	/* A comment too: iniparser would take its rest for a line. */
	text[4] = '#';
	check_refused(text, 4 + SCAN_LINE_MAX + 1, 2,
		      "at most 1000 characters in a line, not 1001");
}

static void test_duplicates(void **state)
{
	(void)state;
	check_text_refused("[s]\na = 1\nb = 2\na = 3\n", 4,
			   "[s] a: the same key twice (first in line 2), expected once");
	check_text_refused("[s]\n[t]\n[s]\n", 3,
			   "[s]: the same section twice (first in line 1), expected once");
	check_text_refused("[group a,service b]\n[t]\n[ group \t a , service b ]\n", 3,
			   "[group a, service b]: the same section twice");
}

/* What iniparser would merge is no duplicate here. */
static void test_letter_case(void **state)
{
	static const char text[] = "[user Bob]\na = 1\nA = 2\n[user bob]\na = 3\n";
	struct scan scan = scan_good(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(scan.count, 5);
	check_entry(&scan, 0, 1, "user Bob", NULL);
	check_entry(&scan, 2, 3, "A", "2");
	check_entry(&scan, 3, 4, "user bob", NULL);
	check_entry(&scan, 4, 5, "a", "3");
	scan_free(&scan);
}

static void test_names(void **state)
{
	static const char text[] =
		"[user 0x0]\n[user -x]\n[user a:b]\n[  group\t x ,  service   y ]\n"
		"[user caf\xc3\xa9]\n[user #1]\n";
	struct scan scan = scan_good(text, sizeof(text) - 1);

	(void)state;
	check_entry(&scan, 0, 1, "user 0x0", NULL);
	check_entry(&scan, 1, 2, "user -x", NULL);
	check_entry(&scan, 2, 3, "user a:b", NULL);
	check_entry(&scan, 3, 4, "group x, service y", NULL);
	check_entry(&scan, 4, 5, "user caf\xc3\xa9", NULL);
	check_entry(&scan, 5, 6, "user #1", NULL);
	scan_free(&scan);
}

static void test_no_section(void **state)
{
	(void)state;
	/* Once, however many keys there are. */
	check_text_refused("\na = 1\nb = 2\n[s]\nc = 3\n", 2,
			   "expected a section such as [default]");
	/* Below a header that is refused, the header alone is the error. */
	check_text_refused("[s\na = 1\na = 1\n", 1, "expected one ']'");
}

/* All that is wrong is said, and what is good is there nevertheless. */
static void test_all_errors(void **state)
{
	static const char text[] = "[s]\nbad\na = 1\nworse\na = 2\n";
	struct said said = {0};
	struct scan scan;

	(void)state;
	assert_int_equal(scan_bytes(text, sizeof(text) - 1, report, &said, &scan), -EINVAL);
	assert_int_equal(said.count, 3);
	assert_int_equal(scan.count, 2);
	check_entry(&scan, 1, 3, "a", "1");
	scan_free(&scan);
}

static void test_entries(void **state)
{
	size_t size = 16 * 20000, used;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	used = (size_t)snprintf(text, size, "[s]\n");
	for (int i = 1; i < SCAN_ENTRIES_MAX; i++)
		used += (size_t)snprintf(text + used, size - used, "k%d=\n", i);
	struct scan scan = scan_good(text, used);

	assert_int_equal(scan.count, SCAN_ENTRIES_MAX);
	scan_free(&scan);
	for (int i = SCAN_ENTRIES_MAX; i < 20000; i++)
		used += (size_t)snprintf(text + used, size - used, "k%d=\n", i);
	check_refused(text, used, SCAN_ENTRIES_MAX + 1, "at most 4096 sections and keys");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_values),		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_byte_order_mark), cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_line),	cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_letter_case),	cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_section),	cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_entries),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}

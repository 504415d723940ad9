/* SPDX-License-Identifier: MIT */
#include "core/scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/quote.h"

/* Open addressing: twice the entries there can be, so that a free slot is always near. */
#define SLOTS (2 * SCAN_ENTRIES_MAX)
_Static_assert((SLOTS & (SLOTS - 1)) == 0, "a slot is found with a mask");
_Static_assert(SCAN_ENTRIES_MAX < UINT16_MAX, "a slot holds the index of an entry, plus one");

#define NO_SECTION SIZE_MAX

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* of editors that write UTF-8 with one */

struct scanner {
	struct scan scan;
	size_t capacity;
	scan_report *report;
	void *arg;
	bool bad;
	int line; /* number of the current one */
	size_t offset, length; /* of the current line */
	size_t section; /* entry of the current section, or NO_SECTION */
	bool skipping; /* what was wrong with the current section has been said: no more about it */
	uint16_t slots[SLOTS];
};

/* A piece of the bytes. */
struct span {
	const char *at;
	size_t size;
};

static void __attribute__((format(printf, 2, 3))) say(struct scanner *scanner, const char *fmt, ...)
{
	char text[2 * sizeof(struct quoted) + 160];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	scanner->bad = true;
	scanner->report(scanner->arg, scanner->line, text);
}

/* "[SECTION] KEY", as the errors of values have it; before the first section KEY alone. */
struct label {
	char text[2 * sizeof(struct quoted) + 8];
};

static struct label label_key(const struct scanner *scanner, struct span name)
{
	struct quoted key = quote_bytes(name.at, name.size);
	struct label label;

	if (scanner->section == NO_SECTION)
		(void)snprintf(label.text, sizeof(label.text), "%s", key.text);
	else
		(void)snprintf(label.text, sizeof(label.text), "[%s] %s",
			       quote_text(scanner->scan.entries[scanner->section].name).text,
			       key.text);
	return label;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span from(struct span span, size_t start)
{
	return (struct span){span.at + start, span.size - start};
}

static struct span trim(struct span span)
{
	while (span.size && is_blank(span.at[0]))
		span = from(span, 1);
	while (span.size && is_blank(span.at[span.size - 1]))
		span.size--;
	return span;
}

static bool is_comment(struct span span)
{
	return span.size && (span.at[0] == '#' || span.at[0] == ';');
}

/* Entries ------------------------------------------------------------------------------------- */

/* FNV-1a over what makes an entry one of a kind. */
static size_t hash_entry(const struct scan_entry *entry)
{
	uint32_t hash = UINT32_C(2166136261) ^ (uint32_t)entry->kind;

	if (entry->kind == SCAN_KEY)
		hash = (hash ^ (uint32_t)entry->section) * UINT32_C(16777619);
	for (const char *p = entry->name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * UINT32_C(16777619);
	return hash ^ hash >> 16;
}

static bool same_entry(const struct scan_entry *a, const struct scan_entry *b)
{
	return a->kind == b->kind && (a->kind == SCAN_SECTION || a->section == b->section) &&
	       strcmp(a->name, b->name) == 0;
}

/* The slot of the entry's equal, or the free one that is to be its own. */
static uint16_t *find_slot(struct scanner *scanner, const struct scan_entry *entry)
{
	size_t at = hash_entry(entry) & (SLOTS - 1);

	while (scanner->slots[at] &&
	       !same_entry(&scanner->scan.entries[scanner->slots[at] - 1], entry))
		at = (at + 1) & (SLOTS - 1);
	return &scanner->slots[at];
}

static int grow(struct scanner *scanner)
{
	struct scan_entry *entries;
	size_t capacity = scanner->capacity ? 2 * scanner->capacity : 64;

	if (scanner->scan.count < scanner->capacity)
		return 0;
	entries = reallocarray(scanner->scan.entries, capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	scanner->scan.entries = entries;
	scanner->capacity = capacity;
	return 0;
}

/* Takes over name and value. -E2BIG: there are as many as there can be, and it has been said. */
static int add_entry(struct scanner *scanner, enum scan_kind kind, char *name, char *value)
{
	struct scan_entry entry = {.kind = kind,
				   .line = scanner->line,
				   .name = name,
				   .value = value,
				   .section = scanner->section,
				   .offset = scanner->offset,
				   .length = scanner->length};
	uint16_t *slot;
	int r = name && (kind == SCAN_SECTION || value) ? grow(scanner) : -ENOMEM;

	if (r == 0 && scanner->scan.count == SCAN_ENTRIES_MAX) {
		say(scanner, "expected at most %d sections and keys in one file", SCAN_ENTRIES_MAX);
		r = -E2BIG;
	}
	if (r < 0)
		goto drop;
	slot = find_slot(scanner, &entry);
	if (*slot) {
		int first = scanner->scan.entries[*slot - 1].line;
		struct quoted quoted = quote_text(name);

		if (kind == SCAN_SECTION)
			say(scanner,
			    "[%s]: the same section twice (first in line %d), expected once in a "
			    "file",
			    quoted.text, first);
		else
			say(scanner, "%s: the same key twice (first in line %d), expected once",
			    label_key(scanner, (struct span){name, strlen(name)}).text, first);
		if (kind == SCAN_KEY)
			goto drop;
	} else {
		*slot = (uint16_t)(scanner->scan.count + 1);
	}
	scanner->scan.entries[scanner->scan.count++] = entry;
	return 0;
drop:
	free(name);
	free(value);
	return r;
}

/* Lines --------------------------------------------------------------------------------------- */

/* "group  a ,service b" -> "group a, service b" */
static char *uniform_blanks(struct span span)
{
	char *name = malloc(2 * span.size + 1); /* each ',' may get a blank */
	size_t used = 0;

	if (!name)
		return NULL;
	for (size_t i = 0; i < span.size; i++) {
		char c = span.at[i];

		if (is_blank(c))
			c = ' ';
		if (c == ' ' && used && name[used - 1] == ' ')
			continue;
		if (c == ',' && used && name[used - 1] == ' ')
			used--;
		name[used++] = c;
		if (c == ',')
			name[used++] = ' ';
	}
	while (used && name[used - 1] == ' ')
		used--;
	name[used] = '\0';
	return name;
}

static int scan_section(struct scanner *scanner, struct span line)
{
	const char *end = memchr(line.at, ']', line.size);
	struct span name;
	int r;

	/* Until the header is known to be good, the keys below it belong nowhere. */
	scanner->section = NO_SECTION;
	scanner->skipping = true;
	if (!end || end != line.at + line.size - 1) {
		say(scanner, "\"%s\": expected one ']' at the end of a section header",
		    quote_bytes(line.at, line.size).text);
		return 0;
	}
	name = trim((struct span){line.at + 1, (size_t)(end - line.at) - 1});
	if (!name.size) {
		say(scanner, "[]: expected the name of a section");
		return 0;
	}
	r = add_entry(scanner, SCAN_SECTION, uniform_blanks(name), NULL);
	if (r == 0)
		scanner->section = scanner->scan.count - 1;
	return r;
}

/* A value in quotes; `*value` becomes what is between them. */
static bool scan_quoted(struct scanner *scanner, struct span key, struct span *value)
{
	const char *end = memchr(value->at + 1, value->at[0], value->size - 1);
	struct span inside, behind;

	if (!end) {
		say(scanner, "%s: expected a closing %c", label_key(scanner, key).text,
		    value->at[0]);
		return false;
	}
	inside = (struct span){value->at + 1, (size_t)(end - value->at) - 1};
	behind = trim(from(*value, inside.size + 2));
	if (memchr(inside.at, '\\', inside.size)) {
		say(scanner, "%s: expected no backslash between quotes",
		    label_key(scanner, key).text);
		return false;
	}
	if (behind.size && !is_comment(behind)) {
		say(scanner, "%s: expected nothing but a comment behind the closing %c",
		    label_key(scanner, key).text, value->at[0]);
		return false;
	}
	*value = inside;
	return true;
}

/* A value without quotes, up to a comment. */
static bool scan_bare(struct scanner *scanner, struct span key, struct span *value)
{
	for (size_t i = 0; i < value->size; i++) {
		if (!is_comment(from(*value, i)))
			continue;
		if (i > 0 && !is_blank(value->at[i - 1])) {
			say(scanner,
			    "%s: '%c' within a value: expected quotes around the value, or a blank "
			    "before a comment",
			    label_key(scanner, key).text, value->at[i]);
			return false;
		}
		value->size = i;
	}
	*value = trim(*value);
	return true;
}

static bool scan_value(struct scanner *scanner, struct span key, struct span *value)
{
	*value = trim(*value);
	if (value->size && (value->at[0] == '"' || value->at[0] == '\''))
		return scan_quoted(scanner, key, value);
	return scan_bare(scanner, key, value);
}

static int scan_key(struct scanner *scanner, struct span line)
{
	const char *equals = memchr(line.at, '=', line.size);
	struct span key, value;

	key = trim((struct span){line.at, equals ? (size_t)(equals - line.at) : 0});
	if (!key.size) {
		say(scanner, "\"%s\": expected KEY = VALUE, [SECTION] or a comment",
		    quote_bytes(line.at, line.size).text);
		return 0;
	}
	value = from(line, (size_t)(equals - line.at) + 1);
	/* iniparser would take the next line as part of this one. */
	if (line.at[line.size - 1] == '\\') {
		say(scanner, "%s: expected the whole value in one line, without '\\' at its end",
		    label_key(scanner, key).text);
		return 0;
	}
	if (!scan_value(scanner, key, &value))
		return 0;
	if (scanner->section == NO_SECTION) {
		if (!scanner->skipping)
			say(scanner,
			    "%s: expected a section such as [default] before the first key",
			    label_key(scanner, key).text);
		scanner->skipping = true;
		return 0;
	}
	return add_entry(scanner, SCAN_KEY, strndup(key.at, key.size),
			 strndup(value.at, value.size));
}

/* Is each byte one that may stand in a policy? */
static bool check_bytes(struct scanner *scanner, struct span line)
{
	if (line.size > SCAN_LINE_MAX) {
		say(scanner, "expected at most %d characters in a line, not %zu", SCAN_LINE_MAX,
		    line.size);
		return false;
	}
	for (size_t i = 0; i < line.size; i++) {
		unsigned char c = (unsigned char)line.at[i];

		if ((c >= 0x20 && c != 0x7f) || c == '\t')
			continue;
		if (c)
			say(scanner, "expected text, not the byte \\x%02x", c);
		else
			say(scanner, "expected text, not a NUL byte");
		return false;
	}
	return true;
}

static int scan_line(struct scanner *scanner, struct span line)
{
	if (!check_bytes(scanner, line))
		return 0;
	line = trim(line);
	if (!line.size || is_comment(line))
		return 0;
	return line.at[0] == '[' ? scan_section(scanner, line) : scan_key(scanner, line);
}

int scan_bytes(const char *bytes, size_t size, scan_report *report, void *arg,
	       struct scan *ret_scan)
{
	struct scanner scanner = {.report = report, .arg = arg, .section = NO_SECTION};
	struct span rest = {bytes, size};
	int r = 0;

	if (size >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(bytes, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
		scanner.line = 1;
		say(&scanner,
		    "expected plain text, not a byte order mark at the start of the file");
		scanner.line = 0;
		rest = from(rest, strlen(BYTE_ORDER_MARK));
	}
	while (r == 0 && rest.size) {
		const char *end = memchr(rest.at, '\n', rest.size);
		struct span line = {rest.at, end ? (size_t)(end - rest.at) : rest.size};

		rest = from(rest, line.size + (end ? 1 : 0));
		if (line.size && line.at[line.size - 1] == '\r')
			line.size--;
		scanner.line++;
		scanner.offset = (size_t)(line.at - bytes);
		scanner.length = line.size;
		r = scan_line(&scanner, line);
	}
	*ret_scan = scanner.scan;
	if (r == -ENOMEM)
		return r;
	return scanner.bad ? -EINVAL : 0;
}

void scan_free(struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++) {
		free(scan->entries[i].name);
		free(scan->entries[i].value);
	}
	free(scan->entries);
	*scan = (struct scan){0};
}

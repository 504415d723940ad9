/* SPDX-License-Identifier: MIT */
/*
 * scan - one pass over the bytes of a policy file, for what iniparser loses: line numbers, letter
 * case, duplicates, bad lines. Pure.
 *
 * iniparser (4.1 and 4.2) lower-cases names, merges sections of one name, lets the last of two equal
 * keys win in silence, cuts values at an unquoted ';' or '#', and answers a failed allocation with a
 * dictionary that lacks keys. So the scan is the authority on what stands where, iniparser the
 * authority on values, and policy_parse() refuses a file on which the two differ.
 */
#ifndef CARREL_SCAN_H
#define CARREL_SCAN_H

#include <stddef.h>

#include "core/failure.h"

#define SCAN_LINE_MAX 1000 /* characters in a line, as carrel.conf(5) says */
#define SCAN_ENTRIES_MAX 4096 /* sections and keys of one file together */

enum scan_kind { SCAN_SECTION, SCAN_KEY };

struct scan_entry {
	enum scan_kind kind;
	int line; /* from 1 */
	char *name; /* header text between the brackets, or the key, letter case kept, blanks trimmed */
	char *value; /* of a key: trimmed, comment cut, quotes taken off, as iniparser would; else NULL */
	size_t section; /* of a key: index of its section's entry */
	size_t offset, length; /* the whole line in the bytes, without its end */
};

/*
 * Duplicates are reported and left out of the entries (keys), or kept (sections, so that their keys
 * have where to belong). A header's name has its blanks made uniform, "group a, service b", so that
 * two headers of one meaning are one text.
 */
struct scan {
	struct scan_entry *entries;
	size_t count;
};

/*
 * Where iniparser's versions differ, or cut a value where nobody expects it, a line is refused: a
 * quote without its end, text behind the closing quote, a backslash in quotes or at the end of a
 * line, ';' or '#' in the middle of a word without quotes.
 *
 * What is wrong is said as errors, one a line and each "FILE:LINE: …", through `report` (called any
 * number of times with `arg`). Returns 0 when nothing was reported, -EINVAL when something was,
 * -ENOMEM when there was no memory. *ret_scan is the caller's to scan_free(), also on -EINVAL.
 */
typedef void scan_report(void *arg, int line, const char *text);
int scan_bytes(const char *bytes, size_t size, scan_report *report, void *arg,
	       struct scan *ret_scan);
void scan_free(struct scan *scan);

#endif

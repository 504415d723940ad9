/* SPDX-License-Identifier: MIT */
/*
 * policy - the policy language: bytes of the policy's files -> sections with checked values.
 *
 * Pure: no file is opened here (policy_file does that), NSS is not asked (match works on names that
 * the caller looked up). The only user of iniparser. Either the whole policy is good or it is refused
 * with every error listed, each as "FILE:LINE: KEY: what was expected".
 */
#ifndef CARREL_POLICY_H
#define CARREL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/failure.h"
#include "core/policy_keys.h"

#define POLICY_BYTES_MAX (256 * 1024) /* one file */
#define POLICY_FILES_MAX 128
#define POLICY_SECTIONS_MAX 1024 /* in all files */
#define POLICY_WORDS_MAX 64 /* in one list value */

struct policy_value {
	bool set;
	bool percent; /* of TYPE_SIZE */
	uint64_t number; /* meaning: see enum policy_type */
	char **words; /* NULL-terminated, NULL when the type has none */
	char *text; /* as written in the policy */
	const char *file; /* where it was set; "(default)" for a default */
	int line; /* 0 for a default */
};

enum policy_subject { SUBJECT_DEFAULT, SUBJECT_UID, SUBJECT_GROUP, SUBJECT_USER };

/* One rule section: who it is for, and what it sets. */
struct policy_section {
	enum policy_subject subject;
	char *name; /* of GROUP and USER */
	uint32_t uid_min, uid_max; /* of UID; a single uid has both equal */
	char *service; /* NULL: any */
	const char *file;
	int line;
	struct policy_value values[POLICY_KEYS];
};

/* The bytes of one policy file. `name` is what errors and origins call it. */
struct policy_source {
	char *name;
	char *bytes; /* size bytes; need not end in NUL */
	size_t size;
};

struct policy {
	struct policy_value host[POLICY_KEYS]; /* [host], defaults filled in */
	struct policy_value defaults[POLICY_KEYS]; /* of rule keys; file "(default)", line 0 */
	struct policy_section *sections; /* in the order of the files */
	size_t section_count;
	char **names; /* owned file names that `file` members point to */
	size_t name_count;
};

/* A growing list of error texts, one each, without newline. */
struct policy_errors {
	char **texts;
	size_t count;
	size_t dropped; /* beyond POLICY_ERRORS_MAX */
};
#define POLICY_ERRORS_MAX 100

void policy_errors_add(struct policy_errors *errors, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void policy_errors_free(struct policy_errors *errors);

/*
 * Parse the sources in their order. 0: *ret_policy is the caller's to policy_free(). -EINVAL: refused,
 * `errors` says why, each with file:line. -ENOMEM: no memory (also in errors). *ret_policy is
 * untouched on failure.
 *
 * A [host] section may stand in any one of the files, once in a file; a key set twice over the files
 * takes the later. `cgroup = none` with any limit set (by any section) is an error.
 */
int policy_parse(const struct policy_source *sources, size_t count, struct policy_errors *errors,
		 struct policy **ret_policy);
void policy_free(struct policy *policy);

/*
 * Convert one value's text for a key: what policy_parse() does for each pair, alone for tests and
 * for defaults. On -EINVAL `why` (of why_size) says what was expected. ret_value's words and text are
 * the caller's to policy_value_clear().
 */
int policy_value_parse(enum policy_key key, const char *text, struct policy_value *ret_value,
		       char *why, size_t why_size);
void policy_value_clear(struct policy_value *value);

#endif

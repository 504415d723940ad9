/* SPDX-License-Identifier: MIT */
#include "core/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/policy_ini.h"
#include "core/policy_section.h"
#include "core/quote.h"
#include "core/scan.h"

#define WHY_MAX (sizeof(struct quoted) + 256)

/* Errors -------------------------------------------------------------------------------------- */

void policy_errors_add(struct policy_errors *errors, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	char **texts;

	if (errors->count >= POLICY_ERRORS_MAX) {
		errors->dropped++;
		return;
	}
	if (!errors->texts) {
		texts = calloc(POLICY_ERRORS_MAX, sizeof(*texts));
		if (!texts) {
			errors->dropped++;
			return;
		}
		errors->texts = texts;
	}
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		errors->texts[errors->count++] = text;
	else
		errors->dropped++;
}

void policy_errors_free(struct policy_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->texts[i]);
	free(errors->texts);
	*errors = (struct policy_errors){0};
}

/* One file ------------------------------------------------------------------------------------ */

/* A key of the file whose name, place and line are good, until iniparser has given its value. */
struct pair {
	const struct scan_entry *entry;
	enum policy_key key;
	size_t section; /* of policy->sections, or HOST */
};
#define HOST SIZE_MAX

struct parser {
	struct policy *policy;
	struct policy_errors *errors;
	size_t capacity; /* of policy->sections */
	bool bad;
	/* The current file. */
	const char *file;
	const struct policy_source *source;
	struct scan scan;
	struct pair *pairs;
	struct ini_line *lines; /* of the pairs, one each */
	size_t pair_count;
};

/* "FILE:LINE: [SECTION] KEY: WHAT"; `what` ends the error. */
static void refuse_key(struct parser *parser, const struct scan_entry *entry, const char *what)
{
	const struct scan_entry *section = &parser->scan.entries[entry->section];

	parser->bad = true;
	policy_errors_add(parser->errors, "%s:%d: [%s] %s: %s", parser->file, entry->line,
			  quote_text(section->name).text, quote_text(entry->name).text, what);
}

static void report_scan(void *arg, int line, const char *text)
{
	struct parser *parser = arg;

	parser->bad = true;
	policy_errors_add(parser->errors, "%s:%d: %s", parser->file, line, text);
}

static struct policy_section *add_section(struct parser *parser, const struct scan_entry *entry)
{
	struct policy *policy = parser->policy;
	struct policy_section *sections;
	size_t capacity = parser->capacity ? 2 * parser->capacity : 16;

	if (policy->section_count == parser->capacity) {
		sections = reallocarray(policy->sections, capacity, sizeof(*sections));
		if (!sections)
			return NULL;
		policy->sections = sections;
		parser->capacity = capacity;
	}
	sections = &policy->sections[policy->section_count++];
	*sections = (struct policy_section){.file = parser->file, .line = entry->line};
	return sections;
}

/* *ret_section: where the keys below the header belong; untouched when it is refused. */
static int parse_header(struct parser *parser, const struct scan_entry *entry, size_t *ret_section)
{
	struct policy_section parsed = {0}, *section;
	char why[WHY_MAX];
	int r;

	if (strcmp(entry->name, "host") == 0) {
		*ret_section = HOST;
		return 0;
	}
	r = policy_section_parse(entry->name, &parsed, why, sizeof(why));
	if (r == 0 && parser->policy->section_count == POLICY_SECTIONS_MAX) {
		(void)snprintf(why, sizeof(why), "expected at most %d sections in all files",
			       POLICY_SECTIONS_MAX);
		r = -EINVAL;
	}
	section = r == 0 ? add_section(parser, entry) : NULL;
	if (!section) {
		free(parsed.name);
		free(parsed.service);
		if (r != -EINVAL)
			return -ENOMEM;
		parser->bad = true;
		policy_errors_add(parser->errors, "%s:%d: [%s]: %s", parser->file, entry->line,
				  quote_text(entry->name).text, why);
		return r;
	}
	section->subject = parsed.subject;
	section->name = parsed.name;
	section->uid_min = parsed.uid_min;
	section->uid_max = parsed.uid_max;
	section->service = parsed.service;
	*ret_section = parser->policy->section_count - 1;
	return 0;
}

/* Why is there no such key here? */
static void refuse_name(struct parser *parser, const struct scan_entry *entry, bool host)
{
	char what[96];

	if (policy_key_find(entry->name, !host) != POLICY_KEYS) {
		refuse_key(parser, entry,
			   host ? "not a key of [host], expected in a section such as [default]"
				: "a key of [host], expected there alone");
		return;
	}
	for (enum policy_key key = 0; key < POLICY_KEYS; key++) {
		if (strcasecmp(policy_keys[key].name, entry->name) != 0)
			continue;
		(void)snprintf(what, sizeof(what), "unknown key, expected %s (letter case counts)",
			       policy_keys[key].name);
		refuse_key(parser, entry, what);
		return;
	}
	refuse_key(parser, entry, "unknown key, expected one that carrel.conf(5) lists");
}

static void add_pair(struct parser *parser, const struct scan_entry *entry, size_t section)
{
	enum policy_key key = policy_key_find(entry->name, section == HOST);

	if (key == POLICY_KEYS) {
		refuse_name(parser, entry, section == HOST);
		return;
	}
	if (policy_keys[key].unsupported) {
		refuse_key(parser, entry, "not supported by this version");
		return;
	}
	parser->pairs[parser->pair_count] =
		(struct pair){.entry = entry, .key = key, .section = section};
	parser->lines[parser->pair_count] =
		(struct ini_line){.bytes = parser->source->bytes + entry->offset,
				  .size = entry->length,
				  .section = entry->section,
				  .key = policy_keys[key].name};
	parser->pair_count++;
}

/* The scan's entries -> sections of the policy, and pairs that wait for their values. */
static int place_entries(struct parser *parser)
{
	bool placed = false; /* is the current header good? */
	size_t section = HOST;

	for (size_t i = 0; i < parser->scan.count; i++) {
		const struct scan_entry *entry = &parser->scan.entries[i];

		if (entry->kind == SCAN_SECTION) {
			int r = parse_header(parser, entry, &section);

			if (r == -ENOMEM)
				return r;
			placed = r == 0;
		} else if (placed) {
			add_pair(parser, entry, section);
		}
	}
	return 0;
}

/* iniparser's word on a pair: ini_value of policy_ini_read(). */
static int take_value(void *arg, size_t index, const char *text)
{
	struct parser *parser = arg;
	struct policy *policy = parser->policy;
	const struct pair *pair = &parser->pairs[index];
	struct policy_value value, *place;
	char why[WHY_MAX];
	int r;

	if (!text || strcmp(text, pair->entry->value) != 0) {
		refuse_key(parser, pair->entry,
			   text ? "iniparser reads another value, expected a plain or quoted one"
				: "iniparser did not find it (memory?), expected KEY = VALUE");
		return 0;
	}
	r = policy_value_parse(pair->key, text, &value, why, sizeof(why));
	if (r == -EINVAL) {
		refuse_key(parser, pair->entry, why);
		return 0;
	}
	if (r < 0)
		return r;
	value.file = parser->file;
	value.line = pair->entry->line;
	place = pair->section == HOST ? &policy->host[pair->key]
				      : &policy->sections[pair->section].values[pair->key];
	/* In [host] the default, or what an earlier file said. */
	policy_value_clear(place);
	*place = value;
	return 0;
}

static int read_values(struct parser *parser)
{
	struct failure failure;
	int r = policy_ini_read(parser->lines, parser->pair_count, take_value, parser, &failure);

	/* What take_value() returns is always -ENOMEM, and then `failure` says nothing. */
	if (r == -ENOMEM || r == 0)
		return r;
	parser->bad = true;
	policy_errors_add(parser->errors, "%s:1: %s", parser->file, failure.text);
	return -EINVAL;
}

static int parse_entries(struct parser *parser)
{
	int r;

	parser->pairs = calloc(parser->scan.count + 1, sizeof(*parser->pairs));
	parser->lines = calloc(parser->scan.count + 1, sizeof(*parser->lines));
	if (!parser->pairs || !parser->lines)
		return -ENOMEM;
	r = place_entries(parser);
	if (r == 0)
		r = read_values(parser);
	return r;
}

static int parse_source(struct parser *parser, const struct policy_source *source)
{
	char *name = strdup(source->name);
	int r;

	if (!name)
		return -ENOMEM;
	parser->policy->names[parser->policy->name_count++] = name;
	parser->file = name;
	parser->source = source;
	if (source->size > POLICY_BYTES_MAX) {
		parser->bad = true;
		policy_errors_add(parser->errors, "%s:1: expected at most %d bytes, not %zu", name,
				  POLICY_BYTES_MAX, source->size);
		return 0;
	}
	r = scan_bytes(source->bytes, source->size, report_scan, parser, &parser->scan);
	/* Good lines of a bad file are looked at as well: all that is wrong is said at once. */
	if (r != -ENOMEM)
		r = parse_entries(parser);
	scan_free(&parser->scan);
	free(parser->pairs);
	free(parser->lines);
	parser->pairs = NULL;
	parser->lines = NULL;
	parser->pair_count = 0;
	return r == -ENOMEM ? r : 0;
}

/* The whole ----------------------------------------------------------------------------------- */

/* Is a limit set that only a cgroup can enforce? */
static bool is_limit(const struct policy_value *value)
{
	return value->set && value->number != CONVERT_MAX;
}

/* [host] cgroup = none leaves nobody to enforce a limit. */
static void check_limits(struct parser *parser)
{
	static const enum policy_key limits[] = {KEY_MEMORY_MAX,   KEY_MEMORY_HIGH, KEY_SWAP_MAX,
						 KEY_CPU_MAX,	   KEY_CPU_WEIGHT,  KEY_CPUS,
						 KEY_MEMORY_NODES, KEY_PIDS_MAX,    KEY_IO_WEIGHT,
						 KEY_IO_MAX};
	const struct policy *policy = parser->policy;
	const struct policy_value *cgroup = &policy->host[KEY_HOST_CGROUP];

	if (cgroup->number != CGROUP_NONE)
		return;
	for (size_t i = 0; i < policy->section_count; i++)
		for (size_t k = 0; k < ARRAY_SIZE(limits); k++) {
			const struct policy_value *value = &policy->sections[i].values[limits[k]];

			if (!is_limit(value))
				continue;
			parser->bad = true;
			policy_errors_add(parser->errors,
					  "%s:%d: %s: a limit, but [host] cgroup = none (%s:%d): "
					  "expected no limit, or cgroup = auto",
					  value->file, value->line, policy_keys[limits[k]].name,
					  cgroup->file, cgroup->line);
		}
}

static int fill_defaults(struct policy *policy)
{
	char why[WHY_MAX];

	for (enum policy_key key = 0; key < POLICY_KEYS; key++) {
		struct policy_value *value =
			policy_keys[key].host ? &policy->host[key] : &policy->defaults[key];
		int r;

		if (policy_keys[key].fallback) {
			r = policy_value_parse(key, policy_keys[key].fallback, value, why,
					       sizeof(why));
			if (r < 0)
				return r;
		}
		value->file = "(default)";
	}
	return 0;
}

static int parse_all(struct parser *parser, const struct policy_source *sources, size_t count)
{
	int r;

	if (count > POLICY_FILES_MAX) {
		policy_errors_add(parser->errors, "%s:1: expected at most %d files, not %zu",
				  sources[POLICY_FILES_MAX].name, POLICY_FILES_MAX, count);
		return -EINVAL;
	}
	parser->policy->names = calloc(count + 1, sizeof(*parser->policy->names));
	r = parser->policy->names ? fill_defaults(parser->policy) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = parse_source(parser, &sources[i]);
	if (r < 0)
		return r;
	check_limits(parser);
	return parser->bad ? -EINVAL : 0;
}

int policy_parse(const struct policy_source *sources, size_t count, struct policy_errors *errors,
		 struct policy **ret_policy)
{
	struct parser parser = {.errors = errors, .policy = calloc(1, sizeof(struct policy))};
	int r = parser.policy ? parse_all(&parser, sources, count) : -ENOMEM;

	if (r == -ENOMEM)
		policy_errors_add(errors, "%s:1: parse the policy: no memory",
				  parser.file ? parser.file : "policy");
	if (r < 0) {
		policy_free(parser.policy);
		return r;
	}
	*ret_policy = parser.policy;
	return 0;
}

static void clear_values(struct policy_value values[POLICY_KEYS])
{
	for (size_t key = 0; key < POLICY_KEYS; key++)
		policy_value_clear(&values[key]);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	clear_values(policy->host);
	clear_values(policy->defaults);
	for (size_t i = 0; i < policy->section_count; i++) {
		clear_values(policy->sections[i].values);
		free(policy->sections[i].name);
		free(policy->sections[i].service);
	}
	for (size_t i = 0; i < policy->name_count; i++)
		free(policy->names[i]);
	free(policy->sections);
	free(policy->names);
	free(policy);
}

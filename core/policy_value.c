/* SPDX-License-Identifier: MIT */
/* The values of the policy language: text -> struct policy_value, by the type of the key. */
#include "core/policy.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/convert.h"
#include "core/io_max.h"
#include "core/quote.h"

#define BIT(n) (UINT64_C(1) << (n))

/* Where the reason goes; of one policy_value_parse(). */
struct reason {
	char *text;
	size_t size;
};

static void __attribute__((format(printf, 2, 3)))
say(const struct reason *why, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(why->text, why->size, fmt, ap);
	va_end(ap);
	if (n < 0 && why->size > 0)
		why->text[0] = '\0';
}

static int refuse_value(const struct reason *why, const struct policy_key_info *info,
			const char *text)
{
	say(why, "expected %s, not \"%s\"", info->expected, quote_text(text).text);
	return -EINVAL;
}

/* Words --------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t count_words(const char *text)
{
	size_t count = 0;

	for (const char *p = text; *p; p++)
		if (!is_blank(*p) && (p == text || is_blank(p[-1])))
			count++;
	return count;
}

/* The pointers and what they point to are one allocation. */
static int split_words(const struct reason *why, const char *text, char ***ret_words)
{
	size_t count = count_words(text), size = strlen(text) + 1, at = 0;
	char **words, *copy;

	if (count > POLICY_WORDS_MAX) {
		say(why, "expected at most %d words, not %zu", POLICY_WORDS_MAX, count);
		return -EINVAL;
	}
	words = malloc((count + 1) * sizeof(*words) + size);
	if (!words)
		return -ENOMEM;
	copy = memcpy(words + count + 1, text, size);
	for (char *p = copy; *p; p++) {
		if (is_blank(*p))
			*p = '\0';
		else if (p == copy || p[-1] == '\0')
			words[at++] = p;
	}
	words[at] = NULL;
	*ret_words = words;
	return 0;
}

/* `text`, blanks and all, as the only word. */
static int one_word(const char *text, char ***ret_words)
{
	size_t size = strlen(text) + 1;
	char **words = malloc(2 * sizeof(*words) + size);

	if (!words)
		return -ENOMEM;
	words[0] = memcpy(words + 2, text, size);
	words[1] = NULL;
	*ret_words = words;
	return 0;
}

/* Paths --------------------------------------------------------------------------------------- */

/* Is text[0..size) absolute and normal? "/" alone is not: nothing is done to the root itself. */
static bool is_path(const char *text, size_t size)
{
	size_t start = 1;

	if (size < 2 || text[0] != '/')
		return false;
	for (size_t i = 1; i <= size; i++) {
		const char *part = text + start;
		size_t length = i - start;

		if (i < size && text[i] != '/')
			continue;
		if (length == 0 || (length == 1 && part[0] == '.') ||
		    (length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

/* SRC:DST or SRC:DST:ro */
static bool is_bind(const char *word)
{
	size_t size = strlen(word);
	const char *colon = strchr(word, ':');
	const char *target = colon ? colon + 1 : NULL;

	if (size > 3 && strcmp(word + size - 3, ":ro") == 0)
		size -= 3;
	/* The colon may have been that of ":ro". */
	if (!colon || colon >= word + size)
		return false;
	return is_path(word, (size_t)(colon - word)) &&
	       !memchr(target, ':', size - (size_t)(target - word)) &&
	       is_path(target, size - (size_t)(target - word));
}

static bool is_whole_path(const char *word)
{
	return is_path(word, strlen(word));
}

static int parse_list(const struct policy_key_info *info, const char *text,
		      bool (*is_good)(const char *word), struct policy_value *value,
		      const struct reason *why)
{
	int r = split_words(why, strcmp(text, "no") == 0 ? "" : text, &value->words);

	for (char **word = value->words; r == 0 && *word; word++)
		if (!is_good(*word))
			r = refuse_value(why, info, *word);
	return r;
}

static int parse_path(const struct policy_key_info *info, const char *text,
		      struct policy_value *value, const struct reason *why)
{
	if (!is_whole_path(text))
		return refuse_value(why, info, text);
	return one_word(text, &value->words);
}

/* A host name in which %u and %h stand for names. */
static int parse_text(const struct policy_key_info *info, const char *text,
		      struct policy_value *value, const struct reason *why)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-.";

	for (const char *p = text; *p; p++) {
		if (*p == '%' && (p[1] == 'u' || p[1] == 'h'))
			p++;
		else if (!strchr(letters, *p))
			return refuse_value(why, info, text);
	}
	if (!*text)
		return refuse_value(why, info, text);
	return one_word(text, &value->words);
}

/* Choices ------------------------------------------------------------------------------------- */

static int find_choice(const struct policy_key_info *info, const char *word, uint64_t *ret_index,
		       const struct reason *why)
{
	for (uint64_t i = 0; info->choices[i]; i++) {
		if (strcmp(info->choices[i], word) != 0)
			continue;
		if (info->choices_unsupported & BIT(i)) {
			say(why, "\"%s\" is not supported by this version, expected %s", word,
			    info->expected);
			return -EINVAL;
		}
		*ret_index = i;
		return 0;
	}
	return refuse_value(why, info, word);
}

static int parse_choices(const struct policy_key_info *info, char **words,
			 struct policy_value *value, const struct reason *why)
{
	for (char **word = words; *word; word++) {
		uint64_t index;
		int r = find_choice(info, *word, &index, why);

		if (r < 0)
			return r;
		value->number |= BIT(index);
	}
	return *words ? 0 : refuse_value(why, info, "");
}

static int find_capability(const char *word)
{
	/* libcap-ng takes letters of either case; a policy has one way to write a name. */
	if (word[strspn(word, "abcdefghijklmnopqrstuvwxyz_0123456789")] != '\0')
		return -1;
	if (strncmp(word, "cap_", 4) == 0)
		word += 4;
	return capng_name_to_capability(word);
}

static int parse_capabilities(const struct policy_key_info *info, char **words,
			      struct policy_value *value, const struct reason *why)
{
	bool alone = words[0] && !words[1];

	if (alone && strcmp(words[0], "all") == 0)
		value->number = UINT64_MAX;
	if (alone && (strcmp(words[0], "all") == 0 || strcmp(words[0], "none") == 0))
		return 0;
	for (char **word = words; *word; word++) {
		int capability = find_capability(*word);

		if (capability < 0 || capability > 63)
			return refuse_value(why, info, *word);
		value->number |= BIT(capability);
	}
	return *words ? 0 : refuse_value(why, info, "");
}

/* A set that is written as words but kept as bits. */
static int parse_set(const struct policy_key_info *info, const char *text,
		     struct policy_value *value, const struct reason *why)
{
	char **words = NULL;
	int r = split_words(why, text, &words);

	if (r < 0)
		return r;
	if (info->type == TYPE_CHOICES)
		r = parse_choices(info, words, value, why);
	else
		r = parse_capabilities(info, words, value, why);
	free(words);
	return r;
}

/* Numbers ------------------------------------------------------------------------------------- */

static int parse_bool(const char *text, uint64_t *ret_number)
{
	bool yes;
	int r = convert_bool(text, &yes);

	if (r == 0)
		*ret_number = yes;
	return r;
}

static int parse_size(const struct policy_key_info *info, const char *text,
		      struct policy_value *value)
{
	int r = convert_size(text, &value->number, &value->percent);

	if (r == 0 && !value->percent && value->number < (uint64_t)info->min)
		r = -ERANGE;
	return r;
}

static int parse_signed(const struct policy_key_info *info, const char *text, uint64_t *ret_number)
{
	int64_t number;
	int r = convert_signed(text, info->min, info->max, &number);

	if (r == 0)
		*ret_number = (uint64_t)number;
	return r;
}

static int parse_number(const struct policy_key_info *info, const char *text,
			struct policy_value *value, const struct reason *why)
{
	int r = -EINVAL;

	if (info->type == TYPE_BOOL)
		r = parse_bool(text, &value->number);
	else if (info->type == TYPE_SIZE)
		r = parse_size(info, text, value);
	else if (info->type == TYPE_COUNT)
		r = convert_count(text, (uint64_t)info->min, (uint64_t)info->max, &value->number);
	else if (info->type == TYPE_NUMBER)
		r = parse_signed(info, text, &value->number);
	else if (info->type == TYPE_PERCENT)
		r = convert_percent(text, &value->number);
	else if (info->type == TYPE_TIME)
		r = convert_time(text, &value->number);
	return r < 0 ? refuse_value(why, info, text) : 0;
}

static int parse_cpus(const struct policy_key_info *info, const char *text,
		      struct policy_value *value, const struct reason *why)
{
	char canonical[CONVERT_CPUS * 5]; /* each number with its separator */
	struct cpu_list list;
	int r;

	if (strcmp(text, "max") == 0) {
		value->number = CONVERT_MAX;
		return 0;
	}
	r = convert_cpu_list(text, &list);
	if (r == 0)
		r = convert_cpu_text(&list, canonical, sizeof(canonical));
	if (r < 0)
		return refuse_value(why, info, text);
	value->number = 1;
	return one_word(canonical, &value->words);
}

static int parse_io_max(const struct policy_key_info *info, const char *text,
			struct policy_value *value, const struct reason *why)
{
	const char *wrong = text;
	struct io_max max;
	int r;

	if (strcmp(text, "max") == 0) {
		value->number = CONVERT_MAX;
		return 0;
	}
	r = split_words(why, text, &value->words);
	if (r < 0)
		return r;
	r = io_max_read(value->words, &max, &wrong);
	for (size_t i = 0; r == 0 && i < max.count; i++) {
		wrong = max.devices[i].path;
		/* Here the root is a file system like any other. */
		if (strcmp(wrong, "/") != 0 && !is_whole_path(wrong))
			r = -EINVAL;
	}
	if (r < 0)
		return refuse_value(why, info, wrong ? wrong : text);
	value->number = 1;
	return 0;
}

/* All ----------------------------------------------------------------------------------------- */

static int parse(const struct policy_key_info *info, const char *text, struct policy_value *value,
		 const struct reason *why)
{
	switch (info->type) {
	case TYPE_BOOL:
	case TYPE_SIZE:
	case TYPE_COUNT:
	case TYPE_NUMBER:
	case TYPE_PERCENT:
	case TYPE_TIME:
		return parse_number(info, text, value, why);
	case TYPE_CHOICE:
		return find_choice(info, text, &value->number, why);
	case TYPE_CHOICES:
	case TYPE_CAPABILITIES:
		return parse_set(info, text, value, why);
	case TYPE_TEXT:
		return parse_text(info, text, value, why);
	case TYPE_PATH:
		return parse_path(info, text, value, why);
	case TYPE_PATHS:
		return parse_list(info, text, is_whole_path, value, why);
	case TYPE_BINDS:
		return parse_list(info, text, is_bind, value, why);
	case TYPE_CPUS:
		return parse_cpus(info, text, value, why);
	case TYPE_IO_MAX:
		return parse_io_max(info, text, value, why);
	case TYPE_UNSUPPORTED:
		break;
	}
	say(why, "not supported by this version");
	return -EINVAL;
}

int policy_value_parse(enum policy_key key, const char *text, struct policy_value *ret_value,
		       char *why, size_t why_size)
{
	const struct policy_key_info *info = &policy_keys[key];
	struct reason reason = {why, why_size};
	struct policy_value value = {.set = true};
	int r;

	if (info->unsupported) {
		say(&reason, "not supported by this version");
		return -EINVAL;
	}
	r = parse(info, text, &value, &reason);
	if (r == 0) {
		value.text = strdup(text);
		r = value.text ? 0 : -ENOMEM;
	}
	if (r < 0) {
		policy_value_clear(&value);
		if (r == -ENOMEM)
			say(&reason, "no memory");
		return r;
	}
	*ret_value = value;
	return 0;
}

void policy_value_clear(struct policy_value *value)
{
	free(value->words);
	free(value->text);
	*value = (struct policy_value){0};
}

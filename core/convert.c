/* SPDX-License-Identifier: MIT */
#include "core/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Read decimal digits from *cursor and move it behind them. strtoull() is of no use here: it takes
 * leading blanks and signs, and the base prefix of a number like 010.
 */
static int read_digits(const char **cursor, uint64_t *ret_value)
{
	const char *p = *cursor;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	if (p[0] == '0' && p[1] >= '0' && p[1] <= '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	*cursor = p;
	*ret_value = value;
	return 0;
}

int convert_bool(const char *text, bool *ret_value)
{
	static const char *const words[2][3] = {{"no", "false", "off"}, {"yes", "true", "on"}};

	for (size_t value = 0; value < 2; value++)
		for (size_t i = 0; i < 3; i++)
			if (strcmp(text, words[value][i]) == 0) {
				*ret_value = value == 1;
				return 0;
			}
	return -EINVAL;
}

int convert_unsigned(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;
	int r = read_digits(&text, &value);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int convert_signed(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
	bool negative = *text == '-';
	uint64_t magnitude;
	int64_t value;
	int r;

	if (negative)
		text++;
	r = convert_unsigned(text, 0, (uint64_t)INT64_MAX, &magnitude);
	if (r < 0)
		return r;
	if (negative && magnitude == 0)
		return -EINVAL;
	value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

/* value * unit; CONVERT_MAX itself is refused: it means "no limit" and no number may become that. */
static int scale(uint64_t value, uint64_t unit, uint64_t *ret_value)
{
	uint64_t scaled;

	if (__builtin_mul_overflow(value, unit, &scaled) || scaled == CONVERT_MAX)
		return -ERANGE;
	*ret_value = scaled;
	return 0;
}

struct unit {
	char letter;
	uint64_t factor;
};

/* The factor of the one letter that `text` consists of; `bare` for no letter, 0 refuses that. */
static int read_unit(const char *text, const struct unit *units, size_t count, uint64_t bare,
		     uint64_t *ret_factor)
{
	if (!*text) {
		*ret_factor = bare;
		return bare ? 0 : -EINVAL;
	}
	for (size_t i = 0; i < count; i++)
		if (text[0] == units[i].letter && !text[1]) {
			*ret_factor = units[i].factor;
			return 0;
		}
	return -EINVAL;
}

int convert_size(const char *text, uint64_t *ret_value, bool *ret_percent)
{
	static const struct unit units[] = {{'K', UINT64_C(1) << 10},
					    {'M', UINT64_C(1) << 20},
					    {'G', UINT64_C(1) << 30},
					    {'T', UINT64_C(1) << 40}};
	uint64_t value = CONVERT_MAX, factor;
	bool percent = false;
	int r = 0;

	if (strcmp(text, "max") != 0) {
		r = read_digits(&text, &value);
		if (r < 0)
			return r;
		percent = strcmp(text, "%") == 0;
		if (percent)
			r = value >= 1 && value <= 100 ? 0 : -ERANGE;
		else if ((r = read_unit(text, units, 4, 1, &factor)) == 0)
			r = scale(value, factor, &value);
	}
	if (r < 0)
		return r;
	*ret_value = value;
	*ret_percent = percent;
	return 0;
}

int convert_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	static const struct unit units[] = {{'k', 1000}, {'m', 1000000}};
	uint64_t value, factor;
	int r;

	if (strcmp(text, "max") == 0) {
		*ret_value = CONVERT_MAX;
		return 0;
	}
	r = read_digits(&text, &value);
	if (r == 0)
		r = read_unit(text, units, 2, 1, &factor);
	if (r == 0)
		r = scale(value, factor, &value);
	if (r < 0)
		return r;
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int convert_percent(const char *text, uint64_t *ret_value)
{
	uint64_t value;
	int r;

	if (strcmp(text, "max") == 0) {
		*ret_value = CONVERT_MAX;
		return 0;
	}
	r = read_digits(&text, &value);
	if (r < 0)
		return r;
	if (strcmp(text, "%") != 0)
		return -EINVAL;
	if (value < 1 || value > 100000)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int convert_time(const char *text, uint64_t *ret_seconds)
{
	static const struct unit units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	uint64_t value, factor;
	int r;

	if (strcmp(text, "max") == 0) {
		*ret_seconds = CONVERT_MAX;
		return 0;
	}
	r = read_digits(&text, &value);
	if (r == 0)
		r = read_unit(text, units, 4, 0, &factor);
	if (r == 0)
		r = scale(value, factor, &value);
	if (r < 0)
		return r;
	if (value == 0)
		return -ERANGE;
	*ret_seconds = value;
	return 0;
}

/* "3" or "0-3" at *cursor. */
static int read_range(const char **cursor, uint64_t *ret_first, uint64_t *ret_last)
{
	int r = read_digits(cursor, ret_first);

	if (r < 0)
		return r;
	*ret_last = *ret_first;
	if (**cursor == '-') {
		(*cursor)++;
		r = read_digits(cursor, ret_last);
		if (r < 0)
			return r;
	}
	if (*ret_last < *ret_first)
		return -EINVAL;
	return *ret_last < CONVERT_CPUS ? 0 : -ERANGE;
}

int convert_cpu_list(const char *text, struct cpu_list *ret_list)
{
	struct cpu_list list = {{0}};

	for (;;) {
		uint64_t first, last;
		int r = read_range(&text, &first, &last);

		if (r < 0)
			return r;
		for (uint64_t cpu = first; cpu <= last; cpu++)
			list.bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
		if (!*text)
			break;
		if (*text++ != ',')
			return -EINVAL;
	}
	*ret_list = list;
	return 0;
}

static bool has_cpu(const struct cpu_list *list, unsigned int cpu)
{
	return cpu < CONVERT_CPUS && list->bits[cpu / 64] & UINT64_C(1) << (cpu % 64);
}

int convert_cpu_text(const struct cpu_list *list, char *text, size_t size)
{
	size_t used = 0;

	if (size == 0)
		return -ENOSPC;
	text[0] = '\0';
	for (unsigned int cpu = 0; cpu < CONVERT_CPUS; cpu++) {
		unsigned int last = cpu;
		int n;

		if (!has_cpu(list, cpu))
			continue;
		while (has_cpu(list, last + 1))
			last++;
		if (last == cpu)
			n = snprintf(text + used, size - used, "%s%u", used ? "," : "", cpu);
		else
			n = snprintf(text + used, size - used, "%s%u-%u", used ? "," : "", cpu,
				     last);
		if (n < 0 || (size_t)n >= size - used)
			return -ENOSPC;
		used += (size_t)n;
		cpu = last;
	}
	return (int)used;
}

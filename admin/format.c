/* SPDX-License-Identifier: MIT */
#include "admin/format.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct formatted format_age(int64_t seconds)
{
	struct formatted age;

	if (seconds < 0)
		seconds = 0;
	if (seconds < 60)
		(void)snprintf(age.text, sizeof(age.text), "%" PRId64 "s", seconds);
	else if (seconds < 3600)
		(void)snprintf(age.text, sizeof(age.text), "%" PRId64 "m", seconds / 60);
	else if (seconds < 86400)
		(void)snprintf(age.text, sizeof(age.text), "%" PRId64 "h%02" PRId64 "m",
			       seconds / 3600, seconds / 60 % 60);
	else
		(void)snprintf(age.text, sizeof(age.text), "%" PRId64 "d%02" PRId64 "h",
			       seconds / 86400, seconds / 3600 % 24);
	return age;
}

struct formatted format_bytes(uint64_t bytes)
{
	static const char units[] = "KMGT";
	double value = (double)bytes / 1024;
	struct formatted size = {"-"};
	size_t unit = 0;

	if (bytes == UINT64_MAX)
		return size;
	while (value >= 1024 && unit < sizeof(units) - 2) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(size.text, sizeof(size.text), "%.1f%c", value, units[unit]);
	return size;
}

struct formatted format_count(uint64_t count)
{
	struct formatted number = {"-"};

	if (count != UINT64_MAX)
		(void)snprintf(number.text, sizeof(number.text), "%" PRIu64, count);
	return number;
}

struct formatted format_seconds(uint64_t usec)
{
	struct formatted time = {"-"};

	if (usec != UINT64_MAX)
		(void)snprintf(time.text, sizeof(time.text), "%" PRIu64 ".%02" PRIu64 "s",
			       usec / 1000000, usec / 10000 % 100);
	return time;
}

/* The length of the UTF-8 sequence at `at`, when it is whole, shortest and no control; else 0. */
static size_t sequence(const unsigned char *at)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t min;
	} forms[] = {{0xe0, 0xc0, 0xa0}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t extra = 1; extra <= 3; extra++) {
		uint32_t code;
		size_t i = 1;

		if ((*at & forms[extra - 1].mask) != forms[extra - 1].lead)
			continue;
		code = *at & (unsigned char)~forms[extra - 1].mask;
		for (; i <= extra && (at[i] & 0xc0) == 0x80; i++)
			code = code << 6 | (at[i] & 0x3f);
		/* 0x80 to 0x9f are controls, which some terminals obey. */
		if (i <= extra || code < forms[extra - 1].min || code > 0x10ffff ||
		    (code >= 0xd800 && code < 0xe000) || (code >= 0x200b && code <= 0x200f) ||
		    (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
			return 0;
		return extra + 1;
	}
	return 0;
}

void format_clean(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at) {
		size_t len = *at >= 0x20 && *at < 0x7f ? 1 : *at >= 0x80 ? sequence(at) : 0;

		if (len == 0)
			*at = '?';
		at += len ? len : 1;
	}
}

/* SPDX-License-Identifier: MIT */
#include "admin/openmetrics.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

void openmetrics_family(FILE *to, const char *name, const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* The length of the whole and shortest UTF-8 sequence at `at`, or 0. */
static size_t sequence(const unsigned char *at)
{
	size_t extra = *at < 0x80	      ? 0
		       : (*at & 0xe0) == 0xc0 ? 1
		       : (*at & 0xf0) == 0xe0 ? 2
		       : (*at & 0xf8) == 0xf0 ? 3
					      : 4;
	static const uint32_t min[] = {0, 0x80, 0x800, 0x10000};
	uint32_t code = extra == 0 ? *at : *at & (0x3fU >> extra);

	if (extra == 4)
		return 0;
	for (size_t i = 1; i <= extra; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < min[extra] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return extra + 1;
}

int openmetrics_escape(const char *value, char *text, size_t size)
{
	static const char unknown[] = "\xef\xbf\xbd";
	size_t used = 0;

	while (*value) {
		size_t len = sequence((const unsigned char *)value);
		const char *put = value;
		size_t put_len = len;
		char escaped[2] = {'\\', *value};

		if (len == 0) {
			put = unknown;
			put_len = sizeof(unknown) - 1;
			len = 1;
		} else if (*value == '\\' || *value == '"' || *value == '\n') {
			if (*value == '\n')
				escaped[1] = 'n';
			put = escaped;
			put_len = sizeof(escaped);
		}
		if (used + put_len >= size)
			return -ENOSPC;
		memcpy(text + used, put, put_len);
		used += put_len;
		value += len;
	}
	if (used >= size)
		return -ENOSPC;
	text[used] = '\0';
	return 0;
}

void openmetrics_sample(FILE *to, const char *name, const char *labels, double value)
{
	if (isnan(value))
		return;
	fprintf(to, "%s", name);
	if (labels[0])
		fprintf(to, "{%s}", labels);
	/* Whole numbers up to a petabyte come out whole. */
	fprintf(to, " %.15g\n", value);
}

void openmetrics_end(FILE *to)
{
	fprintf(to, "# EOF\n");
}

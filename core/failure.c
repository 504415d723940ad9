/* SPDX-License-Identifier: MIT */
#include "core/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * One line, and nothing that a terminal obeys: names and paths in it may be anybody's, and it ends up in
 * logs and before admins. Controls are the bytes below 0x20, 0x7f, and U+0080 to U+009F in UTF-8.
 */
static void clean(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[1] = '?';
		else if (at[0] >= 0x20 && at[0] != 0x7f)
			continue;
		at[0] = '?';
	}
}

__attribute__((format(printf, 3, 0))) static size_t format(char *text, size_t size, const char *fmt,
							   va_list ap)
{
	int n = vsnprintf(text, size, fmt, ap);

	if (n < 0) {
		text[0] = '\0';
		return 0;
	}
	clean(text);
	return (size_t)n < size ? (size_t)n : size - 1;
}

static void append(char *text, size_t size, size_t used, const char *more)
{
	size_t room = size - used - 1;
	size_t len = strlen(more);

	if (len > room)
		len = room;
	memcpy(text + used, more, len);
	text[used + len] = '\0';
}

int failure_set(struct failure *reterr, int err, const char *fmt, ...)
{
	va_list ap;
	size_t used;
	char reason[96];

	/* strerror_r(3) is one of two functions, by the C library; %m is the same in both. */
	errno = err;
	(void)snprintf(reason, sizeof(reason), "%m");
	reterr->err = err;
	va_start(ap, fmt);
	used = format(reterr->text, sizeof(reterr->text), fmt, ap);
	va_end(ap);
	append(reterr->text, sizeof(reterr->text), used, ": ");
	append(reterr->text, sizeof(reterr->text), strlen(reterr->text), reason);
	return -err;
}

int failure_say(struct failure *reterr, int err, const char *fmt, ...)
{
	va_list ap;

	reterr->err = err;
	va_start(ap, fmt);
	(void)format(reterr->text, sizeof(reterr->text), fmt, ap);
	va_end(ap);
	return -err;
}

int failure_wrap(struct failure *reterr, const char *fmt, ...)
{
	char text[FAILURE_TEXT_MAX];
	va_list ap;
	size_t used;

	va_start(ap, fmt);
	used = format(text, sizeof(text), fmt, ap);
	va_end(ap);
	append(text, sizeof(text), used, ": ");
	append(text, sizeof(text), strlen(text), reterr->text);
	memcpy(reterr->text, text, sizeof(text));
	return -reterr->err;
}

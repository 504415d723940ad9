/* SPDX-License-Identifier: MIT */
/* argument - a number among a test program's arguments: decimal, whole and in range, or the program ends. */
#ifndef CARREL_TESTS_ARGUMENT_H
#define CARREL_TESTS_ARGUMENT_H

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>

static inline long argument_number(const char *text, long min, long max)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno != 0 || !(isdigit((unsigned char)*text) || *text == '-') || end == text || *end ||
	    number < min || number > max)
		errx(2, "%s: expected a number from %ld to %ld", text, min, max);
	return number;
}

/* Small enough for an int, whatever is done with it. */
static inline int argument_count(const char *text, int min)
{
	return (int)argument_number(text, min, 1000000000);
}

static inline unsigned int argument_uid(const char *text)
{
	return (unsigned int)argument_number(text, 0, 4294967294);
}

static inline int argument_pid(const char *text)
{
	return (int)argument_number(text, 1, 4194304); /* the kernel's PID_MAX_LIMIT */
}

#endif

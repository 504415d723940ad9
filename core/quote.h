/* SPDX-License-Identifier: MIT */
/*
 * quote - text that somebody else wrote, made fit for an error or a log line: bytes outside of
 * printable ASCII become \xNN, a backslash and a double quote get a backslash, and what is longer
 * than QUOTE_MAX bytes is cut and ends in "...". Pure.
 */
#ifndef CARREL_QUOTE_H
#define CARREL_QUOTE_H

#include <stddef.h>

#define QUOTE_MAX 64

struct quoted {
	char text[4 * QUOTE_MAX + sizeof("...")];
};

struct quoted quote_bytes(const char *bytes, size_t size);
struct quoted quote_text(const char *text);

#endif

/* SPDX-License-Identifier: MIT */
#include "core/quote.h"

#include <string.h>

static size_t put_byte(char *text, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	if (c < 0x20 || c > 0x7e) {
		text[used++] = '\\';
		text[used++] = 'x';
		text[used++] = digits[c >> 4];
		text[used++] = digits[c & 15];
		return used;
	}
	if (c == '\\' || c == '"')
		text[used++] = '\\';
	text[used++] = (char)c;
	return used;
}

struct quoted quote_bytes(const char *bytes, size_t size)
{
	struct quoted quoted;
	size_t used = 0;

	for (size_t i = 0; i < size && i < QUOTE_MAX; i++)
		used += put_byte(quoted.text + used, (unsigned char)bytes[i]);
	/* The buffer holds QUOTE_MAX bytes of four characters each, and this. */
	memcpy(quoted.text + used, size > QUOTE_MAX ? "..." : "", size > QUOTE_MAX ? 4 : 1);
	return quoted;
}

struct quoted quote_text(const char *text)
{
	return quote_bytes(text, strlen(text));
}

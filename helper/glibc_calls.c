/* SPDX-License-Identifier: MIT */
/*
 * glibc_calls - what the archives of libiniparser and libcap-ng call because they were compiled with glibc's
 * headers, for a helper that is linked with musl (helper/musl.mk). Where glibc knows the size of an object,
 * _FORTIFY_SOURCE makes "…_chk" of a call, as the LSB describes them (`flag` is for %n, which both libraries
 * leave alone); since 2.38 it makes "__isoc23_…" of conversions, which take binary numbers as well.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* the names are the compiler's own */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list ap)
{
	(void)flag;
	return vfprintf(stream, format, ap);
}

int __fprintf_chk(FILE *stream, int flag, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	int r = vfprintf(stream, format, ap);

	va_end(ap);
	return r;
}

int __printf_chk(int flag, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	int r = vprintf(format, ap);

	va_end(ap);
	return r;
}

/* `room` is what the compiler knows of the object. */
int __snprintf_chk(char *text, size_t size, int flag, size_t room, const char *format, ...)
{
	va_list ap;

	(void)flag;
	if (size > room)
		abort();
	va_start(ap, format);
	int r = vsnprintf(text, size, format, ap);

	va_end(ap);
	return r;
}

int __sprintf_chk(char *text, int flag, size_t room, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	int r = vsnprintf(text, room, format, ap);

	va_end(ap);
	if (r >= 0 && (size_t)r >= room)
		abort();
	return r;
}

int __asprintf_chk(char **ret_text, int flag, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	int r = vasprintf(ret_text, format, ap);

	va_end(ap);
	return r;
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	vsyslog(priority, format, ap);
	va_end(ap);
}

char *__fgets_chk(char *text, size_t room, int size, FILE *stream)
{
	if (size < 0 || (size_t)size > room)
		abort();
	return fgets(text, size, stream);
}

/* Who locks a stream, <stdio_ext.h>: there are no threads. */
int __fsetlocking(FILE *stream, int type)
{
	(void)stream;
	(void)type;
	return 1; /* FSETLOCKING_INTERNAL */
}

long __isoc23_strtol(const char *text, char **ret_end, int base)
{
	return strtol(text, ret_end, base);
}

unsigned long __isoc23_strtoul(const char *text, char **ret_end, int base)
{
	return strtoul(text, ret_end, base);
}

int __isoc23_sscanf(const char *text, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int r = vsscanf(text, format, ap);

	va_end(ap);
	return r;
}

intmax_t __isoc23_strtoimax(const char *text, char **ret_end, int base)
{
	return strtoimax(text, ret_end, base);
}

uintmax_t __isoc23_strtoumax(const char *text, char **ret_end, int base)
{
	return strtoumax(text, ret_end, base);
}

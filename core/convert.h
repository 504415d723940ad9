/* SPDX-License-Identifier: MIT */
/*
 * convert - strict conversions from policy text. Pure.
 *
 * Each reads the whole string or fails: no leading blanks, no sign unless said, no trailing text,
 * base 10, range checked. They return 0 or -EINVAL (not of this form) or -ERANGE (out of range)
 * and leave *ret_… untouched on failure. The caller words the error.
 */
#ifndef CARREL_CONVERT_H
#define CARREL_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONVERT_MAX UINT64_MAX /* what the word "max" becomes */

/* "yes" "no" "true" "false" "on" "off", in lower case alone. */
int convert_bool(const char *text, bool *ret_value);

/* Decimal digits, no sign; leading zeros refused except "0" itself (010 is not eight, nor ten). */
int convert_unsigned(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* As above with an optional leading '-'. */
int convert_signed(const char *text, int64_t min, int64_t max, int64_t *ret_value);

/*
 * "512M", "4G", "1024" (bytes), "max" -> CONVERT_MAX. Suffixes K M G T, powers of 1024, one letter.
 * "25%" sets *ret_percent to true and *ret_value to 25 (1-100); otherwise *ret_percent is false.
 */
int convert_size(const char *text, uint64_t *ret_value, bool *ret_percent);

/* "100k" as counts go: digits with an optional k or m (powers of 1000), or "max". */
int convert_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* "150%" -> 150; "max" -> CONVERT_MAX; 1 to 100000. */
int convert_percent(const char *text, uint64_t *ret_value);

/* "90s", "10m", "8h", "2d" -> seconds; "max" -> CONVERT_MAX. The unit can't be left out; 0 is refused. */
int convert_time(const char *text, uint64_t *ret_seconds);

#define CONVERT_CPUS 1024
struct cpu_list {
	uint64_t bits[CONVERT_CPUS / 64];
};

/* "0-3,8": ascending or not, overlaps allowed, up to CPU 1023. */
int convert_cpu_list(const char *text, struct cpu_list *ret_list);

/*
 * The canonical text of a list ("0-3,8"), as the kernel prints cpuset.cpus, so that a read-back can
 * be compared. Returns the length without the NUL, or -ENOSPC.
 */
int convert_cpu_text(const struct cpu_list *list, char *text, size_t size);

#endif

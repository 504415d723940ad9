/* SPDX-License-Identifier: MIT */
/*
 * format - figures as people read them. Pure. UINT64_MAX, "unknown", is "-" everywhere.
 */
#ifndef CARREL_FORMAT_H
#define CARREL_FORMAT_H

#include <stdint.h>

struct formatted {
	char text[32];
};

/* Two figures at most: "45s", "12m", "3h05m", "9d04h". Below 0, as when the clock was set back: "0s". */
struct formatted format_age(int64_t seconds);
/* "0.5K", "211.6M", "1.0G", powers of 1024. */
struct formatted format_bytes(uint64_t bytes);
struct formatted format_count(uint64_t count);
/* "38.01s" */
struct formatted format_seconds(uint64_t usec);

/*
 * Text that somebody else wrote, in place, for a terminal or a table: what is no printable ASCII or
 * valid UTF-8 beyond it, or would move the cursor, becomes '?'.
 */
void format_clean(char *text);

#endif

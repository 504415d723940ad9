/* SPDX-License-Identifier: MIT */
/*
 * openmetrics - writing text that is OpenMetrics 1.0 and Prometheus' older text format at once.
 *
 * Of a counter the two want different names (with and without _total in its TYPE line: what one
 * takes the other refuses, promtool(1) included). So all is a gauge; figures that only rise fall back to
 * nothing when their slice goes, with the user's last logout.
 */
#ifndef CARREL_OPENMETRICS_H
#define CARREL_OPENMETRICS_H

#include <stdio.h>

/* The lines before a family's samples. */
void openmetrics_family(FILE *to, const char *name, const char *help);

/*
 * A label's value as it stands between the quotes: backslash, quote and newline escaped; what is no
 * UTF-8 becomes U+FFFD. Returns 0, or -ENOSPC when it does not fit with its NUL. Pure.
 */
int openmetrics_escape(const char *value, char *text, size_t size);

/* `labels` as they stand between the brackets, or "". NAN is left out: nobody knows it. */
void openmetrics_sample(FILE *to, const char *name, const char *labels, double value);

/* The last line. */
void openmetrics_end(FILE *to);

#endif

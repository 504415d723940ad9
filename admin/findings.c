/* SPDX-License-Identifier: MIT */
#include "admin/findings.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"

static bool is_known(const struct findings *findings, const char *subject, const char *text)
{
	for (size_t i = 0; i < findings->count; i++)
		if (strcmp(findings->items[i].text, text) == 0 &&
		    strcmp(findings->items[i].subject, subject) == 0)
			return true;
	return false;
}

void findings_add(struct findings *findings, enum finding_level level, const char *subject,
		  const char *fmt, ...)
{
	_free_ char *text = NULL;
	struct finding *items;
	va_list ap;
	int n;

	findings->last = SIZE_MAX;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		findings->no_memory = true;
		return;
	}
	if (is_known(findings, subject, text))
		return;
	items = reallocarray(findings->items, findings->count + 1, sizeof(*items));
	if (!items) {
		findings->no_memory = true;
		return;
	}
	findings->items = items;
	findings->last = findings->count++;
	items[findings->last] =
		(struct finding){.level = level, .subject = subject, .text = steal_ptr(&text)};
}

void findings_mend(struct findings *findings, const char *fmt, ...)
{
	va_list ap;
	char *mend;
	int n;

	if (findings->last == SIZE_MAX || findings->count == 0)
		return;
	va_start(ap, fmt);
	n = vasprintf(&mend, fmt, ap);
	va_end(ap);
	if (n < 0) {
		findings->no_memory = true;
		return;
	}
	free(findings->items[findings->last].mend);
	findings->items[findings->last].mend = mend;
}

size_t findings_count(const struct findings *findings, enum finding_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->items[i].level == level;
	return count;
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->items[i].text);
		free(findings->items[i].mend);
	}
	free(findings->items);
	*findings = (struct findings){0};
}

/* SPDX-License-Identifier: MIT */
/*
 * findings - what `carrel doctor` found, each with how to mend it.
 *
 * A text that is there already is not added again: many services share one PAM file. Running out of
 * memory is noted and ends up as a failure, so nothing that was found is lost in silence.
 */
#ifndef CARREL_FINDINGS_H
#define CARREL_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_FAIL, FINDING_LEVELS };

struct finding {
	enum finding_level level;
	const char *subject; /* "kernel", "cgroup", … */
	char *text;
	char *mend; /* or NULL */
};

struct findings {
	struct finding *items;
	size_t count;
	size_t last; /* index of what was added last, or SIZE_MAX */
	bool no_memory;
};

void findings_add(struct findings *findings, enum finding_level level, const char *subject,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* How to mend the one that was just added. */
void findings_mend(struct findings *findings, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
size_t findings_count(const struct findings *findings, enum finding_level level);
void findings_free(struct findings *findings);

#endif

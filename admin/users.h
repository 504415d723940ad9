/* SPDX-License-Identifier: MIT */
/*
 * users - those who are logged in, each once, with the figures of their slice: for `carrel top` and
 * `carrel metrics`.
 */
#ifndef CARREL_USERS_H
#define CARREL_USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/cgroup_usage.h"
#include "core/protocol.h"

struct user_row {
	uint32_t uid;
	char name[PROTOCOL_NAME_MAX]; /* the uid where nobody tells */
	size_t sandboxes, silent; /* silent ones are among the sandboxes */
	size_t sessions;
	int64_t started; /* of the oldest sandbox; 0: unknown */
	bool frozen;
	struct cgroup_figures figures;
};

/* Sorted by uid. *ret_rows is the caller's to free. */
int users_gather(int64_t deadline_ms, struct user_row **ret_rows, size_t *ret_count,
		 struct failure *reterr);

#endif

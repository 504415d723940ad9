/* SPDX-License-Identifier: MIT */
/*
 * top_rows - the lines of `carrel top`: who is logged in, what was used since the last look, the order.
 */
#ifndef CARREL_TOP_ROWS_H
#define CARREL_TOP_ROWS_H

#include <stdbool.h>

#include "admin/users.h"

struct top_row {
	struct user_row user;
	double cpu_percent; /* of one CPU, since the look before; below 0: unknown */
};

struct top_rows {
	struct top_row *items;
	size_t count;
	int64_t looked_ms; /* 0: not yet */
};

enum top_order {
	TOP_BY_CPU,
	TOP_BY_MEMORY,
	TOP_BY_PROCESSES,
	TOP_BY_SESSIONS,
	TOP_BY_AGE,
	TOP_BY_USER,
	TOP_ORDERS
};

const char *top_order_name(enum top_order order);
/* false: the key stands for no order. */
bool top_order_of_key(int key, enum top_order *ret_order);

/* Ask anew; the rows are as before on failure. */
int top_rows_update(struct top_rows *rows, int64_t deadline_ms, struct failure *reterr);
void top_rows_free(struct top_rows *rows);

/* The most first, users by name; unknown comes last. Pure. */
void top_rows_sort(struct top_rows *rows, enum top_order order, bool reverse);

/* Percent of one CPU between two readings; below 0 where they say nothing. Pure. */
double top_cpu_percent(uint64_t before_usec, uint64_t now_usec, int64_t passed_ms);

#endif

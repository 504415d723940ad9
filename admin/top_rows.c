/* SPDX-License-Identifier: MIT */
#include "admin/top_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/sys.h"

static const struct {
	char key;
	const char *name;
} orders[TOP_ORDERS] = {
	[TOP_BY_CPU] = {'c', "CPU"},
	[TOP_BY_MEMORY] = {'m', "memory"},
	[TOP_BY_PROCESSES] = {'p', "processes"},
	[TOP_BY_SESSIONS] = {'s', "sessions"},
	[TOP_BY_AGE] = {'a', "age"},
	[TOP_BY_USER] = {'u', "user"},
};

const char *top_order_name(enum top_order order)
{
	return orders[order].name;
}

bool top_order_of_key(int key, enum top_order *ret_order)
{
	for (int i = 0; i < TOP_ORDERS; i++) {
		if (key != orders[i].key)
			continue;
		*ret_order = (enum top_order)i;
		return true;
	}
	return false;
}

double top_cpu_percent(uint64_t before_usec, uint64_t now_usec, int64_t passed_ms)
{
	/* Less than before: the user has logged out and in again. */
	if (before_usec == UINT64_MAX || now_usec == UINT64_MAX || now_usec < before_usec ||
	    passed_ms <= 0)
		return -1;
	return (double)(now_usec - before_usec) / 10 / (double)passed_ms;
}

static const struct top_row *find(const struct top_rows *rows, uint32_t uid)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->items[i].user.uid == uid)
			return &rows->items[i];
	return NULL;
}

int top_rows_update(struct top_rows *rows, int64_t deadline_ms, struct failure *reterr)
{
	_free_ struct user_row *users = NULL;
	struct top_rows new = {0};
	int r = users_gather(deadline_ms, &users, &new.count, reterr);

	if (r < 0)
		return r;
	new.items = calloc(new.count + 1, sizeof(*new.items));
	if (!new.items)
		return failure_set(reterr, ENOMEM, "show %zu users", new.count);
	new.looked_ms = sys_now_ms();
	for (size_t i = 0; i < new.count; i++) {
		const struct top_row *before = find(rows, users[i].uid);

		new.items[i].user = users[i];
		new.items[i].cpu_percent =
			before ? top_cpu_percent(before->user.figures.usage.cpu_usec,
						 users[i].figures.usage.cpu_usec,
						 new.looked_ms - rows->looked_ms)
			       : -1;
	}
	free(rows->items);
	*rows = new;
	return 0;
}

void top_rows_free(struct top_rows *rows)
{
	free(rows->items);
	*rows = (struct top_rows){0};
}

/* What a row is sorted by: the more, the higher up. */
static double value_of(const struct top_row *row, enum top_order order)
{
	const struct cgroup_usage *usage = &row->user.figures.usage;
	uint64_t number = UINT64_MAX;

	switch (order) {
	case TOP_BY_CPU:
		return row->cpu_percent;
	case TOP_BY_MEMORY:
		number = usage->memory_bytes;
		break;
	case TOP_BY_PROCESSES:
		number = usage->processes;
		break;
	case TOP_BY_SESSIONS:
		number = row->user.sessions;
		break;
	case TOP_BY_AGE:
		/* The oldest began first. */
		return row->user.started ? -(double)row->user.started : -1e18;
	case TOP_BY_USER:
	case TOP_ORDERS:
		return 0;
	}
	return number == UINT64_MAX ? -1 : (double)number;
}

struct sorting {
	enum top_order order;
	bool reverse;
};

static int compare(const void *left, const void *right, void *arg)
{
	const struct sorting *sorting = arg;
	double a = value_of(left, sorting->order), b = value_of(right, sorting->order);
	int by_value = (a < b) - (a > b);

	/* Equal ones stand still from one look to the next. */
	if (by_value == 0)
		by_value = strcmp(((const struct top_row *)left)->user.name,
				  ((const struct top_row *)right)->user.name);
	return sorting->reverse ? -by_value : by_value;
}

void top_rows_sort(struct top_rows *rows, enum top_order order, bool reverse)
{
	struct sorting sorting = {.order = order, .reverse = reverse};

	if (rows->count > 0)
		qsort_r(rows->items, rows->count, sizeof(*rows->items), compare, &sorting);
}

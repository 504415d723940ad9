/* SPDX-License-Identifier: MIT */
#include "admin/users.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/registry.h"

static int compare(const void *left, const void *right)
{
	const struct message_info *a = left, *b = right;

	return (a->uid > b->uid) - (a->uid < b->uid);
}

static void name_silent(struct user_row *row)
{
	const struct passwd *passwd = getpwuid(row->uid);

	if (!passwd || protocol_text(row->name, sizeof(row->name), passwd->pw_name) < 0)
		(void)snprintf(row->name, sizeof(row->name), "%" PRIu32, row->uid);
}

static void read_slice(struct user_row *row)
{
	struct cgroup_dirs dirs;
	struct cgroup_set set;

	if (row->name[0] == '\0')
		name_silent(row);
	cgroup_dirs_of_user(row->uid, &dirs);
	cgroup_read_figures(&dirs, &row->figures);
	row->frozen = cgroup_find_user(row->uid, &set) == 0 && cgroup_is_frozen(&set);
}

/* One sandbox more. A silent one has told no start. */
static void add(struct user_row *row, const struct message_info *info)
{
	bool silent = info->started == 0;

	row->uid = info->uid;
	row->sandboxes++;
	row->silent += silent;
	row->sessions += info->sessions;
	if (silent)
		return;
	if (row->started == 0 || info->started < row->started)
		row->started = info->started;
	if (row->name[0] == '\0')
		memcpy(row->name, info->user, sizeof(row->name));
}

int users_gather(int64_t deadline_ms, struct user_row **ret_rows, size_t *ret_count,
		 struct failure *reterr)
{
	_free_ struct message_info *infos = NULL;
	size_t count = 0, silent = 0, users = 0;
	struct user_row *rows;
	int r = registry_query(deadline_ms, &infos, &count, &silent, reterr);

	if (r < 0)
		return r;
	count += silent;
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows)
		return failure_set(reterr, ENOMEM, "list %zu sandboxes", count);
	if (count > 0)
		qsort(infos, count, sizeof(*infos), compare);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && infos[i].uid != infos[i - 1].uid)
			users++;
		add(&rows[users], &infos[i]);
	}
	users += count > 0;
	for (size_t i = 0; i < users; i++)
		read_slice(&rows[i]);
	*ret_rows = rows;
	*ret_count = users;
	return 0;
}

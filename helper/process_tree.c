/* SPDX-License-Identifier: MIT */
#include "helper/process_tree.h"

#include <stdlib.h>

bool process_tree_add(struct process_tree *tree, const struct process *process)
{
	if (tree->count == PROCESS_TREE_MAX)
		return false;
	if (tree->count == tree->room) {
		size_t room = tree->room * 2 + 64;
		struct process *more = reallocarray(tree->list, room, sizeof(*more));

		if (!more)
			return false;
		tree->list = more;
		tree->room = room;
	}
	tree->list[tree->count++] = *process;
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct process *a = left, *b = right;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

void process_tree_sort(struct process_tree *tree)
{
	if (tree->count > 0)
		qsort(tree->list, tree->count, sizeof(*tree->list), compare);
}

static const struct process *find(const struct process_tree *tree, pid_t pid)
{
	struct process key = {.pid = pid};

	return bsearch(&key, tree->list, tree->count, sizeof(key), compare);
}

bool process_tree_is_below(const struct process_tree *tree, const struct process *process,
			   pid_t ancestor)
{
	for (int depth = 0; process && depth < PROCESS_TREE_DEPTH; depth++) {
		if (process->parent == ancestor)
			return true;
		process = find(tree, process->parent);
	}
	return false;
}

void process_tree_free(struct process_tree *tree)
{
	free(tree->list);
	*tree = (struct process_tree){.count = 0};
}

/* SPDX-License-Identifier: MIT */
/*
 * process_tree - who is whose descendant, among the processes of a slice at one moment. Pure.
 *
 * A user decides how many there are and how they hang together, and the warden that asks runs outside of
 * the user's limits: so an answer takes no longer than the depth and the logarithm of the count allow.
 */
#ifndef CARREL_PROCESS_TREE_H
#define CARREL_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_TREE_MAX 65536
#define PROCESS_TREE_DEPTH 64 /* from a process up to the ancestor that is asked for */

struct process {
	pid_t pid, parent;
	dev_t tty; /* the controlling terminal; 0: none */
};

/* {.count = 0} is an empty one. */
struct process_tree {
	struct process *list;
	size_t count, room;
};

/* false: there are PROCESS_TREE_MAX, or no memory. */
bool process_tree_add(struct process_tree *tree, const struct process *process);
/* Once all are added, before anything is asked. */
void process_tree_sort(struct process_tree *tree);
/* Is the process, one of the list, below `ancestor`, which need not be in the list? */
bool process_tree_is_below(const struct process_tree *tree, const struct process *process,
			   pid_t ancestor);
void process_tree_free(struct process_tree *tree);

#endif

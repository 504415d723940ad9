/* SPDX-License-Identifier: MIT */
/*
 * processes - what runs in a sandbox, from /proc, as root outside sees it.
 */
#ifndef CARREL_PROCESSES_H
#define CARREL_PROCESSES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/failure.h"
#include "core/protocol.h"

struct process {
	pid_t pid; /* on the host, */
	pid_t inside; /* in the sandbox, */
	pid_t parent; /* and its parent's, on the host */
	uint32_t uid; /* real */
	char state; /* as ps(1) has it; '?' unknown */
	uint64_t threads;
	uint64_t memory_bytes; /* resident */
	uint64_t cpu_usec;
	char name[128]; /* the command line, cleaned and cut; [comm] where there is none */
};

struct process_list {
	struct process *processes;
	size_t count, room;
};

/*
 * Of each of these sandboxes all processes in its pid namespace and those below it; where it has none of
 * its own, those in its mount namespace. /proc is read once. Sorted by the pid inside. What ends meanwhile
 * is not listed. ret_lists has room for `count`, each of them for processes_free().
 */
int processes_list(const struct message_info *infos, size_t count, struct process_list *ret_lists,
		   struct failure *reterr);
void processes_free(struct process_list *list);

/* The number at `index` of the blank-separated ones that "NSpid:" has, else the last; pure. 0: none. */
pid_t processes_nspid(const char *numbers, size_t index);

#endif

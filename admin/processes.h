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

/*
 * All processes in the sandbox's pid namespace and those below it; where the sandbox has none of its
 * own, those in its mount namespace. Sorted by the pid inside. What ends meanwhile is not listed.
 * *ret_processes is the caller's to free.
 */
int processes_list(const struct message_info *info, struct process **ret_processes,
		   size_t *ret_count, struct failure *reterr);

/* The number at `index` of the blank-separated ones that "NSpid:" has, else the last; pure. 0: none. */
pid_t processes_nspid(const char *numbers, size_t index);

#endif

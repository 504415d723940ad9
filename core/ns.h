/* SPDX-License-Identifier: MIT */
/*
 * ns - namespaces: flags, saving one's own, going back, and comparing.
 */
#ifndef CARREL_NS_H
#define CARREL_NS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/failure.h"

#define NS_TYPES 5 /* mount pid ipc uts cgroup */

/* A process's own namespaces, saved as descriptors (close-on-exec) before it joins others. */
struct ns_saved {
	int fds[NS_TYPES]; /* -1: the kernel has no such kind, or the descriptor is closed */
	int dir_fd; /* /proc/self/ns, for comparing: /proc/self dangles after joining; or -1 */
};

/* CLONE_NEW* flags for bits of enum choice_namespace. */
uint64_t ns_clone_flags(uint64_t choices);

/* How many threads the calling process has, or -errno. Needs /proc: call it before joining. */
int ns_thread_count(struct failure *reterr);

#define NS_SAVED_NONE ((struct ns_saved){.fds = {-1, -1, -1, -1, -1}, .dir_fd = -1})

/* Save the caller's namespaces, all that the kernel has. */
int ns_save(struct ns_saved *ret_saved, struct failure *reterr);
/* Close those of the other kinds, and the directory: what is kept for going back. */
void ns_keep(struct ns_saved *saved, uint64_t clone_flags);
/* Go back into those of the kinds in clone_flags; each is tried, the first failure is reported. */
int ns_restore(const struct ns_saved *saved, uint64_t clone_flags, struct failure *reterr);
void ns_close(struct ns_saved *saved);

/* Namespaces of a process, as inode numbers (nsfs inodes are never reused while open or in use). */
struct ns_ids {
	ino_t inodes[NS_TYPES];
};

/*
 * Read those of process `pid`; for the pid namespace the one that its children get. Needs the right
 * to ptrace it (ptrace(2), PTRACE_MODE_READ_FSCREDS).
 */
int ns_identify(pid_t pid, uint64_t clone_flags, struct ns_ids *ret_ids, struct failure *reterr);
/* The caller's own now, by way of what ns_save() has opened. */
int ns_identify_self(const struct ns_saved *saved, uint64_t clone_flags, struct ns_ids *ret_ids,
		     struct failure *reterr);
/* 0, or -EXDEV naming the first kind that differs. */
int ns_compare(const struct ns_ids *want, const struct ns_ids *got, uint64_t clone_flags,
	       struct failure *reterr);

#endif

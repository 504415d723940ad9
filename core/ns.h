/* SPDX-License-Identifier: MIT */
/*
 * ns - namespaces: flags, saving one's own, going back, and comparing.
 *
 * A process's namespaces are asked of its pidfd (Linux 6.11, ioctl(2) PIDFD_GET_*_NAMESPACE): that is never
 * another process's, and leaves nothing in the kernel's cache of /proc, which would stay as long as the
 * process does. An older kernel says ENOTTY, and they are opened in /proc/PID/ns. Both ways need the right to
 * ptrace the process (ptrace(2), PTRACE_MODE_READ_FSCREDS), which one has over oneself.
 */
#ifndef CARREL_NS_H
#define CARREL_NS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/failure.h"

#define NS_TYPES 5 /* mount pid ipc uts cgroup */

/* Where a process's namespaces are asked for. */
struct ns_source {
	int pidfd;
	int dir_fd; /* its /proc/PID/ns, once it is known that the pidfd does not tell; else -1 */
};

/* A process's own namespaces, saved as descriptors (close-on-exec) before it joins others. */
struct ns_saved {
	int fds[NS_TYPES]; /* -1: the kernel has no such kind, or the descriptor is closed */
	struct ns_source self; /* for comparing: goes on working where /proc/self dangles */
};

/* CLONE_NEW* flags for bits of enum choice_namespace. */
uint64_t ns_clone_flags(uint64_t choices);

/*
 * How many threads the calling process has, or -errno. unshare(2) of CLONE_THREAD does nothing, and only
 * a process with a single thread, whose memory no other shares, may do it. For all others (with EINVAL, or
 * with EPERM of a seccomp filter) /proc is looked at, so call it before joining.
 */
int ns_thread_count(struct failure *reterr);

#define NS_SAVED_NONE ((struct ns_saved){.fds = {-1, -1, -1, -1, -1}, .self = {-1, -1}})

/* Save the caller's namespaces, all that the kernel has. */
int ns_save(struct ns_saved *ret_saved, struct failure *reterr);
/* Close those of the other kinds, and what they came from: what is kept for going back. */
void ns_keep(struct ns_saved *saved, uint64_t clone_flags);
/* Go back into those of the kinds in clone_flags; each is tried, the first failure is reported. */
int ns_restore(const struct ns_saved *saved, uint64_t clone_flags, struct failure *reterr);
void ns_close(struct ns_saved *saved);

/* Namespaces of a process, as inode numbers (nsfs inodes are never reused while open or in use). */
struct ns_ids {
	ino_t inodes[NS_TYPES];
};

/*
 * Read those of the process behind `pidfd`; for the pid namespace the one that its children get. `pid` is its
 * pid, for where the kernel needs /proc.
 */
int ns_identify(int pidfd, pid_t pid, uint64_t clone_flags, struct ns_ids *ret_ids,
		struct failure *reterr);
/* The caller's own now, by way of what ns_save() has opened. */
int ns_identify_self(const struct ns_saved *saved, uint64_t clone_flags, struct ns_ids *ret_ids,
		     struct failure *reterr);
/* The pid namespace that the caller itself is in; to be asked before joining others. */
int ns_own_pid_ns(uint64_t *ret_inode, struct failure *reterr);
/* 0, or -EXDEV naming the first kind that differs. */
int ns_compare(const struct ns_ids *want, const struct ns_ids *got, uint64_t clone_flags,
	       struct failure *reterr);

#endif

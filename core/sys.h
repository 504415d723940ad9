/* SPDX-License-Identifier: MIT */
/*
 * sys - raw system calls that older C libraries have no wrapper for, in the errno style: -1 and
 * errno. All the kernel-changing calls of the project go through here or through libc itself, which
 * is where the tests inject their faults (strace -e inject). Kernel floor: 5.12, for mount_setattr(2)
 * and RESOLVE_CACHED; clone3 with CLONE_INTO_CGROUP needs 5.7, setns with a pidfd 5.8.
 *
 * <linux/mount.h> and <sys/mount.h> can't be included together on glibc 2.36: include neither, sys.h
 * has what is needed.
 */
#ifndef CARREL_SYS_H
#define CARREL_SYS_H

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef MNT_DETACH /* <sys/mount.h> has it, <linux/mount.h> has not */
#define MNT_DETACH 2
#endif

int sys_pidfd_open(pid_t pid);
int sys_pidfd_send_signal(int pidfd, int sig);
/* A duplicate of one of its descriptors, close-on-exec. */
int sys_pidfd_getfd(int pidfd, int fd);
/* As fork(2), with clone3 flags. */
pid_t sys_clone3(struct clone_args *args);
int sys_close_range(unsigned int first, unsigned int last);
/* Linux 5.11 */
int sys_close_on_exec_from(unsigned int first);
int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve);

int sys_mount(const char *source, const char *target, const char *type, unsigned long flags);
int sys_umount(const char *target, int flags);
int sys_open_tree(int dirfd, const char *path, unsigned int flags);
/* Attach the tree at from_fd on the directory or file that to_fd is open on. */
int sys_move_mount(int from_fd, int to_fd);
int sys_mount_setattr(int fd, unsigned int flags, uint64_t set, uint64_t clear);
/* Nothing that is mounted below a tree from open_tree() comes from elsewhere, nor goes there. */
int sys_mount_private(int fd);
int sys_fsopen(const char *type);
int sys_fsconfig_string(int fd, const char *key, const char *value);
int sys_fsconfig_create(int fd);
int sys_fsmount(int fd, unsigned int attributes);
/* To change the file system that fd is on (fspick(2)); then fsconfig, then this. */
int sys_fspick(int fd);
int sys_fsconfig_reconfigure(int fd);

/* CLOCK_MONOTONIC in milliseconds. */
int64_t sys_now_ms(void);

/* poll(2) one descriptor until a deadline (sys_now_ms() terms); 1 ready, 0 too late, -1 errno. */
int sys_wait_readable(int fd, int64_t deadline_ms);

#endif

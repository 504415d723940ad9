/* SPDX-License-Identifier: MIT */
/*
 * fault_trap - stop a process, and all that descends from it, at each of its system calls, and have
 * the call go on, fail, or never return: a seccomp filter whose listener the test holds
 * (seccomp_unotify(2)). strace's injection counts per process name only: it can't tell a helper from
 * the PID 1 that it clones, and costs ten times as much for each run.
 */
#ifndef CARREL_TESTS_FAULT_TRAP_H
#define CARREL_TESTS_FAULT_TRAP_H

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 6.6: the one that waits runs at once, on the same CPU. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/*
 * In the process to be trapped: tell the test by `write_fd` which descriptor the listener will be,
 * then set the trap.
 */
static inline int trap_set(int write_fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		/* What can neither fail nor be the last thing before which something is lost. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	int fd = dup(write_fd); /* the lowest free one: what the listener will get */

	if (fd < 0 || close(fd) < 0 || write(write_fd, &fd, sizeof(fd)) != sizeof(fd))
		return -1;
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			  &program);
	/* Waits until the test has its copy. One kept here would make what is trapped immortal. */
	return fd < 0 ? -1 : close(fd);
}

/* In the test: the listener of the process behind `pidfd`, which trap_set() there has announced. */
static inline int trap_get(int pidfd, int announced)
{
	for (int tries = 0; tries < 5000; tries++) {
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, announced, 0);

		if (fd >= 0) {
			uint64_t flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;

			(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, &flags);
			return fd;
		}
		if (errno != EBADF)
			return -1;
		(void)usleep(200);
	}
	return -1;
}

/* The next call, or false when none is made within the time or nobody is left. */
static inline bool trap_wait(int listener, int timeout_ms, struct seccomp_notif *ret_call)
{
	struct pollfd poll_fd = {.fd = listener, .events = POLLIN};

	if (poll(&poll_fd, 1, timeout_ms) <= 0 || !(poll_fd.revents & POLLIN))
		return false;
	memset(ret_call, 0, sizeof(*ret_call));
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, ret_call) == 0;
}

/* Let it go on (err 0) or fail. One that was killed meanwhile needs no answer. */
static inline void trap_answer(int listener, const struct seccomp_notif *call, int err)
{
	struct seccomp_notif_resp answer = {
		.id = call->id,
		.error = -err,
		.flags = err ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/*
 * Kill, and let nobody make another call until it is dead: what comes of it is then the same each
 * time. The PID 1 of a sandbox waits in its death for others to be reaped, so not for ever.
 */
static inline void kill_now(pid_t pid)
{
	struct pollfd gone = {.fd = pidfd_open(pid, 0), .events = POLLIN};

	(void)kill(pid, SIGKILL);
	if (gone.fd < 0)
		return;
	(void)poll(&gone, 1, 100);
	(void)close(gone.fd);
}

#endif

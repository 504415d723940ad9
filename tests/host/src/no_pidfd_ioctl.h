/* SPDX-License-Identifier: MIT */
/*
 * no_pidfd_ioctl - for the calling process, and what it starts: a pidfd's ioctl(2) fails with `err`, for all
 * numbers (0) or for the one. ENOTTY is what a kernel before Linux 6.11 says to all, EOPNOTSUPP a later one
 * that is built without that kind of namespace. A seccomp filter, so it can't be taken off again. 0 or -1.
 */
#ifndef CARREL_TESTS_NO_PIDFD_IOCTL_H
#define CARREL_TESTS_NO_PIDFD_IOCTL_H

#include <endian.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define LOW_HALF 0
#else
#define LOW_HALF 4
#endif

static inline int no_pidfd_ioctl(uint32_t number, uint32_t err)
{
	uint32_t mask = number ? UINT32_MAX : 0xFF00; /* pidfds' ioctls have the letter 0xFF */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1]) + LOW_HALF),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number ? number : 0xFF00, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

#endif

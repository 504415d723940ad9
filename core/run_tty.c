/* SPDX-License-Identifier: MIT */
#include "core/run_tty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/cleanup.h"

void run_tty_open(struct run_tty *ret_tty)
{
	ret_tty->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	ret_tty->none = ret_tty->fd < 0 && errno == ENXIO;
	ret_tty->foreground = ret_tty->fd >= 0 && tcgetpgrp(ret_tty->fd) == getpgrp();
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))

/* The second argument's low half: the kernel cuts an ioctl's number to 32 bits (CVE-2019-10063). */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define IOCTL_NUMBER (offsetof(struct seccomp_data, args[1]) + 4)
#else
#define IOCTL_NUMBER offsetof(struct seccomp_data, args[1])
#endif

int run_tty_protect(const struct run_tty *tty, struct failure *reterr)
{
	/*
	 * By the way the call came: ioctl is 16 on x86-64 and 514 in its x32 ABI (with a bit that is cut
	 * off here, as 16 with that bit works too), 54 on i386 and arm.
	 */
	static const struct sock_filter code[] = {
		LOAD(arch),
		IF_EQUAL(AUDIT_ARCH_X86_64, 4, 0),
		IF_EQUAL(AUDIT_ARCH_I386, 7, 0),
		IF_EQUAL(AUDIT_ARCH_ARM, 6, 0),
		LOAD(nr), /* anything else: this program's own ABI */
		IF_EQUAL(SYS_ioctl, 6, 9),
		LOAD(nr), /* x86-64, x32 */
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~0x40000000U),
		IF_EQUAL(16, 3, 0),
		IF_EQUAL(514, 2, 5),
		LOAD(nr), /* i386, arm */
		IF_EQUAL(54, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IOCTL_NUMBER),
		IF_EQUAL(TIOCSTI, 2, 0),
		IF_EQUAL(TIOCLINUX, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog program = {
		.len = (unsigned short)ARRAY_SIZE(code),
		.filter = (struct sock_filter *)code,
	};

	if (tty->none)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return failure_set(reterr, errno, "take TIOCSTI from the command");
	return 0;
}

void run_tty_close(struct run_tty *tty)
{
	sigset_t stop, saved;

	if (tty->fd < 0)
		return;
	if (tty->foreground && tcgetpgrp(tty->fd) != getpgrp()) {
		/* From the background, tcsetpgrp(3) stops a process that does not block this. */
		(void)sigemptyset(&stop);
		(void)sigaddset(&stop, SIGTTOU);
		(void)sigprocmask(SIG_BLOCK, &stop, &saved);
		(void)tcsetpgrp(tty->fd, getpgrp());
		(void)sigprocmask(SIG_SETMASK, &saved, NULL);
	}
	close_fd(&tty->fd);
}

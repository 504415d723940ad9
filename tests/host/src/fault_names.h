/* SPDX-License-Identifier: MIT */
/* fault_names - system calls by name, for reports, and those that fail in no way that is tested. */
#ifndef CARREL_TESTS_FAULT_NAMES_H
#define CARREL_TESTS_FAULT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>

static const struct {
	int number;
	const char *name;
	bool never_fails; /* or not by ENOMEM and its like; close(2) always closes */
} calls[] = {
	{SYS_read, "read", false},
	{SYS_write, "write", false},
#ifdef SYS_open
	{SYS_open, "open", false},
#endif
	{SYS_openat, "openat", false},
#ifdef SYS_openat2
	{SYS_openat2, "openat2", false},
#endif
	{SYS_close, "close", true},
#ifdef SYS_stat
	{SYS_stat, "stat", false},
#endif
	{SYS_fstat, "fstat", false},
#ifdef SYS_lstat
	{SYS_lstat, "lstat", false},
#endif
#ifdef SYS_newfstatat
	{SYS_newfstatat, "newfstatat", false},
#endif
#ifdef SYS_poll
	{SYS_poll, "poll", false},
#endif
	{SYS_ppoll, "ppoll", false},
	{SYS_lseek, "lseek", false},
	{SYS_mmap, "mmap", false},
	{SYS_mprotect, "mprotect", false},
	{SYS_munmap, "munmap", true},
	{SYS_brk, "brk", false},
	{SYS_rt_sigaction, "rt_sigaction", true},
	{SYS_rt_sigprocmask, "rt_sigprocmask", true},
	{SYS_ioctl, "ioctl", false},
	{SYS_pread64, "pread64", false},
	{SYS_pwrite64, "pwrite64", false},
	{SYS_readv, "readv", false},
	{SYS_writev, "writev", false},
#ifdef SYS_access
	{SYS_access, "access", false},
#endif
	{SYS_faccessat, "faccessat", false},
#ifdef SYS_faccessat2
	{SYS_faccessat2, "faccessat2", false},
#endif
#ifdef SYS_pipe
	{SYS_pipe, "pipe", false},
#endif
	{SYS_pipe2, "pipe2", false},
	{SYS_dup, "dup", false},
#ifdef SYS_dup2
	{SYS_dup2, "dup2", false},
#endif
	{SYS_dup3, "dup3", false},
	{SYS_nanosleep, "nanosleep", false},
	{SYS_clock_nanosleep, "clock_nanosleep", false},
	{SYS_getpid, "getpid", true},
	{SYS_gettid, "gettid", true},
	{SYS_getppid, "getppid", true},
	{SYS_socket, "socket", false},
	{SYS_socketpair, "socketpair", false},
	{SYS_connect, "connect", false},
	{SYS_accept, "accept", false},
	{SYS_accept4, "accept4", false},
	{SYS_sendto, "sendto", false},
	{SYS_recvfrom, "recvfrom", false},
	{SYS_sendmsg, "sendmsg", false},
	{SYS_recvmsg, "recvmsg", false},
	{SYS_sendmmsg, "sendmmsg", false},
	{SYS_bind, "bind", false},
	{SYS_listen, "listen", false},
	{SYS_getsockopt, "getsockopt", false},
	{SYS_setsockopt, "setsockopt", false},
	{SYS_getsockname, "getsockname", false},
	{SYS_clone, "clone", false},
	{SYS_clone3, "clone3", false},
#ifdef SYS_fork
	{SYS_fork, "fork", false},
#endif
#ifdef SYS_vfork
	{SYS_vfork, "vfork", false},
#endif
	{SYS_execve, "execve", false},
	{SYS_execveat, "execveat", false},
	{SYS_wait4, "wait4", true},
	{SYS_waitid, "waitid", true},
	{SYS_kill, "kill", false},
	{SYS_uname, "uname", false},
	{SYS_fcntl, "fcntl", false},
	{SYS_flock, "flock", false},
	{SYS_fsync, "fsync", false},
	{SYS_fdatasync, "fdatasync", false},
	{SYS_ftruncate, "ftruncate", false},
	{SYS_getdents64, "getdents64", false},
	{SYS_getcwd, "getcwd", false},
	{SYS_chdir, "chdir", false},
	{SYS_fchdir, "fchdir", false},
#ifdef SYS_rename
	{SYS_rename, "rename", false},
#endif
	{SYS_renameat, "renameat", false},
	{SYS_renameat2, "renameat2", false},
#ifdef SYS_mkdir
	{SYS_mkdir, "mkdir", false},
#endif
	{SYS_mkdirat, "mkdirat", false},
#ifdef SYS_rmdir
	{SYS_rmdir, "rmdir", false},
#endif
#ifdef SYS_unlink
	{SYS_unlink, "unlink", false},
#endif
	{SYS_unlinkat, "unlinkat", false},
#ifdef SYS_readlink
	{SYS_readlink, "readlink", false},
#endif
	{SYS_readlinkat, "readlinkat", false},
#ifdef SYS_chmod
	{SYS_chmod, "chmod", false},
#endif
	{SYS_fchmod, "fchmod", false},
	{SYS_fchmodat, "fchmodat", false},
	{SYS_umask, "umask", true},
#ifdef SYS_getrlimit
	{SYS_getrlimit, "getrlimit", false},
#endif
#ifdef SYS_setrlimit
	{SYS_setrlimit, "setrlimit", false},
#endif
	{SYS_prlimit64, "prlimit64", false},
	{SYS_sysinfo, "sysinfo", false},
	{SYS_getuid, "getuid", true},
	{SYS_geteuid, "geteuid", true},
	{SYS_getgid, "getgid", true},
	{SYS_getegid, "getegid", true},
	{SYS_setfsuid, "setfsuid", true},
	{SYS_setfsgid, "setfsgid", true},
	{SYS_capget, "capget", false},
	{SYS_capset, "capset", false},
	{SYS_prctl, "prctl", false},
#ifdef SYS_arch_prctl
	{SYS_arch_prctl, "arch_prctl", true},
#endif
	{SYS_setsid, "setsid", true},
	{SYS_sethostname, "sethostname", false},
	{SYS_statfs, "statfs", false},
	{SYS_fstatfs, "fstatfs", false},
	{SYS_mount, "mount", false},
	{SYS_umount2, "umount2", false},
#ifdef SYS_mount_setattr
	{SYS_mount_setattr, "mount_setattr", false},
#endif
	{SYS_open_tree, "open_tree", false},
	{SYS_move_mount, "move_mount", false},
	{SYS_fsopen, "fsopen", false},
	{SYS_fsconfig, "fsconfig", false},
	{SYS_fsmount, "fsmount", false},
	{SYS_unshare, "unshare", false},
	{SYS_setns, "setns", false},
	{SYS_set_tid_address, "set_tid_address", true},
	{SYS_set_robust_list, "set_robust_list", true},
#ifdef SYS_rseq
	{SYS_rseq, "rseq", true},
#endif
	{SYS_futex, "futex", true},
	{SYS_getrandom, "getrandom", false},
	{SYS_clock_gettime, "clock_gettime", true},
	{SYS_gettimeofday, "gettimeofday", true},
#ifdef SYS_time
	{SYS_time, "time", true},
#endif
#ifdef SYS_alarm
	{SYS_alarm, "alarm", true},
#endif
#ifdef SYS_close_range
	{SYS_close_range, "close_range", false},
#endif
	{SYS_pidfd_open, "pidfd_open", false},
	{SYS_pidfd_send_signal, "pidfd_send_signal", false},
	{SYS_rt_sigtimedwait, "rt_sigtimedwait", false},
	{SYS_madvise, "madvise", true},
	{SYS_statx, "statx", false},
	{SYS_getgroups, "getgroups", false},
	{SYS_setgroups, "setgroups", false},
	{SYS_setresuid, "setresuid", false},
	{SYS_setresgid, "setresgid", false},
	{SYS_setitimer, "setitimer", false},
};

static inline const char *call_name(int number)
{
	static char text[16];

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].number == number)
			return calls[i].name;
	}
	(void)snprintf(text, sizeof(text), "call %d", number);
	return text;
}

static inline bool call_never_fails(int number)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].number == number)
			return calls[i].never_fails;
	}
	return false;
}

#endif

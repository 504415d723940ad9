/* SPDX-License-Identifier: MIT */
/*
 * floor - what a sandboxed login costs at least: the smallest program that makes the same kernel
 * objects as a login (cgroup directories, mount, pid and ipc namespaces with a PID 1, one tmpfs bound
 * on three places, a procfs), moves itself into them, and undoes it all. Needs root.
 *
 * Usage: floor [-s | -j] [-w] [-i FLOOR_INIT] [MODE]	MODE: see pace.h
 *	  floor [-i FLOOR_INIT] -x COMMAND [ARGUMENT…]
 *	-s	hold: all processes share one set of cgroup directories, as the logins of one user do
 *	-j	join: the sandbox is made once, before; a cycle moves into it and back (line and cycles)
 *	-w	beside each sandbox the smallest process that there can be, as a warden is one
 *	-x	run COMMAND in a sandbox, once; its exit status
 *
 * Cgroups: carrel-bench-PID in the v1 mounts of memory, pids and cpu, entered by a 0 to `tasks`
 * (no grace period); where none of them is on v1, one directory in the cgroup2 mount.
 * PID 1 ends when this program does: the end of a pipe tells it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/floor_cgroups.h"
#include "tests/bench/pace.h"

#define NAMESPACES 3
#define CLONE_FLAGS (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC)

static const char *const private_dirs[] = {"/tmp", "/var/tmp", "/dev/shm"};
/* In the order in which they are gone back to: the pid namespace is only that of children. */
static const char *const namespace_files[NAMESPACES] = {"mnt", "ipc", "pid_for_children"};

static int init_fd = -1;
static pid_t shared_by; /* -s */
static bool with_warden; /* -w */

static struct {
	char name[64]; /* of the cgroup directories */
	int saved_fds[NAMESPACES];
	int cwd_fd;
	int pid1_fd; /* a pidfd */
	int warden_fd; /* a pidfd */
	int life_fd; /* PID 1 lives until it is closed */
} sandbox = {.warden_fd = -1, .cwd_fd = -1, .pid1_fd = -1, .life_fd = -1};

static int make_cgroups(void)
{
	pid_t owner = shared_by ? shared_by : getpid();

	snprintf(sandbox.name, sizeof(sandbox.name), "carrel-bench-%d", (int)owner);
	for (size_t i = 0; i < floor_hierarchy_count; i++) {
		if (mkdirat(floor_hierarchies[i].mount_fd, sandbox.name, 0755) < 0 &&
		    !(shared_by && errno == EEXIST))
			return floor_complain("mkdir cgroup", sandbox.name);
	}
	return 0;
}

static int enter_cgroups(void)
{
	for (size_t i = 0; i < floor_hierarchy_count; i++) {
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", sandbox.name,
			 floor_hierarchies[i].tasks_file);
		fd = openat(floor_hierarchies[i].mount_fd, path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return floor_complain("open cgroup", path);
		if (write(fd, "0", 1) != 1) {
			floor_complain("enter cgroup", path);
			close(fd);
			return -1;
		}
		close(fd);
	}
	return 0;
}

static int mount_private_dirs(void)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), tmpfs;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (tmpfs = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)) < 0)
		return floor_complain("make", "tmpfs");
	for (size_t i = 0; i < sizeof(private_dirs) / sizeof(private_dirs[0]); i++) {
		char name[] = {(char)('a' + i), '\0'};
		int tree;

		if (mkdirat(tmpfs, name, 0) < 0 || fchmodat(tmpfs, name, 01777, 0) < 0)
			return floor_complain("mkdir for", private_dirs[i]);
		tree = open_tree(tmpfs, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (tree < 0 && errno == EINVAL && i == 0) {
			/* Before Linux 6.15 a detached mount can't be cloned: attach it first. */
			if (move_mount(tmpfs, "", AT_FDCWD, private_dirs[0],
				       MOVE_MOUNT_F_EMPTY_PATH) < 0)
				return floor_complain("attach tmpfs on", private_dirs[0]);
			tree = open_tree(tmpfs, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		}
		if (tree < 0)
			return floor_complain("clone the tmpfs for", private_dirs[i]);
		if (move_mount(tree, "", AT_FDCWD, private_dirs[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return floor_complain("mount tmpfs on", private_dirs[i]);
		close(tree);
	}
	return 0;
}

static int mount_proc(void)
{
	int fs = fsopen("proc", FSOPEN_CLOEXEC), proc;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (proc = fsmount(fs, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)) < 0 ||
	    move_mount(proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return floor_complain("mount", "/proc");
	return 0;
}

/* PID 1, until it is floor_init. Nothing is said on success: exec closes the pipe. */
static void become_pid1(int life_fd, int failure_fd)
{
	char *const argv[] = {(char *)"floor_init", NULL};
	char *const envp[] = {NULL};

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		floor_complain("make slave", "/");
	else if (mount_private_dirs() == 0 && mount_proc() == 0 && dup2(life_fd, 0) == 0) {
		execveat(init_fd, "", argv, envp, AT_EMPTY_PATH);
		floor_complain("run", "floor_init");
	}
	if (write(failure_fd, "f", 1) != 1)
		_exit(2);
	_exit(1);
}

/* Ends as PID 1 does, with the pipe. */
static int start_warden(int life_fd)
{
	struct clone_args args = {.flags = CLONE_PIDFD, .exit_signal = SIGCHLD};
	char *const argv[] = {(char *)"floor_init", NULL};
	char *const envp[] = {NULL};
	long pid;

	args.pidfd = (uint64_t)(uintptr_t)&sandbox.warden_fd;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		if (dup2(life_fd, 0) == 0)
			execveat(init_fd, "", argv, envp, AT_EMPTY_PATH);
		_exit(1);
	}
	if (pid < 0)
		sandbox.warden_fd = -1;
	return pid < 0 ? floor_complain("clone3", "a warden") : 0;
}

static int start_pid1(int *ret_failure_fd)
{
	struct clone_args args = {.flags = CLONE_FLAGS | CLONE_PIDFD, .exit_signal = SIGCHLD};
	int life[2], failure[2];
	long pid;

	args.pidfd = (uint64_t)(uintptr_t)&sandbox.pid1_fd;
	if (pipe2(life, O_CLOEXEC) < 0)
		return floor_complain("make", "pipe");
	if (pipe2(failure, O_CLOEXEC) < 0)
		return floor_complain("make", "pipe");
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		become_pid1(life[0], failure[1]);
	if (pid < 0)
		sandbox.pid1_fd = -1;
	int r = pid < 0 ? floor_complain("clone3", "PID 1") : 0;

	if (r == 0 && with_warden)
		r = start_warden(life[0]);
	close(life[0]);
	close(failure[1]);
	sandbox.life_fd = life[1];
	*ret_failure_fd = failure[0];
	return r;
}

static int save_namespaces(void)
{
	for (size_t i = 0; i < NAMESPACES; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_files[i]);
		sandbox.saved_fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (sandbox.saved_fds[i] < 0)
			return floor_complain("open", path);
	}
	sandbox.cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return sandbox.cwd_fd < 0 ? floor_complain("open", ".") : 0;
}

static int enter_sandbox(void)
{
	if (unshare(CLONE_FS) < 0 || setns(sandbox.pid1_fd, CLONE_FLAGS) < 0)
		return floor_complain("enter", "the sandbox");
	return 0;
}

static int floor_open(void)
{
	int failure_fd = -1;
	char byte;

	if (make_cgroups() < 0 || start_pid1(&failure_fd) < 0)
		return -1;
	/* Meanwhile PID 1 mounts. */
	if (save_namespaces() < 0 || enter_cgroups() < 0)
		return -1;
	if (read(failure_fd, &byte, 1) != 0)
		return -1;
	close(failure_fd);
	return enter_sandbox();
}

static int go_back(void)
{
	int r = 0;

	for (size_t i = 0; i < NAMESPACES; i++) {
		if (setns(sandbox.saved_fds[i], 0) < 0)
			r = floor_complain("go back to namespace", namespace_files[i]);
	}
	if (fchdir(sandbox.cwd_fd) < 0)
		r = floor_complain("go back to", "the working directory");
	for (size_t i = 0; i < floor_hierarchy_count; i++) {
		if (write(floor_hierarchies[i].home_tasks_fd, "0", 1) != 1)
			r = floor_complain("leave cgroup", sandbox.name);
	}
	return r;
}

static int kill_sandbox(void)
{
	int r = 0;

	if (syscall(SYS_pidfd_send_signal, sandbox.pid1_fd, SIGKILL, NULL, 0) < 0)
		r = floor_complain("kill", "PID 1");
	if (with_warden && syscall(SYS_pidfd_send_signal, sandbox.warden_fd, SIGKILL, NULL, 0) < 0)
		r = floor_complain("kill", "the warden");
	return r;
}

static int floor_close(void)
{
	int r = go_back();

	return kill_sandbox() < 0 ? -1 : r;
}

/* Until the kernel has taken PID 1, its namespaces and its mounts apart, and the cgroups. */
static int floor_gone(void)
{
	siginfo_t info;
	int r = 0;

	if (waitid(P_PIDFD, (id_t)sandbox.pid1_fd, &info, WEXITED) < 0)
		r = floor_complain("wait for", "PID 1");
	if (with_warden && waitid(P_PIDFD, (id_t)sandbox.warden_fd, &info, WEXITED) < 0)
		r = floor_complain("wait for", "the warden");
	for (size_t i = 0; i < floor_hierarchy_count; i++) {
		if (unlinkat(floor_hierarchies[i].mount_fd, sandbox.name, AT_REMOVEDIR) < 0 &&
		    !(shared_by && (errno == EBUSY || errno == ENOENT)))
			r = floor_complain("rmdir cgroup", sandbox.name);
	}
	return r;
}

static void close_and_forget(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int floor_prepare(void)
{
	for (size_t i = 0; i < NAMESPACES; i++)
		sandbox.saved_fds[i] = -1;
	return 0;
}

static void floor_finish(void)
{
	for (size_t i = 0; i < NAMESPACES; i++)
		close_and_forget(&sandbox.saved_fds[i]);
	close_and_forget(&sandbox.cwd_fd);
	close_and_forget(&sandbox.pid1_fd);
	close_and_forget(&sandbox.warden_fd);
	close_and_forget(&sandbox.life_fd);
}

/* Joining: what floor_open() does once PID 1 is there. */
static int join_open(void)
{
	return save_namespaces() < 0 || enter_cgroups() < 0 ? -1 : enter_sandbox();
}

static int join_gone(void)
{
	return 0;
}

static void join_finish(void)
{
	for (size_t i = 0; i < NAMESPACES; i++)
		close_and_forget(&sandbox.saved_fds[i]);
	close_and_forget(&sandbox.cwd_fd);
}

static int run_joins(int argc, char **argv)
{
	static const struct pace_subject subject = {
		.usage = "floor -j [-i FLOOR_INIT]",
		.prepare = floor_prepare,
		.open = join_open,
		.close = go_back,
		.gone = join_gone,
		.finish = join_finish,
	};
	int failure_fd = -1, r;
	char byte;

	if (make_cgroups() < 0 || start_pid1(&failure_fd) < 0 || read(failure_fd, &byte, 1) != 0)
		return 1;
	close(failure_fd);
	r = pace_run(&subject, argc, argv);
	return kill_sandbox() < 0 || floor_gone() < 0 ? 1 : r;
}

static int run_command(char **argv)
{
	int status = -1;
	pid_t pid;

	floor_prepare();
	if (floor_open() < 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		floor_complain("run", argv[0]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		floor_complain("run", argv[0]);
	if (floor_close() < 0 || floor_gone() < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* FLOOR_INIT stands beside this program unless -i says otherwise. */
static int open_init(const char *path)
{
	char own[PATH_MAX];
	ssize_t length;

	if (!path) {
		length = readlink("/proc/self/exe", own, sizeof(own) - sizeof("_init"));
		if (length < 0)
			return floor_complain("read", "/proc/self/exe");
		memcpy(own + length, "_init", sizeof("_init"));
		path = own;
	}
	init_fd = open(path, O_RDONLY | O_CLOEXEC);
	return init_fd < 0 ? floor_complain("open", path) : 0;
}

int main(int argc, char **argv)
{
	static const struct pace_subject subject = {
		.usage = "floor [-s | -j] [-w] [-i FLOOR_INIT] [-x COMMAND...]",
		.prepare = floor_prepare,
		.open = floor_open,
		.close = floor_close,
		.gone = floor_gone,
		.finish = floor_finish,
	};
	const char *init = NULL;
	bool execute = false, join = false;
	int option;

	while ((option = getopt(argc, argv, "+swji:x")) != -1) {
		if (option == 's')
			shared_by = getpid();
		else if (option == 'w')
			with_warden = true;
		else if (option == 'i')
			init = optarg;
		else if (option == 'j')
			join = true;
		else if (option == 'x')
			execute = true;
		else
			return 2;
	}
	if (open_init(init) < 0 || floor_find_hierarchies() < 0)
		return 1;
	if (execute && optind < argc)
		return run_command(argv + optind);
	if (join)
		return run_joins(argc - optind, argv + optind);
	return pace_run(&subject, argc - optind, argv + optind);
}

/* SPDX-License-Identifier: MIT */
#include "helper/terminal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"
#include "helper/process_tree.h"

#define TERMINALS_MAX 8 /* of one session */
#define DEPTH_MAX 8 /* of cgroups below the slice */
#define MAJOR_TTY 4 /* Linux, Documentation/admin-guide/devices.txt */
#define MAJOR_PTS_FIRST 136
#define MAJOR_PTS_LAST 143
#define SERIAL_FIRST 64 /* minors of /dev/ttyS0 and on */

#define NAME_SIZE 64 /* of a process: the kernel's TASK_COMM_LEN is 16 */

/* The fields after the name, which may hold anything, also blanks and brackets (proc(5)). */
static bool read_process(pid_t pid, struct process *ret_process, char ret_name[NAME_SIZE])
{
	char path[40], text[512];
	int parent, group, session, tty;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got <= 0)
		return false;
	text[got] = '\0';
	const char *name = strchr(text, '(');
	char *after = strrchr(text, ')');

	if (!name || !after ||
	    sscanf(after, ") %*c %d %d %d %d", &parent, &group, &session, &tty) != 4)
		return false;
	/* As the kernel packs it: proc(5), tty_nr. */
	unsigned int packed = (unsigned int)tty;

	*after = '\0';
	(void)snprintf(ret_name, NAME_SIZE, "%s", name + 1);
	*ret_process = (struct process){
		.pid = pid,
		.parent = parent,
		.tty = packed ? makedev(packed >> 8 & 0xfff,
					(packed & 0xff) | (packed >> 12 & 0xfff00))
			      : 0,
	};
	return true;
}

/* false: no more of them. What is no pid, or has ended, is passed over. */
static bool add_process(struct process_tree *tree, const char *name)
{
	struct process process;
	char ignored[NAME_SIZE];
	uint64_t pid;

	if (convert_unsigned(name, 1, INT32_MAX, &pid) < 0 ||
	    !read_process((pid_t)pid, &process, ignored))
		return true;
	return process_tree_add(tree, &process);
}

/* Those in a cgroup and below it: where systemd owns the slice they are in its scopes. */
static bool read_cgroup(int at_fd, const char *name, int depth, struct process_tree *tree)
{
	int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool room = true;
	char line[32];

	if (!dir) {
		close_fd(&fd);
		return true; /* it has gone */
	}
	_close_ int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_fclose_ FILE *file = procs < 0 ? NULL : fdopen(procs, "r");

	if (file)
		(void)steal_fd(&procs);
	while (file && room && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		room = add_process(tree, line);
	}
	while (room && depth < DEPTH_MAX && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			room = read_cgroup(fd, entry->d_name, depth + 1, tree);
	}
	(void)closedir(dir);
	return room;
}

/* Those of the slice; where there is none, all that /proc shows. */
static void list_processes(const struct message_info *info, struct process_tree *tree)
{
	const char *slice = info->pids_dir[0] ? info->pids_dir : info->memory_dir;
	const struct dirent *entry;

	if (slice[0]) {
		(void)read_cgroup(AT_FDCWD, slice, 0, tree);
		return;
	}
	DIR *dir = opendir("/proc");

	while (dir && (entry = readdir(dir))) {
		if (!add_process(tree, entry->d_name))
			break;
	}
	if (dir)
		(void)closedir(dir);
}

static void read_processes(const struct message_info *info, struct process_tree *ret_tree)
{
	*ret_tree = (struct process_tree){.count = 0};
	list_processes(info, ret_tree);
	process_tree_sort(ret_tree);
}

/*
 * Looked at after the processes: as long as the leader lives its pid is nobody else's, so what was listed
 * below it was below it.
 */
static bool leader_lives(const struct member *member)
{
	return member->leader_fd >= 0 && sys_wait_readable(member->leader_fd, 0) == 0;
}

/* Terminals ---------------------------------------------------------------------------------- */

static bool device_path(dev_t tty, char *path, size_t size)
{
	unsigned int number = minor(tty), type = major(tty);

	if (type >= MAJOR_PTS_FIRST && type <= MAJOR_PTS_LAST)
		(void)snprintf(path, size, "/dev/pts/%u", number + (type - MAJOR_PTS_FIRST) * 256);
	else if (type == MAJOR_TTY && number < SERIAL_FIRST)
		(void)snprintf(path, size, "/dev/tty%u", number);
	else if (type == MAJOR_TTY)
		(void)snprintf(path, size, "/dev/ttyS%u", number - SERIAL_FIRST);
	else
		return false;
	return true;
}

/* PAM_TTY is "/dev/pts/3" or "pts/3". */
static bool is_named(const struct member *member, const char *path)
{
	const char *name = member->tty;

	if (!name)
		return false;
	return strcmp(name, path) == 0 || strcmp(name, path + strlen("/dev/")) == 0;
}

static bool write_line(const struct message_info *info, const struct member *member, dev_t tty,
		       const char *line, size_t len)
{
	char path[32];
	struct stat st;

	if (!device_path(tty, path, sizeof(path)))
		return false;
	/* /dev and /dev/pts are root's. O_NONBLOCK: one that is stopped (^S) loses the line. */
	_close_ int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != tty ||
	    (st.st_uid != info->uid && !is_named(member, path)))
		return false;
	return write(fd, line, len) == (ssize_t)len;
}

static bool is_new(dev_t *ttys, size_t *count, dev_t tty)
{
	for (size_t i = 0; i < *count; i++) {
		if (ttys[i] == tty)
			return false;
	}
	if (*count == TERMINALS_MAX)
		return false;
	ttys[(*count)++] = tty;
	return true;
}

/* To each terminal of one session. How many took it. */
static size_t tell_session(const struct message_info *info, const struct process_tree *tree,
			   const struct member *member, const char *text, size_t len)
{
	dev_t ttys[TERMINALS_MAX];
	size_t seen = 0, told = 0;

	for (size_t i = 0; i < tree->count; i++) {
		const struct process *process = &tree->list[i];

		if (process->tty && process_tree_is_below(tree, process, member->leader) &&
		    is_new(ttys, &seen, process->tty))
			told += write_line(info, member, process->tty, text, len);
	}
	return told;
}

size_t terminal_tell(const struct message_info *info, const struct member *members, size_t count,
		     bool (*wants)(const struct member *member), const char *line)
{
	struct process_tree tree;
	char text[512];
	size_t told = 0;
	/* In raw mode a line feed does not go back to the first column. */
	int len = snprintf(text, sizeof(text), "\r\ncarrel: %s\r\n", line);

	if (len <= 0 || (size_t)len >= sizeof(text))
		return 0;
	read_processes(info, &tree);
	for (size_t m = 0; m < count; m++) {
		if (members[m].state == MEMBER_LIVE && (!wants || wants(&members[m])) &&
		    leader_lives(&members[m]))
			told += tell_session(info, &tree, &members[m], text, (size_t)len);
	}
	process_tree_free(&tree);
	return told;
}

/* `spared`: the name of those that are left alone, or NULL. */
static void signal_all(const struct message_info *info, const struct member *member, int sig,
		       const char *spared)
{
	struct process_tree tree;

	read_processes(info, &tree);
	bool lives = leader_lives(member);

	for (size_t i = 0; lives && i < tree.count; i++) {
		const struct process *process = &tree.list[i];
		struct process again;
		char name[NAME_SIZE];

		if (!process_tree_is_below(&tree, process, member->leader))
			continue;
		_close_ int pidfd = sys_pidfd_open(process->pid);

		/* The pidfd holds on to the process: is it still the one that was seen? */
		if (pidfd >= 0 && read_process(process->pid, &again, name) &&
		    again.parent == process->parent && (!spared || strcmp(name, spared) != 0))
			(void)sys_pidfd_send_signal(pidfd, sig);
	}
	process_tree_free(&tree);
}

static void signal_programs(const struct message_info *info, const struct member *member, int sig)
{
	struct process leader;
	char name[NAME_SIZE];

	if (read_process(member->leader, &leader, name))
		signal_all(info, member, sig, name);
}

void terminal_hang_up(const struct message_info *info, const struct member *member)
{
	signal_programs(info, member, SIGHUP);
}

void terminal_end(const struct message_info *info, const struct member *member)
{
	signal_programs(info, member, SIGKILL);
}

void terminal_kill(const struct message_info *info, const struct member *member)
{
	signal_all(info, member, SIGKILL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "login_shell/supervise.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/sys.h"

#define POLL_FIRST_MS 5
#define POLL_MAX_MS 200
#define CANNOT_TELL 126

static void watched_signals(sigset_t *ret_set)
{
	static const int signals[] = {SIGCHLD, SIGHUP,	SIGINT,	 SIGQUIT, SIGTERM,
				      SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};

	(void)sigemptyset(ret_set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(ret_set, signals[i]);
}

static void note_outputs(struct outputs *outputs)
{
	for (int i = 0; i < 2; i++) {
		struct stat st;

		outputs->inodes[i] = 0;
		if (fstat(i + STDOUT_FILENO, &st) < 0 ||
		    (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode)))
			continue;
		outputs->devices[i] = st.st_dev;
		outputs->inodes[i] = st.st_ino;
	}
}

void supervise_prepare(struct supervisor *supervisor)
{
	struct sigaction child = {.sa_handler = SIG_DFL};
	sigset_t watched;

	note_outputs(&supervisor->outputs);
	supervisor->parent = getppid();
	run_tty_open(&supervisor->tty);
	watched_signals(&watched);
	(void)sigaction(SIGCHLD, &child, &supervisor->chld_was);
	(void)sigprocmask(SIG_BLOCK, &watched, &supervisor->mask_was);
}

void supervise_restore(const struct supervisor *supervisor)
{
	(void)sigaction(SIGCHLD, &supervisor->chld_was, NULL);
	(void)sigprocmask(SIG_SETMASK, &supervisor->mask_was, NULL);
}

/* Descriptors of one's own would keep a pipe open that the shell has closed. */
static void give_away_descriptors(void)
{
	_close_ int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i <= STDERR_FILENO; i++)
		if (fd < 0 || dup2(fd, i) < 0)
			(void)close(i);
}

/* Has the shell ended, or can that not be told? Then *ret_status is set. */
static bool collect(pid_t shell, int *ret_status)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != shell)
			continue; /* PID 1: then the shell is being killed */
		if (!WIFSTOPPED(status)) {
			*ret_status = status;
			return true;
		}
		/*
		 * It stopped alone: stop too, so that the caller's shell gets its prompt, and go on when
		 * that says so. Without such a shell the group is an orphan, and the kernel drops this.
		 */
		(void)raise(SIGTSTP);
		(void)kill(shell, SIGCONT);
	}
	if (pid == 0 || errno == EINTR)
		return false;
	*ret_status = W_EXITCODE(CANNOT_TELL, 0);
	return true;
}

static int wait_for(pid_t shell)
{
	sigset_t watched;
	siginfo_t info;
	int status, sig;

	watched_signals(&watched);
	for (;;) {
		if (collect(shell, &status))
			return status;
		sig = sigwaitinfo(&watched, &info);
		/*
		 * What the terminal sends went to the whole foreground group already; but a line that drops is
		 * said to the session's leader alone.
		 */
		if (sig > 0 && sig != SIGCHLD && (info.si_code <= 0 || sig == SIGHUP))
			(void)kill(shell, sig);
	}
}

/* The output's end ---------------------------------------------------------------------------- */

/*
 * What the kernel knows of it is enough for a pipe or socket, and the server of a network file system or FUSE,
 * which may be the user's and never answer, is not asked.
 */
static bool is_output(const struct outputs *outputs, int dir_fd, const char *name)
{
	struct statx stx;

	if (statx(dir_fd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &stx) < 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (outputs->inodes[i] != 0 && outputs->inodes[i] == stx.stx_ino &&
		    outputs->devices[i] == makedev(stx.stx_dev_major, stx.stx_dev_minor))
			return true;
	return false;
}

static bool holds_output(int proc_fd, const char *pid, const struct outputs *outputs)
{
	char path[32];
	const struct dirent *entry;
	bool holds = false;
	DIR *dir;
	int fd;

	(void)snprintf(path, sizeof(path), "%.10s/fd", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	while (!holds && (entry = readdir(dir)))
		holds = isdigit((unsigned char)entry->d_name[0]) &&
			is_output(outputs, dirfd(dir), entry->d_name);
	(void)closedir(dir);
	return holds;
}

/* The sandbox's own /proc, in which this process itself is not. */
static bool somebody_holds_output(const struct outputs *outputs)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	bool holds = false;

	while (dir && !holds && (entry = readdir(dir)))
		holds = isdigit((unsigned char)entry->d_name[0]) &&
			holds_output(dirfd(dir), entry->d_name, outputs);
	if (dir)
		(void)closedir(dir);
	return holds;
}

/*
 * `exec > >(tee log)` leaves tee behind, with the last lines still in it. sshd waits for the end of the
 * output; so does this, or the end of the sandbox would cut it off. When sshd has gone, nobody reads it.
 */
static void await_output_end(const struct supervisor *supervisor)
{
	int64_t pause_ms = POLL_FIRST_MS;
	sigset_t watched;

	if (supervisor->outputs.inodes[0] == 0 && supervisor->outputs.inodes[1] == 0)
		return;
	watched_signals(&watched);
	/* What ends nobody by default does not end this. */
	(void)sigdelset(&watched, SIGCHLD);
	(void)sigdelset(&watched, SIGWINCH);
	while (getppid() == supervisor->parent && somebody_holds_output(&supervisor->outputs)) {
		struct timespec pause = {.tv_sec = 0, .tv_nsec = pause_ms * 1000000};

		if (sigtimedwait(&watched, NULL, &pause) > 0)
			return; /* there is no shell any more to pass it to */
		pause_ms = pause_ms * 2 > POLL_MAX_MS ? POLL_MAX_MS : pause_ms * 2;
	}
}

/* End as the shell did. A second core file would say nothing. */
__attribute__((noreturn)) static void end_like(int status)
{
	static const struct rlimit no_core = {0, 0};
	sigset_t all;

	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(WTERMSIG(status), SIG_DFL);
	(void)sigemptyset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)raise(WTERMSIG(status));
	_exit(128 + WTERMSIG(status));
}

void supervise(struct supervisor *supervisor, pid_t shell)
{
	int status;

	give_away_descriptors();
	status = wait_for(shell);
	await_output_end(supervisor);
	run_tty_close(&supervisor->tty);
	end_like(status);
}

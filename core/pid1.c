/* SPDX-License-Identifier: MIT */
#include "core/pid1.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/caps.h"
#include "core/cleanup.h"
#include "core/sys.h"

static int close_others(int init_fd, int ready_fd, struct failure *reterr)
{
	unsigned int low = (unsigned int)(init_fd < ready_fd ? init_fd : ready_fd);
	unsigned int high = (unsigned int)(init_fd < ready_fd ? ready_fd : init_fd);

	if (sys_close_range(0, PID1_LINK - 1) < 0 || sys_close_range(PID1_LINK + 1, low - 1) < 0 ||
	    (high > low + 1 && sys_close_range(low + 1, high - 1) < 0) ||
	    sys_close_range(high + 1, ~0U) < 0)
		return failure_set(reterr, errno, "close what carrel-init does not need");
	return 0;
}

/* Both ends above what carrel-init and the close_range calls before it need for themselves. */
static int lift(const int fds[2], int *ret_read, int *ret_write)
{
	*ret_read = fcntl(fds[0], F_DUPFD_CLOEXEC, PID1_LOW_FDS);
	*ret_write = fcntl(fds[1], F_DUPFD_CLOEXEC, PID1_LOW_FDS);
	int err = *ret_read < 0 || *ret_write < 0 ? errno : 0;

	(void)close(fds[0]);
	(void)close(fds[1]);
	return -err;
}

int pid1_open(int *ret_fd, struct failure *reterr)
{
	_close_ int fd = open(CARREL_LIBEXEC "/carrel-init", O_PATH | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return failure_set(reterr, errno, "open %s/carrel-init", CARREL_LIBEXEC);
	int high = fcntl(fd, F_DUPFD_CLOEXEC, PID1_LOW_FDS);

	if (high < 0)
		return failure_set(reterr, errno, "arrange the descriptor of carrel-init");
	*ret_fd = high;
	return 0;
}

int pid1_pipe(int *ret_read, int *ret_write, struct failure *reterr)
{
	int fds[2];
	/* O_DIRECT: what is said at once is read at once, and nothing with it, however late (pipe(2)). */
	int r = pipe2(fds, O_CLOEXEC | O_DIRECT) < 0 ? -errno : lift(fds, ret_read, ret_write);

	return r < 0 ? failure_set(reterr, -r, "make a pipe to the sandbox") : 0;
}

int pid1_socket(int type, int *ret_inside, int *ret_outside, struct failure *reterr)
{
	int fds[2];
	int r = socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0
			? -errno
			: lift(fds, ret_inside, ret_outside);

	return r < 0 ? failure_set(reterr, -r, "make a socket pair to the sandbox") : 0;
}

int pid1_become(int init_fd, int link_fd, int ready_fd, struct failure *reterr)
{
	char *argv[] = {(char *)"carrel-init", NULL};
	char *envp[] = {NULL};
	struct sigaction ignore;
	int r;

	memset(&ignore, 0, sizeof(ignore));
	ignore.sa_handler = SIG_IGN;
	if (sigaction(SIGCHLD, &ignore, NULL) < 0)
		return failure_set(reterr, errno, "ignore SIGCHLD");
	if (chdir("/") < 0)
		return failure_set(reterr, errno, "go to the sandbox's root");
	if (dup2(link_fd, PID1_LINK) < 0)
		return failure_set(reterr, errno, "arrange carrel-init's descriptor");
	r = close_others(init_fd, ready_fd, reterr);
	if (r == 0)
		r = caps_keep_only(CAPS_NONE, reterr);
	if (r < 0)
		return r;
	if (write(ready_fd, "", 1) != 1)
		return failure_set(reterr, errno, "say that the sandbox is ready");
	(void)syscall(SYS_execveat, init_fd, "", argv, envp, AT_EMPTY_PATH);
	return failure_set(reterr, errno, "run carrel-init");
}

int pid1_said_why(const struct failure *said, ssize_t got, const char *who, struct failure *reterr)
{
	if (got != (ssize_t)sizeof(*said))
		return failure_say(reterr, ECHILD, "%s was killed in its setup", who);
	*reterr = *said;
	reterr->text[FAILURE_TEXT_MAX - 1] = '\0';
	if (reterr->err <= 0)
		reterr->err = EPROTO;
	return -reterr->err;
}

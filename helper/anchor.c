/* SPDX-License-Identifier: MIT */
#include "helper/anchor.h"

#include <ctype.h>
#include <errno.h>
#include <linux/oom.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/caps.h"
#include "core/cleanup.h"
#include "core/oom_score.h"
#include "core/pid1.h"
#include "core/sys.h"

bool anchor_is_seat(const char *tty)
{
	if (strncmp(tty, "/dev/", strlen("/dev/")) == 0)
		tty += strlen("/dev/");
	return tty[0] == ':' || (strncmp(tty, "tty", 3) == 0 && isdigit((unsigned char)tty[3]));
}

/* What an anchor works with until it is carrel-init. */
struct birth {
	int init_fd, link_fd, ready_fd;
	int warden_fds[2]; /* the other ends */
};

static int become(struct birth *birth, struct failure *reterr)
{
	struct failure ignored;
	char byte;
	int r;

	/* carrel-init ends with its parent, which is to be the host's PID 1 by then. */
	if (recv(birth->link_fd, &byte, 1, 0) != 1)
		_exit(0); /* the helper has gone */
	/* It is within the user's memory limit; what the kernel kills there is not to be this. */
	(void)oom_score_write(0, OOM_SCORE_ADJ_MIN, &ignored);
	r = caps_empty_bounding(reterr);
	if (r == 0)
		r = pid1_become(birth->init_fd, birth->link_fd, birth->ready_fd, reterr);
	return r;
}

__attribute__((noreturn)) static void be_born(struct birth *birth)
{
	struct failure failure = {0};

	/* As long as a copy is open here, the other end is never seen to go. */
	for (size_t i = 0; i < ARRAY_SIZE(birth->warden_fds); i++)
		close_fd(&birth->warden_fds[i]);
	(void)become(birth, &failure);
	if (write(birth->ready_fd, &failure, sizeof(failure)) < 0)
		_exit(2);
	_exit(1);
}

/* A grandchild, whose parent has ended when this returns. */
static int fork_away(struct birth *birth, struct failure *reterr)
{
	int status;
	pid_t between = fork();

	if (between < 0)
		return failure_set(reterr, errno, "start a process");
	if (between == 0) {
		pid_t pid = fork();

		if (pid == 0)
			be_born(birth);
		_exit(pid < 0 ? errno : 0);
	}
	while (waitpid(between, &status, 0) < 0) {
		if (errno != EINTR)
			return failure_set(reterr, errno, "wait for a process");
	}
	if (!WIFEXITED(status))
		return failure_say(reterr, ECHILD, "a process was killed");
	return WEXITSTATUS(status) ? failure_set(reterr, WEXITSTATUS(status), "start a process")
				   : 0;
}

/* It is to say this many bytes next; 0 is the pipe's end. */
static int hear(int fd, ssize_t due, int64_t deadline_ms, struct failure *reterr)
{
	struct failure said = {0};
	int ready = sys_wait_readable(fd, deadline_ms);
	ssize_t got = ready > 0 ? read(fd, &said, sizeof(said)) : -1;

	if (ready == 0)
		return failure_say(reterr, ETIME, "it was not ready in time");
	if (got < 0)
		return failure_set(reterr, errno, "hear from it");
	return got == due ? 0 : pid1_said_why(&said, got, "it", reterr);
}

/* One byte, then the pipe's end when carrel-init runs. */
static int confirm(int fd, int64_t deadline_ms, struct failure *reterr)
{
	int r = hear(fd, 1, deadline_ms, reterr);

	return r < 0 ? r : hear(fd, 0, deadline_ms, reterr);
}

/* Of the link, whose other end is the anchor's by now. */
static int settle(int link_fd, int ready_fd, int64_t deadline_ms, struct failure *reterr)
{
	int r;

	if (send(link_fd, "", 1, MSG_NOSIGNAL) != 1)
		return failure_set(reterr, errno, "let it begin");
	r = confirm(ready_fd, deadline_ms, reterr);
	/* Killed rather than run: its end of the link has gone as well. */
	if (r == 0 && sys_wait_readable(link_fd, 0) != 0)
		r = failure_say(reterr, ECHILD, "it was killed");
	return r;
}

int anchor_start(int64_t deadline_ms, int *ret_fd, struct failure *reterr)
{
	_close_ int init_fd = -1, inside = -1, outside = -1, ready_read = -1, ready_write = -1;
	int r = pid1_open(&init_fd, reterr);

	if (r == 0)
		r = pid1_socket(SOCK_STREAM, &inside, &outside, reterr);
	if (r == 0)
		r = pid1_pipe(&ready_read, &ready_write, reterr);
	if (r == 0)
		r = fork_away(&(struct birth){.init_fd = init_fd,
					      .link_fd = inside,
					      .ready_fd = ready_write,
					      .warden_fds = {outside, ready_read}},
			      reterr);
	close_fd(&inside);
	close_fd(&ready_write);
	if (r == 0)
		r = settle(outside, ready_read, deadline_ms, reterr);
	if (r < 0)
		return failure_wrap(reterr, "start the process that stays in the session's scope");
	*ret_fd = steal_fd(&outside);
	return 0;
}

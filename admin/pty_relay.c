/* SPDX-License-Identifier: MIT */
#include "admin/pty_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"

#define CHUNK 4096
#define PTY_MODE 0620 /* mesg(1): the group tty may write */

/* What is read on one side and not yet written on the other. */
struct pipe_buffer {
	char bytes[CHUNK];
	size_t used;
};

void pty_relay_signals(sigset_t *ret_set)
{
	static const int signals[] = {SIGCHLD, SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

	(void)sigemptyset(ret_set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(ret_set, signals[i]);
}

static void copy_size(const struct pty_relay *relay)
{
	struct winsize size;

	if (ioctl(relay->output, TIOCGWINSZ, &size) == 0)
		(void)ioctl(relay->master, TIOCSWINSZ, &size);
}

static int give_slave(int slave, uid_t uid, struct failure *reterr)
{
	struct stat st;

	/* The group stays tty, which devpts(5) gives it. */
	if (fstat(slave, &st) < 0 || fchown(slave, uid, (gid_t)-1) < 0 ||
	    fchmod(slave, PTY_MODE) < 0)
		return failure_set(reterr, errno, "give the terminal to the user");
	return 0;
}

int pty_relay_open(struct pty_relay *ret_relay, uid_t uid, struct failure *reterr)
{
	struct pty_relay relay = {.master = -1, .slave = -1, .output = -1};
	struct termios settings;
	int unlock = 0, r;

	relay.input = isatty(STDIN_FILENO);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (relay.output < 0 && isatty(fd))
			relay.output = fd;
	*ret_relay = relay;
	if (relay.output < 0)
		return 0;
	_close_ int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return failure_set(reterr, errno, "make a terminal for the command");
	/* By the master, not by a name in /dev/pts. */
	_close_ int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0)
		return failure_set(reterr, errno, "open the command's terminal");
	r = give_slave(slave, uid, reterr);
	if (r < 0)
		return r;
	/* Its settings are those of ours. */
	if (tcgetattr(relay.output, &settings) == 0)
		(void)tcsetattr(slave, TCSANOW, &settings);
	relay.master = steal_fd(&master);
	relay.slave = steal_fd(&slave);
	copy_size(&relay);
	*ret_relay = relay;
	return 0;
}

int pty_relay_child(const struct pty_relay *relay, struct failure *reterr)
{
	if (setsid() < 0)
		return failure_set(reterr, errno, "begin a session");
	if (relay->slave < 0)
		return 0;
	if (ioctl(relay->slave, TIOCSCTTY, 0) < 0)
		return failure_set(reterr, errno, "take the terminal");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (isatty(fd) && dup2(relay->slave, fd) < 0)
			return failure_set(reterr, errno, "put the terminal in place");
	return 0;
}

static int go_raw(struct pty_relay *relay, struct failure *reterr)
{
	struct termios raw;

	if (!relay->input || relay->raw)
		return 0;
	if (tcgetattr(STDIN_FILENO, &relay->was) < 0)
		return failure_set(reterr, errno, "read the terminal's settings");
	raw = relay->was;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return failure_set(reterr, errno, "set the terminal to raw mode");
	relay->raw = true;
	return 0;
}

static void go_back(struct pty_relay *relay)
{
	sigset_t stop, was;

	if (!relay->raw)
		return;
	/* From the background, tcsetattr(3) stops a process that does not block this. */
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &stop, &was);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &relay->was);
	(void)sigprocmask(SIG_SETMASK, &was, NULL);
	relay->raw = false;
}

/* Relaying ------------------------------------------------------------------------------------ */

/* Take in what `from` has; false: it has ended, or gone. */
static bool fill(struct pipe_buffer *buffer, int from)
{
	ssize_t got = read(from, buffer->bytes, sizeof(buffer->bytes));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (got <= 0)
		return false; /* EIO: nobody has the other side of the pty open any more */
	buffer->used = (size_t)got;
	return true;
}

/* Write what there is; false: nobody takes it any more. */
static bool drain(struct pipe_buffer *buffer, int to)
{
	ssize_t done = write(to, buffer->bytes, buffer->used);

	if (done < 0)
		return errno == EINTR || errno == EAGAIN;
	buffer->used -= (size_t)done;
	memmove(buffer->bytes, buffer->bytes + done, buffer->used);
	return true;
}

struct relaying {
	struct pty_relay *relay;
	struct pipe_buffer in, out;
	bool in_open, out_open;
	int signal_fd;
	pid_t child;
	bool ended;
	int status;
};

static void stop_here(struct relaying *it)
{
	struct failure ignored;

	go_back(it->relay);
	(void)raise(SIGSTOP);
	(void)go_raw(it->relay, &ignored);
	if (it->relay->master >= 0)
		copy_size(it->relay);
}

static void take_signal(struct relaying *it)
{
	struct signalfd_siginfo info;

	while (read(it->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int sig = (int)info.ssi_signo;

		if (sig == SIGCHLD) {
			int status;

			if (waitpid(it->child, &status, WNOHANG) == it->child) {
				it->ended = true;
				it->status = status;
			}
		} else if (sig == SIGWINCH) {
			if (it->relay->master >= 0)
				copy_size(it->relay);
		} else if (sig == SIGTSTP) {
			stop_here(it);
		} else if (!it->ended) {
			/* Its process group, as a terminal would. */
			(void)kill(-it->child, sig);
			(void)kill(it->child, sig);
			/* Our terminal is closed: its own will be, too, when we go. */
			if (sig == SIGHUP) {
				it->ended = true;
				it->status = SIGHUP;
				it->out_open = false;
			}
		}
	}
}

/* One turn: wait, then move what can be moved. */
static int turn(struct relaying *it, int wait_ms, struct failure *reterr)
{
	struct pty_relay *relay = it->relay;
	bool to_fill_in = it->in_open && it->in.used == 0;
	bool to_fill_out = it->out_open && it->out.used == 0;
	struct pollfd polls[] = {
		{.fd = it->signal_fd, .events = POLLIN},
		{.fd = to_fill_in ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = it->out.used > 0 ? relay->output : -1, .events = POLLOUT},
		{.fd = to_fill_out || it->in.used > 0 ? relay->master : -1,
		 .events = (short)((to_fill_out ? POLLIN : 0) | (it->in.used > 0 ? POLLOUT : 0))},
	};

	if (poll(polls, ARRAY_SIZE(polls), wait_ms) < 0 && errno != EINTR)
		return failure_set(reterr, errno, "wait for the command");
	if (polls[0].revents)
		take_signal(it);
	if (polls[1].revents && !fill(&it->in, STDIN_FILENO))
		it->in_open = false;
	if (polls[2].revents && !drain(&it->out, relay->output)) {
		it->out_open = false;
		it->out.used = 0;
	}
	if ((polls[3].revents & POLLOUT) && it->in.used > 0 && !drain(&it->in, relay->master))
		it->in.used = 0;
	if ((polls[3].revents & (POLLIN | POLLHUP)) && to_fill_out &&
	    !fill(&it->out, relay->master))
		it->out_open = false;
	return 0;
}

/* What the command has said last: as long as there is some at once, for others may keep the pty open. */
static int finish(struct relaying *it, struct failure *reterr)
{
	int turns = 1024; /* what somebody in the background writes without end is not waited for */
	int r = 0;

	it->in_open = false;
	it->in.used = 0;
	while (r == 0 && it->out_open && turns-- > 0) {
		struct pollfd poll_master = {.fd = it->relay->master, .events = POLLIN};

		if (it->out.used == 0 && poll(&poll_master, 1, 0) <= 0)
			break;
		r = turn(it, 100, reterr);
	}
	return r;
}

int pty_relay_run(struct pty_relay *relay, pid_t child, int *ret_status, struct failure *reterr)
{
	struct relaying it = {.relay = relay,
			      .in_open = relay->input,
			      .out_open = relay->master >= 0,
			      .child = child};
	sigset_t signals;
	int r;

	close_fd(&relay->slave);
	pty_relay_signals(&signals);
	_close_ int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);

	if (signal_fd < 0)
		return failure_set(reterr, errno, "take signals");
	it.signal_fd = signal_fd;
	if (relay->master >= 0)
		(void)fcntl(relay->master, F_SETFL, O_RDWR | O_NONBLOCK);
	r = go_raw(relay, reterr);
	/* It may have ended before the descriptor was there. */
	if (r == 0 && waitpid(child, &it.status, WNOHANG) == child)
		it.ended = true;
	while (r == 0 && !it.ended)
		r = turn(&it, -1, reterr);
	if (r == 0)
		r = finish(&it, reterr);
	go_back(relay);
	if (r == 0)
		*ret_status = it.status;
	return r;
}

void pty_relay_close(struct pty_relay *relay)
{
	go_back(relay);
	close_fd(&relay->master);
	close_fd(&relay->slave);
}

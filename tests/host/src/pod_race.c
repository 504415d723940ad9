/* SPDX-License-Identifier: MIT */
/*
 * pod_race SERVICE USER ROUNDS - two callers that take turns: one closes its session, the last one in
 * the sandbox, while the other opens its own, a moment sooner or later each time. Whoever has opened
 * must be in a sandbox that works, be it the old one or a fresh one.
 *
 * Prints how many opened, and how many of them found the sandbox that was there; status 1 when any
 * was refused, or let in and stranded.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <security/pam_appl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "argument.h"

#define JITTER_US 1500

static pam_handle_t *pam;

static int converse(int count, const struct pam_message **messages, struct pam_response **replies,
		    void *data)
{
	(void)data;
	for (int i = 0; i < count; i++)
		fprintf(stderr, "pod_race: %s\n", messages[i]->msg);
	*replies = calloc((size_t)count, sizeof(**replies));
	return *replies ? PAM_SUCCESS : PAM_BUF_ERR;
}

static void open_session(const char *service, const char *user)
{
	static const struct pam_conv conversation = {.conv = converse};
	int r = pam_start(service, user, &conversation, &pam);

	if (r == PAM_SUCCESS)
		r = pam_open_session(pam, 0);
	if (r != PAM_SUCCESS)
		errx(1, "open_session: %s", pam_strerror(pam, r));
}

static void close_session(void)
{
	int r = pam_close_session(pam, 0);

	if (r != PAM_SUCCESS)
		errx(1, "close_session: %s", pam_strerror(pam, r));
	pam_end(pam, r);
}

static void sleep_us(long us)
{
	struct timespec time = {.tv_sec = 0, .tv_nsec = us * 1000};

	nanosleep(&time, NULL);
}

/* A child works in there, and so does its child, for longer than an ending sandbox takes to end. */
static ino_t look(void)
{
	int pipe_fds[2], status;
	ino_t inode = 0;

	if (pipe(pipe_fds))
		err(1, "pipe");
	pid_t pid = fork();

	if (pid < 0)
		err(1, "stranded: fork");
	if (pid == 0) {
		struct stat st;
		pid_t inner;

		sleep_us(1000);
		inner = fork();
		if (inner < 0)
			err(2, "stranded: inner fork");
		if (inner == 0)
			_exit(access("/tmp/.", W_OK) || getppid() == 0 ? 3 : 0);
		if (waitpid(inner, &status, 0) != inner || status != 0)
			errx(3, "stranded: status %d", status);
		if (stat("/proc/self/ns/pid", &st) ||
		    write(pipe_fds[1], &st.st_ino, sizeof(st.st_ino)) < 0)
			err(4, "stranded: /proc");
		_exit(0);
	}
	close(pipe_fds[1]);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "stranded: the child ended with %#x", status);
	if (read(pipe_fds[0], &inode, sizeof(inode)) != sizeof(inode))
		errx(1, "stranded: nothing was said");
	close(pipe_fds[0]);
	return inode;
}

static void tell(int fd, ino_t inode)
{
	if (write(fd, &inode, sizeof(inode)) != sizeof(inode))
		err(1, "the other has gone");
}

static ino_t hear(int fd)
{
	ino_t inode;

	if (read(fd, &inode, sizeof(inode)) != sizeof(inode))
		errx(1, "the other has gone");
	return inode;
}

/* One of the two: in turn it has the sandbox and leaves it, or comes. */
static int take_turns(const char *service, const char *user, int rounds, int fd, int first)
{
	int joined = 0;

	srand((unsigned int)getpid());
	if (first)
		open_session(service, user);
	for (int round = 0; round < rounds; round++) {
		if ((round % 2 == 0) == (first != 0)) {
			tell(fd, look()); /* go */
			sleep_us(rand() % JITTER_US);
			close_session();
			(void)hear(fd); /* the other is in, and whole */
		} else {
			ino_t before = hear(fd);

			sleep_us(rand() % JITTER_US);
			open_session(service, user);
			joined += look() == before;
			tell(fd, 0);
		}
	}
	/* Who is in after the last round. */
	if ((rounds % 2 == 0) == (first != 0))
		close_session();
	return joined;
}

int main(int argc, char **argv)
{
	int fds[2], status, joined, other = 0;

	if (argc != 4)
		errx(2, "usage: pod_race SERVICE USER ROUNDS");
	int rounds = argument_count(argv[3], 1);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		err(1, "socketpair");
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		close(fds[0]);
		joined = take_turns(argv[1], argv[2], rounds, fds[1], 0);
		tell(fds[1], (ino_t)joined);
		_exit(0);
	}
	close(fds[1]);
	joined = take_turns(argv[1], argv[2], rounds, fds[0], 1);
	other = (int)hear(fds[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "the other ended with %#x", status);
	printf("%d opened, %d of them joined, none stranded\n", rounds, joined + other);
	return 0;
}

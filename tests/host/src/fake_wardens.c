/* SPDX-License-Identifier: MIT */
/*
 * fake_wardens RUN_DIR FIRST_UID USERS COUNT - COUNT sockets in RUN_DIR/UID/, which answer queries as
 * wardens do, spread over USERS uids. Says "ready"; SIGTERM ends it, and removes what it made.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "argument.h"
#include "core/protocol.h"

static volatile sig_atomic_t over;

static void note_end(int sig)
{
	(void)sig;
	over = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

struct fake {
	unsigned int uid;
	struct sockaddr_un address;
	char id[PROTOCOL_ID_MAX];
};

static int make(struct fake *fake, const char *run, unsigned int uid, size_t number)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	fake->uid = uid;
	fake->address.sun_family = AF_UNIX;
	snprintf(fake->id, sizeof(fake->id), "%u-%zu", uid, 900000 + number);
	snprintf(fake->address.sun_path, sizeof(fake->address.sun_path), "%.40s/%u/%s", run, uid,
		 fake->id);
	if (fd < 0 || bind(fd, (struct sockaddr *)&fake->address, sizeof(fake->address)) < 0 ||
	    listen(fd, 64) < 0)
		die(fake->address.sun_path);
	return fd;
}

static void answer(const struct fake *fake, int listening)
{
	struct message_info info;
	char query[64];
	int client = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	memset(&info, 0, sizeof(info));
	info.head =
		(struct message_head){PROTOCOL_MAGIC, PROTOCOL_VERSION, MESSAGE_INFO, sizeof(info)};
	info.uid = fake->uid;
	info.warden_pid = info.init_pid = info.leader_pid = getpid();
	info.sessions = 1;
	info.started = time(NULL);
	memcpy(info.id, fake->id, sizeof(info.id));
	snprintf(info.user, sizeof(info.user), "fake%u", fake->uid);
	if (recv(client, query, sizeof(query), 0) > 0 &&
	    send(client, &info, sizeof(info), MSG_NOSIGNAL) < 0)
		perror("send");
	close(client);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = note_end};
	struct rlimit limit;
	char path[64];

	if (argc != 5)
		return 2;
	unsigned int first = argument_uid(argv[2]),
		     users = (unsigned int)argument_count(argv[3], 1);
	size_t count = (size_t)argument_count(argv[4], 1);
	struct fake *fakes = calloc(count, sizeof(*fakes));
	struct pollfd *polls = calloc(count, sizeof(*polls));

	if (!fakes || !polls || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("memory");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	sigaction(SIGTERM, &action, NULL);
	mkdir(argv[1], 0700);
	for (unsigned int i = 0; i < users; i++) {
		snprintf(path, sizeof(path), "%.40s/%u", argv[1], first + i);
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			die(path);
	}
	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd){.fd = make(&fakes[i], argv[1],
						      first + (unsigned int)(i % users), i),
					   .events = POLLIN};
	puts("ready");
	fflush(stdout);
	while (!over) {
		if (poll(polls, count, 1000) <= 0)
			continue;
		for (size_t i = 0; i < count; i++)
			if (polls[i].revents)
				answer(&fakes[i], polls[i].fd);
	}
	for (size_t i = 0; i < count; i++)
		unlink(fakes[i].address.sun_path);
	for (unsigned int i = 0; i < users; i++) {
		snprintf(path, sizeof(path), "%.40s/%u", argv[1], first + i);
		rmdir(path);
	}
	return 0;
}

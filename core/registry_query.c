/* SPDX-License-Identifier: MIT */
/*
 * The asking side of registry.h: all wardens at once, so that the slowest decides, and one that hangs
 * costs the deadline and nothing more.
 */
#include "core/registry.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/cleanup.h"
#include "core/sys.h"

struct query {
	struct pollfd *polls;
	size_t count, room;
	struct message_info *infos;
	size_t answered;
};

static void query_free(struct query *query)
{
	for (size_t i = 0; i < query->count; i++)
		close_fd(&query->polls[i].fd);
	free(query->polls);
	free(query->infos);
}

static int ask_one(struct query *query, uint32_t uid, const char *id, struct failure *reterr)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct message_plain message;
	struct failure ignored;
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u/%s", CARREL_RUN, uid,
			   id);

	if (len < 0 || (size_t)len >= sizeof(address.sun_path))
		return 0;
	_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return failure_set(reterr, errno, "make a socket to ask a warden");
	/* Dead, or just ending: not live. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EAGAIN)
		return 0;
	protocol_head(&message.head, MESSAGE_QUERY, sizeof(message));
	(void)protocol_send(fd, &message, sizeof(message), NULL, 0, &ignored);
	if (query->count == query->room) {
		size_t room = query->room * 2 + 64;
		struct pollfd *more = realloc(query->polls, room * sizeof(*more));

		if (!more)
			return failure_set(reterr, ENOMEM, "ask the wardens");
		query->polls = more;
		query->room = room;
	}
	query->polls[query->count++] = (struct pollfd){.fd = steal_fd(&fd), .events = POLLIN};
	return 0;
}

static int ask_user(struct query *query, uint32_t uid, struct failure *reterr)
{
	char path[sizeof(CARREL_RUN) + 16];
	const struct dirent *entry;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/%u", CARREL_RUN, uid);
	DIR *dir = opendir(path);

	if (!dir)
		return errno == ENOENT ? 0 : failure_set(reterr, errno, "read %s", path);
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, REGISTRY_LOCK) != 0 &&
		    strcmp(entry->d_name, REGISTRY_POD) != 0)
			r = ask_one(query, uid, entry->d_name, reterr);
	}
	(void)closedir(dir);
	return r;
}

/* Returns how many asked wardens have ended meanwhile: they are neither live nor silent. */
static size_t collect(struct query *query, int64_t deadline_ms)
{
	size_t left = query->count, ended = 0;

	while (left > 0) {
		int64_t wait = deadline_ms - sys_now_ms();

		if (wait <= 0 || poll(query->polls, query->count, (int)wait) < 0)
			break;
		for (size_t i = 0; i < query->count; i++) {
			struct failure ignored;

			if (query->polls[i].fd < 0 || !query->polls[i].revents)
				continue;
			if (protocol_receive(query->polls[i].fd, MESSAGE_INFO,
					     &query->infos[query->answered], sizeof(*query->infos),
					     NULL, NULL, 0, &ignored) == 0)
				query->answered++;
			else
				ended++;
			close_fd(&query->polls[i].fd);
			left--;
		}
	}
	return ended;
}

/* A descriptor for each sandbox: room for as many as the hard limit allows. */
static void raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int registry_query(int64_t deadline_ms, struct message_info **ret_infos, size_t *ret_count,
		   size_t *ret_silent, struct failure *reterr)
{
	__attribute__((cleanup(query_free))) struct query query = {0};
	_free_ uint32_t *uids = NULL;
	size_t users = 0;
	int r = registry_users(&uids, &users, reterr);

	raise_nofile();
	for (size_t i = 0; r == 0 && i < users; i++)
		r = ask_user(&query, uids[i], reterr);
	if (r < 0)
		return r;
	query.infos = calloc(query.count + 1, sizeof(*query.infos));
	if (!query.infos)
		return failure_set(reterr, ENOMEM, "ask %zu wardens", query.count);
	size_t ended = collect(&query, deadline_ms);

	*ret_count = query.answered;
	*ret_silent = query.count - query.answered - ended;
	*ret_infos = steal_ptr(&query.infos);
	return 0;
}

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

#include "core/cleanup.h"
#include "core/registry_pids.h"
#include "core/sys.h"

#define QUIET_MS 200 /* without any answer, once the deadline is over */

/* A warden that is asked; its place among the polls is the same. */
struct asked {
	uint32_t uid;
	pid_t pid; /* of the listening process */
	char id[PROTOCOL_ID_MAX];
	bool silent; /* lives, but took no more clients, or closed without an answer that we know */
};

struct query {
	struct pollfd *polls; /* fd -1: has answered, has ended, or is silent */
	struct asked *asked;
	size_t count, room;
	struct message_info *infos;
	size_t answered, silent;
};

static void query_free(struct query *query)
{
	for (size_t i = 0; i < query->count; i++)
		close_fd(&query->polls[i].fd);
	free(query->polls);
	free(query->asked);
	free(query->infos);
}

/* A socket to a warden. -ENOENT: there is none, it is dead, or just ending; -EAGAIN: too busy. */
static int connect_to(uint32_t uid, const char *id, int *ret_socket, struct failure *reterr)
{
	int r = registry_connect(uid, id, ret_socket, reterr);

	if (r == 0 || r == -EMFILE || r == -ENFILE || r == -ENOMEM)
		return r;
	return r == -EAGAIN ? failure_say(reterr, EAGAIN, "the warden of %s does not answer", id)
			    : failure_say(reterr, ENOENT, "the sandbox %s has ended", id);
}

/* The pid of who listens there, 0 when it is in a namespace that is not below ours. */
static pid_t peer_of(int socket)
{
	struct ucred cred = {.pid = 0};
	socklen_t size = sizeof(cred);

	return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 ? 0 : cred.pid;
}

static int make_room(struct query *query, struct failure *reterr)
{
	size_t room = query->room * 2 + 64;
	struct pollfd *polls;
	struct asked *asked;

	if (query->count < query->room && query->polls && query->asked)
		return 0;
	polls = realloc(query->polls, room * sizeof(*polls));
	if (polls)
		query->polls = polls;
	asked = realloc(query->asked, room * sizeof(*asked));
	if (asked)
		query->asked = asked;
	if (!polls || !asked) {
		(void)failure_set(reterr, ENOMEM, "ask the wardens");
		return -ENOMEM;
	}
	query->room = room;
	return 0;
}

static int ask_one(struct query *query, uint32_t uid, const char *id, struct failure *reterr)
{
	struct message_plain message;
	struct failure ignored;
	_close_ int fd = -1;
	int r = make_room(query, reterr);

	if (r != 0)
		return r;
	r = connect_to(uid, id, &fd, reterr);
	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EAGAIN)
		return r;
	struct asked *asked = &query->asked[query->count];

	*asked = (struct asked){.uid = uid, .silent = r == -EAGAIN};
	if (!asked->silent) {
		asked->pid = peer_of(fd);
		protocol_head(&message.head, MESSAGE_QUERY, sizeof(message));
		(void)protocol_send(fd, &message, sizeof(message), NULL, 0, &ignored);
	}
	if (protocol_text(asked->id, sizeof(asked->id), id) < 0)
		return 0;
	query->polls[query->count++] = (struct pollfd){.fd = steal_fd(&fd), .events = POLLIN};
	return 0;
}

static const char *next_id(DIR *dir)
{
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, REGISTRY_LOCK) != 0 &&
		    strcmp(entry->d_name, REGISTRY_POD) != 0)
			return entry->d_name;
	}
	return NULL;
}

static int ask_user(struct query *query, uint32_t uid, struct failure *reterr)
{
	char path[sizeof(CARREL_RUN) + 16];
	const char *id;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/%u", CARREL_RUN, uid);
	DIR *dir = opendir(path);

	if (!dir)
		return errno == ENOENT ? 0 : failure_set(reterr, errno, "read %s", path);
	while (r == 0 && (id = next_id(dir)))
		r = ask_one(query, uid, id, reterr);
	(void)closedir(dir);
	return r;
}

/* One that ends closes its socket first; one of another version of carrel closes the connection alone. */
static bool still_listens(const struct asked *asked)
{
	_close_ int fd = -1;
	struct failure ignored;
	int r = connect_to(asked->uid, asked->id, &fd, &ignored);

	return r == 0 || r == -EAGAIN;
}

/* `peer` is the warden as we have it: with another pid than its own word it is in a sandbox. */
static void translate(struct message_info *info, pid_t peer)
{
	int32_t *const pids[] = {&info->init_pid, &info->leader_pid};

	if (peer == info->warden_pid)
		return;
	registry_translate(peer, pids, ARRAY_SIZE(pids));
	info->warden_pid = peer;
}

static void hear(struct query *query, size_t index)
{
	struct asked *asked = &query->asked[index];
	struct message_info *info = &query->infos[query->answered];
	struct failure ignored;
	int r = protocol_receive(query->polls[index].fd, MESSAGE_INFO, info, sizeof(*info), NULL,
				 NULL, 0, &ignored);

	close_fd(&query->polls[index].fd);
	if (r < 0) {
		asked->silent = still_listens(asked);
		return;
	}
	translate(info, asked->pid);
	query->answered++;
}

/*
 * Until the deadline, and beyond it as long as answers come: with thousands of sandboxes, asking alone may
 * have taken that long. What ends without an answer is neither live nor silent.
 */
static void collect(struct query *query, int64_t deadline_ms)
{
	size_t left = 0;

	for (size_t i = 0; i < query->count; i++)
		left += query->polls[i].fd >= 0;
	while (left > 0) {
		int64_t wait = deadline_ms - sys_now_ms();

		if (wait < QUIET_MS)
			wait = QUIET_MS;
		if (poll(query->polls, query->count, (int)wait) <= 0)
			break;
		for (size_t i = 0; i < query->count; i++) {
			if (query->polls[i].fd < 0 || !query->polls[i].revents)
				continue;
			hear(query, i);
			left--;
		}
	}
}

/* After those that have answered. */
static void add_silent(struct query *query)
{
	for (size_t i = 0; i < query->count; i++) {
		const struct asked *asked = &query->asked[i];
		struct message_info *info = &query->infos[query->answered + query->silent];

		if (query->polls[i].fd < 0 && !asked->silent)
			continue;
		memset(info, 0, sizeof(*info));
		info->uid = asked->uid;
		info->warden_pid = asked->pid;
		memcpy(info->id, asked->id, sizeof(info->id));
		query->silent++;
	}
}

/* A descriptor for each sandbox: room for as many as the hard limit allows. false: nothing to put back. */
static bool raise_nofile(struct rlimit *ret_was)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, ret_was) < 0)
		return false;
	limit = (struct rlimit){ret_was->rlim_max, ret_was->rlim_max};
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static int ask_users(const uint32_t *uids, size_t users, int64_t deadline_ms,
		     struct message_info **ret_infos, size_t *ret_count, size_t *ret_silent,
		     struct failure *reterr)
{
	__attribute__((cleanup(query_free))) struct query query = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < users; i++)
		r = ask_user(&query, uids[i], reterr);
	if (r < 0)
		return r;
	query.infos = calloc(query.count + 1, sizeof(*query.infos));
	if (!query.infos)
		return failure_set(reterr, ENOMEM, "ask %zu wardens", query.count);
	collect(&query, deadline_ms);
	add_silent(&query);
	*ret_count = query.answered;
	*ret_silent = query.silent;
	*ret_infos = steal_ptr(&query.infos);
	return 0;
}

/* The limit is put back: who asks may go on to run somebody's command (`carrel enter`). */
static int query_users(const uint32_t *uids, size_t users, int64_t deadline_ms,
		       struct message_info **ret_infos, size_t *ret_count, size_t *ret_silent,
		       struct failure *reterr)
{
	struct rlimit was;
	bool raised = raise_nofile(&was);
	int r = ask_users(uids, users, deadline_ms, ret_infos, ret_count, ret_silent, reterr);

	if (raised)
		(void)setrlimit(RLIMIT_NOFILE, &was);
	return r;
}

int registry_query(int64_t deadline_ms, struct message_info **ret_infos, size_t *ret_count,
		   size_t *ret_silent, struct failure *reterr)
{
	_free_ uint32_t *uids = NULL;
	size_t users = 0;
	int r = registry_users(&uids, &users, reterr);

	if (r == 0)
		r = query_users(uids, users, deadline_ms, ret_infos, ret_count, ret_silent, reterr);
	return r;
}

int registry_query_user(uint32_t uid, int64_t deadline_ms, struct message_info **ret_infos,
			size_t *ret_count, size_t *ret_silent, struct failure *reterr)
{
	return query_users(&uid, 1, deadline_ms, ret_infos, ret_count, ret_silent, reterr);
}

int registry_query_one(uint32_t uid, const char *id, int64_t deadline_ms,
		       struct message_info *ret_info, struct failure *reterr)
{
	struct message_plain query;
	_close_ int fd = -1;
	int r = connect_to(uid, id, &fd, reterr);

	protocol_head(&query.head, MESSAGE_QUERY, sizeof(query));
	if (r == 0)
		r = protocol_send(fd, &query, sizeof(query), NULL, 0, reterr);
	if (r == 0)
		r = protocol_receive(fd, MESSAGE_INFO, ret_info, sizeof(*ret_info), NULL, NULL,
				     deadline_ms, reterr);
	if (r == 0)
		translate(ret_info, peer_of(fd));
	return r;
}

int registry_warden_pid(uint32_t uid, const char *id, pid_t *ret_pid, struct failure *reterr)
{
	_close_ int fd = -1;
	int r = connect_to(uid, id, &fd, reterr);

	if (r == 0)
		*ret_pid = peer_of(fd);
	return r;
}

/* One part, from `first` on. */
static int query_part(uint32_t uid, const char *id, uint32_t first, int64_t deadline_ms,
		      struct message_sessions *ret_part, struct failure *reterr)
{
	struct message_query_sessions query = {.first = first};
	_close_ int fd = -1;
	int r = connect_to(uid, id, &fd, reterr);

	protocol_head(&query.head, MESSAGE_QUERY_SESSIONS, sizeof(query));
	if (r == 0)
		r = protocol_send(fd, &query, sizeof(query), NULL, 0, reterr);
	if (r == 0)
		r = protocol_receive(fd, MESSAGE_SESSIONS, ret_part, sizeof(*ret_part), NULL, NULL,
				     deadline_ms, reterr);
	return r;
}

static int translate_sessions(uint32_t uid, const char *id, struct session_record *sessions,
			      size_t count, struct failure *reterr)
{
	_free_ int32_t **pids = calloc(count + 1, sizeof(*pids));
	pid_t warden = 0;
	int r = registry_warden_pid(uid, id, &warden, reterr);

	if (!pids)
		return failure_set(reterr, ENOMEM, "list the sessions in %s", id);
	for (size_t i = 0; i < count; i++)
		pids[i] = &sessions[i].leader_pid;
	if (r == 0)
		registry_translate(warden, pids, count);
	return r;
}

int registry_query_sessions(uint32_t uid, const char *id, int64_t deadline_ms,
			    struct session_record **ret_sessions, size_t *ret_count,
			    struct failure *reterr)
{
	_free_ struct session_record *sessions = NULL;
	struct message_sessions part = {.count = 0};
	size_t count = 0;
	int r;

	do {
		r = query_part(uid, id, (uint32_t)count, deadline_ms, &part, reterr);
		if (r < 0)
			return r;
		struct session_record *more =
			reallocarray(sessions, count + part.count + 1, sizeof(*sessions));

		if (!more)
			return failure_set(reterr, ENOMEM, "list the sessions in %s", id);
		sessions = more;
		memcpy(sessions + count, part.sessions, part.count * sizeof(*sessions));
		count += part.count;
	} while (part.count > 0 && count < part.total);
	r = translate_sessions(uid, id, sessions, count, reterr);
	if (r < 0)
		return r;
	*ret_count = count;
	*ret_sessions = steal_ptr(&sessions);
	return 0;
}

void registry_tell_limits(uint32_t uid, uint64_t limits)
{
	struct message_limits message = {.limits = limits};
	char path[sizeof(CARREL_RUN) + 16];
	const char *id;

	(void)snprintf(path, sizeof(path), "%s/%u", CARREL_RUN, uid);
	DIR *dir = opendir(path);

	protocol_head(&message.head, MESSAGE_LIMITS, sizeof(message));
	while (dir && (id = next_id(dir))) {
		_close_ int fd = -1;
		struct failure ignored;

		if (connect_to(uid, id, &fd, &ignored) == 0)
			(void)protocol_send(fd, &message, sizeof(message), NULL, 0, &ignored);
	}
	if (dir)
		(void)closedir(dir);
}

/* SPDX-License-Identifier: MIT */
#include "helper/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"

static size_t count_pending(const struct sessions *sessions)
{
	return sessions->count - sessions_count(sessions);
}

int sessions_reserve(struct sessions *sessions)
{
	sessions->members = calloc(1, sizeof(*sessions->members));
	sessions->polls = calloc(SESSIONS_POLLS_FIRST, sizeof(*sessions->polls));
	if (!sessions->members || !sessions->polls)
		return -ENOMEM;
	sessions->room = 1; /* most sandboxes never have another */
	sessions->poll_room = SESSIONS_POLLS_FIRST;
	return 0;
}

struct member *sessions_add(struct sessions *sessions, int socket)
{
	if (count_pending(sessions) >= SESSIONS_PENDING_MAX)
		return NULL;
	if (sessions->count == sessions->room) {
		size_t room = sessions->room + 8;
		struct member *more = realloc(sessions->members, room * sizeof(*more));

		if (!more)
			return NULL;
		sessions->members = more;
		sessions->room = room;
	}
	struct member *member = &sessions->members[sessions->count++];

	*member = (struct member){.state = MEMBER_PENDING,
				  .socket = socket,
				  .adopter_fd = -1,
				  .leader_fd = -1,
				  .anchor_fd = -1};
	return member;
}

static void member_clear(struct member *member)
{
	close_fd(&member->socket);
	close_fd(&member->adopter_fd);
	close_fd(&member->leader_fd);
	close_fd(&member->anchor_fd);
	free(member->service);
	free(member->tty);
	free(member->rhost);
}

void sessions_remove(struct sessions *sessions, size_t index)
{
	member_clear(&sessions->members[index]);
	sessions->count--;
	memmove(&sessions->members[index], &sessions->members[index + 1],
		(sessions->count - index) * sizeof(*sessions->members));
}

void sessions_free(struct sessions *sessions)
{
	for (size_t i = 0; i < sessions->count; i++)
		member_clear(&sessions->members[i]);
	free(sessions->members);
	free(sessions->polls);
	*sessions = (struct sessions){.count = 0};
}

static char *copy(const char *text)
{
	return text && *text ? strdup(text) : NULL;
}

void member_describe(struct member *member, const char *service, const char *tty, const char *rhost)
{
	free(member->service);
	free(member->tty);
	free(member->rhost);
	member->service = copy(service);
	member->tty = copy(tty);
	member->rhost = copy(rhost);
}

size_t sessions_count(const struct sessions *sessions)
{
	size_t count = 0;

	for (size_t i = 0; i < sessions->count; i++)
		count += sessions->members[i].state != MEMBER_PENDING;
	return count;
}

const struct member *sessions_oldest(const struct sessions *sessions)
{
	for (size_t i = 0; i < sessions->count; i++) {
		if (sessions->members[i].state == MEMBER_LIVE)
			return &sessions->members[i];
	}
	return NULL;
}

struct pollfd *sessions_polls(struct sessions *sessions, const struct pollfd *fixed,
			      size_t fixed_count, size_t *ret_count)
{
	size_t count = fixed_count + SESSIONS_POLLS * sessions->count;

	if (count > sessions->poll_room) {
		struct pollfd *more = realloc(sessions->polls, count * sizeof(*more));

		if (!more)
			return NULL;
		sessions->polls = more;
		sessions->poll_room = count;
	}
	memcpy(sessions->polls, fixed, fixed_count * sizeof(*fixed));
	for (size_t i = 0; i < sessions->count; i++) {
		const struct member *member = &sessions->members[i];
		struct pollfd *polls = &sessions->polls[fixed_count + SESSIONS_POLLS * i];

		polls[0] = (struct pollfd){
			.fd = member->state == MEMBER_OFFERED ? member->adopter_fd : member->socket,
			.events = POLLIN,
		};
		polls[1] = (struct pollfd){.fd = member->leader_fd, .events = POLLIN};
		polls[2] = (struct pollfd){.fd = member->anchor_fd, .events = POLLIN};
	}
	*ret_count = count;
	return sessions->polls;
}

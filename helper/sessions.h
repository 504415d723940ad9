/* SPDX-License-Identifier: MIT */
/*
 * sessions - the logins in a warden's sandbox: one, or with instance=user many; in the order in which
 * they came. Also those that have connected and are not yet in. Keeps the list, decides nothing.
 */
#ifndef CARREL_SESSIONS_H
#define CARREL_SESSIONS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/protocol.h"

/* Each holds up to three descriptors, of the 1024 that a helper may have (spawn.c). */
#define SESSIONS_MAX 280
#define SESSIONS_PENDING_MAX 100

enum member_state {
	MEMBER_PENDING, /* has connected, and said nothing yet */
	MEMBER_OFFERED, /* was told that it may come in: GO is awaited; counts as a session */
	MEMBER_LIVE,
};

struct member {
	enum member_state state;
	int socket; /* PENDING: who has connected; else the module, -1 once that has closed its end */
	int adopter_fd; /* OFFERED: the helper, else -1 */
	int leader_fd; /* pidfd of who opened the session, or -1 */
	pid_t leader;
	int anchor_fd; /* where it has left logind's session (anchor.h), else -1 */
	struct login_terms terms;
	int64_t started; /* CLOCK_REALTIME, seconds */
	int64_t started_ms; /* sys_now_ms() */
	unsigned int warned; /* of the end of its time (runtime.h): how many times */
	int64_t cut_ms; /* when its time was cut short (runtime_cut()); 0: it was not */
	unsigned int cuts; /* the steps that have been taken since */
	char *service, *tty, *rhost; /* NULL: none */
};

struct sessions {
	struct member *members;
	size_t count, room;
	struct pollfd *polls; /* room for sessions_polls() */
	size_t poll_room;
};

/*
 * Room for the first session and its polls. Called before anything else is allocated: what stays allocated
 * stands at the beginning of the heap then, and the pages after it go back to the kernel. 0 or -ENOMEM.
 */
#define SESSIONS_POLLS_FIRST 12
int sessions_reserve(struct sessions *sessions);

/*
 * Add one at the end, PENDING, with `socket`, which is the list's from then on. NULL: no memory, or
 * too many; the socket is still the caller's. Earlier pointers to members are void.
 */
struct member *sessions_add(struct sessions *sessions, int socket);
/* Close what it holds and take it out. */
void sessions_remove(struct sessions *sessions, size_t index);
void sessions_free(struct sessions *sessions);

/* Copies; a text that there is no memory for is left out, since it is for display alone. */
void member_describe(struct member *member, const char *service, const char *tty,
		     const char *rhost);

/* Those that are in, or may come in at any moment. */
size_t sessions_count(const struct sessions *sessions);
/* The first that is in, or NULL. */
const struct member *sessions_oldest(const struct sessions *sessions);

#define SESSIONS_POLLS 3 /* for each member: what it says, its leader's end, its anchor's end */

/*
 * The caller's `fixed` first, then SESSIONS_POLLS for each member in their order; valid until the
 * next call. NULL: no memory.
 */
struct pollfd *sessions_polls(struct sessions *sessions, const struct pollfd *fixed,
			      size_t fixed_count, size_t *ret_count);

#endif

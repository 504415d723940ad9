/* SPDX-License-Identifier: MIT */
/*
 * door - the warden's side of core/pod.h: logins that come to join its sandbox.
 *
 * A module's REQUEST is taken at once when the same request has been decided before, by a helper that
 * read the policy as it still is; everything else is the business of a helper (RETRY), which comes
 * with ADOPT. The warden has one thread: what it takes in before it closes the door it serves, what it
 * has not taken in is reset.
 */
#ifndef CARREL_DOOR_H
#define CARREL_DOOR_H

#include <stddef.h>

#include "core/protocol.h"

struct warden;

#define DOOR_TERMS 8 /* kinds of login (services, mostly) that are known at a time */

struct door {
	int fd; /* -1: closed, or never open */
	uint64_t shape; /* of the sandbox, as it was made */
	/*
	 * As they were last set: by the login that made the sandbox, then by whoever says so (MESSAGE_LIMITS).
	 * 0: not known, and no login comes in without a helper. What helpers say at GO may be older than that.
	 */
	uint64_t limits;
	uint64_t pid_ns; /* the warden's own */
	char service[PROTOCOL_NAME_MAX]; /* that it was made for */
	struct login_terms terms[DOOR_TERMS];
	size_t known, next;
};

/* Remember what logins of this kind are given, in place of the oldest. */
void door_learn(struct door *door, const struct login_terms *terms);

/* Somebody knocks. */
void door_accept(struct warden *warden);
/* A member that is PENDING or OFFERED has said something, or has gone: it may be removed. */
void door_hear(struct warden *warden, size_t index);
/* Nobody comes in any more; who is neither in nor out is sent away. */
void door_close(struct warden *warden);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * notify - notify = tty: when the kernel kills a process of the user's for want of memory, or refuses
 * one for pids_max, the terminals of the sessions here are told in one sentence.
 *
 * The kernel says so without being asked (cgroups(7)): on v2 by memory.events and pids.events, on v1 by
 * an eventfd and pids.events; nothing wakes up while nothing happens. But from Linux 6.11 on pids.events
 * of v1 tells nobody: where pids_max is set there, it is looked at every NOTIFY_PIDS_V1_MS. The slice is the user's, so each
 * warden of the user's hears of it, and tells its own sessions. At most one sentence of a kind in
 * NOTIFY_PAUSE_MS.
 */
#ifndef CARREL_NOTIFY_H
#define CARREL_NOTIFY_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/protocol.h"
#include "helper/sessions.h"

#define NOTIFY_PAUSE_MS 5000
#define NOTIFY_SETTLE_MS 100 /* v1: it says so before it kills */
#define NOTIFY_PIDS_V1_MS 5000
#define NOTIFY_TEXT 32

enum notify_kind { NOTIFY_MEMORY, NOTIFY_PIDS, NOTIFY_KINDS };

struct notify {
	bool v1[NOTIFY_KINDS];
	bool silent; /* pids.events has to be looked at */
	char last[NOTIFY_TEXT]; /* what was in it */
	int fds[NOTIFY_KINDS]; /* -1: not watched */
	uint64_t seen[NOTIFY_KINDS]; /* how often, as of the last look */
	int64_t look_ms[NOTIFY_KINDS]; /* when to look and tell; 0: nothing to */
	int64_t quiet_ms[NOTIFY_KINDS]; /* until then nothing is told */
};
#define NOTIFY_NONE ((struct notify){.fds = {-1, -1}})

/*
 * Watch, as soon as a session wants it. A controller without a limit is not watched: it refuses
 * nothing. Call it again when limits may have changed.
 */
void notify_start(struct notify *notify, const struct message_info *info,
		  const struct sessions *sessions);
/* NOTIFY_KINDS entries for poll(2). */
void notify_polls(const struct notify *notify, struct pollfd *ret_polls);
/* What poll(2) said. */
void notify_hear(struct notify *notify, const struct pollfd *polls, int64_t now_ms);
/* Tell what is due. When to come again, in sys_now_ms() terms; 0: when there is an event. */
int64_t notify_attend(struct notify *notify, const struct message_info *info,
		      const struct sessions *sessions, int64_t now_ms);
/*
 * The look at pids.events of v1, when that alone is due, and nothing is new there: true, with the time of
 * the next one. It runs next to no code, which would be mapped again each time.
 */
bool notify_is_still(struct notify *notify, int64_t now_ms, int64_t *ret_next_ms);

#endif

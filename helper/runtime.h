/* SPDX-License-Identifier: MIT */
/*
 * runtime - sessions whose time is over are ended: those that are too old (runtime_max), with a warning to
 * their terminal before, and those that logind has ended while they live outside of its scope (anchor.h).
 *
 * Warned 5 minutes and 1 minute before; where there is less than a minute, once, at half of it. Then
 * the session's processes get SIGHUP, as when the line drops, and have RUNTIME_SAVE_SECONDS to save their
 * work; then its leader (sshd's monitor) gets SIGTERM, so that it logs out in order, and what is left of
 * them after RUNTIME_GRACE_SECONDS is killed. What the session has left running
 * in the background for itself stays as long as the sandbox does.
 */
#ifndef CARREL_RUNTIME_H
#define CARREL_RUNTIME_H

#include <stdint.h>

#include "core/protocol.h"
#include "helper/sessions.h"

#define RUNTIME_SAVE_SECONDS 5
#define RUNTIME_GRACE_SECONDS 10
#define RUNTIME_SAID_MS 300 /* for the last words to reach who is far away */

/* The stages of a session's life, as ages in milliseconds, in their order. Pure. */
#define RUNTIME_STAGES 6
enum runtime_stage {
	RUNTIME_WARN,
	RUNTIME_SAY,
	RUNTIME_CUT,
	RUNTIME_HANG_UP,
	RUNTIME_END,
	RUNTIME_KILL
};
struct runtime_step {
	enum runtime_stage stage;
	int64_t age_ms;
};
/* How many there are; 0: without a limit. */
size_t runtime_steps(uint64_t runtime_max, struct runtime_step ret_steps[RUNTIME_STAGES]);

/* "5 minutes", "1 minute", "90 seconds", "8 hours"; pure. */
void runtime_text(uint64_t seconds, char *ret_text, size_t size);

/*
 * The session's anchor has gone: its time is over in RUNTIME_CUT_SECONDS. Not at once, because a logout in order
 * looks the same at first: logind, told by pam_systemd, may stop the scope before we are told.
 */
#define RUNTIME_CUT_SECONDS 3
void runtime_cut(struct member *member, int64_t now_ms);

/* Do what is due. When the next is, in sys_now_ms() terms; 0: never. */
int64_t runtime_attend(const struct message_info *info, struct sessions *sessions, int64_t now_ms);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * session - the caller's side of a login: ask the helper for a sandbox, join it, leave it.
 *
 * Shared by pam_carrel.so and `carrel run`. The calling process is root and has one thread. After
 * session_open() has said SESSION_CONFINED it is in the sandbox's mount, ipc, uts and cgroup
 * namespaces and in the user's cgroups, its children are in the pid namespace too, its bounding set
 * is reduced as the policy says (for good), and its /proc/self dangles.
 */
#ifndef CARREL_SESSION_H
#define CARREL_SESSION_H

#include <stdbool.h>

#include "core/failure.h"
#include "core/match.h"
#include "core/protocol.h"

struct session;

enum session_outcome {
	SESSION_IGNORED, /* the policy leaves this login alone; nothing was changed */
	SESSION_CONFINED,
};

struct session_request {
	const struct login *login; /* who, from identity.h */
	const char *tty, *rhost; /* or NULL */
	bool debug;
};

/*
 * Start the helper (an absolute path), and the timeout, which bounds everything that is waited for
 * until the session is open. Separate from session_open(), so that the caller asks NSS while the helper
 * comes up. Where a sandbox lives that the user's logins join (pod.h), its warden is asked first, and a
 * helper started only when that says so. *ret_session is the caller's: to session_forget() when it does
 * not come to be open, which ends the helper.
 */
int session_start(const char *helper, uint32_t uid, unsigned int timeout_seconds,
		  struct session **ret_session, struct failure *reterr);

/*
 * On failure the process is back where it was: namespaces, cgroups, cwd, OOM score (what stays is a
 * reduced bounding set, which can't be undone). *ret_notice then says what the user may be told.
 * The session stays the caller's: with SESSION_CONFINED to session_close(), else to session_forget().
 * -ENOTRECOVERABLE: the process could not go back, and is nowhere to go on from.
 */
int session_open(struct session *session, const struct session_request *request,
		 enum session_outcome *ret_outcome, enum reply_notice *ret_notice,
		 struct failure *reterr);

/*
 * End the session and go back: namespaces, cgroups, OOM score, cwd. Tells the warden through the
 * socket and does not wait for it. The session is freed, also on failure.
 */
int session_close(struct session *session, struct failure *reterr);

/* Free the memory and close the descriptors, nothing else: for a child that inherited the session. */
void session_forget(struct session *session);

/* Does it have a pid namespace of its own? */
bool session_has_own_pids(const struct session *session);

/* The sandbox's id, valid as long as the session. */
const char *session_id(const struct session *session);

#endif

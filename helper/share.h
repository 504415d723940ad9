/* SPDX-License-Identifier: MIT */
/*
 * share - tmp_scope = user: where a new sandbox finds the private directories of the user's others.
 *
 * Each takes them from the one that registered last before it, if that lives, and otherwise from the one
 * before that; where there is none it makes them. It waits for one that is still being opened, and for those
 * alone that registered before it, so nobody waits in a circle. Of two that live at the same time the younger
 * has its directories from the older, directly or through those between them: so all have the same.
 * (Whoever asked the oldest could still get them from it, while one in between finds it dead.)
 */
#ifndef CARREL_HELPER_SHARE_H
#define CARREL_HELPER_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/failure.h"
#include "core/plan.h"
#include "helper/sandbox.h"
#include "helper/warden.h"

/* A search; filled in by share_begin(). */
struct share {
	bool needed; /* else nothing is searched, and share_finish() returns at once */
	uint32_t uid;
	bool visits; /* PID 1 may be in another sandbox's mount namespace: nobody must join it by its pidfd */
	int64_t before; /* those that registered before this have not been asked */
};

/*
 * The sandbox `id` has registered and its PID 1 is started: tell that one where the directories are. Takes
 * as long as it takes the one before it to be opened, but not longer than half of what is left until the
 * deadline: then it goes on without that one.
 */
int share_begin(struct share *share, const struct plan *plan, uint32_t uid, const char *id,
		struct sandbox *sandbox, int64_t deadline_ms, struct failure *reterr);

/*
 * Wait until PID 1 has them (once: later calls do nothing), looking further when it comes too late. *ret_root is the root of the tmpfs in
 * the sandbox's mount namespace, for those who ask later; -1 when nothing is shared, or PID 1 has ended,
 * which sandbox_finish() explains.
 */
int share_finish(struct share *share, struct sandbox *sandbox, int64_t deadline_ms, int *ret_root,
		 struct failure *reterr);

/*
 * Answer a client of the warden that asks for the private directories. false: it asks something else, or
 * nothing in time.
 */
bool share_answer(const struct warden *warden, int client);

#endif

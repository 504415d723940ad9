/* SPDX-License-Identifier: MIT */
/*
 * adopt - the helper's side of core/pod.h: hand a login over to the warden whose sandbox it joins.
 *
 * The limits are brought in line with the policy as it is now. What else has changed since the sandbox
 * was made takes effect with the next fresh one, and the log says so. A login that is to have another
 * sandbox for what it is (its service has a section of its own), and not because the policy has
 * changed, gets one of its own.
 */
#ifndef CARREL_ADOPT_H
#define CARREL_ADOPT_H

#include <stdbool.h>

#include "helper/opening.h"

/*
 * 1: done, the caller has its reply and the warden the session. 0: there is no sandbox to join; with
 * opening->apart set, there is one that this login is not to be in.
 */
int adopt_try(struct opening *opening, struct failure *reterr);

/*
 * Does a pod of the user live? How many sessions it has; 1 where its warden does not say in half of the
 * time that is left.
 */
bool adopt_count_pod(const struct opening *opening, size_t *ret_sessions);

#endif

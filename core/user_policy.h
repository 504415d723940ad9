/* SPDX-License-Identifier: MIT */
/*
 * user_policy - which values of a policy a user can carry out without root: what carrel-shell holds and
 * what it refuses when no pam_carrel has made the sandbox. Pure.
 *
 * A key that is not in the table here is refused, so a new one is never dropped in silence. What nobody
 * set is not asked for.
 */
#ifndef CARREL_USER_POLICY_H
#define CARREL_USER_POLICY_H

#include "core/match.h"

#define USER_POLICY_SERVICE "carrel-shell" /* the service of carrel-shell's logins */

/* Does the value ask for a limit? `max` does not, nor does the kernel's own cpu_weight of 100. */
bool user_policy_is_limit(const struct effective *effective, enum policy_key key);
bool user_policy_has_limits(const struct effective *effective);

/*
 * Add a sentence to `refusals` for each key that can't be had. `manager`: the user has a systemd manager
 * that can be asked for limits; else each limit is refused too.
 */
void user_policy_check(const struct effective *effective, bool manager,
		       struct policy_errors *refusals);

#endif

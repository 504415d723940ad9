/* SPDX-License-Identifier: MIT */
/*
 * user_plan - what the policy means for a user who is logged in: NSS, match and plan in one.
 */
#ifndef CARREL_USER_PLAN_H
#define CARREL_USER_PLAN_H

#include <stdbool.h>

#include "core/plan.h"

/*
 * *ret_sandboxed is false where the policy leaves such a login alone: then there is no plan. Else
 * *ret_plan, which points into `policy`, is the caller's to plan_free().
 */
int user_plan(const struct policy *policy, const char *user, const char *service,
	      bool *ret_sandboxed, struct plan *ret_plan, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * oom_score - oom_score_adj without root: higher can always be had, lower can't.
 */
#ifndef CARREL_LOGIN_OOM_SCORE_H
#define CARREL_LOGIN_OOM_SCORE_H

#include "core/match.h"

/* Take on what the policy says; where nobody said it, what the caller has stays. */
int oom_score_take(const struct effective *effective, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * oom_score - the OOM score adjustment that a session starts with (proc(5), oom_score_adj).
 */
#ifndef CARREL_OOM_SCORE_H
#define CARREL_OOM_SCORE_H

#include <sys/types.h>

#include "core/failure.h"

/*
 * sshd may run with a score of -1000 (ssh.service on Debian), which a session must not inherit. The
 * leader's is set, since its children are the session; it puts it back on close. *ret_was is what it
 * had; nothing is written when that is `score` already (lowering needs CAP_SYS_RESOURCE).
 */
int oom_score_set(pid_t leader, int score, int *ret_was, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * oom_score - oom_score_adj of a process (proc(5)), -1000 to 1000. To go below what a process has had
 * takes CAP_SYS_RESOURCE.
 */
#ifndef CARREL_OOM_SCORE_H
#define CARREL_OOM_SCORE_H

#include <sys/types.h>

#include "core/failure.h"

/* Of the calling process. Needs its /proc: call it before joining a pid namespace. */
int oom_score_read(int *ret_score, struct failure *reterr);
/* Of process `pid`; 0: of the calling one. */
int oom_score_write(pid_t pid, int score, struct failure *reterr);

#endif

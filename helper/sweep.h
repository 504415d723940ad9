/* SPDX-License-Identifier: MIT */
/*
 * sweep - after a crash: remove what wardens that were killed left behind.
 */
#ifndef CARREL_SWEEP_H
#define CARREL_SWEEP_H

#include <stdint.h>

/* Sockets of dead wardens, cgroups of users without a sandbox, empty registry directories. 0 or 1. */
int sweep_all(void);

/* The same for one user. */
void sweep_user(uint32_t uid);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sweep - after a crash: remove what wardens that were killed left behind.
 */
#ifndef CARREL_SWEEP_H
#define CARREL_SWEEP_H

#include <stdint.h>

/* Sockets of dead wardens, cgroups of users without a sandbox, empty registry directories, private
 * directories on disk. 0 or 1. */
int sweep_all(void);

/*
 * The same for a few users, chosen by our pid, of whom it looks as if something were left: for a warden
 * that is about to end. A warden that is killed after its caller has closed has nobody else who knows.
 * Waits for nothing: what is in use, or locked, stays to the next one, and to sweep_all().
 */
void sweep_some(void);

/* The same for one user. */
void sweep_user(uint32_t uid);

#endif

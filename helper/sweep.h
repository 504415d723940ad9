/* SPDX-License-Identifier: MIT */
/*
 * sweep - after a crash: remove what wardens that were killed left behind.
 */
#ifndef CARREL_SWEEP_H
#define CARREL_SWEEP_H

/* Sockets of dead wardens, cgroups of users without a sandbox, empty registry directories, private
 * directories on disk. 0 or 1. */
int sweep_all(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sandbox_init - what carrel-init and the warden say to each other: any byte asks, one of these answers,
 * once carrel-init has no children any more (instance=user).
 */
#ifndef CARREL_SANDBOX_INIT_H
#define CARREL_SANDBOX_INIT_H

#define INIT_ALONE 0
#define INIT_NOT_ALONE 1 /* there are processes whose parents are, or were, outside */

#endif

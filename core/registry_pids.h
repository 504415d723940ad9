/* SPDX-License-Identifier: MIT */
/*
 * registry_pids - a warden names processes as its own pid namespace has them. That of a login from inside
 * another sandbox (su) is in another one than who asks, where the same number is some other process.
 */
#ifndef CARREL_REGISTRY_PIDS_H
#define CARREL_REGISTRY_PIDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Turn each of the pids, which the warden has said, into the caller's; 0 where it has none. `warden` is
 * the warden's own as the caller has it, 0 when it is in no namespace below. Reads /proc, unless the two
 * are in the same namespace: then nothing is changed. Of a warden that has ended all are 0.
 */
void registry_translate(pid_t warden, int32_t *const pids[], size_t count);

#endif

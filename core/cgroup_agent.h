/* SPDX-License-Identifier: MIT */
/*
 * cgroup_agent - where systemd owns the cgroups: run carrel-systemd (helper/carrel_systemd.c), which asks
 * it, and hear whether that was done. Bounded by the deadline; the caller waits for no other child meanwhile.
 */
#ifndef CARREL_CGROUP_AGENT_H
#define CARREL_CGROUP_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/failure.h"

/* The first argument of carrel-systemd: seconds until then, at least one. */
void cgroup_agent_seconds(int64_t deadline_ms, char *ret_text, size_t size);

/* `arguments` begins with the program's name, and ends with NULL. */
int cgroup_agent_run(char *const arguments[], int64_t deadline_ms, struct failure *reterr);

/* FreezeUnit or ThawUnit, which is over when all in the unit is at rest, or goes on. */
int cgroup_agent_freeze(const char *unit, bool freeze, int64_t deadline_ms, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * scope - limits without root: a transient scope of the user's own systemd manager.
 */
#ifndef CARREL_SCOPE_H
#define CARREL_SCOPE_H

#include <stdbool.h>

#include "core/plan.h"

#define SCOPE_RUNTIME_ROOT "/run/user" /* where managers and the services they start are reached */

#define SCOPE_CGROUPS "/sys/fs/cgroup" /* where systemd has them */

/* Does a manager of the user's run? */
bool scope_has_manager(uint32_t uid);

/*
 * Have the manager move this process into a new scope with the plan's limits, and read each back from the
 * kernel. Must be called before the namespaces are made. libsystemd is loaded only here.
 */
int scope_enter(const struct plan *plan, uint32_t uid, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * confine - put this process into a sandbox of its user's own making: a user namespace that maps the user to
 * themselves and nobody else, and in it what the plan says.
 */
#ifndef CARREL_CONFINE_H
#define CARREL_CONFINE_H

#include "core/failure.h"
#include "core/plan.h"

/*
 * The caller has one thread, no descriptor but 0 to 2, and the plan of plan_for_user(). On success it is in
 * all namespaces but the pid namespace, which its next children are in, and has no capability and no way to
 * get one. *ret_link_fd is the end of the link to PID 1: when its last copy is closed, everything
 * inside is killed; -1 where the plan has no pid namespace. /proc may not show the caller any more.
 *
 * On failure the caller may be partly in: it must end, and run nothing.
 */
int confine(const struct plan *plan, const struct login *login, int *ret_link_fd,
	    struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * slices - the user's slice in each hierarchy, with this login's limits, and on systemd the login's place in
 * it. Limits are the user's: where they change, logins of the user that begin at the same moment do this one
 * after the other, so that each one reads back its own, and the last one's are what stays.
 */
#ifndef CARREL_SLICES_H
#define CARREL_SLICES_H

#include "core/cgroup_systemd.h"
#include "helper/opening.h"

/*
 * Made, limited and verified; the user's wardens are told of limits that have changed. The caller does not hold
 * the user's lock. `login` is of the systemd backend; one that lingers leaves logind's session, and opening->anchor_fd stays there. `known`: the warden that is to be joined takes these
 * limits to be in force, or there is none.
 */
int slices_make(struct opening *opening, struct cgroup_systemd_login *login, bool known,
		struct failure *reterr);

#endif

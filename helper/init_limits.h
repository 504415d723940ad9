/* SPDX-License-Identifier: MIT */
/*
 * init_limits - a sandbox's PID 1 has the resource limits of the host's (getrlimit(2)), not the helper's.
 *
 * Debian's pam_limits gives a login what /proc/1/limits says before it applies limits.conf, and in
 * /etc/pam.d/sshd it stands behind common-session, so it looks from inside.
 */
#ifndef CARREL_INIT_LIMITS_H
#define CARREL_INIT_LIMITS_H

#include <stdbool.h>
#include <sys/resource.h>

struct init_limits {
	struct rlimit values[RLIM_NLIMITS];
	bool known[RLIM_NLIMITS];
};

/* What can't be read is unknown, and stays as the helper has it. */
void init_limits_read(struct init_limits *ret_limits);

/* Of the calling process. Without CAP_SYS_RESOURCE a limit goes up as far as its hard one. */
void init_limits_take(const struct init_limits *limits);

#endif

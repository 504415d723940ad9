/* SPDX-License-Identifier: MIT */
#include "core/caps.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

int caps_keep_only(uint64_t keep, struct failure *reterr)
{
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned int cap = 0; cap < 64; cap++) {
		if (((keep >> cap) & 1) &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap) < 0)
			return failure_say(reterr, EINVAL, "keep capability %u", cap);
	}
	int r = capng_apply(CAPNG_SELECT_BOTH);

	if (r < 0)
		return failure_say(reterr, EPERM, "drop capabilities: libcap-ng says %d", r);
	/* Clearing the inheritable set has cleared the ambient set with it. */
	if (capng_get_caps_process() < 0)
		return failure_say(reterr, EPERM, "read the own capabilities");
	for (unsigned int cap = 0; cap < 64; cap++) {
		if (!((keep >> cap) & 1) && capng_capability_to_name(cap) &&
		    capng_have_capability(CAPNG_PERMITTED, cap))
			return failure_say(reterr, EPERM, "drop capabilities: %s is left",
					   capng_capability_to_name(cap));
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failure_set(reterr, errno, "set no_new_privs");
	return 0;
}

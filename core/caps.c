/* SPDX-License-Identifier: MIT */
#include "core/caps.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

int caps_drop_all(struct failure *reterr)
{
	capng_clear(CAPNG_SELECT_BOTH);
	int r = capng_apply(CAPNG_SELECT_BOTH);

	if (r < 0)
		return failure_say(reterr, EPERM, "drop all capabilities: libcap-ng says %d", r);
	/* Clearing permitted and inheritable has cleared the ambient set with them. */
	if (capng_get_caps_process() < 0 ||
	    capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return failure_say(reterr, EPERM, "drop all capabilities: some are left");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failure_set(reterr, errno, "set no_new_privs");
	return 0;
}

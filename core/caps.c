/* SPDX-License-Identifier: MIT */
#include "core/caps.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * By prctl(2), not by libcap-ng: that reads /proc/self/status three times, and passes over a call that
 * fails. This is done twice for each login, which waits for the first. EINVAL ends the kernel's list.
 */
int caps_empty_bounding(struct failure *reterr)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		int held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (held < 0 && errno == EINVAL)
			break;
		if (held < 0)
			return failure_set(reterr, errno,
					   "look for capability %lu in the bounding set", cap);
		if (held > 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return failure_set(reterr, errno,
					   "drop capability %lu from the bounding set", cap);
		if (held > 0 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			return failure_say(reterr, EPERM,
					   "empty the bounding set: capability %lu is left", cap);
	}
	return 0;
}

/* What the kernel holds now, not what the library believes: one call, where the library reads /proc. */
static int check_held(uint64_t keep, struct failure *reterr)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return failure_set(reterr, errno, "read the own capabilities");
	uint64_t held = data[0].permitted | data[0].inheritable |
			((uint64_t)(data[1].permitted | data[1].inheritable) << 32);

	if (held & ~keep)
		return failure_say(reterr, EPERM, "drop capabilities: %#llx are left",
				   (unsigned long long)(held & ~keep));
	return 0;
}

int caps_keep_only(uint64_t keep, struct failure *reterr)
{
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned int cap = 0; cap < 64; cap++) {
		if (((keep >> cap) & 1) &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap) < 0)
			return failure_say(reterr, EINVAL, "keep capability %u", cap);
	}
	int r = capng_apply(CAPNG_SELECT_CAPS);

	if (r < 0)
		return failure_say(reterr, EPERM, "drop capabilities: libcap-ng says %d", r);
	/* Clearing the inheritable set has cleared the ambient set with it. */
	r = check_held(keep, reterr);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failure_set(reterr, errno, "set no_new_privs");
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "helper/hidepid.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * PID 1: the host's has all capabilities, a container's as many as we or another uid, and that of a sandbox around
 * us is not dumpable. So it is nobody's to trace without CAP_SYS_PTRACE (ptrace(2), "access mode checking"). Its
 * directory alone is shown with hidepid=noaccess; a file in it is not.
 */
#define PROBE "/proc/1/stat"

bool hidepid_hides(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct held[2], none[2];
	struct stat st;

	if (syscall(SYS_capget, &header, held) < 0)
		return true;
	memcpy(none, held, sizeof(none));
	none[0].effective = none[1].effective = 0;
	if (syscall(SYS_capset, &header, none) < 0)
		return true;
	bool hidden = stat(PROBE, &st) < 0;

	return syscall(SYS_capset, &header, held) < 0 || hidden;
}

/* SPDX-License-Identifier: MIT */
/* old_pidfd COMMAND...: run it where pidfds have no ioctl(2), as before Linux 6.11. As root. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/host/src/no_pidfd_ioctl.h"

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (no_pidfd_ioctl(0, ENOTTY) == 0)
		(void)execvp(argv[1], argv + 1);
	perror("old_pidfd");
	return 1;
}

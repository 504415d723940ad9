/* SPDX-License-Identifier: MIT */
/*
 * attack_setuid drop|keep - what a setuid-root program does when a user runs it. Installed setuid
 * root by the tests for a moment.
 *
 *   drop   careless: gives root up without looking whether that worked for good, as many old programs
 *          do: without CAP_SETUID setuid(2) leaves the saved set-user-ID at 0. Then it runs what the
 *          user wants, who asks for root back. Exits 0 when that is granted.
 *   keep   exits 0 when the setuid bit made it root
 */
#include "attack_common.h"

int main(int argc, char **argv)
{
	if (argc != 2 || (strcmp(argv[1], "drop") && strcmp(argv[1], "keep")))
		errx(BROKEN, "usage: attack_setuid drop|keep");
	if (getuid() == 0)
		errx(BROKEN, "run it as a user");
	if (!strcmp(argv[1], "drop")) {
		int ignored = setgid(getgid()) | setuid(getuid());

		printf("dropping: %d\n", ignored);
		printf("back: %d\n", seteuid(0));
	}
	printf("uid %u euid %u gid %u egid %u\n", getuid(), geteuid(), getgid(), getegid());
	if (geteuid() != 0) {
		errno = EPERM;
		return (int)blocked("being root");
	}
	return (int)succeeded("being root");
}

/* SPDX-License-Identifier: MIT */
/*
 * attack_rename A B SECONDS - exchange two names as fast as the kernel does, to be at the wrong
 * place at the right time for whoever resolves a path through them.
 */
#include "attack_common.h"

int main(int argc, char **argv)
{
	long long end;
	long count = 0;

	if (argc != 4)
		errx(BROKEN, "usage: attack_rename A B SECONDS");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	end = attack_now_ms() + number(argv[3]) * 1000;
	while (attack_now_ms() < end) {
		if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0)
			err(BROKEN, "exchange %s and %s", argv[1], argv[2]);
		count++;
	}
	printf("exchanged: %ld\n", count);
	return 0;
}

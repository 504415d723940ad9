/* SPDX-License-Identifier: MIT */
/*
 * fault_left UID COUNT SECONDS MOUNTS - wait until nothing of carrel is left, of COUNT uids from UID on:
 * no process, socket, directory, cgroup, half-written file, or mount that was not in the file MOUNTS
 * (a copy of /proc/self/mountinfo). When the seconds are over, print what is and exit 1.
 */
#include <err.h>
#include <time.h>

#include "argument.h"
#include "fault_place.h"

int main(int argc, char **argv)
{
	char why[WHY_MAX];

	if (argc != 5 ||
	    !place_begin(argument_uid(argv[1]), (unsigned int)argument_count(argv[2], 1)))
		errx(2, "usage: fault_left UID COUNT SECONDS MOUNTS");
	if (place_read(argv[4], place_mounts, sizeof(place_mounts)) <= 0)
		err(2, "%s", argv[4]);
	time_t end = time(NULL) + argument_count(argv[3], 0) + 1;

	for (;;) {
		place_left(why);
		if (!why[0])
			return 0;
		if (time(NULL) >= end)
			break;
		(void)usleep(20000);
	}
	puts(why);
	return 1;
}

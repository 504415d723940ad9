/* SPDX-License-Identifier: MIT */
/*
 * cgroup_marks - which limits carrel has set on a user's slice of systemd's since the machine was booted, so
 * that they can be lifted when the policy has them no more. CARREL_RUN/limits/UID has the names of the
 * properties, one a line, with a "-" before those that have been lifted since: systemd keeps a file for these
 * as well, which purging the package removes.
 *
 * To be written before systemd is asked for a limit, and after it has lifted one: a mark too many lifts what
 * is not there, one too few would leave a limit.
 */
#ifndef CARREL_CGROUP_MARKS_H
#define CARREL_CGROUP_MARKS_H

#include <stddef.h>
#include <stdint.h>

#include "core/failure.h"

enum cgroup_mark {
	MARK_NONE,
	MARK_SET,
	MARK_LIFTED,
};

/* The mark of each of `names`; MARK_NONE where there is no file. */
void cgroup_marks_read(uint32_t uid, const char *const names[], enum cgroup_mark ret_marks[],
		       size_t count);

/* In place of the file that is there, at once; without a mark there is none. */
int cgroup_marks_write(uint32_t uid, const char *const names[], const enum cgroup_mark marks[],
		       size_t count, struct failure *reterr);

/* Pure: what the text of such a file says of one name. */
enum cgroup_mark cgroup_marks_find(const char *text, const char *name);

#endif

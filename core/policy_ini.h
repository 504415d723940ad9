/* SPDX-License-Identifier: MIT */
/*
 * policy_ini - iniparser (4.1 or later), fed from memory and kept from its traps. Part of policy alone.
 *
 * It is handed the very bytes of each KEY = VALUE line that the scan found good, but no header: each
 * line stands below a section of a name of our own making ("s12"). So names that iniparser would
 * merge ([user Bob] and [user bob]), split (a:b) or cut (a]b) never reach it.
 *
 * Where memory runs out iniparser drops pairs, which are then missed here; where it runs out for the
 * tables of a dictionary, iniparser (4.1, 4.2) crashes. The helper's end refuses the login.
 */
#ifndef CARREL_POLICY_INI_H
#define CARREL_POLICY_INI_H

#include <stddef.h>

#include "core/failure.h"

struct ini_line {
	const char *bytes; /* the whole line, size bytes, without its end */
	size_t size;
	size_t section; /* lines of one section stand together, and have no key twice */
	const char *key; /* in lower case, without ':' */
};

/* Called for each line, in order; value NULL: iniparser has no such pair. Not 0: stop, return that. */
typedef int ini_value(void *arg, size_t index, const char *value);

/* 0, what `each` returned, or -errno with reterr where the bytes could not be handed over. */
int policy_ini_read(const struct ini_line *lines, size_t count, ini_value *each, void *arg,
		    struct failure *reterr);

#endif

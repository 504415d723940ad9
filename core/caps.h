/* SPDX-License-Identifier: MIT */
/*
 * caps - giving up capabilities. Besides policy parsing the only user of libcap-ng.
 */
#ifndef CARREL_CAPS_H
#define CARREL_CAPS_H

#include "core/failure.h"

/*
 * Give up every capability for good: bounding, permitted, effective, inheritable and ambient sets,
 * and set no_new_privs. The uid stays 0, which still owns root's files and may signal root's
 * processes (kill(2)).
 */
int caps_drop_all(struct failure *reterr);

#endif

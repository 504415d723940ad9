/* SPDX-License-Identifier: MIT */
/*
 * caps - giving up capabilities. Besides policy parsing the only user of libcap-ng.
 */
#ifndef CARREL_CAPS_H
#define CARREL_CAPS_H

#include <stdint.h>

#include "core/failure.h"

#define CAPS_NONE UINT64_C(0)

/* Empty the bounding set, for good; what is held now stays held. Needs CAP_SETPCAP. */
int caps_empty_bounding(struct failure *reterr);

/*
 * Give up every capability but those in `keep` (bits by capability number) for good: permitted,
 * effective, inheritable and ambient sets; no_new_privs is set. The uid stays 0, which still owns root's
 * files and may signal root's processes (kill(2)). Call caps_empty_bounding() before.
 */
int caps_keep_only(uint64_t keep, struct failure *reterr);

#endif

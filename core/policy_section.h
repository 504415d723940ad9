/* SPDX-License-Identifier: MIT */
/*
 * policy_section - headers of rule sections: text -> subject, names, uids, service. Part of policy
 * alone; pure.
 */
#ifndef CARREL_POLICY_SECTION_H
#define CARREL_POLICY_SECTION_H

#include "core/policy.h"

/*
 * `header` is what stands between the brackets, with the scan's uniform blanks. Fills subject, name,
 * uids and service of *ret_section and nothing else. -EINVAL: `why` (of why_size) says what was
 * expected. name and service are the caller's to free().
 */
int policy_section_parse(const char *header, struct policy_section *ret_section, char *why,
			 size_t why_size);

#endif

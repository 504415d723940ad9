/* SPDX-License-Identifier: MIT */
/*
 * plan_internal - what the files of plan share among themselves. Nobody else includes it.
 */
#ifndef CARREL_PLAN_INTERNAL_H
#define CARREL_PLAN_INTERNAL_H

#include <errno.h>

#include "core/plan.h"

#define BIT(n) (UINT64_C(1) << (n))

/* Refuse a value: "KEY (FILE:LINE): WHAT". */
#define refuse(value, key, reterr, fmt, ...)                                                       \
	failure_say(reterr, EINVAL, "%s %s: " fmt, policy_keys[key].name,                          \
		    match_origin(value).text, __VA_ARGS__)

static inline int out_of_memory(struct failure *reterr)
{
	return failure_set(reterr, ENOMEM, "plan the login");
}

/* plan_limits.c: limits of the slice; sizes of the private directories. */
int plan_build_limits(const struct effective *effective, const struct plan_facts *facts,
		      struct plan *plan, struct failure *reterr);
int plan_build_tmp_limits(const struct effective *effective, const struct plan_facts *facts,
			  struct plan *plan, struct failure *reterr);

/* plan_hostname.c: %u and %h put in. `host_name` is the machine's. */
int plan_build_hostname(const struct effective *effective, const struct login *login,
			const char *host_name, struct plan *plan, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
#include "helper/init_limits.h"

#include <stddef.h>

void init_limits_read(struct init_limits *ret_limits)
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		ret_limits->known[i] = prlimit(1, i, NULL, &ret_limits->values[i]) == 0;
}

void init_limits_take(const struct init_limits *limits)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit wanted = limits->values[i], now;

		if (!limits->known[i] || setrlimit(i, &wanted) == 0 || getrlimit(i, &now) < 0)
			continue;
		/* Not higher than it may: then as high as it can be. */
		if (wanted.rlim_max > now.rlim_max)
			wanted.rlim_max = now.rlim_max;
		if (wanted.rlim_cur > wanted.rlim_max)
			wanted.rlim_cur = wanted.rlim_max;
		(void)setrlimit(i, &wanted);
	}
}

/* SPDX-License-Identifier: MIT */
#include "login_shell/oom_score.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/cleanup.h"

#define SCORE_FILE "/proc/self/oom_score_adj"

int oom_score_take(const struct effective *effective, struct failure *reterr)
{
	const struct policy_value *value = effective->values[KEY_OOM_SCORE_ADJ];
	char text[16];
	int len;

	if (!value->set || value->line == 0)
		return 0;
	len = snprintf(text, sizeof(text), "%d", (int)(int64_t)value->number);
	_close_ int fd = open(SCORE_FILE, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, (size_t)len) == len)
		return 0;
	return failure_set(reterr, errno,
			   "oom_score_adj %s: only pam_carrel can lower it to %s; leave it to the "
			   "sections of other services",
			   match_origin(value).text, text);
}

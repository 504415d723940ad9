/* SPDX-License-Identifier: MIT */
#include "helper/oom_score.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"

int oom_score_set(pid_t leader, int score, int *ret_was, struct failure *reterr)
{
	char path[48], text[16];
	int64_t now;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", leader);
	_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got < 0)
		return failure_set(reterr, errno, "read %s", path);
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (convert_signed(text, -1000, 1000, &now) < 0)
		return failure_say(reterr, EPROTO, "read %s: \"%s\" is no score", path, text);
	if (now != score) {
		int len = snprintf(text, sizeof(text), "%d", score);

		if (pwrite(fd, text, (size_t)len, 0) != len)
			return failure_set(reterr, errno,
					   "oom_score_adj can't be enforced: write %s to %s (was "
					   "%lld)",
					   text, path, (long long)now);
	}
	*ret_was = (int)now;
	return 0;
}

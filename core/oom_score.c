/* SPDX-License-Identifier: MIT */
#include "core/oom_score.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/convert.h"

#define OWN "/proc/self/oom_score_adj"

int oom_score_read(int *ret_score, struct failure *reterr)
{
	char text[16];
	int64_t score;
	_close_ int fd = open(OWN, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got < 0)
		return failure_set(reterr, errno, "read " OWN);
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (convert_signed(text, -1000, 1000, &score) < 0)
		return failure_say(reterr, EPROTO, "read " OWN ": \"%s\" is no score", text);
	*ret_score = (int)score;
	return 0;
}

int oom_score_write(pid_t pid, int score, struct failure *reterr)
{
	char path[48] = OWN, text[16];
	int len = snprintf(text, sizeof(text), "%d", score);

	if (pid > 0)
		(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, (size_t)len) != len)
		return failure_set(reterr, errno, "write %s to %s", text, path);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * attack_fds DIR NAME - use what was left open: read DIR/NAME by way of every descriptor this process
 * was started with, and of its working directory. Exits 0 when one led there. Lists the descriptors
 * by kind, for comparison with those of a plain login.
 */
#include "attack_common.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const char *kind_of(int fd, const struct stat *st)
{
	int type = 0;
	socklen_t size = sizeof(type);

	if (S_ISDIR(st->st_mode))
		return "directory";
	if (S_ISREG(st->st_mode))
		return "file";
	if (S_ISCHR(st->st_mode))
		return "character device";
	if (S_ISFIFO(st->st_mode))
		return "pipe";
	if (S_ISSOCK(st->st_mode) && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
		return type == SOCK_STREAM ? "stream socket" : "other socket";
	return "something else";
}

/* Upwards from a directory as far as it goes, and at each level down to DIR/NAME. */
static bool leads_there(int fd, const char *dir, const char *name)
{
	char path[PATH_MAX];
	size_t used = 0;

	(void)snprintf(path, sizeof(path), "%s", name);
	if (openat(fd, path, O_RDONLY | O_CLOEXEC) >= 0)
		return true;
	for (int level = 0; level < 16; level++) {
		(void)snprintf(path + used, sizeof(path) - used, "./%s/%s", dir, name);
		if (openat(fd, path, O_RDONLY | O_CLOEXEC) >= 0)
			return true;
		used += (size_t)snprintf(path + used, sizeof(path) - used, "../");
	}
	return false;
}

int main(int argc, char **argv)
{
	enum outcome outcome = BLOCKED;
	struct stat st;

	if (argc != 3 || argv[1][0] != '/')
		errx(BROKEN, "usage: attack_fds DIR NAME");
	errno = ENOENT;
	for (int fd = 0; fd < 1024; fd++) {
		if (fstat(fd, &st) < 0)
			continue;
		printf("descriptor: %s\n", kind_of(fd, &st));
		if (S_ISDIR(st.st_mode) && leads_there(fd, argv[1] + 1, argv[2]))
			outcome = succeeded("an open descriptor leads there");
		/* What openat opened meanwhile is not ours to report. */
		for (int other = fd + 1; other < 1024 && S_ISDIR(st.st_mode); other++)
			if (fcntl(other, F_GETFD) == FD_CLOEXEC)
				(void)close(other);
	}
	if (leads_there(AT_FDCWD, argv[1] + 1, argv[2]))
		outcome = succeeded("the working directory leads there");
	return outcome == SUCCEEDED ? SUCCEEDED : (int)blocked("descriptors and working directory");
}

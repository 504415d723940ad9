/* SPDX-License-Identifier: MIT */
/*
 * fault_helper - stands for carrel-session as the module's helper=: it writes down who is whose helper,
 * then becomes the real one. Beside it lie `real`, a symbolic link, and the directory `pids`; in that
 * it makes a symbolic link named by the caller's pid, to the helper's.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[PATH_MAX - 64], name[PATH_MAX], pid[16];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct ucred caller;
	socklen_t size = sizeof(caller);

	if (length < 0)
		return 126;
	path[length] = '\0';
	*strrchr(path, '/') = '\0';
	/* The socket pair was made by the caller. */
	if (argc == 1 && getsockopt(3, SOL_SOCKET, SO_PEERCRED, &caller, &size) == 0) {
		(void)snprintf(name, sizeof(name), "%s/pids/%d", path, caller.pid);
		(void)snprintf(pid, sizeof(pid), "%d", getpid());
		(void)unlink(name);
		if (symlink(pid, name) < 0)
			return 126;
	}
	(void)snprintf(name, sizeof(name), "%s/real", path);
	(void)execv(name, argv);
	return 127;
}

/* SPDX-License-Identifier: MIT */
/*
 * attack_hang SECONDS - hold a descriptor of a FUSE whose server never answers: whoever asks for its
 * attributes waits. In user and mount namespaces of its own, for which no right is needed. Prints "held".
 */
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "argument.h"

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		err(2, "write %s", path);
}

int main(int argc, char **argv)
{
	char options[128], uid_map[32], gid_map[32];
	int server, held;

	if (argc != 2)
		return 2;
	(void)snprintf(uid_map, sizeof(uid_map), "0 %u 1\n", getuid());
	(void)snprintf(gid_map, sizeof(gid_map), "0 %u 1\n", getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		err(2, "unshare");
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", uid_map);
	write_file("/proc/self/gid_map", gid_map);
	server = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (server < 0)
		err(2, "open /dev/fuse");
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		       server);
	if (mount("hang", "/tmp", "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		err(2, "mount");
	held = open("/tmp", O_PATH | O_CLOEXEC);
	if (held < 0)
		err(2, "open");
	(void)puts("held");
	(void)fflush(stdout);
	(void)sleep((unsigned int)argument_count(argv[1], 0));
	return 0;
}

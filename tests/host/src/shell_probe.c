/* SPDX-License-Identifier: MIT */
/*
 * shell_probe MARK PID - is this process confined as carrel-shell confines? Prints "confined", or a line
 * "LEAK …" for each thing that shows the opposite: the file MARK of the host's, its process PID, a
 * capability, no_new_privs that is not set. With few system calls of its own: the fault sweep counts them.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {{0}};
	char path[64], text[256];
	size_t used = 0;

	if (argc != 3)
		return 2;
	(void)snprintf(path, sizeof(path), "/proc/%s", argv[2]);
	if (access(argv[1], F_OK) == 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "LEAK file\n");
	if (access(path, F_OK) == 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "LEAK process\n");
	if (syscall(SYS_capget, &header, sets) == 0 &&
	    (sets[0].permitted | sets[1].permitted | sets[0].effective | sets[1].effective))
		used += (size_t)snprintf(text + used, sizeof(text) - used, "LEAK capability\n");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "LEAK no_new_privs\n");
	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "LEAK bounding set\n");
	if (used == 0)
		used = (size_t)snprintf(text, sizeof(text), "confined\n");
	return write(STDOUT_FILENO, text, used) == (ssize_t)used ? 0 : 1;
}

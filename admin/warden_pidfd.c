/* SPDX-License-Identifier: MIT */
#include "admin/warden_pidfd.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/registry.h"
#include "core/registry_id.h"
#include "core/sys.h"

/* Is it a socket that listens, under the name of that sandbox? */
static bool is_wardens(int fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNSPEC};
	socklen_t address_size = sizeof(address), size = sizeof(int);
	int listens = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
	       getsockname(fd, (struct sockaddr *)&address, &address_size) == 0 &&
	       address.sun_family == AF_UNIX &&
	       strncmp(address.sun_path, path, sizeof(address.sun_path)) == 0;
}

/*
 * By its descriptors, as the kernel has them (Linux 5.6): the lines of /proc/net/unix can be forged by whoever
 * binds a socket to a name with a newline in it.
 */
static bool listens_there(pid_t pid, int pidfd, const struct message_info *info)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)], fds[40];
	const struct dirent *entry;
	bool found = false;
	uint64_t number;
	int len = snprintf(path, sizeof(path), "%s/%u/%s", CARREL_RUN, info->uid, info->id);

	(void)snprintf(fds, sizeof(fds), "/proc/%d/fd", pid);
	DIR *dir = len < 0 || (size_t)len >= sizeof(path) ? NULL : opendir(fds);

	while (dir && !found && (entry = readdir(dir))) {
		if (convert_unsigned(entry->d_name, 0, INT32_MAX, &number) < 0)
			continue;
		_close_ int fd = sys_pidfd_getfd(pidfd, (int)number);

		found = fd >= 0 && is_wardens(fd, path);
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

/* Its word, the kernel's, or the name that it gave its sandbox: a guess until the process was looked at. */
static pid_t likely_pid(const struct message_info *info)
{
	struct failure ignored;
	struct registry_id id;
	pid_t pid = info->warden_pid;

	if (pid <= 0 && registry_warden_pid(info->uid, info->id, &pid, &ignored) == -EAGAIN)
		pid = registry_id_parse(info->id, &id) ? id.pid : 0;
	return pid;
}

int warden_pidfd_open(const struct message_info *info, int *ret_pidfd, struct failure *reterr)
{
	pid_t pid = likely_pid(info), listener = 0;
	_close_ int pidfd = pid > 0 ? sys_pidfd_open(pid) : -1;
	int r;

	*ret_pidfd = -1;
	if (pidfd < 0 && pid > 0 && errno != ESRCH)
		return failure_set(reterr, errno, "open the warden of %s", info->id);
	r = registry_warden_pid(info->uid, info->id, &listener, reterr);
	/* As SO_PEERCRED has who is in none of our pid namespaces: numbers mean somebody else here. */
	if (r == 0 && listener == 0)
		return failure_say(reterr, EXDEV,
				   "the warden of %s is outside of this sandbox; do this outside",
				   info->id);
	/* It takes no more clients, so the kernel names nobody. */
	if (r == -EAGAIN && pidfd >= 0 && listens_there(pid, pidfd, info))
		listener = pid;
	else if (r == -EAGAIN || (r == 0 && info->warden_pid <= 0 && listener != pid))
		return failure_say(
			reterr, EAGAIN,
			"the warden of %s does not answer, and which process it is can't "
			"be told",
			info->id);
	else if (r == -ENOENT || (r == 0 && pidfd < 0))
		return 0;
	else if (r < 0)
		return r;
	/* It still listens: so the pid was its own when the pidfd was opened. */
	if (listener == pid)
		*ret_pidfd = steal_fd(&pidfd);
	return 0;
}

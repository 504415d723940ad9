/* SPDX-License-Identifier: MIT */
/*
 * The membership side of cgroup.h: joining a slice, knowing where a process is, and checking it.
 */
#include "core/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/cgroup_internal.h"
#include "core/cgroup_systemd.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"

#define PROC_CGROUP_MAX 16384

/*
 * v1: `tasks`, to which a process with one thread writes 0 for itself: that spares it the RCU grace
 * period (5-14 ms) that a write to cgroup.procs waits for.
 */
static const char *join_file(const struct cgroup_hierarchy *hierarchy)
{
	return hierarchy->v2 ? "cgroup.procs" : "tasks";
}

int cgroup_open_v2(const struct cgroup_set *set, int *ret_fd, struct failure *reterr)
{
	*ret_fd = -1;
	for (size_t i = 0; i < set->count; i++) {
		if (!set->hierarchies[i].v2)
			continue;
		int fd = cgroup_open_slice(&set->hierarchies[i], set->uid, reterr);

		if (fd < 0)
			return fd;
		*ret_fd = fd;
		return 0;
	}
	return 0;
}

size_t cgroup_join_count(const struct cgroup_set *set)
{
	return set->systemd ? 0 : set->count;
}

int cgroup_join(const struct cgroup_set *set, bool skip_v2, struct failure *reterr)
{
	for (size_t i = 0; i < cgroup_join_count(set); i++) {
		const struct cgroup_hierarchy *hierarchy = &set->hierarchies[i];

		if (hierarchy->v2 && skip_v2)
			continue;
		_close_ int fd = cgroup_open_slice(hierarchy, set->uid, reterr);
		int r = fd < 0 ? fd : cgroup_write_file(fd, join_file(hierarchy), "0");

		if (fd < 0)
			return fd;
		if (r < 0)
			return failure_set(reterr, -r, "move into the user's cgroup in %s",
					   hierarchy->mount);
	}
	return 0;
}

int cgroup_open_joins(const struct cgroup_set *set, int ret_fds[PROTOCOL_CGROUPS_MAX],
		      struct failure *reterr)
{
	size_t opened = 0;
	int r = 0;

	for (; opened < cgroup_join_count(set); opened++) {
		const struct cgroup_hierarchy *hierarchy = &set->hierarchies[opened];
		_close_ int slice_fd = cgroup_open_slice(hierarchy, set->uid, reterr);

		if (slice_fd < 0) {
			r = slice_fd;
			break;
		}
		ret_fds[opened] = openat(slice_fd, join_file(hierarchy), O_WRONLY | O_CLOEXEC);
		if (ret_fds[opened] < 0) {
			r = failure_set(reterr, errno, "open %s of the user's cgroup in %s",
					join_file(hierarchy), hierarchy->mount);
			break;
		}
	}
	while (r < 0 && opened-- > 0)
		(void)close(ret_fds[opened]);
	return r;
}

/* Is `name` among the comma-separated words of `list`? */
static bool has_word(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at += len) {
		if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

static bool line_is_of(const struct cgroup_hierarchy *hierarchy, const char *number,
		       const char *controllers)
{
	if (hierarchy->v2)
		return strcmp(number, "0") == 0;
	for (int i = 0; i < CONTROLLERS; i++) {
		if (hierarchy->controllers & (1U << i))
			return has_word(controllers, cgroup_controllers[i].name);
	}
	return false;
}

/*
 * The cgroup of a process in each hierarchy, from its /proc/PID/cgroup ("4:memory:/path" lines).
 * `paths` point into `text`.
 */
static int read_memberships(const struct cgroup_set *set, pid_t pid, char *text, size_t size,
			    const char *paths[PROTOCOL_CGROUPS_MAX], struct failure *reterr)
{
	char name[40], *line, *rest = text;

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	int r = cgroup_read_file(AT_FDCWD, name, text, size);

	if (r < 0)
		return failure_set(reterr, -r, "read %s", name);
	for (size_t i = 0; i < set->count; i++)
		paths[i] = NULL;
	while ((line = strsep(&rest, "\n"))) {
		char *number = strsep(&line, ":");
		char *controllers = line ? strsep(&line, ":") : NULL;

		for (size_t i = 0; line && controllers && i < set->count; i++) {
			if (line_is_of(&set->hierarchies[i], number, controllers))
				paths[i] = line;
		}
	}
	for (size_t i = 0; i < set->count; i++) {
		if (!paths[i])
			return failure_say(reterr, ENOENT, "%s has no line for %s", name,
					   set->hierarchies[i].mount);
	}
	return 0;
}

/* By its end: inside another sandbox (su from within), the slice is below that one's. */
static bool is_slice(const char *path, uint32_t uid, bool systemd)
{
	char slice[64];

	if (systemd)
		return cgroup_systemd_holds(path, uid);
	int len = snprintf(slice, sizeof(slice), "/%s/user-%u.slice", CGROUP_PARENT, uid);
	size_t path_len = strlen(path);

	return path_len >= (size_t)len && strcmp(path + path_len - len, slice) == 0;
}

int cgroup_home(const struct cgroup_set *set, pid_t pid,
		char ret_paths[PROTOCOL_CGROUPS_MAX][PROTOCOL_CGROUP_PATH], struct failure *reterr)
{
	const char *paths[PROTOCOL_CGROUPS_MAX];
	char text[PROC_CGROUP_MAX];
	int r = read_memberships(set, pid, text, sizeof(text), paths, reterr);

	for (size_t i = 0; r == 0 && i < cgroup_join_count(set); i++) {
		const struct cgroup_hierarchy *hierarchy = &set->hierarchies[i];
		const char *path = strcmp(paths[i], "/") == 0 ? "" : paths[i];

		ret_paths[i][0] = '\0';
		if (is_slice(path, set->uid, set->systemd))
			continue;
		int len = snprintf(ret_paths[i], PROTOCOL_CGROUP_PATH, "%s%s/%s", hierarchy->mount,
				   path, join_file(hierarchy));

		if (len < 0 || len >= PROTOCOL_CGROUP_PATH)
			return failure_say(reterr, ENAMETOOLONG,
					   "the caller's cgroup %.100s… has "
					   "too long a path",
					   path);
		/* Within a cgroup view or namespace the path does not exist: its root does. */
		int err = access(ret_paths[i], W_OK) < 0 ? errno : 0;

		if (err != 0 && err != ENOENT && err != EACCES && err != EROFS)
			return failure_set(reterr, err, "look at the caller's cgroup %.100s",
					   ret_paths[i]);
		if (err != 0)
			(void)snprintf(ret_paths[i], PROTOCOL_CGROUP_PATH, "%s/%s",
				       hierarchy->mount, join_file(hierarchy));
	}
	return r;
}

int cgroup_verify(const struct cgroup_set *set, pid_t pid, struct failure *reterr)
{
	const char *paths[PROTOCOL_CGROUPS_MAX];
	char text[PROC_CGROUP_MAX];
	int r = read_memberships(set, pid, text, sizeof(text), paths, reterr);

	for (size_t i = 0; r == 0 && i < set->count; i++) {
		if (!is_slice(paths[i], set->uid, set->systemd))
			r = failure_say(reterr, EXDEV,
					"process %d is in the cgroup %.100s of %s, not in its "
					"user's slice",
					pid, paths[i], set->hierarchies[i].mount);
	}
	return r;
}

/* Is it still that user's, now that the pidfd holds on to it? */
static bool has_real_uid(pid_t pid, uint32_t uid)
{
	char path[40], text[4096];
	unsigned int real = UINT32_MAX;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (cgroup_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	const char *line = strstr(text, "\nUid:\t");

	return line && sscanf(line, "\nUid:\t%u", &real) == 1 && real == uid;
}

void cgroup_kill(const struct cgroup_set *set)
{
	struct cgroup_set first = *set; /* where the list is read from is where it must still be */
	char path[160], line[32];

	if (set->count == 0)
		return;
	first.count = 1;
	(void)snprintf(path, sizeof(path), "%s/%s/user-%u.slice/cgroup.procs",
		       set->hierarchies[0].mount, CGROUP_PARENT, set->uid);
	_fclose_ FILE *procs = fopen(path, "re");

	while (procs && fgets(line, sizeof(line), procs)) {
		struct failure ignored;
		uint64_t pid;

		line[strcspn(line, "\n")] = '\0';
		if (convert_unsigned(line, 1, INT32_MAX, &pid) < 0)
			continue;
		_close_ int pidfd = sys_pidfd_open((pid_t)pid);

		/* The pid may be another process's by now, also one of the user's outside the slice. */
		if (pidfd >= 0 && cgroup_verify(&first, (pid_t)pid, &ignored) == 0 &&
		    has_real_uid((pid_t)pid, set->uid))
			(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	}
}

int cgroup_slice_path(const struct cgroup_set *set, enum cgroup_controller_id controller,
		      char *ret_path, size_t size)
{
	int where = set->where[controller];

	if (where < 0)
		return -ENOENT;
	int len = snprintf(ret_path, size, "%s/%s/user-%u.slice", set->hierarchies[where].mount,
			   set->hierarchies[where].parent, set->uid);

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

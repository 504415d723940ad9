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
#include "core/proc_status.h"
#include "core/sys.h"

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
		int r = fd < 0 ? fd
			       : cgroup_write_file(fd, cgroup_place_join_file(hierarchy->v2), "0");

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
		_close_ int opened_fd = -1;
		int slice_fd = cgroup_use_slice(hierarchy, set->uid, &opened_fd, reterr);

		if (slice_fd < 0) {
			r = slice_fd;
			break;
		}
		ret_fds[opened] = openat(slice_fd, cgroup_place_join_file(hierarchy->v2),
					 O_WRONLY | O_CLOEXEC);
		if (ret_fds[opened] < 0) {
			r = failure_set(reterr, errno, "open %s of the user's cgroup in %s",
					cgroup_place_join_file(hierarchy->v2), hierarchy->mount);
			break;
		}
	}
	while (r < 0 && opened-- > 0)
		(void)close(ret_fds[opened]);
	return r;
}

void cgroup_place_of(const struct cgroup_hierarchy *hierarchy, struct cgroup_place *ret_place)
{
	struct cgroup_place place = {.controller = ""};

	(void)snprintf(place.mount, sizeof(place.mount), "%s", hierarchy->mount);
	for (int i = 0; i < CONTROLLERS && !hierarchy->v2; i++) {
		if (!(hierarchy->controllers & (1U << i)))
			continue;
		(void)snprintf(place.controller, sizeof(place.controller), "%s",
			       cgroup_controllers[i].name);
		break;
	}
	*ret_place = place;
}

int cgroup_verify(const struct cgroup_set *set, pid_t pid, struct failure *reterr)
{
	char name[40], text[CGROUP_PLACE_TEXT], path[CGROUP_PLACE_PATH];

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	int r = cgroup_read_file(AT_FDCWD, name, text, sizeof(text));

	if (r < 0)
		return failure_set(reterr, -r, "read %s", name);
	for (size_t i = 0; i < set->count; i++) {
		struct cgroup_place place;

		cgroup_place_of(&set->hierarchies[i], &place);
		r = cgroup_place_find(&place, text, path, sizeof(path));
		if (r < 0)
			return failure_set(reterr, -r, "find %s in %s", place.mount, name);
		if (set->systemd ? !cgroup_systemd_holds(path, set->uid)
				 : !cgroup_place_is_slice(path, set->uid))
			return failure_say(reterr, EXDEV,
					   "process %d is in the cgroup %.100s of %s, not in its "
					   "user's slice",
					   pid, path, place.mount);
	}
	return 0;
}

/* Is it still that user's, now that the pidfd holds on to it? */
static bool has_real_uid(pid_t pid, uint32_t uid)
{
	struct proc_status_field field = {.name = "Uid"};
	char path[40];
	unsigned int real = UINT32_MAX;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return proc_status_read(AT_FDCWD, path, &field, 1) == 0 &&
	       sscanf(field.text, "%u", &real) == 1 && real == uid;
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

/* SPDX-License-Identifier: MIT */
#include "core/cgroup_units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cgroup_agent.h"
#include "core/cgroup_internal.h"
#include "core/cleanup.h"
#include "core/sys.h"

#define UNIT_WAIT_MS 5000
#define UNIT_NAME_MAX 256

enum frost { FROST_NONE, FROST_COMING, FROST_DONE, FROST_EMPTY };

/* Of the cgroup that `dir` names in `at_fd`. One that has gone is empty. */
static enum frost look(int at_fd, const char *dir)
{
	char name[UNIT_NAME_MAX + 32], freeze[16], events[256];

	(void)snprintf(name, sizeof(name), "%s/cgroup.freeze", dir);
	if (cgroup_read_file(at_fd, name, freeze, sizeof(freeze)) < 0)
		return FROST_EMPTY;
	(void)snprintf(name, sizeof(name), "%s/cgroup.events", dir);
	if (cgroup_read_file(at_fd, name, events, sizeof(events)) < 0)
		return FROST_EMPTY;
	if (strcmp(freeze, "1") == 0)
		return strstr(events, "frozen 1") ? FROST_DONE : FROST_COMING;
	return strstr(events, "populated 1") ? FROST_NONE : FROST_EMPTY;
}

static bool is_frosty(int at_fd, const char *dir)
{
	enum frost frost = look(at_fd, dir);

	return frost == FROST_DONE || frost == FROST_COMING;
}

static DIR *open_units(int slice_fd)
{
	int fd = openat(slice_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		(void)close(fd);
	return dir;
}

/* The next one's name, or NULL. A cgroup's directories are units of systemd's, all of them. */
static const char *next_unit(DIR *dir)
{
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			return entry->d_name;
	}
	return NULL;
}

bool cgroup_units_frozen(int slice_fd)
{
	bool frozen = is_frosty(slice_fd, ".");
	DIR *dir = frozen ? NULL : open_units(slice_fd);
	const char *unit;

	while (dir && !frozen && (unit = next_unit(dir)))
		frozen = is_frosty(slice_fd, unit);
	if (dir)
		(void)closedir(dir);
	return frozen;
}

int cgroup_units_freeze(int slice_fd, size_t *ret_running, struct failure *reterr)
{
	DIR *dir = open_units(slice_fd);
	size_t running = 0;
	const char *unit;
	int r = 0;

	if (!dir)
		return failure_set(reterr, errno, "list the units in the user's slice");
	while (r == 0 && (unit = next_unit(dir))) {
		enum frost frost = look(slice_fd, unit);

		running += frost == FROST_NONE || frost == FROST_COMING;
		if (frost != FROST_NONE)
			continue;
		r = cgroup_agent_freeze(unit, true, sys_now_ms() + UNIT_WAIT_MS, reterr);
		/* It has ended meanwhile, or is slow to come to rest: the next round sees. */
		if (r < 0 && look(slice_fd, unit) != FROST_NONE)
			r = 0;
	}
	(void)closedir(dir);
	if (r == 0)
		*ret_running = running;
	return r;
}

/* A unit may end, and systemd forget it, while it is asked: what is not frozen any more has not failed. */
static int thaw_one(int slice_fd, const char *dir, const char *unit, int64_t deadline_ms,
		    struct failure *reterr)
{
	if (!is_frosty(slice_fd, dir))
		return 0;
	int r = cgroup_agent_freeze(unit, false, deadline_ms, reterr);

	return r < 0 && is_frosty(slice_fd, dir) ? r : 0;
}

int cgroup_units_thaw(int slice_fd, uint32_t uid, struct failure *reterr)
{
	DIR *dir = open_units(slice_fd);
	struct failure later;
	const char *unit;
	char slice[32];

	if (!dir)
		return failure_set(reterr, errno, "list the units in the user's slice");
	(void)snprintf(slice, sizeof(slice), "user-%u.slice", uid);
	int r = thaw_one(slice_fd, ".", slice, sys_now_ms() + UNIT_WAIT_MS, reterr);
	int64_t failed_ms = sys_now_ms();

	/* Also after a failure: then all others together have the time that one has. */
	while ((unit = next_unit(dir))) {
		int64_t now_ms = sys_now_ms();
		int64_t deadline_ms = (r == 0 ? now_ms : failed_ms) + UNIT_WAIT_MS;

		if (now_ms >= deadline_ms)
			break;
		int one = thaw_one(slice_fd, unit, unit, deadline_ms, r == 0 ? reterr : &later);

		if (r == 0) {
			r = one;
			failed_ms = sys_now_ms();
		}
	}
	(void)closedir(dir);
	return r;
}

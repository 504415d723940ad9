/* SPDX-License-Identifier: MIT */
#include "core/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/cgroup_internal.h"
#include "core/cgroup_systemd.h"
#include "core/cleanup.h"
#include "core/convert.h"

#define CREATE_ATTEMPTS 100
#define OUTER_PREFIX "/" CGROUP_PARENT "/user-"

const struct cgroup_controller cgroup_controllers[CONTROLLERS] = {
	[CONTROLLER_MEMORY] = {.name = "memory", .always = true},
	[CONTROLLER_PIDS] = {.name = "pids", .always = true},
	[CONTROLLER_CPU] = {.name = "cpu", .always = true},
	[CONTROLLER_CPUACCT] = {.name = "cpuacct", .always = true, .v1_only = true},
	[CONTROLLER_CPUSET] = {.name = "cpuset"},
	[CONTROLLER_IO] = {.name = "blkio", .v2_name = "io"},
};

bool cgroup_is_managed(void)
{
	struct stat st;

	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_filesystem(const char *path, long magic, dev_t *ret_device)
{
	struct statfs fs;
	struct stat st;

	if (statfs(path, &fs) < 0 || fs.f_type != magic || stat(path, &st) < 0)
		return false;
	*ret_device = st.st_dev;
	return true;
}

static int add_hierarchy(struct cgroup_set *set, const char *mount, dev_t device, bool v2,
			 enum cgroup_controller_id controller)
{
	size_t i = 0;

	while (i < set->count && set->hierarchies[i].device != device)
		i++;
	if (i == ARRAY_SIZE(set->hierarchies))
		return -E2BIG;
	if (i == set->count) {
		struct cgroup_hierarchy *added = &set->hierarchies[set->count++];

		*added = (struct cgroup_hierarchy){.parent = CGROUP_PARENT,
						   .device = device,
						   .v2 = v2,
						   .slice_fd = -1};
		(void)snprintf(added->mount, sizeof(added->mount), "%s", mount);
	}
	set->hierarchies[i].controllers |= 1U << controller;
	set->where[controller] = (int)i;
	return 0;
}

/*
 * By the names under which every distribution mounts them, not by mountinfo: that has a line for
 * each mount of the host, and reading it costs the login milliseconds on a busy one.
 */
static int locate(struct cgroup_set *set, uint32_t wanted, uint32_t *ret_v2_offers)
{
	const char *unified = CGROUP_ROOT;
	dev_t device = 0, v2_device = 0;
	bool looked = false; /* at cgroup2: only when a controller isn't on v1 */
	uint32_t offers = 0;
	int r = 0;

	set->count = 0;
	for (int i = 0; i < CONTROLLERS; i++)
		set->where[i] = -1;
	for (int i = 0; r == 0 && i < CONTROLLERS; i++) {
		enum cgroup_controller_id id = (enum cgroup_controller_id)i;
		char path[64];

		if (!(wanted & (1U << i)))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", CGROUP_ROOT,
			       cgroup_controllers[i].name);
		if (is_filesystem(path, CGROUP_SUPER_MAGIC, &device)) {
			r = add_hierarchy(set, path, device, false, id);
			continue;
		}
		if (!looked && !is_filesystem(unified, CGROUP2_SUPER_MAGIC, &v2_device))
			unified = CGROUP_ROOT "/unified";
		if (!looked && is_filesystem(unified, CGROUP2_SUPER_MAGIC, &v2_device))
			offers = cgroup_v2_offers(unified);
		looked = true;
		if (offers & (1U << i))
			r = add_hierarchy(set, unified, v2_device, true, id);
	}
	*ret_v2_offers = offers;
	return r;
}

bool cgroup_has_slice(const char *mount, uint32_t uid)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s/user-%u.slice", mount, CGROUP_PARENT, uid);
	return access(path, F_OK) == 0;
}

/*
 * The v1 controllers where a live session of the user's has a slice because the policy needed it then: this
 * login lifts those limits. On v2 cgroup_v2_enable() tells. Whoever has no slice anywhere is asked for once.
 */
static uint32_t needed_before(const struct cgroup_set *set, uint32_t wanted, uint32_t v2_offers)
{
	uint32_t elsewhere = ~(wanted | v2_offers) & ((1U << CONTROLLERS) - 1), found = 0;

	if (!elsewhere ||
	    (set->count > 0 && !cgroup_has_slice(set->hierarchies[0].mount, set->uid)))
		return 0;
	for (int i = 0; i < CONTROLLERS; i++) {
		char mount[64];

		if (!(elsewhere & (1U << i)))
			continue;
		(void)snprintf(mount, sizeof(mount), "%s/%s", CGROUP_ROOT,
			       cgroup_controllers[i].name);
		if (cgroup_has_slice(mount, set->uid))
			found |= 1U << i;
	}
	return found;
}

/*
 * A login from inside a sandbox (su) can have no slice below that sandbox's on cgroup v2, which allows no
 * limits below a cgroup that has processes: it stays in the outer user's, within those limits.
 */
static bool stays_in_outer(const struct cgroup_set *set)
{
	char text[CGROUP_PLACE_TEXT], path[CGROUP_PLACE_PATH];
	struct cgroup_place place;

	for (size_t i = 0; i < set->count; i++) {
		if (!set->hierarchies[i].v2)
			continue;
		cgroup_place_of(&set->hierarchies[i], &place);
		return cgroup_read_file(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) == 0 &&
		       cgroup_place_find(&place, text, path, sizeof(path)) == 0 &&
		       strncmp(path, OUTER_PREFIX, sizeof(OUTER_PREFIX) - 1) == 0;
	}
	return false;
}

int cgroup_find(const struct plan *plan, uint32_t uid, struct cgroup_set *ret_set,
		struct failure *reterr)
{
	struct cgroup_set set = {.uid = uid}, none;
	uint32_t wanted = 0, before, v2_offers;
	int r;

	for (int i = 0; i < CONTROLLERS; i++) {
		set.where[i] = -1;
		if (cgroup_controllers[i].always)
			wanted |= 1U << i;
	}
	none = set;
	if (plan->cgroup == CGROUP_NONE) {
		*ret_set = none;
		return 0;
	}
	if (plan->cgroup == CGROUP_SYSTEMD || (plan->cgroup == CGROUP_AUTO && cgroup_is_managed()))
		return cgroup_systemd_find(plan, uid, ret_set, reterr);
	for (int kind = 0; kind < PLAN_LIMITS; kind++) {
		if (plan->limits[kind].set)
			wanted |= 1U << cgroup_limits[kind].controller;
	}
	r = locate(&set, wanted, &v2_offers);
	before = r == 0 ? needed_before(&set, wanted, v2_offers) : 0;
	if (before)
		r = locate(&set, wanted | before, &v2_offers);
	if (r < 0)
		return failure_say(reterr, E2BIG, "more than %d cgroup hierarchies",
				   PROTOCOL_CGROUPS_MAX);
	if (stays_in_outer(&set)) {
		*ret_set = none;
		return 0;
	}
	r = cgroup_check_limits(&set, plan, reterr);
	if (r == 0)
		*ret_set = set;
	return r;
}

int cgroup_find_all(uint32_t uid, struct cgroup_set *ret_set)
{
	struct cgroup_set set = {.uid = uid};
	uint32_t v2_offers;
	int r = locate(&set, (1U << CONTROLLERS) - 1, &v2_offers);

	if (r == 0)
		*ret_set = set;
	return r;
}

int cgroup_find_user(uint32_t uid, struct cgroup_set *ret_set)
{
	struct cgroup_set managed;
	char path[160];

	if (cgroup_systemd_look(uid, &managed) == 0) {
		(void)snprintf(path, sizeof(path), "%s/%s/user-%u.slice", CGROUP_ROOT,
			       CGROUP_PARENT, uid);
		/* Made where [host] cgroup = cgroupfs. */
		if (access(path, F_OK) < 0) {
			*ret_set = managed;
			return 0;
		}
	}
	return cgroup_find_all(uid, ret_set);
}

static int open_dir(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void slice_name(uint32_t uid, char *name, size_t size)
{
	(void)snprintf(name, size, "user-%u.slice", uid);
}

int cgroup_open_slice(const struct cgroup_hierarchy *hierarchy, uint32_t uid,
		      struct failure *reterr)
{
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s/user-%u.slice", hierarchy->mount,
		       hierarchy->parent, uid);
	fd = open_dir(AT_FDCWD, path);
	if (fd < 0)
		return failure_set(reterr, -fd, "open the cgroup %s", path);
	return fd;
}

int cgroup_use_slice(const struct cgroup_hierarchy *hierarchy, uint32_t uid, int *ret_opened,
		     struct failure *reterr)
{
	*ret_opened = -1;
	if (hierarchy->slice_fd >= 0)
		return hierarchy->slice_fd;
	return *ret_opened = cgroup_open_slice(hierarchy, uid, reterr);
}

/*
 * Make MOUNT/carrel.slice, ready to have children that use the controllers. The mount itself may
 * be a symbolic link of the distribution's (cpu -> cpu,cpuacct).
 */
static int make_parent(struct cgroup_hierarchy *hierarchy, int *ret_fd, struct failure *reterr)
{
	_close_ int mount_fd = open(hierarchy->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int parent_fd = -1;
	bool made;
	int r = 0;

	if (mount_fd < 0)
		return failure_set(reterr, errno, "open %s", hierarchy->mount);
	made = mkdirat(mount_fd, CGROUP_PARENT, 0755) == 0;
	if (!made && errno != EEXIST)
		return failure_set(reterr, errno, "make the cgroup %s/%s", hierarchy->mount,
				   CGROUP_PARENT);
	parent_fd = open_dir(mount_fd, CGROUP_PARENT);
	if (parent_fd < 0)
		return parent_fd == -ENOENT ? -EAGAIN
					    : failure_set(reterr, -parent_fd, "open %s/%s",
							  hierarchy->mount, CGROUP_PARENT);
	if (hierarchy->v2) {
		r = cgroup_v2_enable(mount_fd, hierarchy->controllers, hierarchy->mount,
				     &hierarchy->enabled, reterr);
		if (r == 0)
			r = cgroup_v2_enable(parent_fd, hierarchy->controllers, CGROUP_PARENT,
					     &hierarchy->enabled, reterr);
	} else if (hierarchy->controllers & (1U << CONTROLLER_CPUSET)) {
		r = cgroup_v1_fill_cpuset(mount_fd, parent_fd, reterr);
	}
	if (r == 0)
		*ret_fd = steal_fd(&parent_fd);
	return r;
}

int cgroup_v2_hand_down(struct cgroup_hierarchy *hierarchy, struct failure *reterr)
{
	_close_ int parent_fd = -1;
	int r = make_parent(hierarchy, &parent_fd, reterr);

	return r == -EAGAIN
		       ? failure_set(reterr, EAGAIN, "open %s/%s", hierarchy->mount, CGROUP_PARENT)
		       : r;
}

/*
 * Only where carrel.slice is there, and needs nothing done: the first try of a v1 hierarchy. 0, or
 * -errno.
 */
static int make_in_parent(struct cgroup_hierarchy *hierarchy, uint32_t uid)
{
	char path[160];

	if (hierarchy->v2 || (hierarchy->controllers & (1U << CONTROLLER_CPUSET)))
		return -ENOENT;
	(void)snprintf(path, sizeof(path), "%s/%s/user-%u.slice", hierarchy->mount, CGROUP_PARENT,
		       uid);
	if (mkdir(path, 0755) == 0)
		hierarchy->created = true;
	else if (errno != EEXIST)
		return -errno;
	hierarchy->slice_fd = open_dir(AT_FDCWD, path);
	return hierarchy->slice_fd < 0 ? hierarchy->slice_fd : 0;
}

/* -EAGAIN: another user's last logout removed carrel.slice in between. */
static int make_with_parent(struct cgroup_hierarchy *hierarchy, uint32_t uid,
			    struct failure *reterr)
{
	_close_ int parent_fd = -1;
	char name[32];
	int r = make_parent(hierarchy, &parent_fd, reterr);

	if (r < 0)
		return r;
	slice_name(uid, name, sizeof(name));
	if (mkdirat(parent_fd, name, 0755) == 0)
		hierarchy->created = true;
	else if (errno == ENOENT || errno == ENODEV)
		return -EAGAIN;
	else if (errno != EEXIST)
		return failure_set(reterr, errno, "make the cgroup %s/%s/%s", hierarchy->mount,
				   CGROUP_PARENT, name);
	hierarchy->slice_fd = open_dir(parent_fd, name);
	if (hierarchy->slice_fd < 0)
		return failure_set(reterr, -hierarchy->slice_fd, "open the cgroup %s/%s/%s",
				   hierarchy->mount, CGROUP_PARENT, name);
	if (!hierarchy->v2 && (hierarchy->controllers & (1U << CONTROLLER_CPUSET)))
		r = cgroup_v1_fill_cpuset(parent_fd, hierarchy->slice_fd, reterr);
	return r;
}

static int make_slice(struct cgroup_hierarchy *hierarchy, uint32_t uid, const struct plan *plan,
		      struct failure *reterr)
{
	int r = make_in_parent(hierarchy, uid);

	if (r < 0)
		r = make_with_parent(hierarchy, uid, reterr);
	return r < 0 ? r : cgroup_apply_limits(hierarchy, hierarchy->slice_fd, plan, reterr);
}

int cgroup_create(struct cgroup_set *set, const struct plan *plan, struct failure *reterr)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < set->count; i++) {
		struct cgroup_hierarchy *hierarchy = &set->hierarchies[i];

		r = -EAGAIN;
		for (int attempt = 0; attempt < CREATE_ATTEMPTS && r == -EAGAIN; attempt++) {
			close_fd(&hierarchy->slice_fd);
			r = make_slice(hierarchy, set->uid, plan, reterr);
		}
		if (r == -EAGAIN)
			r = failure_say(reterr, EAGAIN,
					"make the user's cgroup in %s: it went away %d times",
					hierarchy->mount, CREATE_ATTEMPTS);
	}
	return r;
}

bool cgroup_has_changed(const struct cgroup_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->hierarchies[i].changed)
			return true;
	}
	return false;
}

void cgroup_close(struct cgroup_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		close_fd(&set->hierarchies[i].slice_fd);
}

uint64_t cgroup_root(const struct cgroup_set *set)
{
	struct stat st;

	return set->count > 0 && stat(set->hierarchies[0].mount, &st) == 0 ? st.st_ino
									   : CGROUP_ROOT_INODE;
}

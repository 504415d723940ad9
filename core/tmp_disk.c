/* SPDX-License-Identifier: MIT */
#include "core/tmp_disk.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"
#include "core/tmp_quota.h"
#include "core/tmp_trash.h"

#define SHARED_NAME "shared"
#define TRASH_NAME "trash"

/* Root's, and nobody else's to change: what is in it can't be exchanged. */
static int check_trusted(int fd, const char *shown, struct failure *reterr)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return failure_set(reterr, errno, "look at %s", shown);
	if (st.st_uid != 0 || (st.st_mode & 022))
		return failure_say(
			reterr, EPERM,
			"tmp_root: %s belongs to uid %u with mode %04o: expected root, and "
			"nobody else who can write to it",
			shown, st.st_uid, st.st_mode & 07777);
	return 0;
}

/* One component further: its descriptor, or -errno. */
static int step_down(int at_fd, char *name, bool create, const char *shown, struct failure *reterr)
{
	if (create && mkdirat(at_fd, name, 0700) < 0 && errno != EEXIST)
		return failure_set(reterr, errno, "tmp_root: make %s", shown);
	_close_ int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return failure_set(reterr, errno, "tmp_root: open %s", shown);
	int r = check_trusted(fd, shown, reterr);

	return r < 0 ? r : steal_fd(&fd);
}

/* Each component is looked at, since whoever can write to one of them decides what comes after it. */
static int open_root(const char *tmp_root, bool create, struct failure *reterr)
{
	_free_ char *path = strdup(tmp_root);
	_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *next = path, *name;

	if (!path)
		return failure_set(reterr, ENOMEM, "open tmp_root");
	if (fd < 0)
		return failure_set(reterr, errno, "open /");
	int r = check_trusted(fd, "/", reterr);

	while (r == 0 && (name = strsep(&next, "/"))) {
		if (!*name)
			continue;
		_free_ char *shown = strndup(tmp_root, (size_t)(name - path) + strlen(name));

		if (!shown)
			return failure_set(reterr, ENOMEM, "open tmp_root");
		int below = step_down(fd, name, create && !next, shown, reterr);

		if (below < 0)
			return below;
		close_fd(&fd);
		fd = below;
	}
	return r < 0 ? r : steal_fd(&fd);
}

/* A directory of ours in one of ours; -ENOENT without create. */
static int open_own(int at_fd, const char *name, bool create, struct failure *reterr)
{
	if (create && mkdirat(at_fd, name, 0700) < 0 && errno != EEXIST)
		return failure_set(reterr, errno, "make %s below tmp_root", name);
	_close_ int fd = sys_openat2(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
				     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

	if (fd < 0)
		return failure_set(reterr, errno, "open %s below tmp_root", name);
	int r = check_trusted(fd, name, reterr);

	return r < 0 ? r : steal_fd(&fd);
}

static int open_user(const char *tmp_root, uint32_t uid, bool create, struct failure *reterr)
{
	_close_ int root_fd = open_root(tmp_root, create, reterr);
	char name[16];

	if (root_fd < 0)
		return root_fd;
	(void)snprintf(name, sizeof(name), "%u", uid);
	return open_own(root_fd, name, create, reterr);
}

static int to_trash(int user_fd, const char *name, struct failure *reterr)
{
	_close_ int trash_fd = open_own(user_fd, TRASH_NAME, true, reterr);

	return trash_fd < 0 ? trash_fd : tmp_trash_take(user_fd, name, trash_fd, reterr);
}

/* -EWOULDBLOCK: somebody else uses it. */
static int lock_alone(int dir_fd, const char *name, struct failure *reterr)
{
	if (flock(dir_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return failure_set(reterr, errno, "lock %s below tmp_root", name);
}

/* What nobody has locked is a crash's. */
static int collect_one(int user_fd, const char *name, struct failure *reterr)
{
	_close_ int fd = open_own(user_fd, name, false, reterr);

	if (fd < 0)
		return fd;
	int r = lock_alone(fd, name, reterr);

	return r == 0 ? to_trash(user_fd, name, reterr) : r == -EWOULDBLOCK ? 0 : r;
}

static int collect(int user_fd, struct failure *reterr)
{
	_close_ int fd = openat(user_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return failure_set(reterr, errno, "read the user's directory below tmp_root");
	(void)steal_fd(&fd);
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, TRASH_NAME) != 0)
			r = collect_one(user_fd, entry->d_name, reterr);
	}
	(void)closedir(dir);
	return r;
}

static bool has_limits(const struct plan *plan)
{
	return plan->tmp_size != CONVERT_MAX || plan->tmp_inodes != CONVERT_MAX;
}

static int check_quota(int fd, const struct plan *plan, struct failure *reterr)
{
	if (!has_limits(plan) || tmp_quota_works(fd))
		return 0;
	return failure_say(
		reterr, EOPNOTSUPP,
		"tmp_store = disk: the file system of %s enforces no project quotas, so "
		"tmp_size and tmp_inodes cannot be held: mount it with prjquota, or set both "
		"to max",
		plan->tmp_root);
}

static int set_quota(int dir_fd, uint32_t uid, const struct plan *plan, struct failure *reterr)
{
	if (!tmp_quota_works(dir_fd))
		return check_quota(dir_fd, plan, reterr);
	return tmp_quota_set(dir_fd, uid, plan->tmp_size, plan->tmp_inodes, reterr);
}

/* Collect first: then a directory that is there already is one that is in use. */
static int open_in(int user_fd, const struct plan *plan, uint32_t uid, struct tmp_disk *disk,
		   struct failure *reterr)
{
	int r = collect(user_fd, reterr);

	if (r < 0)
		return r;
	disk->dir_fd = open_own(user_fd, disk->name, true, reterr);
	if (disk->dir_fd < 0)
		return disk->dir_fd;
	if (flock(disk->dir_fd, LOCK_SH | LOCK_NB) < 0)
		return failure_set(reterr, errno, "lock %s below tmp_root", disk->name);
	return set_quota(disk->dir_fd, uid, plan, reterr);
}

int tmp_disk_open(const struct plan *plan, uint32_t uid, const char *id, struct tmp_disk *ret_disk,
		  struct failure *reterr)
{
	struct tmp_disk disk = TMP_DISK_NONE;
	struct failure ignored;

	disk.user_fd = open_user(plan->tmp_root, uid, true, reterr);
	if (disk.user_fd < 0)
		return disk.user_fd;
	int r = protocol_text(disk.name, sizeof(disk.name),
			      plan->tmp_scope == TMP_SCOPE_USER ? SHARED_NAME : id);

	if (r == 0)
		r = open_in(disk.user_fd, plan, uid, &disk, reterr);
	if (r == 0) {
		*ret_disk = disk;
		return 0;
	}
	if (disk.dir_fd >= 0)
		(void)tmp_disk_leave(&disk, &ignored);
	tmp_disk_tidy(plan->tmp_root, uid, &disk);
	return r;
}

int tmp_disk_clone(const struct tmp_disk *disk, int *ret_tree, struct failure *reterr)
{
	_close_ int fd = sys_open_tree(disk->dir_fd, "",
				       AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || sys_mount_private(fd) < 0)
		return failure_set(reterr, errno, "clone the user's directory below tmp_root");
	*ret_tree = steal_fd(&fd);
	return 0;
}

int tmp_disk_leave(struct tmp_disk *disk, struct failure *reterr)
{
	int r = lock_alone(disk->dir_fd, disk->name, reterr);

	if (r == 0)
		r = to_trash(disk->user_fd, disk->name, reterr);
	else if (r == -EWOULDBLOCK)
		r = 0;
	close_fd(&disk->dir_fd);
	return r;
}

int tmp_disk_empty(const struct tmp_disk *disk, int64_t deadline_ms, struct failure *reterr)
{
	_close_ int trash_fd = open_own(disk->user_fd, TRASH_NAME, false, reterr);

	if (trash_fd == -ENOENT)
		return 0;
	int r = trash_fd < 0 ? trash_fd : tmp_trash_empty(trash_fd, deadline_ms, reterr);

	return r < 0 ? failure_wrap(reterr, "empty the user's trash below tmp_root") : 0;
}

void tmp_disk_tidy(const char *tmp_root, uint32_t uid, struct tmp_disk *disk)
{
	struct failure ignored;
	char name[16];
	_close_ int root_fd = open_root(tmp_root, false, &ignored);

	/* The kernel refuses to remove what is not empty. */
	(void)unlinkat(disk->user_fd, TRASH_NAME, AT_REMOVEDIR);
	close_fd(&disk->user_fd);
	(void)snprintf(name, sizeof(name), "%u", uid);
	if (root_fd >= 0)
		(void)unlinkat(root_fd, name, AT_REMOVEDIR);
}

int tmp_disk_collect(const char *tmp_root, uint32_t uid, struct tmp_disk *ret_disk,
		     struct failure *reterr)
{
	_close_ int user_fd = open_user(tmp_root, uid, false, reterr);
	int r = user_fd < 0 ? user_fd : collect(user_fd, reterr);

	if (r < 0)
		return r;
	*ret_disk = TMP_DISK_NONE;
	ret_disk->user_fd = steal_fd(&user_fd);
	return 0;
}

int tmp_disk_users(const char *tmp_root, uint32_t **ret_uids, size_t *ret_count,
		   struct failure *reterr)
{
	_close_ int root_fd = open_root(tmp_root, false, reterr);
	_free_ uint32_t *uids = NULL;
	const struct dirent *entry;
	size_t count = 0, room = 0;
	int r = 0;

	if (root_fd < 0)
		return root_fd;
	DIR *dir = fdopendir(root_fd);

	if (!dir)
		return failure_set(reterr, errno, "read %s", tmp_root);
	(void)steal_fd(&root_fd);
	while (r == 0 && (entry = readdir(dir))) {
		uint64_t uid;

		if (convert_unsigned(entry->d_name, 0, UINT32_MAX - 1, &uid) < 0)
			continue;
		if (count == room) {
			uint32_t *more = realloc(uids, (room = room * 2 + 16) * sizeof(*uids));

			if (!more) {
				r = failure_set(reterr, ENOMEM, "list %s", tmp_root);
				break;
			}
			uids = more;
		}
		uids[count++] = (uint32_t)uid;
	}
	(void)closedir(dir);
	if (r < 0)
		return r;
	*ret_uids = steal_ptr(&uids);
	*ret_count = count;
	return 0;
}

/* Of a directory that is not there yet, or that only root may look into, what is above it counts. */
int tmp_disk_check(const struct plan *plan, struct failure *reterr)
{
	_free_ char *path = strdup(plan->tmp_root);
	_close_ int fd = -1;
	char *slash;

	if (!path)
		return failure_set(reterr, ENOMEM, "look at tmp_root");
	while (((fd = open_root(path, false, reterr)) == -ENOENT || fd == -EACCES) &&
	       (slash = strrchr(path, '/')) && slash != path)
		*slash = '\0';
	return fd < 0 ? fd : check_quota(fd, plan, reterr);
}

/* SPDX-License-Identifier: MIT */
#include "core/registry.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "core/cgroup.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/dir_names.h"
#include "core/proc_status.h"
#include "core/registry_id.h"
#include "core/sys.h"

#define LOCK_NAME REGISTRY_LOCK
#define ID_ATTEMPTS 64

/* Open a directory of ours, make it if asked to; refuse one that somebody else could write to. */
static int open_dir(int parent_fd, const char *path, bool create, struct failure *reterr)
{
	struct stat st;

	if (create && mkdirat(parent_fd, path, 0700) < 0 && errno != EEXIST)
		return failure_set(reterr, errno, "make the directory %s", path);
	_close_ int fd = openat(parent_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return failure_set(reterr, errno, "open the directory %s", path);
	if (fstat(fd, &st) < 0)
		return failure_set(reterr, errno, "look at the directory %s", path);
	if (st.st_uid != 0 || (st.st_mode & 022))
		return failure_say(
			reterr, EPERM,
			"the directory %s belongs to uid %u with mode %04o: expected root "
			"and 0700",
			path, (unsigned int)st.st_uid, (unsigned int)(st.st_mode & 07777));
	return steal_fd(&fd);
}

/* flock(2) with a deadline: the wait is a poll, since a timer's signal isn't ours to handle. */
static int take_lock(int fd, int64_t deadline_ms, struct failure *reterr)
{
	int pause_ms = 1;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return failure_set(reterr, errno, "lock the user's registry");
		if (sys_now_ms() >= deadline_ms)
			return failure_say(reterr, ETIME,
					   "lock the user's registry: another login or logout of "
					   "this user has held it too long");
		(void)poll(NULL, 0, pause_ms);
		if (pause_ms < 8)
			pause_ms *= 2;
	}
	return 0;
}

/* One attempt: -EAGAIN when the directory went away between opening and locking. */
static int try_lock(const char *name, bool create, int64_t deadline_ms,
		    struct registry_user *ret_user, struct failure *reterr)
{
	_close_ int run_fd = open_dir(AT_FDCWD, CARREL_RUN, create, reterr);
	_close_ int dir_fd = -1, lock_fd = -1;
	struct stat st;

	if (run_fd < 0)
		return run_fd;
	dir_fd = open_dir(run_fd, name, create, reterr);
	if (dir_fd < 0)
		return dir_fd == -ENOENT && create ? -EAGAIN : dir_fd;
	lock_fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock_fd < 0 && errno == ENOENT)
		return create ? -EAGAIN : failure_set(reterr, ENOENT, "open the user's lock");
	if (lock_fd < 0) {
		(void)failure_set(reterr, errno, "open the lock %s/%s/%s", CARREL_RUN, name,
				  LOCK_NAME);
		/* Refused by the kernel when anything is in it; who has just opened it tries again. */
		(void)unlinkat(run_fd, name, AT_REMOVEDIR);
		return -reterr->err;
	}
	int r = take_lock(lock_fd, deadline_ms, reterr);

	if (r < 0)
		return r;
	if (fstat(lock_fd, &st) < 0)
		return failure_set(reterr, errno, "look at the user's lock");
	if (st.st_nlink == 0)
		return -EAGAIN; /* the last one out removed it while we waited */
	ret_user->dir_fd = steal_fd(&dir_fd);
	ret_user->lock_fd = steal_fd(&lock_fd);
	return 0;
}

int registry_lock(uint32_t uid, bool create, int64_t deadline_ms, struct registry_user *ret_user,
		  struct failure *reterr)
{
	struct registry_user user = {.uid = uid, .dir_fd = -1, .lock_fd = -1};
	char name[16];
	int r;

	(void)snprintf(name, sizeof(name), "%u", uid);
	do
		r = try_lock(name, create, deadline_ms, &user, reterr);
	while (r == -EAGAIN && sys_now_ms() < deadline_ms);
	if (r == -EAGAIN)
		return failure_say(reterr, ETIME, "lock the registry of uid %u: too busy", uid);
	if (r < 0)
		return r;
	*ret_user = user;
	return 0;
}

void registry_unlock(struct registry_user *user)
{
	close_fd(&user->lock_fd);
	close_fd(&user->dir_fd);
}

void registry_leave_empty(struct registry_user *user)
{
	char path[sizeof(CARREL_RUN) + 16];

	/* With the lock held nobody adds anything; rmdir refuses should something be left. */
	(void)snprintf(path, sizeof(path), "%s/%u", CARREL_RUN, user->uid);
	(void)unlinkat(user->dir_fd, REGISTRY_POD, 0);
	(void)unlinkat(user->dir_fd, LOCK_NAME, 0);
	(void)rmdir(path);
	registry_unlock(user);
}

void registry_leave(struct registry_user *user)
{
	struct failure failure;
	bool any = true;

	if (registry_any(user, &any, &failure) == 0 && !any)
		registry_leave_empty(user);
	else
		registry_unlock(user);
}

static int socket_address(uint32_t uid, const char *id, struct sockaddr_un *ret_address,
			  struct failure *reterr)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u/%s", CARREL_RUN, uid,
			   id);

	if (len < 0 || (size_t)len >= sizeof(address.sun_path))
		return failure_say(reterr, ENAMETOOLONG, "the socket of %s needs too long a path",
				   id);
	*ret_address = address;
	return 0;
}

int registry_connect(uint32_t uid, const char *id, int *ret_socket, struct failure *reterr)
{
	struct sockaddr_un address;
	int r = socket_address(uid, id, &address, reterr);

	if (r < 0)
		return r;
	_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return failure_set(reterr, errno, "make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return failure_set(reterr, errno, "connect to the warden of %s", id);
	*ret_socket = steal_fd(&fd);
	return 0;
}

bool registry_is_dead(int socket, uint32_t uid, const char *id)
{
	struct sockaddr_un address;
	struct failure ignored;

	return socket_address(uid, id, &address, &ignored) == 0 &&
	       connect(socket, (struct sockaddr *)&address, sizeof(address)) < 0 &&
	       errno == ECONNREFUSED;
}

/*
 * The next that may be a sandbox. NULL: there is none, with errno 0, or it can't be read: then nobody must
 * think that nothing lives.
 */
static const char *next_name(struct dir_names *names)
{
	const char *name;

	while ((name = dir_names_next(names))) {
		if (name[0] != '.' && strcmp(name, LOCK_NAME) != 0 &&
		    strcmp(name, REGISTRY_POD) != 0)
			return name;
	}
	return NULL;
}

bool registry_is_alone(uint32_t uid, const char *id)
{
	char path[sizeof(CARREL_RUN) + 16];
	struct dir_names names;
	struct failure ignored;
	bool alone = true;
	const char *name;

	(void)snprintf(path, sizeof(path), CARREL_RUN "/%u", uid);
	_close_ int dir_fd = open_dir(AT_FDCWD, path, false, &ignored);

	if (dir_fd < 0)
		return false;
	dir_names_begin(&names, dir_fd);
	while (alone && (name = next_name(&names)))
		alone = strcmp(name, id) == 0;
	return alone && errno == 0;
}

/* Which of the sockets count. */
struct which {
	bool managers;
	bool rooted; /* those alone of that root */
	uint64_t root;
	size_t *dying; /* or NULL: how many of the live ones were killed, and are not quite dead */
};

bool registry_is_manager(const char *name)
{
	struct registry_id parsed;

	return registry_id_parse(name, &parsed) && parsed.manager;
}

uint64_t registry_root(const char *id)
{
	struct registry_id parsed;

	return registry_id_parse(id, &parsed) && parsed.root ? parsed.root : CGROUP_ROOT_INODE;
}

static bool is_meant(const struct which *which, const char *name)
{
	return (which->managers || !registry_is_manager(name)) &&
	       (!which->rooted || registry_root(name) == which->root);
}

/* The socket may outlive its warden for a moment, in a child that has just been forked. */
static bool is_dying(int socket)
{
	struct ucred cred = {.pid = 0};
	socklen_t size = sizeof(cred);

	/* pid 0: in a namespace that is not below ours. */
	return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 && cred.pid > 0 &&
	       proc_status_killed(cred.pid) != 0;
}

/* Walk the sockets; stop at `enough` live ones. *ret_live: how many were met. */
static int probe(const struct registry_user *user, const struct which *which, size_t enough,
		 size_t *ret_live, struct failure *reterr)
{
	const char *name = "";
	struct dir_names names;
	size_t live = 0;

	dir_names_begin(&names, user->dir_fd);
	while (live < enough && (name = next_name(&names))) {
		struct failure ignored;
		_close_ int fd = -1;

		if (!is_meant(which, name))
			continue;
		if (registry_connect(user->uid, name, &fd, &ignored) == -ECONNREFUSED) {
			(void)unlinkat(user->dir_fd, name, 0);
			continue;
		}
		live++;
		if (which->dying && fd >= 0 && is_dying(fd))
			(*which->dying)++;
	}
	if (!name && errno != 0)
		return failure_set(reterr, errno, "read the user's registry");
	*ret_live = live;
	return 0;
}

int registry_count(const struct registry_user *user, size_t max, size_t *ret_count,
		   struct failure *reterr)
{
	const struct which which = {.managers = false};
	struct dir_names names;
	const char *name;
	size_t count = 0;

	dir_names_begin(&names, user->dir_fd);
	while ((name = next_name(&names)))
		count += !registry_is_manager(name);
	if (errno != 0)
		return failure_set(reterr, errno, "read the user's registry");
	*ret_count = count;
	return count < max ? 0 : probe(user, &which, SIZE_MAX, ret_count, reterr);
}

static int any(const struct registry_user *user, const struct which *which, size_t enough,
	       bool *ret_any, struct failure *reterr)
{
	size_t live = 0;
	int r = probe(user, which, enough, &live, reterr);

	if (r == 0)
		*ret_any = live > 0;
	return r;
}

int registry_any(const struct registry_user *user, bool *ret_any, struct failure *reterr)
{
	const struct which which = {.managers = true};

	return any(user, &which, 1, ret_any, reterr);
}

int registry_clean(const struct registry_user *user, bool *ret_any, struct failure *reterr)
{
	size_t dying = 0;
	const struct which which = {.managers = true, .dying = &dying};
	int r = any(user, &which, SIZE_MAX, ret_any, reterr);

	return r == 0 && dying > 0
		       ? failure_say(reterr, EBUSY, "a warden that was killed has not ended yet")
		       : r;
}

int registry_any_in(const struct registry_user *user, uint64_t root, bool *ret_any,
		    struct failure *reterr)
{
	const struct which which = {.managers = true, .rooted = true, .root = root};

	return any(user, &which, 1, ret_any, reterr);
}

/* registry_share.c: the order of registration. The clock is finer than a file system's own time. */
static int stamp(const struct registry_user *user, const char *id)
{
	struct timespec times[2];

	if (clock_gettime(CLOCK_BOOTTIME, &times[1]) < 0)
		return -1;
	times[0] = times[1];
	return utimensat(user->dir_fd, id, times, AT_SYMLINK_NOFOLLOW);
}

/* Our pid makes it unique but inside nested pid namespaces, and after a kill. */
static int format_id(uint32_t uid, bool manager, uint64_t root, int attempt, char *id, size_t size)
{
	const char *kind = manager ? "m" : "";

	if (root != CGROUP_ROOT_INODE)
		return snprintf(id, size, "%u-%d.%d.%llu%s", uid, getpid(), attempt,
				(unsigned long long)root, kind);
	if (attempt == 0)
		return snprintf(id, size, "%u-%d%s", uid, getpid(), kind);
	return snprintf(id, size, "%u-%d.%d%s", uid, getpid(), attempt, kind);
}

int registry_listen(const struct registry_user *user, bool manager, uint64_t root,
		    char ret_id[PROTOCOL_ID_MAX], int *ret_socket, struct failure *reterr)
{
	char id[PROTOCOL_ID_MAX];
	_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return failure_set(reterr, errno, "make the warden's socket");
	for (int attempt = 0; attempt < ID_ATTEMPTS; attempt++) {
		struct sockaddr_un address;

		int len = format_id(user->uid, manager, root, attempt, id, sizeof(id));

		if (len < 0 || (size_t)len >= sizeof(id))
			return failure_say(reterr, ENAMETOOLONG, "the sandbox's id is too long");
		int r = socket_address(user->uid, id, &address, reterr);

		if (r < 0)
			return r;
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			if (listen(fd, 64) < 0)
				return failure_set(reterr, errno, "listen on %s", address.sun_path);
			if (stamp(user, id) < 0)
				return failure_set(reterr, errno, "set the time of %s",
						   address.sun_path);
			memcpy(ret_id, id, sizeof(id));
			*ret_socket = steal_fd(&fd);
			return 0;
		}
		if (errno != EADDRINUSE)
			return failure_set(reterr, errno, "bind the warden's socket %s",
					   address.sun_path);
	}
	return failure_say(reterr, EADDRINUSE, "no free id is left for a sandbox of uid %u",
			   user->uid);
}

int registry_unlink(const struct registry_user *user, const char *id, struct failure *reterr)
{
	if (unlinkat(user->dir_fd, id, 0) < 0 && errno != ENOENT)
		return failure_set(reterr, errno, "remove the socket of %s", id);
	return 0;
}

int registry_users(uint32_t **ret_uids, size_t *ret_count, struct failure *reterr)
{
	_close_ int run_fd = open_dir(AT_FDCWD, CARREL_RUN, false, reterr);
	_free_ uint32_t *uids = NULL;
	size_t count = 0, room = 0;
	struct dir_names names;
	const char *name;

	if (run_fd == -ENOENT) {
		*ret_uids = NULL;
		*ret_count = 0;
		return 0;
	}
	if (run_fd < 0)
		return run_fd;
	dir_names_begin(&names, run_fd);
	while ((name = next_name(&names))) {
		uint64_t uid;

		if (convert_unsigned(name, 0, UINT32_MAX - 1, &uid) < 0)
			continue;
		if (count == room) {
			uint32_t *more = realloc(uids, (room = room * 2 + 64) * sizeof(*uids));

			if (!more)
				return failure_set(reterr, ENOMEM, "list the registry");
			uids = more;
		}
		uids[count++] = (uint32_t)uid;
	}
	if (errno != 0)
		return failure_set(reterr, errno, "list the registry");
	*ret_uids = steal_ptr(&uids);
	*ret_count = count;
	return 0;
}

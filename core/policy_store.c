/* SPDX-License-Identifier: MIT */
#include "core/policy_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"
#include "core/trusted_file.h"

#define STORED "policy"
#define STORED_NEW "policy.new"
#define PAUSE_MS 10
#define FIRST_LINE "carrel policy 1\n"
#define LAST_LINE_SIZE (sizeof("end 0123456789abcdef\n") - 1)
/* A drop-in's name is a path, and a name below it. */
#define NAME_SIZE_MAX (2 * PATH_MAX)
/* What a source takes beside its name and bytes: the "file" line and two newlines. */
#define SOURCE_OVERHEAD 64
#define STORED_MAX                                                                                 \
	(POLICY_FILES_MAX * (size_t)(NAME_SIZE_MAX + POLICY_BYTES_MAX + SOURCE_OVERHEAD) +         \
	 sizeof(FIRST_LINE) + LAST_LINE_SIZE)

/* FNV-1a, 64 bits: against accidents of disks and editors, not against root. */
static uint64_t hash_bytes(const char *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
	return hash;
}

static void last_line(const char *bytes, size_t size, char text[LAST_LINE_SIZE + 1])
{
	(void)snprintf(text, LAST_LINE_SIZE + 1, "end %016" PRIx64 "\n", hash_bytes(bytes, size));
}

/* Encoding ------------------------------------------------------------------------------------ */

static char *put(char *at, const char *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

static int encode(const struct policy_sources *sources, char **ret_bytes, size_t *ret_size,
		  struct failure *reterr)
{
	size_t room = sizeof(FIRST_LINE) + LAST_LINE_SIZE;
	char line[SOURCE_OVERHEAD], *bytes, *at;

	for (size_t i = 0; i < sources->count; i++)
		room += strlen(sources->files[i].name) + sources->files[i].size + SOURCE_OVERHEAD;
	bytes = malloc(room);
	if (!bytes)
		return failure_set(reterr, ENOMEM, "encode the policy");
	at = put(bytes, FIRST_LINE, strlen(FIRST_LINE));
	for (size_t i = 0; i < sources->count; i++) {
		const struct policy_source *source = &sources->files[i];
		size_t name_len = strlen(source->name);
		int n = snprintf(line, sizeof(line), "file %zu %zu\n", name_len, source->size);

		if (n < 0 || (size_t)n > SOURCE_OVERHEAD - 2) {
			free(bytes);
			return failure_say(reterr, EINVAL, "encode the policy: a size too large");
		}
		at = put(at, line, (size_t)n);
		at = put(at, source->name, name_len);
		at = put(at, "\n", 1);
		at = put(at, source->bytes, source->size);
		at = put(at, "\n", 1);
	}
	last_line(bytes, (size_t)(at - bytes), line);
	at = put(at, line, LAST_LINE_SIZE);
	*ret_size = (size_t)(at - bytes);
	*ret_bytes = bytes;
	return 0;
}

/* Decoding ------------------------------------------------------------------------------------ */

/* What is left to decode; writable, because numbers are cut out of it in place. */
struct cursor {
	char *at;
	size_t left;
};

/* The next `size` bytes and the newline after them, or NULL. */
static char *take(struct cursor *cursor, size_t size)
{
	char *taken = cursor->at;

	if (size >= cursor->left || taken[size] != '\n')
		return NULL;
	cursor->at += size + 1;
	cursor->left -= size + 1;
	return taken;
}

/* "file NAMELEN SIZE\n" */
static bool take_sizes(struct cursor *cursor, uint64_t *ret_name_len, uint64_t *ret_size)
{
	char *end = memchr(cursor->at, '\n', cursor->left);
	char *line = cursor->at, *blank;

	if (!end || !take(cursor, (size_t)(end - line)))
		return false;
	*end = '\0';
	if (strncmp(line, "file ", 5) != 0)
		return false;
	line += 5;
	blank = strchr(line, ' ');
	if (!blank)
		return false;
	*blank = '\0';
	return convert_unsigned(line, 1, NAME_SIZE_MAX, ret_name_len) == 0 &&
	       convert_unsigned(blank + 1, 0, POLICY_BYTES_MAX, ret_size) == 0;
}

/* 0, -EINVAL or -ENOMEM. */
static int take_source(struct cursor *cursor, struct policy_source *ret_source)
{
	uint64_t name_len, size;
	const char *name, *bytes;

	if (!take_sizes(cursor, &name_len, &size))
		return -EINVAL;
	name = take(cursor, name_len);
	bytes = name ? take(cursor, size) : NULL;
	if (!bytes || memchr(name, '\0', name_len))
		return -EINVAL;
	ret_source->name = strndup(name, name_len);
	ret_source->bytes = malloc(size + 1);
	ret_source->size = size;
	if (!ret_source->name || !ret_source->bytes) {
		free(ret_source->name);
		free(ret_source->bytes);
		return -ENOMEM;
	}
	memcpy(ret_source->bytes, bytes, size);
	return 0;
}

/* Spoils `bytes`. 0, -EINVAL or -ENOMEM; nothing is handed out unless all of it is good. */
static int decode(char *bytes, size_t size, struct policy_sources *ret_sources)
{
	size_t first = strlen(FIRST_LINE);
	struct policy_sources sources = {0};
	struct cursor cursor;
	char expected[LAST_LINE_SIZE + 1];
	int r = 0;

	if (size < first + LAST_LINE_SIZE || memcmp(bytes, FIRST_LINE, first) != 0)
		return -EINVAL;
	size -= LAST_LINE_SIZE;
	last_line(bytes, size, expected);
	if (memcmp(bytes + size, expected, LAST_LINE_SIZE) != 0)
		return -EINVAL;
	sources.files = calloc(POLICY_FILES_MAX, sizeof(*sources.files));
	if (!sources.files)
		return -ENOMEM;
	cursor = (struct cursor){.at = bytes + first, .left = size - first};
	while (r == 0 && cursor.left > 0) {
		r = sources.count < POLICY_FILES_MAX ? 0 : -EINVAL;
		if (r == 0)
			r = take_source(&cursor, &sources.files[sources.count]);
		if (r == 0)
			sources.count++;
	}
	if (r == 0 && sources.count == 0)
		r = -EINVAL;
	if (r < 0)
		policy_sources_free(&sources);
	else
		*ret_sources = sources;
	return r;
}

/* On disk ------------------------------------------------------------------------------------- */

int policy_store_read(const char *state_dir, struct policy_sources *ret_sources,
		      struct failure *reterr)
{
	_close_ int fd = trusted_open_directory(AT_FDCWD, state_dir, state_dir, reterr);
	_free_ char *bytes = NULL;
	size_t size = 0;
	int r;

	if (fd < 0)
		return fd;
	r = trusted_read(fd, STORED, STORED, STORED_MAX, &bytes, &size, reterr);
	if (r < 0)
		return failure_wrap(reterr, "%s", state_dir);
	r = decode(bytes, size, ret_sources);
	if (r == -ENOMEM)
		return failure_set(reterr, ENOMEM, "read %s/" STORED, state_dir);
	if (r < 0)
		return failure_say(reterr, EINVAL,
				   "%s/" STORED ": damaged, or of another version; expected what "
				   "carrel wrote there",
				   state_dir);
	return 0;
}

static bool is_stored(int state_fd, const char *bytes, size_t size)
{
	_free_ char *stored = NULL;
	size_t stored_size;
	struct failure ignored; /* whatever is wrong with it, it will be replaced */

	return trusted_read(state_fd, STORED, STORED, size, &stored, &stored_size, &ignored) == 0 &&
	       stored_size == size && memcmp(stored, bytes, size) == 0;
}

/*
 * The temporary file, locked: the descriptor; -EWOULDBLOCK when another process is writing; or
 * -errno with reterr. Between open and flock its writer may have renamed it: what is then locked
 * is the live policy, which must not be touched. Only the holder of the lock renames.
 */
static int open_new(int state_fd, struct failure *reterr)
{
	for (int tries = 0; tries < 10; tries++) {
		_close_ int fd =
			openat(state_fd, STORED_NEW,
			       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
		struct stat locked, named;

		if (fd < 0)
			return failure_set(reterr, errno, "create " STORED_NEW);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EWOULDBLOCK)
				return -EWOULDBLOCK;
			return failure_set(reterr, errno, "lock " STORED_NEW);
		}
		if (fstat(fd, &locked) < 0)
			return failure_set(reterr, errno, "fstat " STORED_NEW);
		if (!S_ISREG(locked.st_mode))
			return failure_say(reterr, EINVAL, STORED_NEW ": not a regular file");
		if (fstatat(state_fd, STORED_NEW, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		    named.st_dev == locked.st_dev && named.st_ino == locked.st_ino)
			return steal_fd(&fd);
	}
	return -EWOULDBLOCK;
}

static int write_all(int fd, const char *bytes, size_t size, struct failure *reterr)
{
	/* A crashed writer may have left a longer one, under another umask. */
	if (ftruncate(fd, 0) < 0 || fchmod(fd, 0600) < 0)
		return failure_set(reterr, errno, "prepare " STORED_NEW);
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failure_set(reterr, errno, "write " STORED_NEW);
		bytes += n;
		size -= (size_t)n;
	}
	if (fsync(fd) < 0)
		return failure_set(reterr, errno, "fsync " STORED_NEW);
	return 0;
}

/* 1: another process is writing. */
static int replace(int state_fd, const char *bytes, size_t size, struct failure *reterr)
{
	/* The lock lasts until the new name is durable: it goes with this descriptor. */
	_close_ int fd = open_new(state_fd, reterr);
	int r;

	if (fd == -EWOULDBLOCK)
		return 1;
	if (fd < 0)
		return fd;
	r = write_all(fd, bytes, size, reterr);
	if (r == 0 && renameat(state_fd, STORED_NEW, state_fd, STORED) < 0)
		r = failure_set(reterr, errno, "rename " STORED_NEW " to " STORED);
	if (r < 0) {
		(void)unlinkat(state_fd, STORED_NEW, 0);
		return r;
	}
	if (fsync(state_fd) < 0)
		return failure_set(reterr, errno, "fsync");
	return 0;
}

/* The state directory, created where it is missing. */
static int open_state(const char *state_dir, struct failure *reterr)
{
	int fd = trusted_open_directory(AT_FDCWD, state_dir, state_dir, reterr);

	if (fd != -ENOENT)
		return fd;
	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return failure_set(reterr, errno, "create directory %s", state_dir);
	return trusted_open_directory(AT_FDCWD, state_dir, state_dir, reterr);
}

static int store(const char *state_dir, const struct policy_sources *sources,
		 struct failure *reterr)
{
	_close_ int fd = open_state(state_dir, reterr);
	_free_ char *bytes = NULL;
	size_t size = 0;
	int r = fd < 0 ? fd : encode(sources, &bytes, &size, reterr);

	if (r == 0 && !is_stored(fd, bytes, size))
		r = replace(fd, bytes, size, reterr);
	return r < 0 ? failure_wrap(reterr, "store the accepted policy in %s", state_dir) : r;
}

int policy_store_write(const char *state_dir, const struct policy_sources *sources,
		       struct failure *reterr)
{
	int r = store(state_dir, sources, reterr);

	return r < 0 ? r : 0;
}

int policy_store_write_until(const char *state_dir, const struct policy_sources *sources,
			     int64_t deadline_ms, struct failure *reterr)
{
	int r;

	while ((r = store(state_dir, sources, reterr)) > 0) {
		if (sys_now_ms() >= deadline_ms)
			return failure_say(reterr, EBUSY,
					   "store the accepted policy in %s: another process is "
					   "storing one all the while",
					   state_dir);
		(void)poll(NULL, 0, PAUSE_MS);
	}
	return r;
}

void policy_store_sweep(const char *state_dir)
{
	struct failure failure;
	_close_ int dir_fd = trusted_open_directory(AT_FDCWD, state_dir, state_dir, &failure);

	if (dir_fd < 0 || faccessat(dir_fd, STORED_NEW, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	/* Locked: nobody is writing it any more. */
	_close_ int fd = open_new(dir_fd, &failure);

	if (fd >= 0)
		(void)unlinkat(dir_fd, STORED_NEW, 0);
}

/* SPDX-License-Identifier: MIT */
#include "core/policy_ini.h"

#include <errno.h>
#include <fcntl.h>
#include <iniparser.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cleanup.h"

/*
 * Lines a dictionary. iniparser looks each key up among all that it has: with the whole of a large
 * policy in one dictionary the time would grow with the square of its length. A dictionary starts
 * with room for 128, sections counted: with this many lines it grows once at most.
 */
#define LINES_AT_ONCE 100

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3; vm.memfd_noexec = 2 demands it */
#endif

/*
 * iniparser 4.2 reads an open file, 4.1 a path alone. Weak: one source and one object for both, and
 * no probe at build time that could be wrong about the library that is linked in the end.
 */
extern dictionary *iniparser_load_file(FILE *in, const char *name) __attribute__((weak));

struct text {
	char *bytes;
	size_t size;
};

static int say_nothing(const char *format, ...)
{
	(void)format;
	return 0;
}

static bool starts_section(const struct ini_line *lines, size_t i)
{
	return i == 0 || lines[i].section != lines[i - 1].section;
}

/* The lines below headers "[sN]"; the caller frees. */
static int build_text(const struct ini_line *lines, size_t count, struct text *ret_text)
{
	enum { HEADER = sizeof("[s18446744073709551615]\n") };
	_free_ char *bytes = NULL;
	size_t size = 1, used = 0;

	for (size_t i = 0; i < count; i++)
		size += HEADER + lines[i].size + 1;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (starts_section(lines, i)) {
			int n = snprintf(bytes + used, size - used, "[s%zu]\n", lines[i].section);

			if (n < 0 || (size_t)n >= size - used)
				return -ENOSPC;
			used += (size_t)n;
		}
		memcpy(bytes + used, lines[i].bytes, lines[i].size);
		used += lines[i].size;
		bytes[used++] = '\n';
	}
	ret_text->bytes = steal_ptr(&bytes);
	ret_text->size = used;
	return 0;
}

static int load_stream(const struct text *text, dictionary **ret_dictionary)
{
	_fclose_ FILE *in = fmemopen(text->bytes, text->size, "r");

	if (!in)
		return -errno;
	*ret_dictionary = iniparser_load_file(in, "policy");
	return 0;
}

static int create_memfd(void)
{
	int fd = memfd_create("carrel-policy", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create("carrel-policy", MFD_CLOEXEC);
	return fd;
}

static int write_all(int fd, const struct text *text)
{
	for (size_t at = 0; at < text->size;) {
		ssize_t written = write(fd, text->bytes + at, text->size - at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -ENOSPC;
		at += (size_t)written;
	}
	return 0;
}

/* A pipe, which is quicker made than a memfd: as much as an empty one takes for certain (pipe(7)). */
static int fill_pipe(const struct text *text)
{
	_close_ int read_fd = -1, write_fd = -1;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	read_fd = fds[0];
	write_fd = fds[1];
	r = write_all(write_fd, text);
	return r < 0 ? r : steal_fd(&read_fd);
}

static int fill_memfd(const struct text *text)
{
	_close_ int fd = create_memfd();
	int r = fd < 0 ? -errno : write_all(fd, text);

	return r < 0 ? r : steal_fd(&fd);
}

/*
 * Not a file of its own, because a path that 4.1 can open must name these very bytes: one in a directory
 * could be exchanged between the write and the read, or be left over.
 */
static int load_path(const struct text *text, dictionary **ret_dictionary)
{
	_close_ int fd = text->size <= PIPE_BUF ? fill_pipe(text) : fill_memfd(text);
	char path[sizeof("/proc/self/fd/-2147483648")];
	int n;

	if (fd < 0)
		return fd;
	n = snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENOSPC;
	*ret_dictionary = iniparser_load(path);
	return 0;
}

/* What a line is called in the dictionary: "sN:KEY". */
struct name {
	char text[128];
	size_t prefix; /* of it, up to the key */
};

/* Printing the prefix once a section, not once a line, saves a login several microseconds. */
static int build_name(struct name *name, const struct ini_line *line, bool new_section)
{
	size_t size = strlen(line->key) + 1;

	if (new_section) {
		int n = snprintf(name->text, sizeof(name->text), "s%zu:", line->section);

		if (n < 0 || (size_t)n >= sizeof(name->text))
			return -ENOSPC;
		name->prefix = (size_t)n;
	}
	if (size > sizeof(name->text) - name->prefix)
		return -ENOSPC;
	memcpy(name->text + name->prefix, line->key, size);
	return 0;
}

static int read_some(const struct ini_line *lines, size_t count, size_t first, ini_value *each,
		     void *arg, struct failure *reterr)
{
	struct text text = {0};
	struct name name = {.prefix = 0};
	dictionary *dict = NULL;
	int r = build_text(lines, count, &text);

	if (r == 0)
		r = iniparser_load_file ? load_stream(&text, &dict) : load_path(&text, &dict);
	free(text.bytes);
	if (r < 0)
		r = failure_set(reterr, -r, "hand the policy to iniparser");
	/* No dictionary is a dictionary without any of the lines. */
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = build_name(&name, &lines[i], starts_section(lines, i));
		if (r < 0)
			r = failure_set(reterr, -r, "look up %s", lines[i].key);
		else
			r = each(arg, first + i,
				 dict ? iniparser_getstring(dict, name.text, NULL) : NULL);
	}
	if (dict)
		iniparser_freedict(dict);
	return r;
}

int policy_ini_read(const struct ini_line *lines, size_t count, ini_value *each, void *arg,
		    struct failure *reterr)
{
	int r = 0;

	/* Its default prints to stderr, which may be the user's. */
	iniparser_set_error_callback(say_nothing);
	for (size_t i = 0; r == 0 && i < count; i += LINES_AT_ONCE) {
		size_t some = count - i < LINES_AT_ONCE ? count - i : LINES_AT_ONCE;

		r = read_some(lines + i, some, i, each, arg, reterr);
	}
	return r;
}

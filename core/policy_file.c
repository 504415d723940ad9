/* SPDX-License-Identifier: MIT */
#include "core/policy_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/dir_names.h"
#include "core/policy_store.h"
#include "core/trusted_file.h"

#define DROPIN_DIR "carrel.conf.d"
#define DROPIN_END ".conf"

/* Room for one more in the array is the caller's care. */
static int add_source(int at, const char *path, const char *shown, struct policy_sources *sources,
		      struct failure *reterr)
{
	struct policy_source source = {0};
	_free_ char *place = NULL;
	int r;

	/* Every error of a file begins with FILE:LINE; what is wrong with all of it stands in line 1. */
	if (asprintf(&place, "%s:1", shown) < 0) {
		place = NULL;
		return failure_set(reterr, ENOMEM, "read %s", shown);
	}
	r = trusted_read(at, path, place, POLICY_BYTES_MAX, &source.bytes, &source.size, reterr);
	if (r < 0)
		return r;
	source.name = strdup(shown);
	if (!source.name) {
		free(source.bytes);
		return failure_set(reterr, ENOMEM, "read %s", shown);
	}
	sources->files[sources->count++] = source;
	return 0;
}

void policy_sources_free(struct policy_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->files[i].name);
		free(sources->files[i].bytes);
	}
	free(sources->files);
	*sources = (struct policy_sources){0};
}

/* Drop-ins ------------------------------------------------------------------------------------ */

struct names {
	char **names;
	size_t count;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_dropin(const char *name)
{
	size_t len = strlen(name), end = strlen(DROPIN_END);

	return name[0] != '.' && len > end && strcmp(name + len - end, DROPIN_END) == 0;
}

static int names_add(struct names *names, const char *name, const char *shown,
		     struct failure *reterr)
{
	/* The policy's first file counts as well. */
	if (names->count == POLICY_FILES_MAX - 1)
		return failure_say(reterr, E2BIG, "%s: too many files; expected at most %d", shown,
				   POLICY_FILES_MAX - 1);
	/* Names end up in errors, which are lines of a log. */
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return failure_say(reterr, EINVAL,
					   "%s: a name with control characters; expected none",
					   shown);
	if (!names->names)
		names->names = calloc(POLICY_FILES_MAX, sizeof(*names->names));
	if (names->names)
		names->names[names->count] = strdup(name);
	if (!names->names || !names->names[names->count])
		return failure_set(reterr, ENOMEM, "read directory %s", shown);
	names->count++;
	return 0;
}

static int list_dropins(int fd, const char *shown, struct names *names, struct failure *reterr)
{
	struct dir_names entries;
	const char *name;

	dir_names_begin(&entries, fd);
	while ((name = dir_names_next(&entries))) {
		if (is_dropin(name) && names_add(names, name, shown, reterr) < 0)
			return -reterr->err;
	}
	if (errno != 0)
		return failure_set(reterr, errno, "read directory %s", shown);
	if (names->count > 1)
		qsort(names->names, names->count, sizeof(*names->names), compare_names);
	return 0;
}

/* Say it, and remember the first errno. */
static void note(struct policy_errors *errors, const struct failure *failure, int *first)
{
	policy_errors_add(errors, "%s", failure->text);
	if (*first == 0)
		*first = -failure->err;
}

/* `shown` is the drop-in directory as errors call it. Every bad file is said, not only the first. */
static int add_dropins(int at, const char *shown, struct policy_errors *errors,
		       struct policy_sources *sources)
{
	struct failure failure;
	_close_ int fd = trusted_open_directory(at, DROPIN_DIR, shown, &failure);
	__attribute__((cleanup(names_free))) struct names names = {0};
	int first = 0;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || list_dropins(fd, shown, &names, &failure) < 0) {
		note(errors, &failure, &first);
		return first;
	}
	for (size_t i = 0; i < names.count; i++) {
		_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", shown, names.names[i]) < 0) {
			path = NULL;
			(void)failure_set(&failure, ENOMEM, "read directory %s", shown);
			note(errors, &failure, &first);
		} else if (add_source(fd, names.names[i], path, sources, &failure) < 0) {
			note(errors, &failure, &first);
		}
	}
	return first;
}

/* carrel.conf in an open directory, and what is beside it. */
static int read_sources_at(int fd, const char *path, size_t prefix, struct policy_errors *errors,
			   struct policy_sources *sources)
{
	struct failure failure;
	_free_ char *dropins = NULL;
	int first = 0, r;

	sources->files = calloc(POLICY_FILES_MAX, sizeof(*sources->files));
	if (!sources->files || asprintf(&dropins, "%.*s" DROPIN_DIR, (int)prefix, path) < 0) {
		dropins = NULL;
		(void)failure_set(&failure, ENOMEM, "read %s", path);
		note(errors, &failure, &first);
		return first;
	}
	if (add_source(fd, path + prefix, path, sources, &failure) < 0)
		note(errors, &failure, &first);
	r = add_dropins(fd, dropins, errors, sources);
	return first < 0 ? first : r;
}

/* The first `prefix` bytes of path without slashes at the end: with one, open(2) follows a link. */
static char *directory_of(const char *path, size_t prefix)
{
	while (prefix > 1 && path[prefix - 1] == '/')
		prefix--;
	return prefix ? strndup(path, prefix) : strdup(".");
}

int policy_sources_read(const char *path, struct policy_errors *errors,
			struct policy_sources *ret_sources)
{
	const char *slash = strrchr(path, '/');
	size_t prefix = slash ? (size_t)(slash - path) + 1 : 0;
	_free_ char *directory = directory_of(path, prefix);
	struct policy_sources sources = {0};
	struct failure failure;
	_close_ int fd = -1;
	int r = 0;

	if (!directory || strlen(path) >= PATH_MAX) {
		(void)failure_set(&failure, directory ? ENAMETOOLONG : ENOMEM, "read %s", path);
		note(errors, &failure, &r);
		return r;
	}
	fd = trusted_open_directory(AT_FDCWD, directory, directory, &failure);
	if (fd < 0)
		note(errors, &failure, &r);
	else
		r = read_sources_at(fd, path, prefix, errors, &sources);
	if (r < 0)
		policy_sources_free(&sources);
	else
		*ret_sources = sources;
	return r;
}

int policy_sources_read_files(char *const *paths, size_t count, struct policy_errors *errors,
			      struct policy_sources *ret_sources)
{
	struct policy_sources sources = {0};
	struct failure failure;
	int first = 0;

	if (count > POLICY_FILES_MAX) {
		(void)failure_say(&failure, E2BIG, "%zu files; expected at most %d", count,
				  POLICY_FILES_MAX);
		note(errors, &failure, &first);
		return first;
	}
	sources.files = calloc(count ? count : 1, sizeof(*sources.files));
	if (!sources.files) {
		(void)failure_set(&failure, ENOMEM, "read the policy");
		note(errors, &failure, &first);
		return first;
	}
	for (size_t i = 0; i < count; i++)
		if (add_source(AT_FDCWD, paths[i], paths[i], &sources, &failure) < 0)
			note(errors, &failure, &first);
	if (first < 0)
		policy_sources_free(&sources);
	else
		*ret_sources = sources;
	return first;
}

/* Loading ------------------------------------------------------------------------------------- */

static int load_last_accepted(const char *state_dir, struct policy **ret_policy,
			      struct failure *reterr)
{
	struct policy_sources sources;
	struct policy_errors errors = {0};
	int r = policy_store_read(state_dir, &sources, reterr);

	if (r < 0)
		return r;
	r = policy_parse(sources.files, sources.count, &errors, ret_policy);
	if (r < 0)
		(void)failure_say(reterr, -r, "%s: refused by this version: %s", state_dir,
				  errors.count ? errors.texts[0] : strerror(-r));
	policy_errors_free(&errors);
	policy_sources_free(&sources);
	return r;
}

/* The files at `path`, whole and good. */
static int load_current(const char *path, const char *state_dir, struct policy_errors *errors,
			struct policy **ret_policy)
{
	struct policy_sources sources = {0};
	struct failure failure;
	int r = policy_sources_read(path, errors, &sources);

	if (r < 0)
		return r;
	r = policy_parse(sources.files, sources.count, errors, ret_policy);
	if (r == 0 && policy_store_write(state_dir, &sources, &failure) < 0)
		policy_errors_add(errors, "%s", failure.text);
	policy_sources_free(&sources);
	return r;
}

int policy_load(const char *path, const char *state_dir, struct policy_errors *errors,
		struct policy **ret_policy, enum policy_origin *ret_origin, struct failure *reterr)
{
	size_t said = errors->count;
	int r = load_current(path, state_dir, errors, ret_policy);
	const char *why;

	if (r == 0) {
		*ret_origin = POLICY_CURRENT;
		return 0;
	}
	why = errors->count > said ? errors->texts[said] : strerror(-r);
	/*
	 * Going by the last accepted policy is for a policy that is wrong. A host short of memory or
	 * descriptors says nothing about the policy, and must not bring back an older one.
	 */
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return failure_say(reterr, -r, "load the policy: %s", why);
	r = load_last_accepted(state_dir, ret_policy, reterr);
	if (r < 0)
		return failure_wrap(reterr, "no policy to go by: refused: %s; last accepted", why);
	*ret_origin = POLICY_LAST_ACCEPTED;
	return 0;
}

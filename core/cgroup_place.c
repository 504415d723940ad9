/* SPDX-License-Identifier: MIT */
#include "core/cgroup_place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cgroup_internal.h"

const char *cgroup_place_join_file(bool v2)
{
	return v2 ? "cgroup.procs" : "tasks";
}

/* Is `name` among the comma-separated words of the first `size` bytes of `list`? */
static bool has_word(const char *list, size_t size, const char *name)
{
	size_t len = strlen(name);

	while (size > 0) {
		const char *comma = memchr(list, ',', size);
		size_t word = comma ? (size_t)(comma - list) : size;

		if (word == len && memcmp(list, name, len) == 0)
			return true;
		if (!comma)
			return false;
		list += word + 1;
		size -= word + 1;
	}
	return false;
}

/* The path of a line of `size` bytes, NULL when it is another hierarchy's. */
static const char *path_of(const struct cgroup_place *place, const char *line, size_t size)
{
	const char *controllers = memchr(line, ':', size);
	const char *path;

	if (!controllers)
		return NULL;
	controllers++;
	path = memchr(controllers, ':', size - (size_t)(controllers - line));
	if (!path)
		return NULL;
	size_t len = (size_t)(path - controllers);

	if (place->controller[0] == '\0')
		return len == 0 && controllers == line + 2 && line[0] == '0' ? path + 1 : NULL;
	return has_word(controllers, len, place->controller) ? path + 1 : NULL;
}

int cgroup_place_find(const struct cgroup_place *place, const char *text, char *ret_path,
		      size_t size)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *path = path_of(place, text, len);

		if (path) {
			size_t path_len = len - (size_t)(path - text);

			if (path_len >= size)
				return -ENAMETOOLONG;
			memcpy(ret_path, path, path_len);
			ret_path[path_len] = '\0';
			return 0;
		}
		text += len + (text[len] == '\n');
	}
	return -ENOENT;
}

bool cgroup_place_is_slice(const char *path, uint32_t uid)
{
	char slice[64];
	int len = snprintf(slice, sizeof(slice), "/%s/user-%u.slice", CGROUP_PARENT, uid);
	size_t path_len = strlen(path);

	return path_len >= (size_t)len && strcmp(path + path_len - len, slice) == 0;
}

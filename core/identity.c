/* SPDX-License-Identifier: MIT */
#include "core/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"

/* An entry that does not fit 16 MB (a group of a million members) is not looked at any further. */
#define BUFFER_MIN 1024
#define BUFFER_MAX (16 * 1024 * 1024)
#define GROUPS_MIN 32
#define GROUPS_MAX 65536 /* the kernel's NGROUPS_MAX */

/* Grows while the lookups of one login go on. */
struct buffer {
	char *bytes;
	size_t size;
};

/* To be called before the first lookup, and after each ERANGE. 0, or a positive errno. */
static int buffer_grow(struct buffer *buffer)
{
	size_t size = buffer->size ? buffer->size * 4 : BUFFER_MIN;
	char *bytes;

	if (size > BUFFER_MAX)
		return ERANGE;
	bytes = malloc(size);
	if (!bytes)
		return ENOMEM;
	free(buffer->bytes);
	*buffer = (struct buffer){.bytes = bytes, .size = size};
	return 0;
}

/* getpwnam_r(3): beside 0, NSS modules answer these for a name that is not there. */
static bool means_absent(int err)
{
	return err == ENOENT || err == ESRCH || err == EBADF || err == EPERM;
}

/* 0 with *ret_found, or a positive errno. What `ret` points to lives in the buffer. */
static int find_user(const char *name, struct buffer *buffer, struct passwd *ret, bool *ret_found)
{
	struct passwd *result = NULL;
	int err;

	while ((err = getpwnam_r(name, ret, buffer->bytes, buffer->size, &result)) == ERANGE ||
	       err == EINTR)
		if (err == ERANGE && (err = buffer_grow(buffer)) != 0)
			return err;
	if (err != 0 && !means_absent(err))
		return err;
	*ret_found = err == 0 && result;
	return 0;
}

static int find_group(gid_t gid, struct buffer *buffer, struct group *ret, bool *ret_found)
{
	struct group *result = NULL;
	int err;

	while ((err = getgrgid_r(gid, ret, buffer->bytes, buffer->size, &result)) == ERANGE ||
	       err == EINTR)
		if (err == ERANGE && (err = buffer_grow(buffer)) != 0)
			return err;
	if (err != 0 && !means_absent(err))
		return err;
	*ret_found = err == 0 && result;
	return 0;
}

/* login->gids: the primary group and the supplementary ones. */
static int list_gids(struct login *login, struct failure *reterr)
{
	int count = GROUPS_MIN;

	for (;;) {
		int room = count;
		gid_t *gids = reallocarray(login->gids, (size_t)room, sizeof(*gids));

		_Static_assert(sizeof(gid_t) == sizeof(uint32_t),
			       "gids are handed out as they are");
		if (!gids)
			return failure_set(reterr, ENOMEM, "list the groups of %s", login->user);
		login->gids = gids;
		if (getgrouplist(login->user, login->gid, gids, &count) >= 0) {
			login->gid_count = (size_t)count;
			return 0;
		}
		/* Too little room: count says how much is needed. Unchanged: it had no memory. */
		if (count <= room)
			return failure_set(reterr, ENOMEM, "list the groups of %s", login->user);
		if (count > GROUPS_MAX)
			return failure_set(reterr, ERANGE, "list the %d groups of %s", count,
					   login->user);
	}
}

/*
 * login->groups. A lookup that fails must fail the login: without the name, a section that confines
 * the group would not apply.
 */
static int name_groups(struct login *login, struct buffer *buffer, struct failure *reterr)
{
	size_t named = 0;

	login->groups = calloc(login->gid_count + 1, sizeof(*login->groups));
	if (!login->groups)
		return failure_set(reterr, ENOMEM, "name the groups of %s", login->user);
	for (size_t i = 0; i < login->gid_count; i++) {
		struct group group;
		bool found = false;
		int err = find_group(login->gids[i], buffer, &group, &found);

		if (err != 0)
			return failure_set(reterr, err, "look up group %u of %s", login->gids[i],
					   login->user);
		if (!found)
			continue;
		login->groups[named] = strdup(group.gr_name);
		if (!login->groups[named])
			return failure_set(reterr, ENOMEM, "name the groups of %s", login->user);
		named++;
	}
	return 0;
}

int identity_of(const struct passwd *passwd, const char *service, struct login *ret_login,
		struct failure *reterr)
{
	struct login login = {.uid = passwd->pw_uid, .gid = passwd->pw_gid};

	login.user = strdup(passwd->pw_name);
	login.home = strdup(passwd->pw_dir ? passwd->pw_dir : "");
	login.service = strdup(service);
	if (!login.user || !login.home || !login.service) {
		identity_free(&login);
		return failure_set(reterr, ENOMEM, "note the user %s", passwd->pw_name);
	}
	*ret_login = login;
	return 0;
}

int identity_find(const char *user, const char *service, struct login *ret_login,
		  struct failure *reterr)
{
	struct buffer buffer = {0};
	struct passwd passwd;
	bool found = false;
	int err = buffer_grow(&buffer), r;

	if (err == 0)
		err = find_user(user, &buffer, &passwd, &found);
	if (err != 0)
		r = failure_set(reterr, err, "look up user %s", user);
	else if (!found)
		r = failure_say(reterr, ENOENT, "look up user %s: no such user", user);
	else
		r = identity_of(&passwd, service, ret_login, reterr);
	free(buffer.bytes);
	return r;
}

int identity_add_groups(struct login *login, struct failure *reterr)
{
	struct buffer buffer = {0};
	int err = buffer_grow(&buffer);
	int r = err != 0 ? failure_set(reterr, err, "list the groups of %s", login->user)
			 : list_gids(login, reterr);

	if (r == 0)
		r = name_groups(login, &buffer, reterr);
	free(buffer.bytes);
	return r;
}

int identity_lookup(const char *user, const char *service, struct login *ret_login,
		    struct failure *reterr)
{
	struct login login = {0};
	int r = identity_find(user, service, &login, reterr);

	if (r == 0)
		r = identity_add_groups(&login, reterr);
	if (r < 0)
		identity_free(&login);
	else
		*ret_login = login;
	return r;
}

void identity_free(struct login *login)
{
	free(login->user);
	free(login->home);
	free(login->service);
	for (char **name = login->groups; name && *name; name++)
		free(*name);
	free(login->groups);
	free(login->gids);
	*login = (struct login){0};
}

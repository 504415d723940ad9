/* SPDX-License-Identifier: MIT */
/*
 * identity - who logs in, from NSS (getpwnam_r(3), getgrouplist(3), getgrgid_r(3)).
 */
#ifndef CARREL_IDENTITY_H
#define CARREL_IDENTITY_H

#include <pwd.h>

#include "core/match.h"

/*
 * Look `user` up; the service is copied in. -ENOENT: NSS knows no such user (as opposed to an NSS
 * that failed, which is another errno). *ret_login, still without groups, is the caller's to
 * identity_free().
 */
int identity_find(const char *user, const char *service, struct login *ret_login,
		  struct failure *reterr);
/* The same from an entry that the caller has. */
int identity_of(const struct passwd *passwd, const char *service, struct login *ret_login,
		struct failure *reterr);
/* Add the groups. A group without a name is in gids alone. */
int identity_add_groups(struct login *login, struct failure *reterr);
/* identity_find() and identity_add_groups(). */
int identity_lookup(const char *user, const char *service, struct login *ret_login,
		    struct failure *reterr);
void identity_free(struct login *login);

#endif

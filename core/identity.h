/* SPDX-License-Identifier: MIT */
/*
 * identity - who logs in, from NSS (getpwnam_r(3), getgrouplist(3), getgrgid_r(3)).
 */
#ifndef CARREL_IDENTITY_H
#define CARREL_IDENTITY_H

#include "core/match.h"

/*
 * Look `user` up; the service is copied in. -ENOENT: NSS knows no such user (as opposed to an NSS
 * that failed, which is another errno). A group without a name is in gids alone. *ret_login is the
 * caller's to identity_free().
 */
int identity_lookup(const char *user, const char *service, struct login *ret_login,
		    struct failure *reterr);
void identity_free(struct login *login);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * mnt_homes - hide_homes: below a home root there is one home alone, the user's.
 *
 * Covering is not enough: a mount below another home that is only covered is still named in mountinfo. So
 * these are detached first, for which mountinfo is read; that is why only hide_homes does it: its size is
 * that of the host's mount table.
 *
 * The user's home is reached with the user's own file system identity, since root may be nobody there (NFS
 * root_squash), one component at a time, and no symbolic link is followed.
 */
#ifndef CARREL_MNT_HOMES_H
#define CARREL_MNT_HOMES_H

#include "core/failure.h"
#include "core/plan.h"

/*
 * Cover `root`, and show `home`, which is below it, in the cover; NULL: none is shown. A root that is not
 * there is no failure. The caller is in its own mount namespace, and /proc shows it.
 */
int mnt_hide_homes(const struct plan *plan, const struct login *login, const char *root,
		   const char *home, struct failure *reterr);

/* Is `path` the directory `dir` itself or below it? Pure; both absolute and normal. */
int mnt_is_below(const char *path, const char *dir);

/* Undo mountinfo's octal escapes (\040 for a blank) in place. Pure. */
void mnt_unescape(char *path);

#endif

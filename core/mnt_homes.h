/* SPDX-License-Identifier: MIT */
/*
 * mnt_homes - hide_homes: take away what is mounted below other users' homes.
 *
 * A mount that is only covered is still named in mountinfo. This reads mountinfo, which is why only
 * hide_homes does it: its size is that of the host's mount table.
 */
#ifndef CARREL_MNT_HOMES_H
#define CARREL_MNT_HOMES_H

/*
 * Detach all mounts below `root` but those on the way to, at or below `home` (NULL: none is spared).
 * The caller is in its own mount namespace; /proc shows it. A mount that can't be reached without
 * asking a file server (RESOLVE_CACHED), or through a symbolic link, stays: it is covered, and only its
 * name can be seen. So this can't fail, and can't hang.
 */
void mnt_detach_homes(const char *root, const char *home);

/* Is `path` the directory `dir` itself or below it? Pure; both absolute and normal. */
int mnt_is_below(const char *path, const char *dir);

/* Undo mountinfo's octal escapes (\040 for a blank) in place. Pure. */
void mnt_unescape(char *path);

#endif

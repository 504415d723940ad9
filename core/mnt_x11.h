/* SPDX-License-Identifier: MIT */
/*
 * mnt_x11 - the host's X socket directory in a private /tmp.
 */
#ifndef CARREL_MNT_X11_H
#define CARREL_MNT_X11_H

#include "core/failure.h"

/* Before anything covers /tmp: a detached, read-only clone of it; -1 where there is none to be trusted. */
int mnt_clone_x11(void);

/* Attach the clone (or nothing, -1) in the private /tmp that is attached already. */
int mnt_put_x11(int x11_fd, int tmp_fd, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * mount_mark - the sandbox that root made is told by its /proc.
 *
 * mnt gives the /proc of such a sandbox this source. Only who has CAP_SYS_ADMIN in the user namespace
 * that owns a mount namespace chooses a mount's source, so a process in the initial user namespace can
 * believe it. login_shell/inside.c reads it.
 */
#ifndef CARREL_MOUNT_MARK_H
#define CARREL_MOUNT_MARK_H

#define MOUNT_MARK "carrel"

#endif

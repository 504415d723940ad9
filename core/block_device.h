/* SPDX-License-Identifier: MIT */
/*
 * block_device - from a path of the policy to the disk that the kernel's io controller limits.
 *
 * A path below /dev is a block device's node; symbolic links that stay in there are followed
 * (/dev/disk/by-id). Any other is a directory, and its file system's device is meant: no component may be a
 * link, or be writable by anybody but root, so that no user moves a limit to another disk. Then, as
 * systemd.resource-control(5) has it, what lies on one other device (LUKS, LVM on one disk) is that
 * device, and a partition is its whole disk: the kernel takes no partitions.
 */
#ifndef CARREL_BLOCK_DEVICE_H
#define CARREL_BLOCK_DEVICE_H

#include <stddef.h>
#include <sys/types.h>

#include "core/failure.h"

/* Looks only. -ENOENT and others with reterr: no such path, no block device, or a path that is not safe. */
int block_device_find(const char *path, dev_t *ret_disk, struct failure *reterr);

/* The disk's name ("sda") as far as it fits, or "8:0" when it has none. */
void block_device_name(dev_t disk, char *ret_name, size_t size);

#endif

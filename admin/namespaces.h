/* SPDX-License-Identifier: MIT */
/*
 * namespaces - which namespaces a sandbox has of its own, as inode numbers.
 */
#ifndef CARREL_NAMESPACES_H
#define CARREL_NAMESPACES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/protocol.h"

#define NAMESPACES 6

/* In the order of the columns; the files are those of /proc/PID/ns. */
struct namespace_kind {
	const char *file, *title;
	int bit; /* of enum choice_namespace */
};
extern const struct namespace_kind namespace_kinds[NAMESPACES];

/*
 * Those of the sandbox's PID 1; where only its children are in one, PID 1 is in it too. 0: shared with
 * the host, or gone meanwhile.
 */
void namespaces_read(const struct message_info *info, uint64_t ret_inodes[NAMESPACES]);

/* An object, null for what is shared. NULL: no memory. */
json_t *namespaces_json(const uint64_t inodes[NAMESPACES]);

#endif

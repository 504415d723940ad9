/* SPDX-License-Identifier: MIT */
/*
 * warden - what the helper becomes once the sandbox stands: it waits for the session to end, whatever
 * way, answers `carrel`, and cleans up last.
 */
#ifndef CARREL_WARDEN_H
#define CARREL_WARDEN_H

#include <stdint.h>
#include <sys/types.h>

#include "core/cgroup.h"
#include "core/match.h"
#include "core/protocol.h"
#include "helper/disk.h"
#include "helper/sandbox.h"

struct warden {
	int module_fd; /* to the caller; -1 once that has closed its end */
	int leader_fd; /* pidfd of the caller */
	int listen_fd; /* in the registry */
	struct message_info info; /* what queries are answered with */
	int share_fd; /* root of the tmpfs that the user's sandboxes share (share.h), or -1 */
	struct disk disk;
	struct sandbox sandbox;
	struct cgroup_set cgroups;
	struct cgroup_usage usage_at_start;
	int64_t started_ms; /* sys_now_ms() */
};

/* A warden without anything to clean up yet. */
void warden_init(struct warden *warden);

/*
 * Run until everything has gone: the sandbox's processes, its cgroups (with the user's last session),
 * its socket. Gives up what it does not need first. Logs one line at the end, with the session's figures
 * when `log_end` is set.
 */
void warden_run(struct warden *warden, bool log_end);

/* End the sandbox at once and clean up: for a login that fails. Nothing is left after it. */
void warden_abort(struct warden *warden);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * warden - what the helper becomes once the sandbox stands: it waits for the sessions in it to end,
 * whatever way, answers `carrel`, and cleans up last. With instance=user it takes in more of them.
 */
#ifndef CARREL_WARDEN_H
#define CARREL_WARDEN_H

#include <stdint.h>
#include <sys/types.h>

#include "core/cgroup.h"
#include "core/match.h"
#include "core/protocol.h"
#include "helper/disk.h"
#include "helper/door.h"
#include "helper/notify.h"
#include "helper/sandbox.h"
#include "helper/sessions.h"

struct warden {
	int leader_fd; /* pidfd of the caller while it opens; later of the last that has left */
	pid_t leader; /* of the last that has left */
	int anchor_fd; /* lingering: of the last that has left, or -1 */
	int listen_fd; /* in the registry */
	struct door door; /* for those who join */
	struct sessions sessions;
	struct notify notify;
	bool pod; /* instance=user */
	bool linger; /* what the last that has left would have */
	/* Of on_logout=linger: */
	bool asked; /* PID 1 has been asked to say when it is alone */
	bool stale; /* somebody has been in since it was asked: its answer is void */
	int64_t ask_again_ms; /* 0: no need */
	int ask_pause_ms;
	int64_t shed_ms; /* when to give memory back; 0: that has been done */
	struct message_info info; /* what queries are answered with */
	int share_fd; /* root of the tmpfs that the user's sandboxes share (share.h), or -1 */
	struct disk disk;
	struct sandbox sandbox;
	struct cgroup_set cgroups;
	struct cgroup_usage usage_at_start;
	int64_t started_ms; /* sys_now_ms() */
};

/*
 * The session that the sandbox was made for. The socket is the warden's from then on, and so is *anchor_fd (-1:
 * none), which stays in the session's scope (anchor.h) for as long as the session; the last session's for as
 * long as what it has left running, since with its last session the user would lose the systemd manager and
 * /run/user/UID. 0 or -ENOMEM.
 */
int warden_admit_first(struct warden *warden, int socket, pid_t leader, int *anchor_fd,
		       const struct message_request *request, const struct login_terms *terms);

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

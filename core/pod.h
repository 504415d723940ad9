/* SPDX-License-Identifier: MIT */
/*
 * pod - instance=user: logins of one user that share a sandbox. CARREL_RUN/UID/pod is where its
 * warden takes more of them in.
 *
 * Only the warden that listens there owns the name, and a warden that wants no more logins removes the
 * name and closes the socket before anything else: who has not been answered then is reset, and makes
 * a fresh sandbox. A name that refuses belonged to a warden that was killed; whoever holds the user's
 * lock replaces it.
 */
#ifndef CARREL_POD_H
#define CARREL_POD_H

#include <stdint.h>

#include "core/failure.h"
#include "core/protocol.h"

/*
 * Connect without waiting (close-on-exec, non-blocking). -ENOENT, -ECONNREFUSED: there is none;
 * -EAGAIN: it lives, with a full backlog.
 */
int pod_connect(uint32_t uid, int *ret_socket);

/* The user's lock is held. -EEXIST, without a text: another pod of the user lives. */
int pod_listen(uint32_t uid, int *ret_socket, struct failure *reterr);

/* By the warden whose socket it is: nobody comes in from here on. */
void pod_close(uint32_t uid, int *socket);

/*
 * Of all in a request that a decision may depend on: not of the terminal, the remote host, the time
 * left, nor debug. Pure.
 */
uint64_t pod_fingerprint(const struct message_request *request);

/* FNV-1a over words, continued from `hash` (POD_HASH_START). Against accidents, not against root. */
#define POD_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t pod_hash(uint64_t hash, const void *bytes, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
#include "helper/door.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "core/cgroup_freeze.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/pod.h"
#include "core/policy_file.h"
#include "core/policy_stamp.h"
#include "core/registry.h"
#include "core/sys.h"
#include "helper/opening.h"
#include "helper/warden.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif
#define ADOPT_FDS 2 /* the module's socket, the leader's pidfd */

void door_learn(struct door *door, const struct login_terms *terms)
{
	size_t slot = door->next;

	for (size_t i = 0; i < door->known; i++) {
		if (door->terms[i].fingerprint == terms->fingerprint)
			slot = i;
	}
	door->terms[slot] = *terms;
	if (slot != door->next)
		return;
	door->next = (slot + 1) % DOOR_TERMS;
	if (door->known < DOOR_TERMS)
		door->known++;
}

/* The slice as each login is to join it. */
static uint32_t controllers_of(const struct cgroup_set *cgroups)
{
	uint32_t controllers = 0;

	for (size_t i = 0; i < cgroups->count; i++)
		controllers |= cgroups->hierarchies[i].controllers;
	return controllers;
}

/*
 * sessions_max, as helpers count: sandboxes by their names, and this one's sessions. Never waits: while
 * somebody else counts or registers, a helper is to do it. Once the lock is let go, whoever counts next
 * asks this warden, which answers when the login that this is about has been taken in.
 */
static bool has_room(const struct warden *warden, const struct login_terms *terms)
{
	struct registry_user user;
	struct failure ignored;
	size_t names = 0;

	if (terms->sessions_max == CONVERT_MAX)
		return true;
	if (registry_lock(warden->info.uid, false, 0, &user, &ignored) < 0)
		return false;
	int r = registry_count(&user, SIZE_MAX, &names, &ignored);

	registry_unlock(&user);
	/* Dead sockets are among them: when they are too many, a helper looks closer, and says why not. */
	size_t others = names > 0 ? names - 1 : 0;

	return r == 0 && sessions_count(&warden->sessions) + others < terms->sessions_max;
}

/* What a helper would decide now, or NULL where only a helper can say. */
static const struct login_terms *find_terms(const struct warden *warden,
					    const struct message_request *request)
{
	const struct door *door = &warden->door;
	uint64_t fingerprint = pod_fingerprint(request);

	for (size_t i = 0; i < door->known; i++) {
		const struct login_terms *terms = &door->terms[i];

		if (terms->fingerprint != fingerprint || terms->stamp == 0)
			continue;
		/*
		 * A helper asks systemd for a scope, sets limits that are not this login's, and says why a
		 * frozen user can't log in.
		 */
		if (request->uid != warden->info.uid || warden->cgroups.systemd ||
		    terms->limits != door->limits || cgroup_is_frozen(&warden->cgroups) ||
		    terms->controllers != controllers_of(&warden->cgroups) ||
		    sessions_count(&warden->sessions) >= SESSIONS_MAX)
			return NULL;
		return policy_stamp(CARREL_POLICY) == terms->stamp && has_room(warden, terms)
			       ? terms
			       : NULL;
	}
	return NULL;
}

/* Who connected is the session's leader. Its pid can't be another's: it is there, or is seen to go. */
static int find_peer(struct member *member)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	if (getsockopt(member->socket, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (cred.uid != 0 || cred.pid <= 0)
		return -EPERM;
	len = sizeof(fd);
	if (getsockopt(member->socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) < 0)
		fd = errno == ENOPROTOOPT ? sys_pidfd_open(cred.pid) : -1;
	if (fd < 0)
		return -errno;
	member->leader_fd = fd;
	member->leader = cred.pid;
	/* Readable: it has gone, or did not want to wait and has said CLOSE. */
	return sys_wait_readable(member->socket, 0) == 0 ? 0 : -ECONNRESET;
}

static void note_terms(struct member *member, const struct login_terms *terms)
{
	member->terms = *terms;
	member->started = (int64_t)time(NULL);
	member->started_ms = sys_now_ms();
}

static int send_sandbox(struct warden *warden, const struct member *member,
			const struct login_terms *terms, struct failure *reterr)
{
	struct message_reply reply;
	int fds[PROTOCOL_CGROUPS_MAX];

	memset(&reply, 0, sizeof(reply));
	protocol_head(&reply.head, MESSAGE_REPLY, sizeof(reply));
	reply.verdict = REPLY_CONFINED;
	reply.namespaces = warden->sandbox.clone_flags;
	reply.warden_pid_ns = warden->door.pid_ns;
	for (size_t i = 0; i < NS_TYPES; i++)
		reply.ns_inodes[i] = warden->sandbox.ids.inodes[i];
	memcpy(reply.id, warden->info.id, sizeof(reply.id));
	reply_from_terms(terms, &reply);
	int r = reply_from_cgroups(&warden->cgroups, &reply, fds, reterr);

	if (r == 0)
		r = reply_send(member->socket, &reply, warden->sandbox.init_pidfd, fds, reterr);
	return r < 0 ? r : reply_send_ready(member->socket, NULL);
}

static int receive_request(int socket, struct message_request *request)
{
	struct failure ignored;

	return protocol_receive(socket, MESSAGE_REQUEST, request, sizeof(*request), NULL, NULL, 0,
				&ignored);
}

static void hear_request(struct warden *warden, size_t index)
{
	struct member *member = &warden->sessions.members[index];
	const struct login_terms *terms = NULL;
	struct message_reply retry;
	struct failure ignored;
	/* Of its own, since it is large and in use for a moment only. */
	struct message_request *request = mmap(NULL, sizeof(*request), PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (request == MAP_FAILED) {
		sessions_remove(&warden->sessions, index);
		return;
	}
	int r = receive_request(member->socket, request);

	if (r == 0)
		r = find_peer(member);
	if (r == 0)
		terms = find_terms(warden, request);
	if (terms) {
		member_describe(member, request->service, request->tty, request->rhost);
		note_terms(member, terms);
		r = send_sandbox(warden, member, terms, &ignored);
	} else if (r == 0) {
		memset(&retry, 0, sizeof(retry));
		protocol_head(&retry.head, MESSAGE_REPLY, sizeof(retry));
		reply_send_verdict(member->socket, &retry, REPLY_RETRY, NULL);
	}
	(void)munmap(request, sizeof(*request));
	if (terms && r == 0)
		member->state = MEMBER_LIVE;
	else
		sessions_remove(&warden->sessions, index);
}

/* May it come in? */
static enum adopt_verdict judge(const struct warden *warden, const struct message_adopt *adopt)
{
	size_t here = sessions_count(&warden->sessions);

	if (adopt->uid != warden->info.uid || adopt->pid_ns != warden->door.pid_ns ||
	    here >= SESSIONS_MAX)
		return ADOPT_UNABLE;
	if (adopt->terms.shape != warden->door.shape && !adopt->anyway)
		return ADOPT_DIFFERS;
	if (adopt->terms.sessions_max != CONVERT_MAX &&
	    here + adopt->others >= adopt->terms.sessions_max)
		return ADOPT_FULL;
	return ADOPT_TAKEN;
}

static int send_adopted(const struct warden *warden, int socket, enum adopt_verdict verdict)
{
	struct message_adopted adopted;
	struct failure ignored;

	memset(&adopted, 0, sizeof(adopted));
	protocol_head(&adopted.head, MESSAGE_ADOPTED, sizeof(adopted));
	adopted.verdict = verdict;
	adopted.sessions = (uint32_t)sessions_count(&warden->sessions);
	adopted.namespaces = warden->sandbox.clone_flags;
	adopted.limits = warden->door.limits;
	for (size_t i = 0; i < NS_TYPES; i++)
		adopted.ns_inodes[i] = warden->sandbox.ids.inodes[i];
	memcpy(adopted.id, warden->info.id, sizeof(adopted.id));
	memcpy(adopted.service, warden->door.service, sizeof(adopted.service));
	return protocol_send(socket, &adopted, sizeof(adopted), &warden->sandbox.init_pidfd,
			     verdict == ADOPT_TAKEN ? 1 : 0, &ignored);
}

static void hear_adopt(struct warden *warden, size_t index)
{
	struct member *member = &warden->sessions.members[index];
	struct message_adopt adopt;
	struct failure ignored;
	int fds[PROTOCOL_FDS_MAX];
	size_t count = 0;
	int r = protocol_receive(member->socket, MESSAGE_ADOPT, &adopt, sizeof(adopt), fds, &count,
				 0, &ignored);

	if (r < 0 || count != ADOPT_FDS) {
		while (count-- > 0)
			(void)close(fds[count]);
		sessions_remove(&warden->sessions, index);
		return;
	}
	enum adopt_verdict verdict = judge(warden, &adopt);

	if (send_adopted(warden, member->socket, verdict) < 0 || verdict != ADOPT_TAKEN) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		/* Who has been told that the sandbox differs may ask again on the same connection. */
		if (verdict != ADOPT_DIFFERS)
			sessions_remove(&warden->sessions, index);
		return;
	}
	member->adopter_fd = steal_fd(&member->socket);
	member->socket = fds[0];
	member->leader_fd = fds[1];
	member->leader = adopt.leader_pid;
	member->state = MEMBER_OFFERED;
	member_describe(member, adopt.service, adopt.tty, adopt.rhost);
	note_terms(member, &adopt.terms);
}

/* The module has its reply: from here on the session is ours, and it learns so. */
static void hear_go(struct warden *warden, size_t index)
{
	struct member *member = &warden->sessions.members[index];
	struct message_plain go;
	struct failure ignored;
	int fds[PROTOCOL_FDS_MAX];
	size_t count = 0;

	if (protocol_receive(member->adopter_fd, MESSAGE_GO, &go, sizeof(go), fds, &count, 0,
			     &ignored) < 0) {
		sessions_remove(&warden->sessions, index);
		return;
	}
	while (count > 1)
		(void)close(fds[--count]);
	if (count == 1)
		member->anchor_fd = fds[0];
	close_fd(&member->adopter_fd);
	member->state = MEMBER_LIVE;
	door_learn(&warden->door, &member->terms);
	/* Its helper's word of its limits is lost, or still to come, or another login's have been set since. */
	if (warden->door.limits != member->terms.limits)
		warden->door.limits = 0;
	notify_start(&warden->notify, &warden->info, &warden->sessions);
	if (reply_send_ready(member->socket, NULL) < 0) {
		sessions_remove(&warden->sessions, index);
		return;
	}
	/* This session keeps the user's manager now, in place of what the last one has left. */
	if (member->anchor_fd >= 0)
		close_fd(&warden->anchor_fd);
}

void door_accept(struct warden *warden)
{
	_close_ int fd = accept4(warden->door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 && sessions_add(&warden->sessions, fd))
		(void)steal_fd(&fd);
}

/* A helper that has the user's lock asks how many are in, those included that came since the last look. */
static void answer_count(struct warden *warden, int socket)
{
	struct message_plain query;
	struct failure ignored;

	/* Unread, it would reset the connection, and the answer with it. */
	if (protocol_receive(socket, MESSAGE_QUERY, &query, sizeof(query), NULL, NULL, 0,
			     &ignored) < 0)
		return;
	warden->info.sessions = (uint32_t)sessions_count(&warden->sessions);
	(void)protocol_send(socket, &warden->info, sizeof(warden->info), NULL, 0, &ignored);
}

void door_hear(struct warden *warden, size_t index)
{
	struct member *member = &warden->sessions.members[index];

	if (member->state == MEMBER_OFFERED) {
		hear_go(warden, index);
		return;
	}
	switch (protocol_peek(member->socket)) {
	case -EAGAIN:
		return;
	case MESSAGE_REQUEST:
		hear_request(warden, index);
		return;
	case MESSAGE_ADOPT:
		hear_adopt(warden, index);
		return;
	case MESSAGE_QUERY:
		answer_count(warden, member->socket);
		break;
	default:
		break;
	}
	sessions_remove(&warden->sessions, index);
}

void door_close(struct warden *warden)
{
	pod_close(warden->info.uid, &warden->door.fd);
	for (size_t i = warden->sessions.count; i-- > 0;) {
		if (warden->sessions.members[i].state != MEMBER_LIVE)
			sessions_remove(&warden->sessions, i);
	}
}

/* SPDX-License-Identifier: MIT */
#include "core/pod.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/cleanup.h"
#include "core/registry.h"

#define BACKLOG 512

/* CARREL_RUN is a constant, and short enough (registry.c refuses sandboxes where it is not). */
static bool pod_address(uint32_t uid, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
			   "%s/%u/" REGISTRY_POD, CARREL_RUN, uid);

	return len > 0 && (size_t)len < sizeof(ret_address->sun_path);
}

int pod_connect(uint32_t uid, int *ret_socket)
{
	struct sockaddr_un address;
	_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (!pod_address(uid, &address))
		return -ENOENT;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_socket = steal_fd(&fd);
	return 0;
}

int pod_listen(uint32_t uid, int *ret_socket, struct failure *reterr)
{
	struct sockaddr_un address;
	_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	_close_ int other = -1;

	if (fd < 0)
		return failure_set(reterr, errno, "make the pod's socket");
	if (!pod_address(uid, &address))
		return failure_set(reterr, ENAMETOOLONG, "make the pod's socket");
	int r = pod_connect(uid, &other);

	if (r == 0 || r == -EAGAIN)
		return -EEXIST;
	if (r == -ECONNREFUSED && unlink(address.sun_path) < 0 && errno != ENOENT)
		return failure_set(reterr, errno, "remove %s", address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return failure_set(reterr, errno, "bind the pod's socket %s", address.sun_path);
	if (listen(fd, BACKLOG) < 0) {
		int err = errno;

		(void)unlink(address.sun_path);
		return failure_set(reterr, err, "listen on %s", address.sun_path);
	}
	*ret_socket = steal_fd(&fd);
	return 0;
}

void pod_close(uint32_t uid, int *socket)
{
	struct sockaddr_un address;

	if (*socket < 0)
		return;
	/* As long as it listens, the name is ours: nobody replaces one that does not refuse. */
	if (pod_address(uid, &address))
		(void)unlink(address.sun_path);
	close_fd(socket);
}

uint64_t pod_hash(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t word;

	for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x100000001b3);
		hash ^= hash >> 29; /* the upper bits of a word reach the lower ones of the hash */
	}
	for (; size > 0; size--)
		hash = (hash ^ *at++) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t pod_fingerprint(const struct message_request *request)
{
	const char *bytes = (const char *)request;
	size_t from = offsetof(struct message_request, uid);
	size_t display = offsetof(struct message_request, tty);
	size_t after = offsetof(struct message_request, rhost) + sizeof(request->rhost);
	uint64_t hash = pod_hash(POD_HASH_START, bytes + from, display - from);

	/* What is added to requests after these fields is looked at without a change here. */
	return pod_hash(hash, bytes + after, request->head.size - after);
}

/* SPDX-License-Identifier: MIT */
/* protocol, over a socket: messages come through whole or not at all, in time; descriptors never leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/sys.h"
#include "tests/unit/with_message.h"

#define SOON_MS 50

struct wire {
	int ours, theirs, descriptors;
};

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static int wire_setup(void **state)
{
	static struct wire wire;
	int pair[2];

	wire.descriptors = count_descriptors();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	wire.ours = pair[0];
	wire.theirs = pair[1];
	*state = &wire;
	return 0;
}

static int wire_teardown(void **state)
{
	struct wire *wire = *state;

	close_fd(&wire->ours);
	close_fd(&wire->theirs);
	return count_descriptors() == wire->descriptors ? 0 : -1;
}

static int receive(const struct wire *wire, enum message_type type, int *ret_fds, size_t *ret_count)
{
	static union any any;
	struct failure failure = {0};
	int r = protocol_receive(wire->ours, type, &any, sizeof(any), ret_fds, ret_count,
				 sys_now_ms() + SOON_MS, &failure);

	assert_true(r == 0 || failure.text[0] != '\0');
	return r;
}

static void send_good(const struct wire *wire, enum message_type type, const int *fds, size_t count)
{
	_free_ void *message = make(type);
	struct failure failure;

	assert_int_equal(protocol_send(wire->theirs, message, size_of(type), fds, count, &failure),
			 0);
}

static void every_type_comes_through(void **state)
{
	for (int type = MESSAGE_SPAWNED; type <= MESSAGE_LIMITS; type++) {
		send_good(*state, (enum message_type)type, NULL, 0);
		assert_int_equal(receive(*state, (enum message_type)type, NULL, NULL), 0);
	}
}

static void descriptors_come_close_on_exec(void **state)
{
	struct wire *wire = *state;
	int sent[PROTOCOL_FDS_MAX], got[PROTOCOL_FDS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < PROTOCOL_FDS_MAX; i++)
		sent[i] = wire->theirs;
	send_good(wire, MESSAGE_REPLY, sent, PROTOCOL_FDS_MAX);
	assert_int_equal(receive(wire, MESSAGE_REPLY, got, &count), 0);
	assert_int_equal(count, PROTOCOL_FDS_MAX);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		(void)close(got[i]);
	}
}

static void descriptors_nobody_asked_for_are_closed(void **state)
{
	struct wire *wire = *state;
	int sent[2] = {wire->theirs, wire->theirs};

	send_good(wire, MESSAGE_CLOSE, sent, 2);
	assert_int_equal(receive(wire, MESSAGE_CLOSE, NULL, NULL), -EPROTO);
}

static void descriptors_of_a_bad_message_are_closed(void **state)
{
	struct wire *wire = *state;
	int got[PROTOCOL_FDS_MAX];
	size_t count = 99;

	send_good(wire, MESSAGE_CLOSE, &wire->theirs, 1);
	assert_int_equal(receive(wire, MESSAGE_REPLY, got, &count), -EPROTO);
	assert_int_equal(count, 99);
}

static void send_raw(const struct wire *wire, const void *bytes, size_t size, size_t fd_count)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * 64)];
	} control = {{0}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd_count > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		for (size_t i = 0; i < fd_count; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &wire->theirs, sizeof(int));
	}
	assert_true(sendmsg(wire->theirs, &msg, 0) >= 0);
}

static void more_descriptors_than_there_is_room_for(void **state)
{
	_free_ void *message = make(MESSAGE_REPLY);
	int got[PROTOCOL_FDS_MAX];
	size_t count;

	send_raw(*state, message, size_of(MESSAGE_REPLY), PROTOCOL_FDS_MAX + 10);
	assert_int_equal(receive(*state, MESSAGE_REPLY, got, &count), -EPROTO);
}

static void too_many_descriptors_are_not_sent(void **state)
{
	struct wire *wire = *state;
	int sent[PROTOCOL_FDS_MAX + 1] = {0};
	_free_ void *message = make(MESSAGE_REPLY);
	struct failure failure;

	assert_int_equal(protocol_send(wire->theirs, message, size_of(MESSAGE_REPLY), sent,
				       PROTOCOL_FDS_MAX + 1, &failure),
			 -E2BIG);
}

static void a_longer_packet_is_refused(void **state)
{
	struct wire *wire = *state;
	char bytes[sizeof(struct message_ready) + 1] = {0};
	struct message_ready ready;
	struct failure failure;

	protocol_head((struct message_head *)bytes, MESSAGE_READY, sizeof(ready));
	send_raw(wire, bytes, sizeof(bytes), 0);
	assert_int_equal(protocol_receive(wire->ours, MESSAGE_READY, &ready, sizeof(ready), NULL,
					  NULL, sys_now_ms() + SOON_MS, &failure),
			 -EPROTO);
}

static void an_empty_packet_is_an_end(void **state)
{
	send_raw(*state, "", 0, 1);
	assert_int_equal(receive(*state, MESSAGE_CLOSE, NULL, NULL), -ECONNRESET);
}

static void the_largest_request_comes_through(void **state)
{
	const struct wire *wire = *state;
	_free_ struct message_request *request =
		make_groups(PROTOCOL_GIDS_MAX, PROTOCOL_GROUPS_MAX);
	struct failure failure;

	assert_int_equal(protocol_send(wire->theirs, request, sizeof(*request), NULL, 0, &failure),
			 0);
	assert_int_equal(receive(wire, MESSAGE_REQUEST, NULL, NULL), 0);
}

static void the_peer_has_gone(void **state)
{
	struct wire *wire = *state;
	_free_ void *message = make(MESSAGE_CLOSE);
	struct failure failure;

	close_fd(&wire->theirs);
	assert_int_equal(receive(wire, MESSAGE_REPLY, NULL, NULL), -ECONNRESET);
	/* No SIGPIPE either. */
	assert_int_equal(protocol_send(wire->ours, message, size_of(MESSAGE_CLOSE), NULL, 0,
				       &failure),
			 -EPIPE);
}

static void what_was_sent_before_the_end_counts(void **state)
{
	struct wire *wire = *state;

	send_good(wire, MESSAGE_CLOSE, NULL, 0);
	close_fd(&wire->theirs);
	assert_int_equal(receive(wire, MESSAGE_CLOSE, NULL, NULL), 0);
}

static void waiting_ends_with_the_deadline(void **state)
{
	int64_t start_ms = sys_now_ms();

	assert_int_equal(receive(*state, MESSAGE_REPLY, NULL, NULL), -ETIME);
	assert_true(sys_now_ms() - start_ms >= SOON_MS);
}

static void a_deadline_in_the_past_only_looks(void **state)
{
	struct wire *wire = *state;
	struct message_plain plain;
	struct failure failure;

	assert_int_equal(protocol_receive(wire->ours, MESSAGE_CLOSE, &plain, sizeof(plain), NULL,
					  NULL, 0, &failure),
			 -ETIME);
	send_good(wire, MESSAGE_CLOSE, NULL, 0);
	assert_int_equal(protocol_receive(wire->ours, MESSAGE_CLOSE, &plain, sizeof(plain), NULL,
					  NULL, 0, &failure),
			 0);
}

static void a_full_socket_never_blocks(void **state)
{
	struct wire *wire = *state;
	_free_ void *message = make(MESSAGE_INFO);
	struct failure failure;
	int r = 0;

	for (int i = 0; i < 10000 && r == 0; i++)
		r = protocol_send(wire->theirs, message, size_of(MESSAGE_INFO), NULL, 0, &failure);
	assert_int_equal(r, -EAGAIN);
}

#define over_wire(test) cmocka_unit_test_setup_teardown(test, wire_setup, wire_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		over_wire(every_type_comes_through),
		over_wire(descriptors_come_close_on_exec),
		over_wire(descriptors_nobody_asked_for_are_closed),
		over_wire(descriptors_of_a_bad_message_are_closed),
		over_wire(more_descriptors_than_there_is_room_for),
		over_wire(too_many_descriptors_are_not_sent),
		over_wire(a_longer_packet_is_refused),
		over_wire(an_empty_packet_is_an_end),
		over_wire(the_largest_request_comes_through),
		over_wire(the_peer_has_gone),
		over_wire(what_was_sent_before_the_end_counts),
		over_wire(waiting_ends_with_the_deadline),
		over_wire(a_deadline_in_the_past_only_looks),
		over_wire(a_full_socket_never_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

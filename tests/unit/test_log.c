/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sys.h"
#include "helper/log.h"

static char dir[] = "/tmp/carrel-test-log-XXXXXX", path[64];
static int listener = -1;

/* Instead of the C library's: to our socket in /dev/log's place. */
int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_un ours = {.sun_family = AF_UNIX};

	assert_string_equal(((const struct sockaddr_un *)address)->sun_path, "/dev/log");
	(void)snprintf(ours.sun_path, sizeof(ours.sun_path), "%s", path);
	return (int)syscall(SYS_connect, fd, &ours, len);
}

static void listen_as(int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	listener = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(listener, 1), 0);
}

static int end_listening(void **state)
{
	(void)state;
	(void)close(listener);
	(void)unlink(path);
	return 0;
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* authpriv is facility 10, err severity 3. */
static void a_line_has_what_rfc_3164_asks_for(void **state)
{
	char line[2 * LOG_LINE_MAX], expected[128];

	(void)state;
	listen_as(SOCK_DGRAM);
	errno = ENOENT;
	log_line(LOG_ERR, "open %s: %m", "/x");
	assert_int_equal(errno, ENOENT);
	ssize_t got = recv(listener, line, sizeof(line) - 1, MSG_DONTWAIT);

	assert_true(got > 0);
	line[got] = '\0';
	(void)snprintf(expected, sizeof(expected),
		       "<83>carrel-session[%d]: open /x: No such file or directory", (int)getpid());
	assert_string_equal(line, expected);
}

static void a_long_line_is_cut(void **state)
{
	char text[2 * LOG_LINE_MAX], line[2 * LOG_LINE_MAX];

	(void)state;
	listen_as(SOCK_DGRAM);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_line(LOG_INFO, "%s", text);
	assert_int_equal(recv(listener, line, sizeof(line), MSG_DONTWAIT), LOG_LINE_MAX - 1);
}

static void a_daemon_that_takes_streams_gets_a_nul_at_the_end(void **state)
{
	char line[LOG_LINE_MAX];

	(void)state;
	listen_as(SOCK_STREAM);
	log_line(LOG_INFO, "hello");
	int fd = accept(listener, NULL, NULL);

	assert_true(fd >= 0);
	ssize_t got = recv(fd, line, sizeof(line), 0);

	assert_true(got > 8);
	assert_memory_equal(line + got - 8, ": hello", 8);
	(void)close(fd);
}

static void nobody_listens(void **state)
{
	(void)state;
	errno = EAGAIN;
	log_line(LOG_INFO, "hello");
	assert_int_equal(errno, EAGAIN);
}

/* A daemon that hangs: its queue (net.unix.max_dgram_qlen) is full. */
static void a_daemon_that_hangs_costs_a_second_a_line(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	listen_as(SOCK_DGRAM);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	while (sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)) == 1)
		;
	assert_int_equal(errno, EAGAIN);
	int64_t began_ms = sys_now_ms();

	log_line(LOG_INFO, "hello");
	int64_t took_ms = sys_now_ms() - began_ms;

	assert_in_range(took_ms, 900, 5000);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_line_has_what_rfc_3164_asks_for, end_listening),
		cmocka_unit_test_teardown(a_long_line_is_cut, end_listening),
		cmocka_unit_test_teardown(a_daemon_that_takes_streams_gets_a_nul_at_the_end,
					  end_listening),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test_teardown(a_daemon_that_hangs_costs_a_second_a_line, end_listening),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

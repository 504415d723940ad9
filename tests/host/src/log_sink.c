/* SPDX-License-Identifier: MIT */
/*
 * log_sink SOCKET FILE - a syslog receiver for the tests: each datagram becomes one line of FILE,
 * "FACILITY.SEVERITY TEXT" (syslog(3), RFC 3164), with control characters made visible.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const severities[] = {"emerg",   "alert",  "crit", "err",
					 "warning", "notice", "info", "debug"};
static const char *const facilities[] = {"kern", "user", "mail", "daemon", "auth",    "syslog",
					 "lpr",	 "news", "uucp", "cron",   "authpriv"};

static void write_line(int fd, char *message, size_t size)
{
	char line[8300], name[16];
	char *text = message, *end;
	unsigned long priority =
		13; /* user.notice, as RFC 3164 4.3.3 has it for messages without */
	int length;

	message[size] = '\0';
	if (*text == '<') {
		priority = strtoul(text + 1, &end, 10);
		if (*end == '>')
			text = end + 1;
	}
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = '?';
	if (priority / 8 < sizeof(facilities) / sizeof(facilities[0]))
		(void)snprintf(name, sizeof(name), "%s", facilities[priority / 8]);
	else
		(void)snprintf(name, sizeof(name), "%lu", (priority / 8) % 1000);
	length = snprintf(line, sizeof(line), "%s.%s %s\n", name, severities[priority % 8], text);
	if (length < 0 || length >= (int)sizeof(line))
		length = (int)sizeof(line) - 1;
	if (write(fd, line, (size_t)length) != length)
		err(1, "write");
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char message[8192];
	int in, out;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		errx(2, "usage: log_sink SOCKET FILE");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	out = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (out < 0)
		err(1, "%s", argv[2]);
	in = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (in < 0)
		err(1, "socket");
	(void)unlink(argv[1]);
	if (bind(in, (struct sockaddr *)&address, sizeof(address)) || chmod(argv[1], 0666))
		err(1, "%s", argv[1]);
	for (;;) {
		ssize_t size = recv(in, message, sizeof(message) - 1, 0);

		if (size < 0 && errno != EINTR)
			err(1, "recv");
		if (size > 0)
			write_line(out, message, (size_t)size);
	}
}

/* SPDX-License-Identifier: MIT */
#include "helper/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/cleanup.h"

#define IDENT "carrel-session"
#define LOG_SOCKET "/dev/log"
#define SEND_SECONDS 1

/* A stream has no ends of messages, so a NUL is one. 0 or -errno. */
static int send_line(int type, const char *line, size_t size)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LOG_SOCKET};
	const struct timeval patience = {.tv_sec = SEND_SECONDS};
	_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, line, size + (type == SOCK_STREAM), MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

void log_line(int priority, const char *format, ...)
{
	int err = errno;
	char line[LOG_LINE_MAX];
	va_list ap;
	int used = snprintf(line, sizeof(line), "<%d>" IDENT "[%d]: ", LOG_AUTHPRIV | priority,
			    (int)getpid());

	errno = err;
	va_start(ap, format);
	(void)vsnprintf(line + used, sizeof(line) - (size_t)used, format, ap);
	va_end(ap);
	if (send_line(SOCK_DGRAM, line, strlen(line)) == -EPROTOTYPE)
		(void)send_line(SOCK_STREAM, line, strlen(line));
	errno = err;
}

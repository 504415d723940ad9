/* SPDX-License-Identifier: MIT */
/*
 * log - lines to the system's log, facility authpriv, as syslog(3) sends them but without a time, which the
 * daemon then adds (RFC 3164, 4.3): musl's syslog(3) gives UTC where daemons that go by it take local time, and
 * glibc's reads /etc/localtime in each helper. Nothing stays open, and a daemon that hangs costs a line a second.
 */
#ifndef CARREL_LOG_H
#define CARREL_LOG_H

#include <syslog.h>

#define LOG_LINE_MAX                                                                               \
	1024 /* bytes with all that is before the text; more is cut off (RFC 3164, 4.1) */

/* `priority` is LOG_ERR or another of them; %m is errno, which stays as it is. Lost where nobody listens. */
__attribute__((format(printf, 2, 3))) void log_line(int priority, const char *format, ...);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * failure - what went wrong, said once, where it happened.
 *
 * A function that can fail returns 0 or -errno and takes `struct failure *reterr` as its last
 * argument. The buffer is the caller's, of fixed size, so that failing needs no memory. It is
 * filled once, at the place of the failure ("mount tmpfs on /var/tmp: No space left on device");
 * callers add what they were doing with failure_wrap(). Only entry points log it. A text is one line
 * without control characters, whatever is put into it: each becomes '?'.
 */
#ifndef CARREL_FAILURE_H
#define CARREL_FAILURE_H

#define FAILURE_TEXT_MAX 480

struct failure {
	int err; /* positive errno, 0 while nothing has failed */
	char text[FAILURE_TEXT_MAX];
};

/* Store "FORMATTED: strerror(err)" and return -err. A longer text is cut, never overrun. */
int failure_set(struct failure *reterr, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Store FORMATTED alone (no strerror: the text says it all) and return -err. */
int failure_say(struct failure *reterr, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "FORMATTED: " before what is there already; returns -reterr->err. */
int failure_wrap(struct failure *reterr, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif

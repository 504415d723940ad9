/* SPDX-License-Identifier: MIT */
/*
 * pace - runs and times cycles of a subject: something that is opened and closed again, as a login is.
 *
 * Usage of a program built on it: PROGRAM [its own options] [MODE]
 *	line			one cycle for each line on stdin, so that a driver can interleave programs
 *	cycles N MS		N cycles, MS milliseconds apart
 *	hold N			N processes; on a line they open one after another, on the next one they
 *				close; prints "ready", "open FAILED P50", "closed FAILED"
 *	parallel N SECONDS	N processes do cycles at once; prints "CYCLES_PER_S FAILED"
 * line and cycles print "OPEN CLOSE GONE SETTLED" a cycle, in microseconds, or "fail"; the last two count from
 * the end of the close.
 *
 * All output is flushed at each line. Errors are for stderr and say what failed.
 */
#ifndef CARREL_BENCH_PACE_H
#define CARREL_BENCH_PACE_H

#include <stdbool.h>

/* Each returns 0, or -1 after it has said why on stderr. NULL where there is nothing to do. */
struct pace_subject {
	const char *usage; /* of its own options, for --help */
	int (*prepare)(void); /* not timed */
	int (*open)(void);
	int (*opened)(void); /* not timed; not called in hold and parallel */
	int (*close)(void);
	int (*gone)(void); /* wait until nothing of what was opened is left; called in every mode */
	int (*settled)(void); /* wait until who saw to that has ended as well */
	void (*finish)(void); /* not timed, called also after a failure */
	int (*drained)(void); /* hold, parallel: the parent waits until nothing is left */
};

double pace_now_us(void);
void pace_sleep_us(long us);
/* The number in `text`, or exits with usage. */
long pace_number(const char *text, const char *what, long min, long max);
/* Runs the mode in argv (of which the program's own options have been taken off); an exit status. */
int pace_run(const struct pace_subject *subject, int argc, char **argv);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * shed - give back the memory that making a sandbox took and waiting for its end does not take.
 */
#ifndef CARREL_SHED_H
#define CARREL_SHED_H

#include <poll.h>
#include <stddef.h>

/*
 * Drop free heap, the unused depth of the stack, and the program's own code and constants (clean file
 * pages: what is needed again comes back from the page cache), then ppoll(2) with no signal blocked:
 * forever if `timeout` is NULL. One call, because each page of code that runs between dropping and
 * waiting brings its neighbours back (64 kB). Dropping can't fail; it does nothing harmful where the
 * kernel refuses. Returns what ppoll(2) does, with errno.
 */
int shed_memory_and_wait(struct pollfd *polls, size_t count, const struct timespec *timeout);

#endif

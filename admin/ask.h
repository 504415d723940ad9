/* SPDX-License-Identifier: MIT */
/*
 * ask - what another program of this host says, for `carrel doctor`.
 */
#ifndef CARREL_ASK_H
#define CARREL_ASK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Run argv[0], an absolute path, with a plain environment, without input, and with its complaints thrown
 * away. true: it ended well within five seconds, and text has what it said, as far as size reaches: it is
 * not held up by the rest. Else it has been killed if it was still there.
 */
bool ask_program(char *const argv[], char *text, size_t size);

#endif

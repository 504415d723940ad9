/* SPDX-License-Identifier: MIT */
/*
 * answer - what a warden tells `carrel` about its sandbox and the sessions in it.
 */
#ifndef CARREL_ANSWER_H
#define CARREL_ANSWER_H

#include "helper/warden.h"

/*
 * Take one connection from the warden's socket, answer its one query, close it. Waits for a client that
 * says nothing no longer than a moment.
 */
void answer_client(struct warden *warden);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * ending - the warden's last acts, in this order or, where nothing is in the slice any more, with the last
 * two exchanged.
 */
#ifndef CARREL_ENDING_H
#define CARREL_ENDING_H

#include "helper/warden.h"

/* Kill PID 1, and with it everything inside. Nobody joins from here on. */
void ending_kill(struct warden *warden);

/* Wait until PID 1 has gone, however long that takes. */
void ending_await(struct warden *warden);

/*
 * Remove the sandbox from the registry, and with the user's last one the cgroups. Waits for leaders that are
 * still in them; what can't be removed 30 s after the last has gone stays, and the log says so.
 */
void ending_remove(struct warden *warden);

#endif

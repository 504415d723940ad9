/* SPDX-License-Identifier: MIT */
/*
 * end_line - the one line in the log at a sandbox's end.
 */
#ifndef CARREL_END_LINE_H
#define CARREL_END_LINE_H

#include "core/cgroup.h"
#include "helper/warden.h"

/* Length, and the figures of the user's slice, `usage` being those at the end. */
void end_line_log(const struct warden *warden, const struct cgroup_usage *usage);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * shells - may this program be the shell that carrel-shell runs?
 */
#ifndef CARREL_SHELLS_H
#define CARREL_SHELLS_H

#include "core/match.h"

#define SHELLS_OWN CARREL_BINDIR "/carrel-shell" /* the build sets CARREL_BINDIR */

/*
 * The policy's `shell` must be one of /etc/shells (getusershell(3)), and not carrel-shell, which would
 * start itself for ever. 0, or -errno with a text that names the key and the line that set it.
 */
int shells_check(const struct effective *effective, struct failure *reterr);

#endif

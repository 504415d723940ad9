/* SPDX-License-Identifier: MIT */
/*
 * hidepid - does /proc show other users' processes to who has root's uid and no capability (proc(5))?
 *
 * With hidepid=noaccess, invisible or ptraceable it may not: then only who is in the group of its gid=, which
 * is root's by default and no help with ptraceable (Linux 5.8), and who has CAP_SYS_PTRACE.
 */
#ifndef CARREL_HIDEPID_H
#define CARREL_HIDEPID_H

#include <stdbool.h>

/*
 * Asks the kernel, since of what is mounted on /proc, and by whom, the options are only a part. Every capability
 * is given up for that moment, by the calling thread alone. In doubt: true.
 */
bool hidepid_hides(void);

#endif

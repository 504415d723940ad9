/* SPDX-License-Identifier: MIT */
/*
 * options - the words after pam_carrel.so in a PAM stack. Pure.
 */
#ifndef CARREL_PAM_OPTIONS_H
#define CARREL_PAM_OPTIONS_H

#include <stdbool.h>

#include "core/failure.h"

#define OPTION_TIMEOUT_DEFAULT 5 /* seconds */
#define OPTION_TIMEOUT_MAX 300

struct options {
	bool permit; /* on_failure=permit */
	unsigned int timeout; /* seconds */
	bool debug;
	const char *helper; /* absolute path; points into argv or to a constant */
};

/*
 * Every word is looked at: an unknown one or a wrong value is -EINVAL, and *ret_options then holds
 * the defaults (so that on_failure is `deny`).
 */
int options_parse(int argc, const char **argv, struct options *ret_options, struct failure *reterr);

#endif

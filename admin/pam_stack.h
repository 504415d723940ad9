/* SPDX-License-Identifier: MIT */
/*
 * pam_stack - the lines that libpam would go through for a service, in order (pam.conf(5)).
 *
 * Follows `include`, `substack` and Debian's `@include`; a file in etc/pam.d hides the one of that
 * name in usr/lib/pam.d. Reads below a root directory, so that tests bring their own.
 */
#ifndef CARREL_PAM_STACK_H
#define CARREL_PAM_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/failure.h"

#define PAM_STACK_LINES_MAX 1024
#define PAM_STACK_DEPTH_MAX 16 /* libpam's own limit on substacks */

struct pam_line {
	char *file; /* without the root */
	int line;
	bool may_be_missing; /* "-session": no error, no log when there is no such module */
	char *control; /* "required", or "[…]" with its brackets */
	char *module;
	char **arguments; /* NULL-terminated */
	int substack; /* 0: not in one; else which one */
};

struct pam_stack {
	struct pam_line *lines;
	size_t count;
	int substacks;
};

/*
 * The stack of `type` ("session", …). A service that has no line of that type gets that of "other",
 * as in libpam. -ENOENT: no such service. -EINVAL: libpam would stumble over it, reterr says where.
 * *ret_stack is the caller's to pam_stack_free().
 */
int pam_stack_read(const char *root, const char *service, const char *type,
		   struct pam_stack *ret_stack, struct failure *reterr);
void pam_stack_free(struct pam_stack *stack);

/* The services that have a file, sorted; files that are only there to be included are left out. */
int pam_stack_services(const char *root, char ***ret_names, size_t *ret_count,
		       struct failure *reterr);
void pam_stack_services_free(char **names, size_t count);

/* "pam_carrel.so" of "/opt/lib/pam_carrel.so". */
const char *pam_line_module_name(const struct pam_line *line);

#endif

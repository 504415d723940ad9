/* SPDX-License-Identifier: MIT */
/*
 * command - the real shell: its arguments and environment.
 */
#ifndef CARREL_COMMAND_H
#define CARREL_COMMAND_H

#include <stdbool.h>

#include "core/failure.h"

struct command {
	const char *path; /* the shell */
	char **argv, **envp;
	char *variables[2]; /* the strings that were made: argv[0], SHELL=… */
};

/*
 * The arguments are handed on as they are, and never looked into: only the name changes ("-bash" for a
 * login shell, "bash" else). Where sshd_config's ForceCommand or authorized_keys' command= names carrel-shell
 * by its path, without arguments, the shell gets SSH_ORIGINAL_COMMAND for its -c, or is a login shell
 * without one.
 *
 * The environment loses what environment.h says and gets SHELL; with `own_sandbox` also what leads to
 * services of the user's outside (XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS) goes.
 */
int command_build(const char *shell, char **argv, char **envp, bool own_sandbox,
		  struct command *ret_command, struct failure *reterr);
void command_free(struct command *command);

/* Run it in `directory`, or the first of it, `home` and / that can be gone to. Returns only on failure. */
int command_run(const struct command *command, const char *directory, const char *home,
		struct failure *reterr);

#endif

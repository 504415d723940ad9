/* SPDX-License-Identifier: MIT */
#include "login_shell/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "login_shell/environment.h"

#define ORIGINAL "SSH_ORIGINAL_COMMAND="

static size_t count(char **list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* The value of SSH_ORIGINAL_COMMAND when this is a forced command, else NULL. */
static char *original_command(char **envp)
{
	for (; *envp; envp++)
		if (starts_with(*envp, ORIGINAL))
			return *envp + strlen(ORIGINAL);
	return NULL;
}

/* A login shell's name has no slash: sshd, su and login cut the path off. */
static bool is_forced(char **argv)
{
	return argv[0] && strchr(argv[0], '/') && !argv[1];
}

static int build_arguments(const char *shell, char **argv, char *original, bool login,
			   struct command *command)
{
	const char *name = strrchr(shell, '/') + 1;
	size_t given = argv[0] ? count(argv) : 1;

	command->argv = calloc(given + 3, sizeof(*command->argv));
	if (!command->argv ||
	    asprintf(&command->variables[0], "%s%s", login ? "-" : "", name) < 0) {
		command->variables[0] = NULL;
		return -ENOMEM;
	}
	command->argv[0] = command->variables[0];
	for (size_t i = 1; i < given; i++)
		command->argv[i] = argv[i];
	if (original) {
		command->argv[1] = (char *)"-c";
		command->argv[2] = original;
	}
	return 0;
}

static int build_environment(const char *shell, char **envp, bool forced, bool own_sandbox,
			     struct command *command)
{
	size_t kept = 0;

	command->envp = calloc(count(envp) + 2, sizeof(*command->envp));
	if (!command->envp || asprintf(&command->variables[1], "SHELL=%s", shell) < 0) {
		command->variables[1] = NULL;
		return -ENOMEM;
	}
	for (; *envp; envp++) {
		if (environment_is_dangerous(*envp) || starts_with(*envp, "SHELL=") ||
		    (forced && starts_with(*envp, ORIGINAL)))
			continue;
		if (own_sandbox && (starts_with(*envp, "XDG_RUNTIME_DIR=") ||
				    starts_with(*envp, "DBUS_SESSION_BUS_ADDRESS=")))
			continue;
		command->envp[kept++] = *envp;
	}
	command->envp[kept] = command->variables[1];
	return 0;
}

int command_build(const char *shell, char **argv, char **envp, bool own_sandbox,
		  struct command *ret_command, struct failure *reterr)
{
	struct command command = {.path = shell};
	bool forced = is_forced(argv);
	char *original = forced ? original_command(envp) : NULL;
	bool login = forced ? !original : argv[0] && argv[0][0] == '-';

	if (build_arguments(shell, argv, original, login, &command) < 0 ||
	    build_environment(shell, envp, forced, own_sandbox, &command) < 0) {
		command_free(&command);
		return failure_set(reterr, ENOMEM, "prepare the shell");
	}
	*ret_command = command;
	return 0;
}

void command_free(struct command *command)
{
	for (size_t i = 0; i < ARRAY_SIZE(command->variables); i++)
		free(command->variables[i]);
	free(command->argv);
	free(command->envp);
	*command = (struct command){0};
}

int command_run(const struct command *command, const char *directory, const char *home,
		struct failure *reterr)
{
	/* By its path, so that it is the sandbox's: the old one leads to what is covered now. */
	if ((!directory || chdir(directory) < 0) && (!home || chdir(home) < 0) && chdir("/") < 0)
		return failure_set(reterr, errno, "go to /");
	(void)execve(command->path, command->argv, command->envp);
	return failure_set(reterr, errno, "run the shell %s", command->path);
}

/* SPDX-License-Identifier: MIT */
/*
 * fuzz_command: any arguments and environment, as carrel-shell hands them on to the shell. The input is texts, each
 * with its NUL: the first byte says how many of them are arguments, and whether the sandbox is carrel-shell's own.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "login_shell/command.h"
#include "login_shell/environment.h"

#define TEXTS_MAX 64
#define SHELL "/bin/bash"

static void require(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* Each text in memory of exactly its size, so that a byte read past its end is seen. */
static size_t split(const uint8_t *data, size_t size, char **ret_texts)
{
	size_t count = 0;

	while (size > 0 && count < TEXTS_MAX) {
		size_t length = strnlen((const char *)data, size);

		ret_texts[count] = strndup((const char *)data, length);
		require(ret_texts[count++] != NULL, "memory");
		length += length < size;
		data += length;
		size -= length;
	}
	ret_texts[count] = NULL;
	return count;
}

static bool starts(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static size_t length_of(char **list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

/* Nothing of the command decides: the arguments are those that came, or -c with sshd's for a forced command. */
static void check_arguments(char **argv, char **envp, const struct command *command)
{
	bool forced = argv[0] && strchr(argv[0], '/') && !argv[1];
	const char *original = NULL;

	for (size_t i = 0; forced && !original && envp[i]; i++)
		if (starts(envp[i], "SSH_ORIGINAL_COMMAND="))
			original = strchr(envp[i], '=') + 1;
	require(strcmp(command->path, SHELL) == 0, "the policy's shell is run");
	require(strcmp(command->argv[0] + (command->argv[0][0] == '-'), "bash") == 0,
		"it is called by its own name");
	if (original) {
		require(length_of(command->argv) == 3 && strcmp(command->argv[1], "-c") == 0 &&
				strcmp(command->argv[2], original) == 0,
			"a forced command is what was asked for");
		return;
	}
	require(length_of(command->argv) == (argv[0] ? length_of(argv) : 1), "as many arguments");
	for (size_t i = 1; argv[0] && argv[i]; i++)
		require(command->argv[i] == argv[i], "the arguments that came");
}

static void check_environment(char **envp, bool own, const struct command *command)
{
	size_t shells = 0, kept = length_of(command->envp);

	for (size_t i = 0; i < kept; i++) {
		const char *entry = command->envp[i];

		shells += starts(entry, "SHELL=");
		require(!environment_is_dangerous(entry), "nothing dangerous is kept");
		require(!starts(entry, "LD_") && !starts(entry, "GLIBC_TUNABLES=") &&
				!starts(entry, "BASH_ENV=") && !starts(entry, "ENV=") &&
				!starts(entry, "BASH_FUNC_"),
			"nor what is dangerous by any list");
		require(strchr(entry, '=') != NULL && entry[0] != '=', "what has a name");
		require(!own || (!starts(entry, "XDG_RUNTIME_DIR=") &&
				 !starts(entry, "DBUS_SESSION_BUS_ADDRESS=")),
			"no way to the user's services");
	}
	require(kept > 0 && shells == 1 && strcmp(command->envp[kept - 1], "SHELL=" SHELL) == 0,
		"SHELL is the shell");
	for (size_t i = 0, at = 0; envp[i]; i++) {
		if (!starts(envp[i], "LANG=") && !starts(envp[i], "TERM=") &&
		    !starts(envp[i], "PATH=") && !starts(envp[i], "HOME="))
			continue;
		while (at < kept && command->envp[at] != envp[i])
			at++;
		require(at < kept, "what is harmless is kept, in its order");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *texts[TEXTS_MAX + 1], *argv[TEXTS_MAX + 1];
	struct command command;
	struct failure failure;
	bool own;

	if (size < 1)
		return 0;
	own = data[0] & 0x80;
	size_t count = split(data + 1, size - 1, texts), arguments = data[0] & 0x0f;

	if (arguments > count)
		arguments = count;
	memcpy(argv, texts, arguments * sizeof(*argv));
	argv[arguments] = NULL;
	require(command_build(SHELL, argv, texts + arguments, own, &command, &failure) == 0,
		"it can be built");
	check_arguments(argv, texts + arguments, &command);
	check_environment(texts + arguments, own, &command);
	command_free(&command);
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "core/shells.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_listed(const char *path)
{
	const char *shell;
	bool listed = false;

	setusershell();
	while (!listed && (shell = getusershell()))
		listed = strcmp(shell, path) == 0;
	endusershell();
	return listed;
}

/* By another name, it is still the same file. */
static bool is_file(const char *path, const char *own)
{
	struct stat a, b;

	return strcmp(path, own) == 0 || (stat(path, &a) == 0 && stat(own, &b) == 0 &&
					  a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

int shells_check(const struct effective *effective, struct failure *reterr)
{
	const struct policy_value *value = effective->values[KEY_SHELL];
	const char *path = value->words ? value->words[0] : "";

	if (is_file(path, SHELLS_OWN) || is_file(path, CARREL_LIBEXEC "/carrel-shell"))
		return failure_say(reterr, ELOOP, "shell %s: %s is carrel-shell itself",
				   match_origin(value).text, path);
	if (!is_listed(path))
		return failure_say(reterr, EPERM, "shell %s: %s is not in /etc/shells",
				   match_origin(value).text, path);
	return 0;
}

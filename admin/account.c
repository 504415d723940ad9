/* SPDX-License-Identifier: MIT */
#include "admin/account.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/convert.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

struct passwd *account_find(const char *word)
{
	struct passwd *passwd;
	uint64_t uid;

	errno = 0;
	passwd = getpwnam(word);
	if (passwd || (errno != 0 && errno != ENOENT && errno != ESRCH) ||
	    convert_unsigned(word, 0, UINT32_MAX - 1, &uid) < 0)
		return passwd;
	errno = 0;
	return getpwuid((uid_t)uid);
}

static int look_up(struct account *account, const char *user, struct failure *reterr)
{
	account->passwd = account_find(user);
	if (!account->passwd && (errno == 0 || errno == ENOENT || errno == ESRCH))
		return failure_say(reterr, ENOENT, "look up user %s: no such user", user);
	if (!account->passwd)
		return failure_set(reterr, errno, "look up user %s", user);
	return 0;
}

int account_look_up_groups(struct account *account, struct failure *reterr)
{
	const char *user = account->passwd->pw_name;
	int count = 64;

	for (;;) {
		int had = count;

		account->groups = malloc((size_t)count * sizeof(*account->groups));
		if (!account->groups)
			return failure_set(reterr, ENOMEM, "look up the groups of %s", user);
		if (getgrouplist(user, account->passwd->pw_gid, account->groups, &count) >= 0)
			break;
		free(steal_ptr(&account->groups));
		if (count <= had || count > NGROUPS_MAX)
			return failure_say(reterr, E2BIG, "look up the groups of %s: too many",
					   user);
	}
	account->group_count = count;
	return 0;
}

static int add_variable(struct account *account, size_t *at, const char *name, const char *value,
			struct failure *reterr)
{
	if (asprintf(&account->environment[*at], "%s=%s", name, value) < 0) {
		account->environment[*at] = NULL;
		return failure_set(reterr, ENOMEM, "make the environment");
	}
	(*at)++;
	return 0;
}

const char *account_shell(const struct account *account)
{
	const char *shell = account->passwd->pw_shell;

	return shell && shell[0] ? shell : "/bin/sh";
}

/* Nothing of root's own gets in, but for the terminal's type. */
static int make_environment(struct account *account, struct failure *reterr)
{
	const struct {
		const char *name, *value;
	} variables[] = {
		{"HOME", account->passwd->pw_dir},
		{"USER", account->passwd->pw_name},
		{"LOGNAME", account->passwd->pw_name},
		{"SHELL", account_shell(account)},
		{"PATH", DEFAULT_PATH},
		{"TERM", getenv("TERM")},
	};
	size_t at = 0;
	int r = 0;

	_Static_assert(ARRAY_SIZE(variables) < ARRAY_SIZE(account->environment),
		       "room for all, and NULL");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(variables); i++)
		if (variables[i].value)
			r = add_variable(account, &at, variables[i].name, variables[i].value,
					 reterr);
	return r;
}

int account_look_up(const char *user, struct account *ret_account, struct failure *reterr)
{
	int r;

	*ret_account = (struct account){0};
	r = look_up(ret_account, user, reterr);
	return r < 0 ? r : make_environment(ret_account, reterr);
}

void account_free(struct account *account)
{
	for (size_t i = 0; i < ARRAY_SIZE(account->environment); i++)
		free(account->environment[i]);
	free(account->groups);
	*account = (struct account){0};
}

int account_become(const struct account *account, struct failure *reterr)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
	uid_t uid = account->passwd->pw_uid, ruid, euid, suid;
	gid_t gid = account->passwd->pw_gid, rgid, egid, sgid;

	if (!account->groups)
		return failure_say(reterr, EINVAL, "set the groups of %s: not looked up",
				   account->passwd->pw_name);
	if (setgroups((size_t)account->group_count, account->groups) < 0)
		return failure_set(reterr, errno, "set the groups of %s", account->passwd->pw_name);
	if (setresgid(gid, gid, gid) < 0)
		return failure_set(reterr, errno, "become group %ju", (uintmax_t)gid);
	if (setresuid(uid, uid, uid) < 0)
		return failure_set(reterr, errno, "become user %s", account->passwd->pw_name);
	if (syscall(SYS_capset, &head, none) < 0)
		return failure_set(reterr, errno, "drop the capabilities");
	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return failure_set(reterr, errno, "look who this process is");
	if (ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid || sgid != gid)
		return failure_say(reterr, EPERM, "become user %s: the kernel did not do it",
				   account->passwd->pw_name);
	return 0;
}

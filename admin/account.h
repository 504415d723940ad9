/* SPDX-License-Identifier: MIT */
/*
 * account - the user whom `carrel run` and `carrel enter` start a command as.
 */
#ifndef CARREL_ACCOUNT_H
#define CARREL_ACCOUNT_H

#include <pwd.h>
#include <sys/types.h>

#include "core/failure.h"

struct account {
	struct passwd *passwd; /* of account_find(): asked for once */
	gid_t *groups; /* NULL until they are looked up */
	int group_count;
	char *environment[8];
};

/* A name of NSS, or the uid of one. getpwnam(3)'s: NULL, with errno, when there is none. */
struct passwd *account_find(const char *word);

/*
 * From NSS, without the groups. The environment is made from it: HOME USER LOGNAME SHELL PATH and the
 * caller's TERM; nothing else of the caller's gets in. ret_account is the caller's to account_free(),
 * also on failure.
 */
int account_look_up(const char *user, struct account *ret_account, struct failure *reterr);

/*
 * All groups, also from NSS: separate, because a module of NSS that is loaded for them (nss-systemd)
 * takes as long as half a sandbox, and a caller has better to do meanwhile.
 */
int account_look_up_groups(struct account *account, struct failure *reterr);
void account_free(struct account *account);

/* The login shell, /bin/sh where there is none. */
const char *account_shell(const struct account *account);

/*
 * From root to the user and its groups, for good, and look that it is so. Inheritable capabilities would outlive
 * setresuid(2): all are dropped.
 */
int account_become(const struct account *account, struct failure *reterr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * no_nss - the helper never asks NSS: the caller has (core/protocol.h). These are referred to by a
 * function of libcap-ng that the helper does not use; defined here, they keep the C library's NSS out
 * of a static program, where it would load shared objects of another C library at run time.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>

int initgroups(const char *user, gid_t group)
{
	(void)user;
	(void)group;
	errno = ENOSYS;
	return -1;
}

struct passwd *getpwuid(uid_t uid)
{
	(void)uid;
	errno = ENOSYS;
	return NULL;
}

/* Of libcap-ng 0.9: */
int getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size,
	       struct passwd **ret_entry)
{
	(void)uid;
	(void)entry;
	(void)buffer;
	(void)size;
	*ret_entry = NULL;
	return ENOSYS;
}

int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count)
{
	(void)user;
	(void)group;
	(void)groups;
	*count = 0;
	return -1;
}

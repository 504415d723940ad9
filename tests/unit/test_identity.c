/* SPDX-License-Identifier: MIT */
/*
 * identity: against the host's own NSS, then against one that this program plays: its definitions of
 * the NSS calls stand before the C library's, and pass on to them while `nss` says nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "core/cleanup.h"
#include "core/identity.h"

static struct {
	bool fake;
	int user_error; /* what getpwnam_r answers */
	int group_error;
	size_t user_needs, group_needs; /* bytes of buffer below which it is ERANGE */
	int interrupts; /* so many EINTR first */
	int groups; /* that the user is in */
	uint32_t nameless; /* a gid without a name */
	bool out_of_memory; /* getgrouplist: -1, and the count as it was */
	int user_calls;
} nss;

int getpwnam_r(const char *restrict name, struct passwd *restrict pwd, char *restrict buf,
	       size_t size, struct passwd **restrict result)
{
	if (!nss.fake) {
		int (*real)(const char *, struct passwd *, char *, size_t, struct passwd **);

		*(void **)&real = dlsym(RTLD_NEXT, "getpwnam_r");
		return real(name, pwd, buf, size, result);
	}
	nss.user_calls++;
	*result = NULL;
	if (nss.interrupts-- > 0)
		return EINTR;
	if (size < nss.user_needs)
		return ERANGE;
	if (nss.user_error)
		return nss.user_error;
	if (strcmp(name, "nobody-here") == 0)
		return 0;
	/* NSS that knows no letter case answers with its own spelling. */
	(void)snprintf(buf, size, "%s", "alice");
	*pwd = (struct passwd){.pw_name = buf, .pw_uid = 1500, .pw_gid = 3000};
	pwd->pw_dir = (char *)"/home/alice";
	*result = pwd;
	return 0;
}

int getgrgid_r(gid_t gid, struct group *restrict grp, char *restrict buf, size_t size,
	       struct group **restrict result)
{
	if (!nss.fake) {
		int (*real)(gid_t, struct group *, char *, size_t, struct group **);

		*(void **)&real = dlsym(RTLD_NEXT, "getgrgid_r");
		return real(gid, grp, buf, size, result);
	}
	*result = NULL;
	if (size < nss.group_needs)
		return ERANGE;
	if (nss.group_error)
		return nss.group_error;
	if (gid == nss.nameless)
		return 0;
	(void)snprintf(buf, size, "g%u", gid);
	*grp = (struct group){.gr_name = buf, .gr_gid = gid};
	*result = grp;
	return 0;
}

int getgrouplist(const char *user, gid_t group, gid_t *groups, int *ngroups)
{
	int room = *ngroups;

	if (!nss.fake) {
		int (*real)(const char *, gid_t, gid_t *, int *);

		*(void **)&real = dlsym(RTLD_NEXT, "getgrouplist");
		return real(user, group, groups, ngroups);
	}
	if (nss.out_of_memory)
		return -1;
	for (int i = 0; i < nss.groups && i < room; i++)
		groups[i] = group + (gid_t)i;
	*ngroups = nss.groups;
	return nss.groups > room ? -1 : nss.groups;
}

static int setup(void **state)
{
	(void)state;
	memset(&nss, 0, sizeof(nss));
	nss.groups = 3;
	return 0;
}

static bool has_group(const struct login *login, const char *name)
{
	for (char **group = login->groups; *group; group++)
		if (strcmp(*group, name) == 0)
			return true;
	return false;
}

/* The host's own ------------------------------------------------------------------------------ */

static void root_is_found(void **state)
{
	struct login login = {0};
	struct failure failure;

	(void)state;
	assert_int_equal(identity_lookup("root", "sshd", &login, &failure), 0);
	assert_string_equal(login.user, "root");
	assert_int_equal(login.uid, 0);
	assert_int_equal(login.gid, 0);
	assert_int_equal(login.home[0], '/');
	assert_string_equal(login.service, "sshd");
	assert_true(login.gid_count >= 1);
	assert_int_equal(login.gids[0], 0);
	assert_true(has_group(&login, "root"));
	identity_free(&login);
	assert_null(login.user);
}

static void everybody_is_as_nss_says(void **state)
{
	struct passwd *passwd;

	(void)state;
	setpwent();
	while ((passwd = getpwent())) {
		gid_t gids[256];
		int count = ARRAY_SIZE(gids);
		struct login login;
		struct failure failure;

		assert_true(getgrouplist(passwd->pw_name, passwd->pw_gid, gids, &count) >= 0);
		assert_int_equal(identity_lookup(passwd->pw_name, "su", &login, &failure), 0);
		assert_string_equal(login.user, passwd->pw_name);
		assert_string_equal(login.home, passwd->pw_dir);
		assert_int_equal(login.uid, passwd->pw_uid);
		assert_int_equal(login.gid_count, count);
		for (int i = 0; i < count; i++) {
			const struct group *group = getgrgid(gids[i]);

			assert_int_equal(login.gids[i], gids[i]);
			if (group)
				assert_true(has_group(&login, group->gr_name));
		}
		identity_free(&login);
	}
	endpwent();
}

static void strange_names_are_unknown(void **state)
{
	static const char *const names[] = {
		"carrel-nobody-of-that-name",
		"",
		"0x0",
		"-x",
		"a:b",
		"ROOT",
		"root ",
		"root\n",
		"0",
		"a-name-that-is-longer-than-thirty-two-characters",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct login login = {.uid = 77};
		struct failure failure;

		assert_int_equal(identity_lookup(names[i], "sshd", &login, &failure), -ENOENT);
		assert_non_null(strstr(failure.text, "no such user"));
		assert_int_equal(login.uid, 77); /* untouched */
	}
}

/* One that is played -------------------------------------------------------------------------- */

static void the_name_is_the_one_that_nss_gives(void **state)
{
	struct login login;
	struct failure failure;

	(void)state;
	nss.fake = true;
	assert_int_equal(identity_lookup("ALICE", "sshd", &login, &failure), 0);
	assert_string_equal(login.user, "alice");
	identity_free(&login);
}

static void absent_and_broken_are_told_apart(void **state)
{
	static const int absent[] = {0, ENOENT, ESRCH, EBADF, EPERM};
	static const int broken[] = {EIO, EMFILE, ENFILE, ENOMEM, EAGAIN, ETIMEDOUT};
	struct login login;
	struct failure failure;

	(void)state;
	nss.fake = true;
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		nss.user_error = absent[i];
		assert_int_equal(identity_lookup("nobody-here", "sshd", &login, &failure), -ENOENT);
		assert_non_null(strstr(failure.text, "no such user"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		nss.user_error = broken[i];
		assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), -broken[i]);
		assert_null(strstr(failure.text, "no such user"));
		assert_non_null(strstr(failure.text, "alice"));
	}
}

static void buffers_grow_up_to_a_limit(void **state)
{
	struct login login;
	struct failure failure;

	(void)state;
	nss.fake = true;
	nss.user_needs = 100000;
	nss.group_needs = 3000000;
	nss.interrupts = 2;
	assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), 0);
	assert_int_equal(login.uid, 1500);
	assert_true(has_group(&login, "g3002"));
	identity_free(&login);

	nss.user_needs = SIZE_MAX;
	nss.user_calls = 0;
	assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), -ERANGE);
	assert_true(nss.user_calls < 20);

	nss.user_needs = 0;
	nss.group_needs = SIZE_MAX;
	assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), -ERANGE);
}

static void many_groups_are_listed_up_to_a_limit(void **state)
{
	struct login login;
	struct failure failure;

	(void)state;
	nss.fake = true;
	nss.groups = 65536;
	assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), 0);
	assert_int_equal(login.gid_count, 65536);
	assert_int_equal(login.gids[65535], 3000 + 65535);
	assert_string_equal(login.groups[65535], "g68535");
	assert_null(login.groups[65536]);
	identity_free(&login);

	nss.groups = 65537;
	assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), -ERANGE);
	nss.groups = 3;
	nss.out_of_memory = true;
	assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), -ENOMEM);
}

static void a_group_without_name_is_a_gid_alone(void **state)
{
	struct login login;
	struct failure failure;

	(void)state;
	nss.fake = true;
	nss.nameless = 3001;
	assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), 0);
	assert_int_equal(login.gid_count, 3);
	assert_string_equal(login.groups[0], "g3000");
	assert_string_equal(login.groups[1], "g3002");
	assert_null(login.groups[2]);
	identity_free(&login);
}

/* Otherwise a login could slip out of the section that confines its group. */
static void a_group_that_can_not_be_looked_up_fails_the_login(void **state)
{
	struct login login;
	struct failure failure;

	(void)state;
	nss.fake = true;
	nss.group_error = EIO;
	assert_int_equal(identity_lookup("alice", "sshd", &login, &failure), -EIO);
	assert_non_null(strstr(failure.text, "group 3000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(root_is_found, setup),
		cmocka_unit_test_setup(everybody_is_as_nss_says, setup),
		cmocka_unit_test_setup(strange_names_are_unknown, setup),
		cmocka_unit_test_setup(the_name_is_the_one_that_nss_gives, setup),
		cmocka_unit_test_setup(absent_and_broken_are_told_apart, setup),
		cmocka_unit_test_setup(buffers_grow_up_to_a_limit, setup),
		cmocka_unit_test_setup(many_groups_are_listed_up_to_a_limit, setup),
		cmocka_unit_test_setup(a_group_without_name_is_a_gid_alone, setup),
		cmocka_unit_test_setup(a_group_that_can_not_be_looked_up_fails_the_login, setup),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* policy_load: which policy a login goes by, the files' or the last accepted one, or neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "tests/unit/with_load.h"

/* Current or last accepted -------------------------------------------------------------------- */

static void a_good_policy_is_accepted_and_stored(void **state)
{
	mode_t mask = umask(0);

	(void)state;
	accept_policy(5);
	(void)umask(mask);
	assert_int_equal(status("state").st_mode, S_IFDIR | 0700);
	assert_int_equal(status(STORED).st_mode, S_IFREG | 0600);
	assert_false(exists(STORED_NEW));
	write_text(MAIN, "[default]\nnonsense = 1\n");
	assert_last(5, MAIN ":2");
}

static void any_refusal_leaves_the_last_accepted(void **state)
{
	(void)state;
	accept_policy(5);
	assert_int_equal(chmod(in_directory(MAIN), 0666), 0);
	assert_last(5, "neither group nor others");
	remove_file(MAIN);
	assert_last(5, "No such file");
	make_directory(MAIN, 0755);
	assert_last(5, "a directory");
	assert_int_equal(rmdir(in_directory(MAIN)), 0);
	assert_int_equal(symlink("/dev/null", in_directory(MAIN)), 0);
	assert_last(5, "a symbolic link");
	remove_file(MAIN);
	write_policy(6);
	assert_current(6);
	assert_int_equal(chmod(in_directory(""), 0777), 0);
	assert_last(6, "neither group nor others");
	assert_int_equal(chmod(in_directory(""), 0700), 0);
	make_directory("carrel.conf.d", 0755);
	write_text("carrel.conf.d/x.conf", "[default]\npids_max = many\n");
	assert_last(6, "x.conf:2");
}

static void drop_ins_are_stored_as_well(void **state)
{
	(void)state;
	write_text(MAIN, "# nothing\n");
	make_directory("carrel.conf.d", 0755);
	write_text("carrel.conf.d/a.conf", "[default]\npids_max = 8");
	assert_current(8);
	write_text(MAIN, "nonsense");
	remove_file("carrel.conf.d/a.conf");
	assert_last(8, MAIN);
}

static void with_neither_there_is_a_reason(void **state)
{
	(void)state;
	write_text(MAIN, "[default]\npids_max = many\n");
	assert_none(ENOENT, MAIN ":2");
	assert_false(exists("state")); /* nothing was accepted */
	make_directory("state", 0700);
	assert_none(ENOENT, "last accepted");
	assert_false(exists(STORED));
}

/*
 * A host out of descriptors says nothing about the policy: no older one comes back for it. Reading a
 * drop-in takes three descriptors at once, reading the stored policy only two, which it would get.
 */
static void a_host_without_resources_gets_no_older_policy(void **state)
{
	int lowest = dup(STDERR_FILENO);
	struct rlimit limit, few;
	struct loaded loaded;

	(void)state;
	(void)close(lowest);
	accept_policy(5);
	make_directory("carrel.conf.d", 0755);
	write_text("carrel.conf.d/a.conf", "[user alice]\npids_max = 6\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = (rlim_t)lowest + 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	loaded = load();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(loaded.pids, -EMFILE);
	assert_non_null(strstr(loaded.failure.text, "Too many open files"));
	loaded_free(&loaded);
}

/* The state directory ------------------------------------------------------------------------- */

static void a_state_directory_of_others_is_not_used(void **state)
{
	static const mode_t modes[] = {0770, 0720, 0702, 01777};

	(void)state;
	accept_policy(5);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(in_directory("state"), modes[i]), 0);
		write_policy(6);
		assert_current_but(6, "neither group nor others");
		write_text(MAIN, "nonsense");
		assert_none(EPERM, "neither group nor others");
	}
	assert_int_equal(chmod(in_directory("state"), 0700), 0);
	assert_int_equal(chown(in_directory("state"), 65534, 0), 0);
	assert_none(EPERM, "owned by uid 65534");
	assert_int_equal(chown(in_directory("state"), 0, 0), 0);
	assert_last(5, MAIN);

	assert_int_equal(rename(in_directory("state"), in_directory("real")), 0);
	assert_int_equal(symlink("real", in_directory("state")), 0);
	assert_none(ENOTDIR, "open directory");
	write_policy(6);
	assert_current_but(6, "open directory");
}

static void a_state_directory_that_can_not_be_made_is_said(void **state)
{
	struct policy_errors errors = {0};
	struct policy *policy = NULL;
	enum policy_origin origin;
	struct failure failure;

	(void)state;
	write_policy(5);
	assert_int_equal(policy_load(in_directory(MAIN), in_directory("no/state"), &errors, &policy,
				     &origin, &failure),
			 0);
	assert_int_equal(origin, POLICY_CURRENT);
	assert_int_equal(errors.count, 1);
	assert_non_null(strstr(errors.texts[0], "create directory"));
	policy_errors_free(&errors);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory_test(a_good_policy_is_accepted_and_stored),
		in_directory_test(any_refusal_leaves_the_last_accepted),
		in_directory_test(drop_ins_are_stored_as_well),
		in_directory_test(with_neither_there_is_a_reason),
		in_directory_test(a_host_without_resources_gets_no_older_policy),
		in_directory_test(a_state_directory_of_others_is_not_used),
		in_directory_test(a_state_directory_that_can_not_be_made_is_said),
	};

	return cmocka_run_group_tests_name("policy_load", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * policy_store: the last accepted policy survives damage, full disks, crashes and other writers.
 * This program's own fsync() and flock() stand before the C library's, to crash or to interfere at
 * the worst moment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/policy_store.h"
#include "tests/unit/with_load.h"

static int die_at_fsync; /* the number of the call that kills the process; 0: none */
static int fsyncs;
static void (*on_flock)(void); /* called once, before the next flock */

int fsync(int fd)
{
	if (++fsyncs == die_at_fsync)
		(void)kill(getpid(), SIGKILL);
	return (int)syscall(SYS_fsync, fd);
}

int flock(int fd, int operation)
{
	void (*now)(void) = on_flock;

	on_flock = NULL;
	if (now)
		now();
	return (int)syscall(SYS_flock, fd, operation);
}

static void what_is_stored_is_not_written_again(void **state)
{
	struct stat first, second;

	(void)state;
	accept_policy(5);
	first = status(STORED);
	fsyncs = 0;
	assert_current(5);
	second = status(STORED);
	assert_int_equal(fsyncs, 0);
	assert_int_equal(first.st_ino, second.st_ino);
	accept_policy(6);
	assert_int_equal(fsyncs, 2); /* the file, the directory */
	write_text(MAIN, "nonsense");
	assert_last(6, MAIN);
}

/* Damage -------------------------------------------------------------------------------------- */

static char stored_bytes[4096];
static size_t stored_size;

static void read_stored(void)
{
	_close_ int fd = open(in_directory(STORED), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, stored_bytes, sizeof(stored_bytes));

	assert_true(n > 0 && (size_t)n < sizeof(stored_bytes));
	stored_size = (size_t)n;
}

static void assert_damaged(const char *bytes, size_t size)
{
	struct policy_sources sources = {.count = 77};
	struct failure failure;

	write_bytes(STORED, bytes, size, 0600);
	assert_int_equal(policy_store_read(in_directory("state"), &sources, &failure), -EINVAL);
	assert_int_equal(sources.count, 77); /* untouched */
	assert_non_null(strstr(failure.text, "damaged"));
}

static void a_damaged_store_is_refused_as_a_whole(void **state)
{
	char changed[sizeof(stored_bytes)];

	(void)state;
	make_directory("carrel.conf.d", 0755);
	write_text("carrel.conf.d/a.conf", "[user alice]\npids_max = 1\n");
	write_policy(5);
	assert_current(5);
	read_stored();

	for (size_t i = 0; i < stored_size; i++) {
		memcpy(changed, stored_bytes, stored_size);
		changed[i] ^= 1;
		assert_damaged(changed, stored_size);
		assert_damaged(stored_bytes, i);
	}
	memcpy(changed, stored_bytes, stored_size);
	changed[stored_size] = '\n';
	assert_damaged(changed, stored_size + 1);
	/* Twice the same after each other. */
	memcpy(changed + stored_size, stored_bytes, stored_size);
	assert_damaged(changed, 2 * stored_size);

	write_text(MAIN, "nonsense");
	assert_none(EINVAL, "damaged");
	/* Nothing stands in the way of the next good one. */
	remove_file("carrel.conf.d/a.conf");
	accept_policy(6);
	write_text(MAIN, "nonsense");
	assert_last(6, MAIN);
}

/* A body with its hash in order, as no writer of ours makes it. */
static void write_signed(const char *body)
{
	uint64_t hash = 0xcbf29ce484222325;
	char text[600];
	int n;

	for (const char *c = body; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
	n = snprintf(text, sizeof(text), "%send %016llx\n", body, (unsigned long long)hash);
	write_bytes(STORED, text, (size_t)n, 0600);
}

static void the_format_is_strict_even_where_the_hash_is_right(void **state)
{
	static const char *const bad[] = {
		"carrel policy 1\n", /* no file */
		"carrel policy 2\nfile 1 1\na\nb\n",
		"carrel policy 1\nfile 1 1\na\nb",
		"carrel policy 1\nfile 1 1\na\nb\n\n",
		"carrel policy 1\nfile 1 1\naXb\n",
		"carrel policy 1\nfile 1 1\na\nbX",
		"carrel policy 1\nfile 1 2\na\nb\n",
		"carrel policy 1\nfile 2 1\na\nb\n",
		"carrel policy 1\nfile 0 1\n\nb\n",
		"carrel policy 1\nfile 1  1\na\nb\n",
		"carrel policy 1\nfile 1 1 \na\nb\n",
		"carrel policy 1\nfile 01 1\na\nb\n",
		"carrel policy 1\nfile 1 +1\na\nb\n",
		"carrel policy 1\nfile 1 -1\na\nb\n",
		"carrel policy 1\nfile 1 0x1\na\nb\n",
		"carrel policy 1\nfile 1 18446744073709551617\na\nb\n",
		"carrel policy 1\nfile 18446744073709551615 1\na\nb\n",
		"carrel policy 1\nfile 1 18446744073709551615\na\nb\n",
		"carrel policy 1\nfile 1 300000\na\nb\n",
		"carrel policy 1\nfile 1\na\nb\n",
		"carrel policy 1\nfile\n",
		"carrel policy 1\nFILE 1 1\na\nb\n",
		"carrel policy 1\nfile 1 1\na\nb\nfile 1 1\na\n",
	};
	struct policy_sources sources;
	struct failure failure;

	(void)state;
	make_directory("state", 0700);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_signed(bad[i]);
		if (policy_store_read(in_directory("state"), &sources, &failure) != -EINVAL)
			fail_msg("read: %s", bad[i]);
	}
	/* What these tests rest on: the same with all in order is taken. */
	write_signed("carrel policy 1\nfile 1 1\na\nb\nfile 2 0\nbc\n\n");
	assert_int_equal(policy_store_read(in_directory("state"), &sources, &failure), 0);
	assert_int_equal(sources.count, 2);
	assert_string_equal(sources.files[0].name, "a");
	assert_int_equal(sources.files[0].size, 1);
	assert_memory_equal(sources.files[0].bytes, "b", 1);
	assert_string_equal(sources.files[1].name, "bc");
	assert_int_equal(sources.files[1].size, 0);
	policy_sources_free(&sources);
}

static void a_stored_policy_that_this_version_refuses_is_said(void **state)
{
	(void)state;
	make_directory("state", 0700);
	write_signed("carrel policy 1\nfile 6 23\na.conf\n[default]\nnonsense = 1\n\n");
	write_text(MAIN, "nonsense");
	assert_none(EINVAL, "a.conf:2");
}

static void a_store_of_others_is_refused(void **state)
{
	(void)state;
	accept_policy(5);
	write_text(MAIN, "nonsense");
	assert_int_equal(chmod(in_directory(STORED), 0620), 0);
	assert_none(EPERM, "neither group nor others");
	assert_int_equal(chmod(in_directory(STORED), 0600), 0);
	assert_int_equal(chown(in_directory(STORED), 65534, 0), 0);
	assert_none(EPERM, "owned by uid 65534");
	assert_int_equal(rename(in_directory(STORED), in_directory("elsewhere")), 0);
	assert_int_equal(symlink("../elsewhere", in_directory(STORED)), 0);
	assert_none(ELOOP, "a symbolic link");
	/* It is replaced, not written through. */
	accept_policy(6);
	assert_int_equal(status(STORED).st_mode, S_IFREG | 0600);
	assert_int_equal(status("elsewhere").st_uid, 65534);
}

/* Writing that goes wrong --------------------------------------------------------------------- */

static void a_full_disk_leaves_the_old_store(void **state)
{
	struct rlimit limit, full;
	struct loaded loaded;

	(void)state;
	accept_policy(5);
	write_policy(6);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	full = limit;
	full.rlim_cur = 20; /* some bytes go in, then no more */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	loaded = load();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(loaded.pids, 6);
	assert_int_equal(loaded.origin, POLICY_CURRENT);
	assert_int_equal(loaded.errors.count, 1);
	assert_non_null(strstr(loaded.errors.texts[0], "File too large"));
	loaded_free(&loaded);
	assert_false(exists(STORED_NEW));
	write_text(MAIN, "nonsense");
	assert_last(5, MAIN);
}

static void what_stands_in_the_way_is_said(void **state)
{
	(void)state;
	make_directory("state", 0700);
	make_directory(STORED, 0700);
	write_policy(5);
	assert_current_but(5, "rename policy.new to policy: Is a directory");
	assert_false(exists(STORED_NEW));
	assert_int_equal(rmdir(in_directory(STORED)), 0);

	make_directory(STORED_NEW, 0700);
	assert_current_but(5, "create policy.new: Is a directory");
	assert_int_equal(rmdir(in_directory(STORED_NEW)), 0);

	write_text("target", "precious");
	assert_int_equal(symlink("../target", in_directory(STORED_NEW)), 0);
	assert_current_but(5, "create policy.new: Too many levels of symbolic links");
	assert_int_equal(status("target").st_size, 8);
	remove_file(STORED_NEW);

	assert_int_equal(mkfifo(in_directory(STORED_NEW), 0600), 0);
	assert_current_but(5, "policy.new: not a regular file");
	remove_file(STORED_NEW);
	assert_current(5);
	assert_true(exists(STORED));
}

static void what_a_crash_leaves_is_written_over(void **state)
{
	(void)state;
	accept_policy(5);
	for (int at = 1; at <= 2; at++) {
		pid_t child;
		int how;

		write_policy(5 + at);
		child = fork();
		if (child == 0) {
			fsyncs = 0;
			die_at_fsync = at;
			(void)load();
			_exit(0);
		}
		assert_int_equal(waitpid(child, &how, 0), child);
		assert_true(WIFSIGNALED(how));
		/* Before the rename the temporary file is left, after it nothing. */
		assert_int_equal(exists(STORED_NEW), at == 1);
		if (at == 1) { /* as if it had been longer, and under another umask */
			write_bytes(STORED_NEW, stored_bytes, sizeof(stored_bytes), 0666);
			write_text(MAIN, "nonsense");
			assert_last(5, MAIN);
			write_policy(6);
		}
		assert_current(5 + at);
		assert_false(exists(STORED_NEW));
		assert_int_equal(status(STORED).st_mode, S_IFREG | 0600);
		write_text(MAIN, "nonsense");
		assert_last(5 + at, MAIN);
	}
}

/* Other writers ------------------------------------------------------------------------------- */

static void another_writer_is_not_waited_for(void **state)
{
	(void)state;
	accept_policy(5);
	write_policy(6);
	{
		_close_ int fd = open(in_directory(STORED_NEW), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		assert_int_equal(flock(fd, LOCK_EX), 0);
		assert_current(6);
		assert_true(exists(STORED_NEW));
		assert_int_equal(status(STORED_NEW).st_size, 0);
	}
	assert_current(6);
	assert_false(exists(STORED_NEW));
}

/* The other writer was done between our open and our lock: what we locked is the live file now. */
static void finish_other_writer(void)
{
	write_bytes(STORED_NEW, stored_bytes, stored_size, 0600);
	/* With a second name, to look at it afterwards. */
	assert_int_equal(link(in_directory(STORED_NEW), in_directory("kept")), 0);
	assert_int_equal(rename(in_directory(STORED_NEW), in_directory(STORED)), 0);
}

/* And a third one has begun, and crashed. */
static void finish_one_begin_another(void)
{
	finish_other_writer();
	write_bytes(STORED_NEW, "carrel", 6, 0600);
}

static void a_file_that_became_live_is_not_written_to(void **state)
{
	static void (*const others[])(void) = {finish_other_writer, finish_one_begin_another};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		accept_policy(5);
		read_stored();
		write_policy(1234567);
		on_flock = others[i];
		assert_current(1234567);
		assert_null(on_flock);
		assert_int_not_equal(status(STORED).st_ino, status("kept").st_ino);
		assert_int_equal(status("kept").st_size, stored_size);
		remove_file("kept");
		write_text(MAIN, "nonsense");
		assert_last(1234567, MAIN);
	}
}

/* Children load and store two policies in turns; whatever is stored is whole at any time. */
static void run_helper(int number)
{
	char name[32];

	for (int i = 0; i < 60; i++) {
		struct policy_errors errors = {0};
		struct policy_sources sources;
		struct policy *policy = NULL;
		enum policy_origin origin;
		struct failure failure;

		(void)snprintf(name, sizeof(name), "%d.conf", (number + i) % 2);
		if (policy_load(in_directory(name), in_directory("state"), &errors, &policy,
				&origin, &failure) != 0)
			_exit(1);
		if (errors.count > 0 || origin != POLICY_CURRENT)
			_exit(2);
		policy_free(policy);
		if (policy_store_read(in_directory("state"), &sources, &failure) == 0)
			policy_sources_free(&sources);
		else if (failure.err != ENOENT)
			_exit(3);
	}
	_exit(0);
}

static void helpers_may_load_and_store_at_once(void **state)
{
	pid_t children[8];
	char text[64];

	(void)state;
	write_text("0.conf", policy_text(text, 5));
	write_text("1.conf",
		   "[default]\npids_max = 6\n# a longer one, so that they can't be mixed\n");
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		children[i] = fork();
		if (children[i] == 0)
			run_helper((int)i);
		assert_true(children[i] > 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		int how;

		assert_int_equal(waitpid(children[i], &how, 0), children[i]);
		assert_int_equal(how, 0);
	}
	assert_false(exists(STORED_NEW));
	assert_true(exists(STORED));
}

static int setup(void **state)
{
	die_at_fsync = 0;
	on_flock = NULL;
	return directory_setup(state);
}

#define store_test(test) cmocka_unit_test_setup_teardown(test, setup, directory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(what_is_stored_is_not_written_again),
		store_test(a_damaged_store_is_refused_as_a_whole),
		store_test(the_format_is_strict_even_where_the_hash_is_right),
		store_test(a_stored_policy_that_this_version_refuses_is_said),
		store_test(a_store_of_others_is_refused),
		store_test(a_full_disk_leaves_the_old_store),
		store_test(what_stands_in_the_way_is_said),
		store_test(what_a_crash_leaves_is_written_over),
		store_test(another_writer_is_not_waited_for),
		store_test(a_file_that_became_live_is_not_written_to),
		store_test(helpers_may_load_and_store_at_once),
	};

	return cmocka_run_group_tests_name("policy_store", tests, NULL, NULL);
}

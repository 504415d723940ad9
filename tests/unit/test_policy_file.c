/* SPDX-License-Identifier: MIT */
/*
 * policy_file: what is read and what is refused, on a real file system (as root, in a directory
 * under /tmp). read(2) and fstat-visible changes while a file is being read are played by this
 * program's own read(), which stands before the C library's.
 */
#undef _FORTIFY_SOURCE /* it would make read() an inline function */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "core/cleanup.h"
#include "core/policy_file.h"
#include "tests/unit/with_directory.h"

static void (*on_read)(void); /* called once, before the next read */

ssize_t read(int fd, void *buffer, size_t size)
{
	void (*now)(void) = on_read;

	on_read = NULL;
	if (now)
		now();
	return syscall(SYS_read, fd, buffer, size);
}

/* Helpers ------------------------------------------------------------------------------------- */

#define MAIN "carrel.conf"
#define DROPINS "carrel.conf.d"

static int read_policy(struct policy_errors *errors, struct policy_sources *sources)
{
	return policy_sources_read(in_directory(MAIN), errors, sources);
}

static void assert_accepted(size_t count)
{
	struct policy_errors errors = {0};
	struct policy_sources sources = {0};

	if (read_policy(&errors, &sources) != 0)
		fail_msg("refused: %s", errors.texts[0]);
	assert_int_equal(errors.count, 0);
	assert_int_equal(sources.count, count);
	policy_sources_free(&sources);
}

/* Refused with this errno, in one error that names the path and holds the words. */
static void assert_refused(int err, const char *path, const char *words)
{
	struct policy_errors errors = {0};
	struct policy_sources sources = {.count = 77};
	int r = read_policy(&errors, &sources);

	if (r != -err)
		fail_msg("%s (%s): %d", path, words, r);
	assert_int_equal(sources.count, 77); /* untouched */
	assert_int_equal(errors.count, 1);
	if (!strstr(errors.texts[0], in_directory(path)) || !strstr(errors.texts[0], words))
		fail_msg("no \"%s\" or \"%s\" in: %s", path, words, errors.texts[0]);
	policy_errors_free(&errors);
}

/* Reading ------------------------------------------------------------------------------------- */

static void one_file_is_read_as_it_is(void **state)
{
	static const char bytes[] = "[default]\n\0\xff no newline";
	struct policy_errors errors = {0};
	struct policy_sources sources = {0};

	(void)state;
	write_bytes(MAIN, bytes, sizeof(bytes) - 1, 0600);
	assert_int_equal(read_policy(&errors, &sources), 0);
	assert_int_equal(sources.count, 1);
	assert_string_equal(sources.files[0].name, in_directory(MAIN));
	assert_int_equal(sources.files[0].size, sizeof(bytes) - 1);
	assert_memory_equal(sources.files[0].bytes, bytes, sizeof(bytes) - 1);
	policy_sources_free(&sources);
	assert_null(sources.files);

	write_bytes(MAIN, "", 0, 0644);
	assert_accepted(1);
}

static void drop_ins_come_sorted_by_name(void **state)
{
	static const char *const names[] = {"a.conf", "9.conf", "10.conf", "B.conf", "b-1.conf"};
	static const char *const sorted[] = {"10.conf", "9.conf", "B.conf", "a.conf", "b-1.conf"};
	static const char *const ignored[] = {".conf", ".x.conf", "x.conf~", "x.conf.bak",
					      "conf",  "xconf",	  "x.CONF",  "README"};
	struct policy_errors errors = {0};
	struct policy_sources sources = {0};
	char name[100];

	(void)state;
	write_text(MAIN, "main");
	make_directory(DROPINS, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(name, sizeof(name), DROPINS "/%s", names[i]);
		write_text(name, names[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
		(void)snprintf(name, sizeof(name), DROPINS "/%s", ignored[i]);
		write_bytes(name, "x", 1, 0666);
	}
	make_directory(DROPINS "/a.d", 0777);
	assert_int_equal(read_policy(&errors, &sources), 0);
	assert_int_equal(sources.count, 1 + ARRAY_SIZE(sorted));
	assert_memory_equal(sources.files[0].bytes, "main", 4);
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		(void)snprintf(name, sizeof(name), DROPINS "/%s", sorted[i]);
		assert_string_equal(sources.files[i + 1].name, in_directory(name));
		assert_int_equal(sources.files[i + 1].size, strlen(sorted[i]));
		assert_memory_equal(sources.files[i + 1].bytes, sorted[i], strlen(sorted[i]));
	}
	policy_sources_free(&sources);
}

static void a_path_without_directory_is_in_the_working_directory(void **state)
{
	_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct policy_errors errors = {0};
	struct policy_sources sources = {0};

	(void)state;
	write_text(MAIN, "x");
	make_directory(DROPINS, 0755);
	write_text(DROPINS "/a.conf", "y");
	assert_int_equal(chdir(in_directory("")), 0);
	assert_int_equal(policy_sources_read(MAIN, &errors, &sources), 0);
	assert_int_equal(fchdir(here), 0);
	assert_int_equal(sources.count, 2);
	assert_string_equal(sources.files[0].name, MAIN);
	assert_string_equal(sources.files[1].name, DROPINS "/a.conf");
	policy_sources_free(&sources);
}

static void the_main_file_must_be_there(void **state)
{
	(void)state;
	assert_refused(ENOENT, MAIN,
		       ":1: open: No such file or directory; expected a regular file");
	make_directory(DROPINS, 0755);
	write_text(DROPINS "/a.conf", "x");
	assert_refused(ENOENT, MAIN, "expected a regular file");
}

/* Bad files ----------------------------------------------------------------------------------- */

/* Each way in which a file can be bad: made, refused, removed. */
static void check_bad_files(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	make_directory(name, 0755);
	assert_refused(EINVAL, name, ":1: a directory; expected a regular file owned by root");
	assert_int_equal(rmdir(in_directory(name)), 0);

	/* Without O_NONBLOCK this would hang. */
	assert_int_equal(mkfifo(in_directory(name), 0644), 0);
	assert_refused(EINVAL, name, ":1: a FIFO; expected a regular file");
	remove_file(name);

	if (mknod(in_directory(name), S_IFCHR | 0644, makedev(1, 3)) == 0) {
		int fd = open(in_directory(name), O_RDONLY | O_CLOEXEC);

		/* On a nodev file system it can't even be opened. */
		assert_refused(fd < 0 ? EACCES : EINVAL, name, "expected a regular file");
		if (fd >= 0)
			(void)close(fd);
		remove_file(name);
	}

	assert_true(strlen(in_directory(name)) < sizeof(address.sun_path));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", in_directory(name));
	assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_refused(ENXIO, name, "expected a regular file");
	remove_file(name);

	write_text("elsewhere", "[default]\n");
	assert_int_equal(symlink("elsewhere", in_directory(name)), 0);
	assert_refused(ELOOP, name, ":1: a symbolic link; expected a regular file");
	remove_file(name);
	assert_int_equal(symlink("nowhere", in_directory(name)), 0);
	assert_refused(ELOOP, name, "a symbolic link; expected a regular file");
	remove_file(name);
	remove_file("elsewhere");
}

static void check_bad_owners_and_sizes(const char *name)
{
	_free_ char *large = calloc(1, POLICY_BYTES_MAX + 1);

	assert_non_null(large);
	write_text(name, "[default]\n");
	assert_int_equal(chown(in_directory(name), 65534, 0), 0);
	assert_refused(EPERM, name, "owned by uid 65534; expected root");
	assert_int_equal(chown(in_directory(name), 0, 0), 0);

	for (mode_t mode = 0; mode <= 0777; mode++) {
		assert_int_equal(chmod(in_directory(name), mode), 0);
		if (mode & 0022)
			assert_refused(EPERM, name, "neither group nor others can write");
		else if (mode & 0400) /* root without CAP_DAC_OVERRIDE can't read the others */
			assert_accepted(strcmp(name, MAIN) == 0 ? 1 : 2);
	}

	write_bytes(name, large, POLICY_BYTES_MAX, 0644);
	assert_accepted(strcmp(name, MAIN) == 0 ? 1 : 2);
	write_bytes(name, large, POLICY_BYTES_MAX + 1, 0644);
	assert_refused(EFBIG, name, "262145 bytes; expected at most 262144");
	remove_file(name);
}

static void bad_main_files_are_refused(void **state)
{
	(void)state;
	check_bad_files(MAIN);
	check_bad_owners_and_sizes(MAIN);
}

static void bad_drop_ins_are_refused(void **state)
{
	(void)state;
	write_text(MAIN, "[default]\n");
	make_directory(DROPINS, 0755);
	check_bad_files(DROPINS "/a.conf");
	check_bad_owners_and_sizes(DROPINS "/a.conf");
}

static void every_bad_file_is_said(void **state)
{
	struct policy_errors errors = {0};
	struct policy_sources sources;

	(void)state;
	write_bytes(MAIN, "x", 1, 0666);
	make_directory(DROPINS, 0755);
	write_bytes(DROPINS "/a.conf", "x", 1, 0666);
	write_text(DROPINS "/b.conf", "x");
	make_directory(DROPINS "/c.conf", 0755);
	assert_int_equal(read_policy(&errors, &sources), -EPERM); /* the first one's */
	assert_int_equal(errors.count, 3);
	assert_non_null(strstr(errors.texts[0], MAIN));
	assert_non_null(strstr(errors.texts[1], "a.conf"));
	assert_non_null(strstr(errors.texts[2], "c.conf"));
	policy_errors_free(&errors);
}

/* Bad directories ----------------------------------------------------------------------------- */

/* `name` is a directory of the policy; "" is the one of the main file. */
static void check_bad_directory(const char *name)
{
	static const mode_t modes[] = {0770, 0707, 0720, 0702, 01777, 0775};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(in_directory(name), modes[i]), 0);
		assert_refused(EPERM, name, "neither group nor others can write");
	}
	assert_int_equal(chmod(in_directory(name), 0755), 0);
	assert_accepted(1);
	assert_int_equal(chown(in_directory(name), 65534, 0), 0);
	assert_refused(EPERM, name, "owned by uid 65534; expected root");
	assert_int_equal(chown(in_directory(name), 0, 0), 0);
	assert_accepted(1);
}

static void bad_directories_are_refused(void **state)
{
	(void)state;
	write_text(MAIN, "[default]\n");
	make_directory(DROPINS, 0755);
	check_bad_directory("");
	check_bad_directory(DROPINS);

	/* A link to a good directory is none. */
	assert_int_equal(rename(in_directory(DROPINS), in_directory("real")), 0);
	assert_int_equal(symlink("real", in_directory(DROPINS)), 0);
	assert_refused(ENOTDIR, DROPINS, "open directory");
	remove_file(DROPINS);
	write_text(DROPINS, "a file");
	assert_refused(ENOTDIR, DROPINS, "open directory");
}

static void a_link_to_the_directory_is_refused(void **state)
{
	struct policy_errors errors = {0};
	struct policy_sources sources;

	(void)state;
	make_directory("real", 0755);
	write_text("real/" MAIN, "[default]\n");
	assert_int_equal(symlink("real", in_directory("link")), 0);
	assert_int_equal(policy_sources_read(in_directory("link/" MAIN), &errors, &sources),
			 -ENOTDIR);
	assert_int_equal(policy_sources_read(in_directory("link//" MAIN), &errors, &sources),
			 -ENOTDIR);
	policy_errors_free(&errors);
}

static void more_files_than_the_limit_are_refused(void **state)
{
	(void)state;
	write_text(MAIN, "x");
	make_directory(DROPINS, 0755);
	for (int i = 1; i < POLICY_FILES_MAX; i++) {
		char name[100];

		(void)snprintf(name, sizeof(name), DROPINS "/%d.conf", i);
		write_text(name, "x");
	}
	assert_accepted(POLICY_FILES_MAX);
	write_text(DROPINS "/one-more.conf", "x");
	assert_refused(E2BIG, DROPINS, "too many files; expected at most 127");
}

static void names_with_control_characters_are_refused(void **state)
{
	(void)state;
	write_text(MAIN, "x");
	make_directory(DROPINS, 0755);
	write_text(DROPINS "/a\nb.conf", "x");
	assert_refused(EINVAL, DROPINS, "control characters");
}

/* Changes while reading ----------------------------------------------------------------------- */

static void grow(void)
{
	_close_ int fd = open(in_directory(MAIN), O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, "more", 4), 4);
}

static void shrink(void)
{
	assert_int_equal(truncate(in_directory(MAIN), 3), 0);
}

static void rewrite(void)
{
	_close_ int fd = open(in_directory(MAIN), O_WRONLY | O_CLOEXEC);
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	assert_int_equal(write(fd, "[DEFAULT]\n", 10), 10);
	assert_int_equal(futimens(fd, times), 0); /* the clock of a file is coarse */
}

static void replace(void)
{
	write_text("new", "[default]\nsandbox = no\n");
	assert_int_equal(rename(in_directory("new"), in_directory(MAIN)), 0);
}

static void a_file_that_changes_while_it_is_read_is_refused(void **state)
{
	static void (*const changes[])(void) = {grow, shrink, rewrite};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		write_text(MAIN, "[default]\n");
		on_read = changes[i];
		assert_refused(EINVAL, MAIN, "changed while it was read");
		assert_null(on_read);
	}
}

/* As the files of procfs are: regular, root's, and longer than they say. */
static void a_file_that_is_not_as_long_as_it_says_is_refused(void **state)
{
	struct policy_errors errors = {0};
	struct policy_sources sources;
	char *paths[] = {(char *)"/proc/version"};

	(void)state;
	assert_int_equal(policy_sources_read_files(paths, 1, &errors, &sources), -EINVAL);
	assert_non_null(strstr(errors.texts[0], "/proc/version:1: changed while it was read"));
	policy_errors_free(&errors);
}

static void a_file_that_is_replaced_while_it_is_read_is_the_old_one(void **state)
{
	struct policy_errors errors = {0};
	struct policy_sources sources;

	(void)state;
	write_text(MAIN, "[default]\n");
	on_read = replace;
	assert_int_equal(read_policy(&errors, &sources), 0);
	assert_null(on_read);
	assert_int_equal(sources.files[0].size, 10);
	policy_sources_free(&sources);
	assert_int_equal(read_policy(&errors, &sources), 0);
	assert_int_equal(sources.files[0].size, 23);
	policy_sources_free(&sources);
}

/* Named files --------------------------------------------------------------------------------- */

static void named_files_are_read_without_drop_ins(void **state)
{
	struct policy_errors errors = {0};
	struct policy_sources sources = {0};
	_free_ char *first = strdup(in_directory("b.conf"));
	_free_ char *second = strdup(in_directory("a.txt"));
	char *paths[] = {first, second};

	(void)state;
	write_text("b.conf", "b");
	write_text("a.txt", "a");
	make_directory(DROPINS, 0755);
	write_text(DROPINS "/c.conf", "c");
	/* Where a file that is only checked lies does not matter, whose it is does. */
	assert_int_equal(chmod(in_directory(""), 01777), 0);
	assert_int_equal(policy_sources_read_files(paths, 2, &errors, &sources), 0);
	assert_int_equal(sources.count, 2);
	assert_string_equal(sources.files[0].name, first);
	assert_string_equal(sources.files[1].name, second);
	policy_sources_free(&sources);

	assert_int_equal(chmod(first, 0666), 0);
	remove_file("a.txt");
	assert_int_equal(policy_sources_read_files(paths, 2, &errors, &sources), -EPERM);
	assert_int_equal(errors.count, 2);
	assert_non_null(strstr(errors.texts[0], first));
	assert_non_null(strstr(errors.texts[1], second));
	policy_errors_free(&errors);
}

static void too_many_named_files_are_refused(void **state)
{
	struct policy_errors errors = {0};
	struct policy_sources sources;
	char *paths[POLICY_FILES_MAX + 1];

	(void)state;
	write_text(MAIN, "x");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		paths[i] = (char *)in_directory(MAIN);
	assert_int_equal(policy_sources_read_files(paths, ARRAY_SIZE(paths), &errors, &sources),
			 -E2BIG);
	assert_int_equal(errors.count, 1);
	policy_errors_free(&errors);
	assert_int_equal(policy_sources_read_files(paths, POLICY_FILES_MAX, &errors, &sources), 0);
	assert_int_equal(sources.count, POLICY_FILES_MAX);
	policy_sources_free(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory_test(one_file_is_read_as_it_is),
		in_directory_test(drop_ins_come_sorted_by_name),
		in_directory_test(a_path_without_directory_is_in_the_working_directory),
		in_directory_test(the_main_file_must_be_there),
		in_directory_test(bad_main_files_are_refused),
		in_directory_test(bad_drop_ins_are_refused),
		in_directory_test(every_bad_file_is_said),
		in_directory_test(bad_directories_are_refused),
		in_directory_test(a_link_to_the_directory_is_refused),
		in_directory_test(more_files_than_the_limit_are_refused),
		in_directory_test(names_with_control_characters_are_refused),
		in_directory_test(a_file_that_changes_while_it_is_read_is_refused),
		in_directory_test(a_file_that_is_not_as_long_as_it_says_is_refused),
		in_directory_test(a_file_that_is_replaced_while_it_is_read_is_the_old_one),
		in_directory_test(named_files_are_read_without_drop_ins),
		in_directory_test(too_many_named_files_are_refused),
	};

	return cmocka_run_group_tests_name("policy_file", tests, NULL, NULL);
}

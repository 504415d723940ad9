/* SPDX-License-Identifier: MIT */
/*
 * policy with each single allocation failing in turn, ours, iniparser's and libc's: the policy is
 * refused, or it is the very one that comes out when nothing fails. iniparser by itself answers a
 * failed allocation with a dictionary that lacks keys: a limit would be lost in silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/with_policy.h"

#if defined(__SANITIZE_ADDRESS__)
#define REPLACED_ALREADY 1 /* the sanitizer has its own malloc */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REPLACED_ALREADY 1
#endif
#endif
#ifndef REPLACED_ALREADY
#define REPLACED_ALREADY 0
#endif

static size_t allocations; /* since the count was last set to 0 */
static size_t failing; /* which of them fails; 0: none */

/*
 * Shared with the child that parses: did the failing one make a dictionary's tables, which have 128
 * rows? iniparser 4.1 and 4.2 do not look whether they got those, and crash. That ends the helper, and
 * with it the login; it is the one crash that is put up with.
 */
static bool *in_dictionary;
#define DICTIONARY_ROWS 128

#if !REPLACED_ALREADY
/* glibc's own, under the names by which a replacement may reach them. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);

static bool fails(size_t count)
{
	if (++allocations != failing)
		return false;
	*in_dictionary = count == DICTIONARY_ROWS;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails(1) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(count) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails(1) ? NULL : __libc_realloc(old, size);
}
#endif

static char good[] = "[host]\n"
		     "home_roots = /home /srv\n"
		     "[default]\n"
		     "memory_max = 1G\n"
		     "capabilities = setuid cap_setgid setpcap\n"
		     "cpus = 0-3\n"
		     "hostname = %u\n"
		     "namespaces = mount pid uts\n"
		     "[group students, service sshd]\n"
		     "hide = /a /b\n"
		     "pids_max = 10\n"
		     "[user bob]\n"
		     "bind = /a:/b\n";

static char bad[] = "[default]\n"
		    "sandbox = maybe\n"
		    "nonsense = 1\n"
		    "hide = a\n"
		    "[nobody]\n"
		    "line\n";

/* A policy in full, so that two can be compared. */
struct dump {
	char text[16384];
	size_t used;
};

static void __attribute__((format(printf, 2, 3))) put(struct dump *dump, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(dump->text + dump->used, sizeof(dump->text) - dump->used, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(dump->text) - dump->used)
		_exit(9);
	dump->used += (size_t)n;
}

static void put_values(struct dump *dump, const struct policy_value *values)
{
	for (enum policy_key key = 0; key < POLICY_KEYS; key++) {
		const struct policy_value *value = &values[key];

		if (!value->set)
			continue;
		put(dump, "%s = %s (%ju, %d, %s:%d)", policy_keys[key].name, value->text,
		    (uintmax_t)value->number, value->percent, value->file, value->line);
		for (size_t i = 0; value->words && value->words[i]; i++)
			put(dump, " <%s>", value->words[i]);
		put(dump, "\n");
	}
}

static void put_policy(struct dump *dump, const struct policy *policy)
{
	put_values(dump, policy->host);
	put_values(dump, policy->defaults);
	for (size_t i = 0; i < policy->section_count; i++) {
		const struct policy_section *section = &policy->sections[i];

		put(dump, "%d %s %s %s:%d\n", section->subject, section->name ? section->name : "-",
		    section->service ? section->service : "-", section->file, section->line);
		put_values(dump, section->values);
	}
}

/* How a parse ended, as the exit status of a child. */
enum outcome { ACCEPTED, ACCEPTED_PAST_END, REFUSED, REFUSED_PAST_END, WRONG };

static enum outcome judge(int r, const struct policy *policy, const struct policy_errors *errors,
			  const struct dump *reference)
{
	static struct dump dump;

	if (r == 0 && policy) {
		put_policy(&dump, policy);
		return reference && strcmp(dump.text, reference->text) == 0 ? ACCEPTED : WRONG;
	}
	/* Too little memory even to say so leaves a count. */
	return (r == -ENOMEM || r == -EINVAL) && !policy && errors->count + errors->dropped > 0
		       ? REFUSED
		       : WRONG;
}

/* Parse with the nth allocation failing; reference: what may be accepted, NULL for nothing. */
static enum outcome parse_failing(char *bytes, size_t n, const struct dump *reference)
{
	char name[] = "a.conf";
	struct policy_source source = {.name = name, .bytes = bytes, .size = strlen(bytes)};
	struct policy_errors errors = {0};
	struct policy *policy = NULL;
	enum outcome outcome;
	size_t count;
	int r;

	allocations = 0;
	failing = n;
	r = policy_parse(&source, 1, &errors, &policy);
	count = allocations;
	failing = 0;
	outcome = judge(r, policy, &errors, reference);
	policy_errors_free(&errors);
	policy_free(policy);
	return outcome == WRONG || count >= n ? outcome : outcome + 1;
}

static int run_child(char *bytes, size_t n, const struct dump *reference)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		/* cmocka catches it; here it is to be seen. */
		(void)signal(SIGSEGV, SIG_DFL);
		_exit((int)parse_failing(bytes, n, reference));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Each allocation fails once. Returns how many of the parses were refused. */
static size_t sweep(char *bytes, const struct dump *reference)
{
	size_t refused = 0;

	for (size_t n = 1;; n++) {
		int status;

		*in_dictionary = false;
		status = run_child(bytes, n, reference);
		if (WIFSIGNALED(status) && *in_dictionary)
			continue;
		if (!WIFEXITED(status) || WEXITSTATUS(status) >= WRONG)
			fail_msg("allocation %zu: status 0x%x", n, (unsigned int)status);
		if (WEXITSTATUS(status) == ACCEPTED_PAST_END ||
		    WEXITSTATUS(status) == REFUSED_PAST_END)
			return refused;
		refused += WEXITSTATUS(status) == REFUSED;
	}
}

static void test_good(void **state)
{
	static struct dump reference;
	char name[] = "a.conf";
	struct policy_source source = {.name = name, .bytes = good, .size = sizeof(good) - 1};
	struct policy_errors errors = {0};
	struct policy *policy _policy_ = NULL;

	(void)state;
	if (REPLACED_ALREADY)
		skip();
	assert_int_equal(policy_parse(&source, 1, &errors, &policy), 0);
	put_policy(&reference, policy);
	assert_true(sweep(good, &reference) > 50);
}

/* A bad policy stays refused, with whatever of its errors there is memory for. */
static void test_bad(void **state)
{
	(void)state;
	if (REPLACED_ALREADY)
		skip();
	assert_true(sweep(bad, NULL) > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	in_dictionary = mmap(NULL, sizeof(*in_dictionary), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (in_dictionary == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests_name("policy_memory", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Linked into the programs of the sanitize build: the helper runs without an environment and with its
 * standard error in /dev/null, so a report goes to a file whatever is said outside (a value in
 * ASAN_OPTIONS comes after this one and counts). SANITIZE_REPORT is the file's beginning; the sanitizer
 * appends ".PID".
 *
 * No leak check by default: LeakSanitizer stops its own process with ptrace(2) from a thread that it
 * clones, and neither the warden, which has given up its capabilities, nor PID 1 may do that. Programs
 * that may are started with ASAN_OPTIONS=detect_leaks=1; the helper's leaks are valgrind's.
 */
#define OPTIONS "detect_leaks=0:log_path=" SANITIZE_REPORT

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

__attribute__((visibility("default"), used)) const char *__asan_default_options(void)
{
	return OPTIONS;
}

__attribute__((visibility("default"), used)) const char *__ubsan_default_options(void)
{
	return OPTIONS ":print_stacktrace=1";
}

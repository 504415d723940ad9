/* SPDX-License-Identifier: MIT */
/*
 * Linked into each program of the sanitize build: the helper runs without an environment and with its
 * standard error in /dev/null, so reports go to files whatever is said outside (ASAN_OPTIONS comes after
 * and counts more). SANITIZE_DIR/report is the file's beginning; the sanitizer appends ".PID".
 *
 * And the proof that they would come: while there is a file SANITIZE_DIR/canary, a program without an
 * environment commits what its first letter says: o an overflow, u undefined behaviour, l a leak.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OPTIONS "detect_leaks=1:log_path=" SANITIZE_DIR "/report"

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

__attribute__((used)) const char *__asan_default_options(void)
{
	return OPTIONS;
}

__attribute__((used)) const char *__ubsan_default_options(void)
{
	return OPTIONS ":print_stacktrace=1";
}

/*
 * gcc's two runtimes each write their own reports, but libubsan sets its path by a function of which
 * libasan has one of the same name, that is found first.
 */
static void set_undefined_path(void)
{
	void *library = dlopen("libubsan.so.1", RTLD_LAZY | RTLD_NOLOAD);
	void (*set_path)(const char *path);

	if (!library)
		return;
	*(void **)&set_path = dlsym(library, "__sanitizer_set_report_path");
	if (set_path)
		set_path(SANITIZE_DIR "/report");
}

/* Volatile: none of it may be seen through, or stay behind where the leak check finds it. */
static char *volatile block;
static volatile int number;

static void commit(int what)
{
	block = malloc(16);
	number = INT_MAX;
	if (!block)
		return;
	if (what == 'o')
		block[16] = 1;
	else if (what == 'u')
		number = number + 1;
	else if (what != 'l')
		free(block);
	block = NULL;
}

__attribute__((constructor)) static void begin(void)
{
	FILE *file;

	set_undefined_path();
	if (environ && environ[0])
		return;
	file = fopen(SANITIZE_DIR "/canary", "re");
	if (!file)
		return;
	commit(fgetc(file));
	(void)fclose(file);
}

/* SPDX-License-Identifier: MIT */
#include "admin/pam_stack.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/cleanup.h"

static const char *const folders[] = {"/etc/pam.d", "/usr/lib/pam.d"};

#define BLANKS " \t\r\n"

struct reader {
	const char *root, *type;
	struct pam_stack *stack;
	struct failure *reterr;
};

/* Words --------------------------------------------------------------------------------------- */

/*
 * Cut the next word off *text, in place. "[…]" is one word, with "\]" for a bracket in it; it keeps its
 * brackets. NULL: no more.
 */
static char *next_word(char **text)
{
	char *word = *text + strspn(*text, BLANKS);
	char *end;

	if (!*word)
		return NULL;
	if (*word == '[') {
		for (end = word + 1; *end && *end != ']'; end++)
			if (*end == '\\' && end[1] == ']')
				end++;
		if (*end)
			end++;
	} else {
		end = word + strcspn(word, BLANKS);
	}
	*text = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static int copy_arguments(struct pam_line *line, char *text)
{
	size_t count = 0;
	char *word;

	line->arguments = calloc(1, sizeof(*line->arguments));
	if (!line->arguments)
		return -ENOMEM;
	while ((word = next_word(&text))) {
		char **more = reallocarray(line->arguments, count + 2, sizeof(*more));

		if (!more)
			return -ENOMEM;
		line->arguments = more;
		more[count + 1] = NULL;
		more[count] = strdup(word);
		if (!more[count])
			return -ENOMEM;
		count++;
	}
	return 0;
}

static void line_free(struct pam_line *line)
{
	for (char **argument = line->arguments; argument && *argument; argument++)
		free(*argument);
	free(line->arguments);
	free(line->file);
	free(line->control);
	free(line->module);
}

/* Files --------------------------------------------------------------------------------------- */

static int read_service(struct reader *reader, const char *name, int depth, bool included,
			int substack);

static int copy_line(const struct pam_line *from, char *arguments, struct pam_line *ret_line)
{
	ret_line->file = strdup(from->file);
	ret_line->control = strdup(from->control);
	ret_line->module = strdup(from->module);
	ret_line->line = from->line;
	ret_line->may_be_missing = from->may_be_missing;
	ret_line->substack = from->substack;
	if (!ret_line->file || !ret_line->control || !ret_line->module)
		return -ENOMEM;
	return copy_arguments(ret_line, arguments);
}

static int add_line(struct reader *reader, const struct pam_line *from, char *arguments)
{
	struct pam_stack *stack = reader->stack;
	struct pam_line *lines;

	if (stack->count == PAM_STACK_LINES_MAX)
		return failure_say(reader->reterr, EINVAL, "%s:%d: more than %d lines", from->file,
				   from->line, PAM_STACK_LINES_MAX);
	lines = reallocarray(stack->lines, stack->count + 1, sizeof(*lines));
	if (!lines)
		return failure_set(reader->reterr, ENOMEM, "read %s", from->file);
	stack->lines = lines;
	lines[stack->count] = (struct pam_line){0};
	/* Counted before it is whole: then pam_stack_free() frees what there is of it. */
	if (copy_line(from, arguments, &lines[stack->count++]) < 0)
		return failure_set(reader->reterr, ENOMEM, "read %s", from->file);
	return 0;
}

/* One line, comments and continuations gone. */
static int read_line(struct reader *reader, struct pam_line *at, char *text, int depth)
{
	char *type = next_word(&text);

	if (!type)
		return 0;
	if (strcmp(type, "@include") == 0) {
		char *name = next_word(&text);

		if (!name)
			return failure_say(reader->reterr, EINVAL, "%s:%d: @include without a name",
					   at->file, at->line);
		if (read_service(reader, name, depth + 1, true, at->substack) < 0)
			return failure_wrap(reader->reterr, "%s:%d", at->file, at->line);
		return 0;
	}
	at->may_be_missing = type[0] == '-';
	if (strcasecmp(type + at->may_be_missing, reader->type) != 0)
		return 0;
	at->control = next_word(&text);
	at->module = next_word(&text);
	if (!at->control || !at->module)
		return failure_say(reader->reterr, EINVAL, "%s:%d: a line without a module",
				   at->file, at->line);

	bool substack = strcasecmp(at->control, "substack") == 0;

	if (substack || strcasecmp(at->control, "include") == 0) {
		int into = substack ? ++reader->stack->substacks : at->substack;

		if (read_service(reader, at->module, depth + 1, true, into) < 0)
			return failure_wrap(reader->reterr, "%s:%d", at->file, at->line);
		return 0;
	}
	return add_line(reader, at, text);
}

/* Logical lines: a comment goes to the end of its line, a backslash at the end joins the next. */
static int read_lines(struct reader *reader, FILE *file, const char *shown, int depth, int substack)
{
	_free_ char *buffer = NULL, *whole = NULL;
	size_t size = 0, used = 0;
	int number = 0, r = 0;

	while (r == 0 && getline(&buffer, &size, file) >= 0) {
		struct pam_line at = {.file = (char *)shown,
				      .line = ++number,
				      .substack = substack};
		size_t length = strcspn(buffer, "#\r\n");
		bool goes_on;
		char *joined;

		buffer[length] = '\0';
		goes_on = length > 0 && buffer[length - 1] == '\\';
		if (goes_on)
			buffer[length - 1] = ' ';
		joined = realloc(whole, used + length + 1);
		if (!joined)
			return failure_set(reader->reterr, ENOMEM, "read %s", shown);
		whole = joined;
		memcpy(whole + used, buffer, length + 1);
		used += length;
		if (goes_on)
			continue;
		r = read_line(reader, &at, whole, depth);
		used = 0;
	}
	if (r == 0 && ferror(file))
		return failure_set(reader->reterr, EIO, "read %s", shown);
	return r;
}

static FILE *open_service(struct reader *reader, const char *name, char **ret_shown)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_free_ char *path = NULL;
		size_t root = strlen(reader->root);
		FILE *file;
		int n = name[0] == '/' ? asprintf(&path, "%s%s", reader->root, name)
				       : asprintf(&path, "%s%s/%s", reader->root, folders[i], name);

		if (n < 0) {
			path = NULL;
			errno = ENOMEM;
			return NULL;
		}
		file = fopen(path, "re");
		if (!file && errno == ENOENT)
			continue;
		if (file)
			*ret_shown = strdup(path + root);
		return file;
	}
	errno = ENOENT;
	return NULL;
}

static int read_service(struct reader *reader, const char *name, int depth, bool included,
			int substack)
{
	_free_ char *shown = NULL;
	_fclose_ FILE *file = NULL;

	if (depth > PAM_STACK_DEPTH_MAX)
		return failure_say(reader->reterr, EINVAL, "%s: included more than %d levels deep",
				   name, PAM_STACK_DEPTH_MAX);
	file = open_service(reader, name, &shown);
	if (!file && errno == ENOENT && included)
		return failure_say(reader->reterr, EINVAL, "includes %s, which does not exist",
				   name);
	if (!file)
		return failure_set(reader->reterr, errno, "open the PAM service %s", name);
	if (!shown)
		return failure_set(reader->reterr, ENOMEM, "read the PAM service %s", name);
	return read_lines(reader, file, shown, depth, substack);
}

int pam_stack_read(const char *root, const char *service, const char *type,
		   struct pam_stack *ret_stack, struct failure *reterr)
{
	struct pam_stack stack = {0};
	struct reader reader = {.root = root, .type = type, .stack = &stack, .reterr = reterr};
	int r = read_service(&reader, service, 0, false, 0);

	if (r == 0 && stack.count == 0 && strcmp(service, "other") != 0) {
		r = read_service(&reader, "other", 0, false, 0);
		if (r == -ENOENT)
			r = 0;
	}
	if (r < 0)
		pam_stack_free(&stack);
	else
		*ret_stack = stack;
	return r;
}

void pam_stack_free(struct pam_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		line_free(&stack->lines[i]);
	free(stack->lines);
	*stack = (struct pam_stack){0};
}

/* Services ------------------------------------------------------------------------------------ */

/* What distributions keep there for other files to include, and what editors and packages leave. */
static bool is_service(const char *name)
{
	static const char *const included[] = {"system-auth",	     "password-auth",
					       "fingerprint-auth",   "smartcard-auth",
					       "postlogin",	     "system-login",
					       "system-local-login", "system-remote-login",
					       "system-services",    "base-session"};
	size_t length = strlen(name);

	if (strncmp(name, "common-", strlen("common-")) == 0 || name[length - 1] == '~')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(included); i++)
		if (strcmp(name, included[i]) == 0)
			return false;
	/* .dpkg-old, .rpmsave, .swp: no service has a dot, but some of GNOME's and vendors' may. */
	return name[0] != '.' && !strstr(name, ".dpkg-") && !strstr(name, ".rpm");
}

static int add_name(const char *name, char ***names, size_t *count)
{
	_free_ char *copy = NULL;
	char **more;

	for (size_t i = 0; i < *count; i++)
		if (strcmp((*names)[i], name) == 0)
			return 0;
	copy = strdup(name);
	more = reallocarray(*names, *count + 1, sizeof(*more));
	if (more)
		*names = more;
	if (!more || !copy)
		return -ENOMEM;
	more[(*count)++] = steal_ptr(&copy);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_folder(const char *path, char ***names, size_t *count, struct failure *reterr)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return failure_set(reterr, errno, "open directory %s", path);
	while (r == 0 && (errno = 0, entry = readdir(dir)))
		if (entry->d_type != DT_DIR && is_service(entry->d_name))
			r = add_name(entry->d_name, names, count);
	if (r == 0 && errno)
		r = -errno;
	(void)closedir(dir);
	return r < 0 ? failure_set(reterr, -r, "read directory %s", path) : 0;
}

int pam_stack_services(const char *root, char ***ret_names, size_t *ret_count,
		       struct failure *reterr)
{
	char **names = NULL;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++) {
		_free_ char *path = NULL;

		if (asprintf(&path, "%s%s", root, folders[i]) < 0) {
			path = NULL;
			r = failure_set(reterr, ENOMEM, "list the PAM services");
		} else {
			r = list_folder(path, &names, &count, reterr);
		}
	}
	if (r < 0) {
		pam_stack_services_free(names, count);
		return r;
	}
	if (count > 1)
		qsort(names, count, sizeof(*names), compare_names);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

void pam_stack_services_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

const char *pam_line_module_name(const struct pam_line *line)
{
	const char *slash = strrchr(line->module, '/');

	return slash ? slash + 1 : line->module;
}

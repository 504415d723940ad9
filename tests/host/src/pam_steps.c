/* SPDX-License-Identifier: MIT */
/*
 * pam_steps STEP... - a PAM application that does what its arguments say, in their order, so that a
 * test can be any caller: cron-like, careless, threaded, one that lives on.
 *
 *   start=SERVICE:USER  pam_start in the next slot (0, 1, ...), which becomes the current one
 *   use=N               make slot N the current one
 *   tty=T rhost=H       set PAM_TTY, PAM_RHOST
 *   open close          pam_open_session, pam_close_session
 *   end                 pam_end
 *   silent_child        a child calls pam_end(PAM_DATA_SILENT) and exits; waits for it
 *   exit_child          a child exits through exit(3), without any PAM call; waits for it
 *   run=CMD             a child becomes the user, goes to the home and runs /bin/sh -c CMD; waits
 *   bg=CMD              as run, without waiting
 *   here=CMD            as run, but the cwd is left alone
 *   root=CMD            a child runs /bin/sh -c CMD as the caller is; waits
 *   state=FILE          write what the process looks like: namespaces, cgroups, cwd, fds, signals, ...
 *   thread              start a thread that sleeps
 *   become=UID          setresuid
 *   chdir=DIR umask=OCT setenv=NAME:VALUE oom=N
 *   rlimit=NAME:N       NAME: nofile, fsize, nproc, as, core, cpu, data, stack, memlock
 *   block ignore        block all signals; ignore SIGCHLD, SIGPIPE, SIGALRM, SIGHUP
 *   reapchild           waitpid(-1, WNOHANG): prints whether there is any child
 *   closefd=N openfd=PATH
 *   sleep=MS say=TEXT exit=N suicide
 *   syslog              log a line: libc keeps its socket open from then on
 *
 * Each PAM call prints "open: PAM_SUCCESS 12 ms", each run "run: exit 0" or "run: signal 9",
 * messages for the user "conv: TEXT".
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "argument.h"

extern char **environ;

#define SLOTS 16

struct slot {
	pam_handle_t *handle;
	int last;
	char user[512];
};

static struct slot slots[SLOTS];
static int used, current;
static int proc_fd = -1;

static const struct {
	int code;
	const char *name;
} codes[] = {
	{PAM_SUCCESS, "PAM_SUCCESS"},
	{PAM_SESSION_ERR, "PAM_SESSION_ERR"},
	{PAM_IGNORE, "PAM_IGNORE"},
	{PAM_SYSTEM_ERR, "PAM_SYSTEM_ERR"},
	{PAM_OPEN_ERR, "PAM_OPEN_ERR"},
	{PAM_SYMBOL_ERR, "PAM_SYMBOL_ERR"},
	{PAM_SERVICE_ERR, "PAM_SERVICE_ERR"},
	{PAM_BUF_ERR, "PAM_BUF_ERR"},
	{PAM_PERM_DENIED, "PAM_PERM_DENIED"},
	{PAM_AUTH_ERR, "PAM_AUTH_ERR"},
	{PAM_USER_UNKNOWN, "PAM_USER_UNKNOWN"},
	{PAM_ABORT, "PAM_ABORT"},
	{PAM_MODULE_UNKNOWN, "PAM_MODULE_UNKNOWN"},
};

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{"nofile", RLIMIT_NOFILE}, {"fsize", RLIMIT_FSIZE}, {"nproc", RLIMIT_NPROC},
	{"as", RLIMIT_AS},	   {"core", RLIMIT_CORE},   {"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},	   {"stack", RLIMIT_STACK}, {"memlock", RLIMIT_MEMLOCK},
};

/* stdio buffers would be written twice after a fork: every line goes out at once. */
static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	char line[4096];
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (length >= (int)sizeof(line))
		length = (int)sizeof(line) - 1;
	if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) < 0)
		_exit(2);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **replies,
		    void *data)
{
	(void)data;
	*replies = calloc((size_t)count, sizeof(**replies));
	if (!*replies)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++)
		say("conv: %s\n", messages[i]->msg);
	return PAM_SUCCESS;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void report(const char *what, int code, int64_t since)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code) {
			say("%s: %s %lld ms\n", what, codes[i].name, (long long)(now_ms() - since));
			return;
		}
	say("%s: %d %lld ms\n", what, code, (long long)(now_ms() - since));
}

static void become_user(const char *name, bool go_home)
{
	struct passwd *entry = getpwnam(name);

	if (!entry)
		errx(126, "no user %s", name);
	if (initgroups(name, entry->pw_gid) || setgid(entry->pw_gid) || setuid(entry->pw_uid))
		err(126, "become %s", name);
	if (go_home && chdir(entry->pw_dir))
		err(126, "chdir %s", entry->pw_dir);
}

static void run(const char *what, const char *command, bool as_user, bool go_home, bool wait)
{
	int status;
	pid_t child = fork();

	if (child < 0) {
		say("%s: fork: %s\n", what, strerror(errno));
		return;
	}
	if (child == 0) {
		if (as_user)
			become_user(slots[current].user, go_home);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		err(127, "/bin/sh");
	}
	if (!wait)
		return;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR) {
			say("%s: waitpid: %s\n", what, strerror(errno));
			return;
		}
	if (WIFEXITED(status))
		say("%s: exit %d\n", what, WEXITSTATUS(status));
	else
		say("%s: signal %d\n", what, WTERMSIG(status));
}

static void start(const char *arg)
{
	static const struct pam_conv conversation = {.conv = converse};
	const char *colon = strchr(arg, ':');
	char service[256];
	int64_t since = now_ms();

	if (!colon || colon - arg >= (int)sizeof(service) || used == SLOTS)
		errx(2, "start=SERVICE:USER");
	(void)snprintf(service, sizeof(service), "%.*s", (int)(colon - arg), arg);
	current = used++;
	(void)snprintf(slots[current].user, sizeof(slots[current].user), "%s", colon + 1);
	slots[current].last = pam_start(service, colon + 1, &conversation, &slots[current].handle);
	report("start", slots[current].last, since);
}

static void child_step(bool silent)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		err(2, "fork");
	if (child == 0) {
		if (!silent)
			exit(0);
		(void)pam_end(slots[current].handle, PAM_SUCCESS | PAM_DATA_SILENT);
		_exit(0);
	}
	(void)waitpid(child, &status, 0);
	say("child: %d\n", status);
}

/* Files of /proc/self; opened through a descriptor, for inside a sandbox /proc/self dangles. */
static void copy_proc(FILE *out, const char *name, const char *const *wanted)
{
	char path[64], line[1024];
	FILE *in;
	int fd;

	(void)snprintf(path, sizeof(path), "%d/%s", getpid(), name);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	in = fd < 0 ? NULL : fdopen(fd, "re");
	if (!in) {
		(void)fprintf(out, "%s: %s\n", name, strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), in)) {
		bool print = !wanted;

		for (size_t i = 0; wanted && wanted[i]; i++)
			if (!strncmp(line, wanted[i], strlen(wanted[i])))
				print = true;
		if (print)
			(void)fprintf(out, "%s: %s", name, line);
	}
	(void)fclose(in);
}

/* Is this entry of /proc/PID/fd that descriptor? */
static bool is_descriptor(const char *entry, int fd)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", fd);
	return !strcmp(entry, number);
}

static void list_links(FILE *out, const char *name)
{
	char path[64], target[512];
	struct dirent **entries;
	int fd, count;

	(void)snprintf(path, sizeof(path), "%d/%s", getpid(), name);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	count = scandirat(fd, ".", &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		ssize_t size = readlinkat(fd, entries[i]->d_name, target, sizeof(target) - 1);

		/* The descriptors of this listing itself are there only while it runs. */
		if (size > 0 && !is_descriptor(entries[i]->d_name, fd) &&
		    !is_descriptor(entries[i]->d_name, fileno(out)))
			(void)fprintf(out, "%s: %s -> %.*s\n", name, entries[i]->d_name, (int)size,
				      target);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	(void)close(fd);
}

static void write_state(const char *path)
{
	static const char *const status[] = {"Umask",	  "Uid",	"Gid",
					     "Groups",	  "Threads",	"SigBlk",
					     "SigIgn",	  "SigCgt",	"CapInh",
					     "CapPrm",	  "CapEff",	"CapBnd",
					     "CapAmb",	  "NoNewPrivs", "Seccomp",
					     "TracerPid", "NSpid",	"Cpus_allowed_list",
					     NULL};
	char name[64], cwd[4096];
	struct stat here, root;
	FILE *out = fopen(path, "we");
	int death = 0, reaper = 0;

	if (!out)
		err(2, "%s", path);
	list_links(out, "ns");
	list_links(out, "fd");
	copy_proc(out, "cgroup", NULL);
	copy_proc(out, "status", status);
	copy_proc(out, "limits", NULL);
	copy_proc(out, "oom_score_adj", NULL);
	copy_proc(out, "comm", NULL);
	copy_proc(out, "sessionid", NULL);
	(void)snprintf(name, sizeof(name), "task/%d/children", getpid());
	copy_proc(out, name, NULL);
	if (stat(".", &here) == 0 && stat("/", &root) == 0)
		(void)fprintf(out, "cwd: %s %lu:%lu root %lu:%lu\n", getcwd(cwd, sizeof(cwd)),
			      (unsigned long)here.st_dev, (unsigned long)here.st_ino,
			      (unsigned long)root.st_dev, (unsigned long)root.st_ino);
	(void)prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0);
	(void)prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0);
	(void)fprintf(out,
		      "prctl: dumpable %d deathsig %d subreaper %d securebits %d keepcaps %d\n",
		      prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), death, reaper,
		      prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	(void)fprintf(out, "ids: pgrp %d sid %d nice %d\n", (int)getpgrp(), (int)getsid(0),
		      getpriority(PRIO_PROCESS, 0));
	for (char **entry = environ; *entry; entry++)
		(void)fprintf(out, "env: %s\n", *entry);
	if (fclose(out))
		err(2, "%s", path);
}

static void *sleeper(void *arg)
{
	(void)arg;
	for (;;)
		(void)pause();
	return NULL;
}

static void set_limit(const char *arg)
{
	const char *colon = strchr(arg, ':');

	for (size_t i = 0; colon && i < sizeof(limits) / sizeof(limits[0]); i++)
		if (!strncmp(arg, limits[i].name, (size_t)(colon - arg)) &&
		    strlen(limits[i].name) == (size_t)(colon - arg)) {
			struct rlimit value = {.rlim_cur = strtoul(colon + 1, NULL, 10)};

			value.rlim_max = value.rlim_cur;
			if (setrlimit((__rlimit_resource_t)limits[i].resource, &value))
				err(2, "setrlimit %s", arg);
			return;
		}
	errx(2, "rlimit=%s", arg);
}

static void set_oom(const char *arg)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, arg, strlen(arg)) < 0)
		err(2, "oom_score_adj");
	(void)close(fd);
}

/* What touches no PAM handle. Returns false when the step is not one of these. */
static bool process_step(const char *step, const char *arg)
{
	if (!strcmp(step, "thread")) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, sleeper, NULL))
			errx(2, "pthread_create");
	} else if (!strcmp(step, "become")) {
		uid_t uid = (uid_t)argument_uid(arg);

		if (setresuid(uid, uid, uid))
			err(2, "setresuid");
	} else if (!strcmp(step, "chdir")) {
		if (chdir(arg))
			err(2, "chdir %s", arg);
	} else if (!strcmp(step, "umask")) {
		(void)umask((mode_t)strtoul(arg, NULL, 8));
	} else if (!strcmp(step, "setenv")) {
		char *colon = strchr(arg, ':');
		char name[64];

		if (!colon)
			errx(2, "setenv=NAME:VALUE");
		(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - arg), arg);
		(void)setenv(name, colon + 1, 1);
	} else if (!strcmp(step, "oom")) {
		set_oom(arg);
	} else if (!strcmp(step, "rlimit")) {
		set_limit(arg);
	} else if (!strcmp(step, "block")) {
		sigset_t all;

		(void)sigfillset(&all);
		(void)sigprocmask(SIG_SETMASK, &all, NULL);
	} else if (!strcmp(step, "ignore")) {
		(void)signal(SIGCHLD, SIG_IGN);
		(void)signal(SIGPIPE, SIG_IGN);
		(void)signal(SIGALRM, SIG_IGN);
		(void)signal(SIGHUP, SIG_IGN);
	} else if (!strcmp(step, "reapchild")) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		say("reapchild: %s\n", pid < 0 ? strerror(errno) : pid ? "reaped" : "living");
	} else if (!strcmp(step, "closefd")) {
		(void)close(argument_count(arg, 0));
	} else if (!strcmp(step, "openfd")) {
		if (open(arg, O_RDONLY) < 0)
			err(2, "%s", arg);
	} else if (!strcmp(step, "sleep")) {
		long ms = argument_count(arg, 0);
		struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

		(void)nanosleep(&time, NULL);
	} else if (!strcmp(step, "say")) {
		say("%s\n", arg);
	} else if (!strcmp(step, "syslog")) {
		syslog(LOG_AUTHPRIV | LOG_DEBUG, "pam_steps");
	} else if (!strcmp(step, "exit")) {
		exit((int)argument_number(arg, 0, 255));
	} else if (!strcmp(step, "suicide")) {
		(void)kill(getpid(), SIGKILL);
	} else if (!strcmp(step, "state")) {
		write_state(arg);
	} else {
		return false;
	}
	return true;
}

static void pam_step(const char *step, const char *arg)
{
	struct slot *slot = &slots[current];
	int64_t since = now_ms();

	if (!strcmp(step, "start")) {
		start(arg);
	} else if (!strcmp(step, "use")) {
		current =
			(int)argument_number(arg, 0, (long)(sizeof(slots) / sizeof(slots[0])) - 1);
	} else if (!strcmp(step, "tty")) {
		slot->last = pam_set_item(slot->handle, PAM_TTY, arg);
	} else if (!strcmp(step, "rhost")) {
		slot->last = pam_set_item(slot->handle, PAM_RHOST, arg);
	} else if (!strcmp(step, "open")) {
		slot->last = pam_open_session(slot->handle, 0);
		report("open", slot->last, since);
	} else if (!strcmp(step, "close")) {
		slot->last = pam_close_session(slot->handle, 0);
		report("close", slot->last, since);
	} else if (!strcmp(step, "end")) {
		report("end", pam_end(slot->handle, slot->last), since);
	} else if (!strcmp(step, "silent_child")) {
		child_step(true);
	} else if (!strcmp(step, "exit_child")) {
		child_step(false);
	} else if (!strcmp(step, "run")) {
		run(step, arg, true, true, true);
	} else if (!strcmp(step, "bg")) {
		run(step, arg, true, true, false);
	} else if (!strcmp(step, "here")) {
		run(step, arg, true, false, true);
	} else if (!strcmp(step, "root")) {
		run(step, arg, false, false, true);
	} else {
		errx(2, "unknown step %s", step);
	}
}

int main(int argc, char **argv)
{
	proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		err(2, "/proc");
	for (int i = 1; i < argc; i++) {
		char *arg = strchr(argv[i], '=');

		if (arg)
			*arg++ = '\0';
		else
			arg = argv[i] + strlen(argv[i]);
		if (!process_step(argv[i], arg))
			pam_step(argv[i], arg);
	}
	return 0;
}

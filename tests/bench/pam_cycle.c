/* SPDX-License-Identifier: MIT */
/*
 * pam_cycle - opens and closes PAM sessions in a caller that lives on, and times them.
 *
 * Usage: pam_cycle -s SERVICE -d CONFDIR -u USER [-w PREFIX] [-g PATH]… [MODE]	MODE: see pace.h
 *	-d	the directory of the service file (pam_start_confdir, Linux-PAM 1.4; before that the
 *		service must be in /etc/pam.d, and -d is ignored)
 *	-w	a cycle has settled when the processes have ended that the open left running and whose
 *		program lies under PREFIX; it is gone when those of them have that are in the sandbox
 *	-g	… and when PATH does not exist any more
 *
 * Only pam_open_session and pam_close_session are timed: the stack is loaded by pam_acct_mgmt before.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bench/pace.h"
#include "tests/host/src/proc_pid.h"

#define WATCHED_MAX 64
#define PATHS_MAX 32
#define GONE_US 10000000
#define PATH_PAUSE_US 10 /* between looks */
#define TIMER_SLACK_NS 1000 /* what the kernel adds to that: 50 us by default */

/* Weak: the fallback is chosen where the library does not have it. */
#pragma weak pam_start_confdir

static const char *service, *confdir, *user, *prefix;
static const char *gone_paths[PATHS_MAX];
static bool made[PATHS_MAX]; /* of these, what the open has made: the others aren't waited for */
static size_t gone_path_count;
static int host_root_fd = -1, host_proc_fd = -1;
static pam_handle_t *pam;

/* Pidfds of what the open left running. */
static struct pollfd watched[WATCHED_MAX];
static bool inside[WATCHED_MAX]; /* of these, who is in the sandbox that we are in */
static size_t watched_count;
static pid_t before[WATCHED_MAX];
static size_t before_count;

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
		    void *data)
{
	(void)responses;
	(void)data;
	for (int i = 0; i < count; i++) {
		fprintf(stderr, "pam_cycle: %s: %s\n", service, messages[i]->msg);
		if (messages[i]->msg_style != PAM_ERROR_MSG &&
		    messages[i]->msg_style != PAM_TEXT_INFO)
			return PAM_CONV_ERR;
	}
	/* Nothing here is a question, so no answer is looked at. */
	*responses = calloc((size_t)count, sizeof(**responses));
	return *responses ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int check(int result, const char *what)
{
	if (result == PAM_SUCCESS)
		return 0;
	fprintf(stderr, "pam_cycle: %s of %s for %s: %s\n", what, service, user,
		pam_strerror(pam, result));
	return -1;
}

static int session_prepare(void)
{
	static const struct pam_conv conversation = {.conv = converse};
	int result;

	if (pam_start_confdir)
		result = pam_start_confdir(service, user, &conversation, confdir, &pam);
	else
		result = pam_start(service, user, &conversation, &pam);
	if (check(result, "start") < 0)
		return -1;
	/* Loads the modules of all four kinds. */
	return check(pam_acct_mgmt(pam, PAM_SILENT), "account management");
}

static int session_open(void)
{
	return check(pam_open_session(pam, 0), "open_session");
}

static int session_close(void)
{
	return check(pam_close_session(pam, 0), "close_session");
}

static void session_finish(void)
{
	if (pam)
		pam_end(pam, PAM_SUCCESS);
	pam = NULL;
	for (size_t i = 0; i < watched_count; i++)
		close(watched[i].fd);
	watched_count = 0;
}

/* Of another series' sessions, which live on. */
static bool was_before(pid_t pid)
{
	for (size_t i = 0; i < before_count; i++) {
		if (before[i] == pid)
			return true;
	}
	return false;
}

static bool is_ours(pid_t pid)
{
	char path[64], program[4096];
	ssize_t length;

	snprintf(path, sizeof(path), "%d/exe", pid);
	length = readlinkat(host_proc_fd, path, program, sizeof(program) - 1);
	if (length < 0)
		return false;
	program[length] = '\0';
	return strncmp(program, prefix, strlen(prefix)) == 0;
}

/* Is it in the mount namespace that we are in? */
static bool is_inside(pid_t pid)
{
	char path[64], theirs[64], ours[64];
	ssize_t their_length, our_length;

	snprintf(path, sizeof(path), "%d/ns/mnt", pid);
	their_length = readlinkat(host_proc_fd, path, theirs, sizeof(theirs));
	our_length = readlinkat(host_proc_fd, "self/ns/mnt", ours, sizeof(ours));
	return our_length > 0 && their_length == our_length &&
	       memcmp(ours, theirs, (size_t)our_length) == 0;
}

/* Fills watched[] and made[]. The host's /proc was opened before: inside the sandbox another one is there. */
static int watch_session(void)
{
	struct dirent *entry;
	int fd;
	DIR *dir;

	for (size_t i = 0; i < gone_path_count; i++)
		made[i] = faccessat(host_root_fd, gone_paths[i] + 1, F_OK, 0) == 0;
	if (!prefix)
		return 0;
	fd = openat(host_proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		perror("pam_cycle: list processes");
		return -1;
	}
	while (watched_count < WATCHED_MAX && (entry = readdir(dir))) {
		pid_t pid = proc_pid(entry->d_name);

		if (pid < 0 || was_before(pid) || !is_ours(pid))
			continue;
		/* pidfd_open counts in this process' own pid namespace: the host's. */
		fd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (fd < 0)
			continue;
		inside[watched_count] = is_inside(pid);
		watched[watched_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	closedir(dir);
	return 0;
}

/* What runs when we start is not ours to wait for. */
static int note_before(void)
{
	struct dirent *entry;
	DIR *dir = prefix ? opendir("/proc") : NULL;

	if (prefix && !dir) {
		perror("pam_cycle: list processes");
		return -1;
	}
	while (dir && before_count < WATCHED_MAX && (entry = readdir(dir))) {
		pid_t pid = proc_pid(entry->d_name);

		if (pid > 0 && is_ours(pid))
			before[before_count++] = pid;
	}
	if (dir)
		closedir(dir);
	return 0;
}

static int wait_for_watched(double deadline_us, bool all)
{
	for (size_t i = 0; i < watched_count; i++) {
		double left_us = deadline_us - pace_now_us();

		if (!all && !inside[i])
			continue;
		if (left_us <= 0 || poll(&watched[i], 1, (int)(left_us / 1000) + 1) != 1) {
			fprintf(stderr, "pam_cycle: a process under %s is still there\n", prefix);
			return -1;
		}
	}
	return 0;
}

/* The same that the floor waits for: who was inside, and what was made for it. */
static int session_gone(void)
{
	double deadline_us = pace_now_us() + GONE_US;
	bool any = false;

	for (size_t i = 0; i < watched_count; i++)
		any = any || inside[i];
	if (watched_count > 0 && !any) {
		fprintf(stderr, "pam_cycle: of what runs under %s nothing is in the sandbox\n",
			prefix);
		return -1;
	}
	if (wait_for_watched(deadline_us, false) < 0)
		return -1;
	for (size_t i = 0; i < gone_path_count; i++) {
		while (made[i] && faccessat(host_root_fd, gone_paths[i] + 1, F_OK, 0) == 0) {
			if (pace_now_us() > deadline_us) {
				fprintf(stderr, "pam_cycle: %s is still there\n", gone_paths[i]);
				return -1;
			}
			pace_sleep_us(PATH_PAUSE_US);
		}
	}
	return 0;
}

static int session_settled(void)
{
	return wait_for_watched(pace_now_us() + GONE_US, true);
}

/* Of many sessions: what runs when the last one has been closed ends in its own time. */
static int session_drained(void)
{
	int r;

	do {
		if (watch_session() < 0)
			return -1;
		r = wait_for_watched(pace_now_us() + GONE_US, true);
		if (watched_count < WATCHED_MAX)
			break;
		session_finish();
	} while (r == 0);
	session_finish();
	return r < 0 ? r : session_gone();
}

static int read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+s:d:u:w:g:")) != -1) {
		if (option == 's')
			service = optarg;
		else if (option == 'd')
			confdir = optarg;
		else if (option == 'u')
			user = optarg;
		else if (option == 'w')
			prefix = optarg;
		else if (option == 'g' && gone_path_count < PATHS_MAX && *optarg == '/')
			gone_paths[gone_path_count++] = optarg;
		else
			return -1;
	}
	return service && confdir && user ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct pace_subject subject = {
		.usage = "pam_cycle -s SERVICE -d CONFDIR -u USER [-w PREFIX] [-g /PATH]...",
		.prepare = session_prepare,
		.open = session_open,
		.opened = watch_session,
		.close = session_close,
		.finish = session_finish,
		.drained = session_drained,
	};

	if (read_options(argc, argv) < 0) {
		fprintf(stderr, "usage: %s [MODE]\n", subject.usage);
		return 2;
	}
	if (prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS) < 0)
		perror("pam_cycle: set the timer slack");
	host_root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	host_proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (host_root_fd < 0 || host_proc_fd < 0) {
		perror("pam_cycle: open / and /proc");
		return 1;
	}
	if (note_before() < 0)
		return 1;
	/* In the modes of many at once the others' sessions live on: only drained() can wait. */
	if (optind >= argc || strcmp(argv[optind], "line") == 0 ||
	    strcmp(argv[optind], "cycles") == 0) {
		subject.gone = session_gone;
		subject.settled = session_settled;
	}
	return pace_run(&subject, argc - optind, argv + optind);
}

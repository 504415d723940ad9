/* SPDX-License-Identifier: MIT */
/* carrel run - a command in a user's sandbox, without any login. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/account.h"
#include "admin/verb.h"
#include "core/cleanup.h"
#include "core/identity.h"
#include "core/run_tty.h"
#include "core/session.h"
#include "core/sys.h"

#define HELPER CARREL_LIBEXEC "/carrel-session"
#define DEFAULT_SERVICE "carrel"
#define TIMEOUT_SECONDS 5
#define NOT_FOUND 127 /* as shells have it */
#define NOT_EXECUTABLE 126
#define SIGNALLED 128

struct run {
	const char *service;
	char **command;
	struct account account;
	char *cwd; /* where the caller is; NULL: can't be told */
	struct run_tty tty;
	sigset_t mask_was;
};

static void release(struct run *run)
{
	account_free(&run->account);
	free(run->cwd);
	run_tty_close(&run->tty);
}

/* The child ----------------------------------------------------------------------------------- */

/* As the user, so that root never follows a path that the user can write to. */
static int go_to_cwd(const struct run *run, struct failure *reterr)
{
	if (run->cwd && chdir(run->cwd) == 0)
		return 0;
	if (chdir(run->account.passwd->pw_dir) == 0 || chdir("/") == 0)
		return 0;
	return failure_set(reterr, errno, "go to /");
}

static _Noreturn void run_child(struct run *run)
{
	struct failure failure;
	int err;

	if (run_tty_protect(&run->tty, &failure) < 0 ||
	    account_become(&run->account, &failure) < 0 || go_to_cwd(run, &failure) < 0)
		_exit(verb_fail(&failure));
	environ = run->account.environment;
	if (sys_close_range(3, ~0U) < 0) {
		(void)failure_set(&failure, errno, "close descriptors");
		_exit(verb_fail(&failure));
	}
	(void)sigprocmask(SIG_SETMASK, &run->mask_was, NULL);
	(void)execvp(run->command[0], run->command);
	err = errno;
	(void)failure_set(&failure, err, "run %s", run->command[0]);
	(void)verb_fail(&failure);
	_exit(err == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/* The parent ---------------------------------------------------------------------------------- */

static void watched_signals(sigset_t *ret_set)
{
	(void)sigemptyset(ret_set);
	(void)sigaddset(ret_set, SIGCHLD);
	(void)sigaddset(ret_set, SIGINT);
	(void)sigaddset(ret_set, SIGQUIT);
	(void)sigaddset(ret_set, SIGTERM);
	(void)sigaddset(ret_set, SIGHUP);
}

/* Has the child ended? Then *ret_status is set. */
static bool collect(pid_t child, int *ret_status)
{
	int status;

	while (waitpid(child, &status, WNOHANG | WUNTRACED) == child) {
		if (!WIFSTOPPED(status)) {
			*ret_status = status;
			return true;
		}
		/*
		 * It stopped alone (vim's Ctrl-Z; the terminal's stops us as well): stop too, so that the
		 * caller's shell gets its prompt. `fg` continues the whole group, or us.
		 */
		(void)raise(SIGSTOP);
		(void)kill(child, SIGCONT);
	}
	return false;
}

/* Wait for the child; what somebody sends to carrel is meant for it. Returns its wait status. */
static int wait_for(pid_t child)
{
	sigset_t watched;
	siginfo_t info;
	int status, sig;

	watched_signals(&watched);
	for (;;) {
		if (collect(child, &status))
			return status;
		sig = sigwaitinfo(&watched, &info);
		/* What the terminal sends went to the whole group already. */
		if (sig > 0 && sig != SIGCHLD && info.si_code <= 0)
			(void)kill(child, sig);
	}
}

static int fork_and_wait(struct run *run, struct failure *reterr)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return failure_set(reterr, errno, "fork into the sandbox");
	if (child == 0)
		run_child(run);
	status = wait_for(child);
	return WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_in_sandbox(struct run *run)
{
	__attribute__((cleanup(identity_free))) struct login login = {0};
	struct session_request request = {
		.login = &login,
		.tty = run->tty.fd >= 0 ? ttyname(STDIN_FILENO) : NULL,
	};
	enum session_outcome outcome = SESSION_IGNORED;
	enum reply_notice notice = NOTICE_NONE;
	struct session *session = NULL;
	struct failure failure;
	sigset_t watched;
	int code, r;

	if (identity_of(run->account.passwd, run->service, &login, &failure) < 0)
		return verb_fail(&failure);
	/* From here on a signal must find the session either not begun or waited for. */
	watched_signals(&watched);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigprocmask(SIG_BLOCK, &watched, &run->mask_was);
	if (session_start(HELPER, run->account.passwd->pw_uid, TIMEOUT_SECONDS, &session,
			  &failure) < 0)
		return verb_fail(&failure);
	r = identity_add_groups(&login, &failure);
	if (r == 0)
		r = account_look_up_groups(&run->account, &failure);
	if (r == 0)
		r = session_open(session, &request, &outcome, &notice, &failure);
	if (r < 0 || outcome == SESSION_IGNORED)
		session_forget(session);
	if (r < 0)
		return verb_fail(&failure);
	if (outcome == SESSION_IGNORED) {
		fprintf(stderr,
			"carrel: run as %s: the policy leaves this user alone, so there is no "
			"sandbox "
			"(see carrel explain --service %s %s)\n",
			run->account.passwd->pw_name, run->service, run->account.passwd->pw_name);
		return VERB_FAILED;
	}
	code = fork_and_wait(run, &failure);
	if (code < 0)
		code = verb_fail(&failure);
	r = session_close(session, &failure);
	if (r < 0) {
		(void)failure_wrap(&failure, "end the session");
		(void)verb_fail(&failure);
		/* The command's own failure says more. */
		code = code == 0 ? VERB_FAILED : code;
	}
	return code;
}

/* --------------------------------------------------------------------------------------------- */

static int run_run(const struct verb *verb, int argc, char **argv)
{
	struct run run = {.service = DEFAULT_SERVICE, .tty = {.fd = -1}};
	const char *user = NULL;
	struct failure failure;
	int letter, code;

	while ((letter = verb_option(verb, argc, argv)) != -1) {
		if (letter == 'u')
			user = optarg;
		if (letter == 's')
			run.service = optarg;
	}
	if (!user)
		return verb_wrong(verb, "--user is missing: root itself is always left alone");
	if (optind >= argc)
		return verb_wrong(verb, "expected a command");
	if (user[0] == '\0' || run.service[0] == '\0')
		return verb_wrong(verb, "an empty name");
	if (verb_need_root("run") != VERB_DONE)
		return VERB_FAILED;
	run.command = argv + optind;
	if (account_look_up(user, &run.account, &failure) < 0) {
		code = verb_fail(&failure);
	} else if (run.account.passwd->pw_uid == 0) {
		(void)failure_say(&failure, EPERM,
				  "run as %s: uid 0 is always left alone, so there "
				  "is no sandbox for it",
				  user);
		code = verb_fail(&failure);
	} else {
		run.cwd = getcwd(NULL, 0);
		run_tty_open(&run.tty);
		code = run_in_sandbox(&run);
	}
	release(&run);
	return code;
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"user", required_argument, NULL, 'u'},
	{"service", required_argument, NULL, 's'},
	{0},
};

const struct verb verb_run = {
	.name = "run",
	.synopsis = "--user USER [--service SERVICE] [--] COMMAND [ARGUMENT…]",
	.summary = "Root: COMMAND as USER in a sandbox that follows the policy, without a login.",
	.details =
		"The command starts with USER's groups, in the caller's directory where USER can "
		"reach\n"
		"it, else in USER's home, with a clean environment: HOME USER LOGNAME SHELL PATH "
		"TERM.\n"
		"The sandbox ends with it. A user whom the policy leaves alone is refused.\n"
		"Exit code: the command's own, 128 and the signal that killed it, 127 when it was "
		"not\n"
		"found, 126 when it can't be executed, 1 when there was no sandbox.\n\n"
		"  -u, --user USER    whose sandbox; needed, as root itself is always left alone\n"
		"  -s, --service NAME the service that the policy's sections see (" DEFAULT_SERVICE
		")\n",
	/* '+': options end at the command, its own are left to it. */
	.letters = "+:hu:s:",
	.options = options,
	.run = run_run,
};

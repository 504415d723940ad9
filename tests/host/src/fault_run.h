/* SPDX-License-Identifier: MIT */
/*
 * fault_run - one login under the trap, with a fault at one of its system calls, and what came of it.
 */
#ifndef CARREL_TESTS_FAULT_RUN_H
#define CARREL_TESTS_FAULT_RUN_H

#include <err.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <time.h>

#include "fault_login.h"
#include "fault_trap.h"

#define SITES_MAX 4096
#define RUN_MS 15000
#define LEFT_MS 3000
#define STAY_MS 100 /* where something may stay until the next login */
#define STAY_BESIDE_MS 1500 /* as long as a sweep takes that finds the other session */

enum who { CALLER, BETWEEN, HELPER, INIT, WHOS };
static const char *const whos[] = {"caller", "between", "helper", "init"};

enum action { NONE, KILL, ERRNO, HANG, KILL_CALLER, KILL_HELPER, KILL_INIT };
static const char *const actions[] = {"none",	     "kill",	    "errno",	"hang",
				      "kill-caller", "kill-helper", "kill-init"};

/* The `turn`-th call of that name by that process. */
struct site {
	enum who who;
	int phase, call, turn;
};

struct fault {
	struct site site;
	enum action action;
	int err;
};

struct run {
	const struct fault *fault; /* NULL: record */
	pid_t pids[WHOS];
	int turns[WHOS][512];
	pid_t seen[64]; /* whoever made a call */
	int seen_count;
	bool hit, audit[PHASE_AFTER + 1];
	int hit_phase;
	bool stayed; /* something of it was there until the next login */
	int listener;
	int status; /* of the caller */
	bool reaped;
	int64_t reaped_ms;
};

static struct login_order order;
static struct login_result *result;
static struct site sites[SITES_MAX];
static int site_count, log_fd;
static off_t log_start;
static bool verbose;
static const char *touched; /* a file that is touched before each run, or NULL */
static int timeout_ms = 5000; /* the module's */

static void see(struct run *run, pid_t pid)
{
	for (int i = 0; i < run->seen_count; i++) {
		if (run->seen[i] == pid)
			return;
	}
	if (run->seen_count < (int)(sizeof(run->seen) / sizeof(run->seen[0])))
		run->seen[run->seen_count++] = pid;
}

/* place_left(), and every process of the run has ended, whatever its program. */
static void run_left(const struct run *run, char left[WHY_MAX])
{
	place_left(left);
	for (int i = 0; i < run->seen_count && !left[0]; i++) {
		char path[32], stat[512], *state;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", run->seen[i]);
		if (place_read(path, stat, sizeof(stat)) <= 0 || !(state = strrchr(stat, ')')) ||
		    state[1] != ' ' || state[2] == 'X')
			continue;
		(void)snprintf(left, WHY_MAX, "left: process %.200s", stat);
	}
}

/* By the order in which they come up: no fault has changed it when the one awaited is found. */
static enum who who_is(struct run *run, pid_t pid)
{
	for (int who = CALLER; who < WHOS; who++) {
		if (run->pids[who] == 0 && result->phase == PHASE_OPEN)
			run->pids[who] = pid;
		if (run->pids[who] == pid)
			return (enum who)who;
	}
	return WHOS;
}

static void record(enum who who, int call, int turn)
{
	if (site_count < SITES_MAX)
		sites[site_count++] = (struct site){who, result->phase, call, turn};
}

static void act(struct run *run, const struct seccomp_notif *call)
{
	const struct fault *fault = run->fault;

	run->hit = true;
	run->hit_phase = result->phase;
	switch (fault->action) {
	case KILL:
		kill_now((pid_t)call->pid);
		return;
	case ERRNO:
		trap_answer(run->listener, call, fault->err);
		return;
	case HANG:
		return;
	case KILL_CALLER:
	case KILL_HELPER:
	case KILL_INIT: {
		pid_t pid = run->pids[fault->action == KILL_CALLER   ? CALLER
				      : fault->action == KILL_HELPER ? HELPER
								     : INIT];

		if (pid > 0 && !(run->reaped && pid == run->pids[CALLER]))
			kill_now(pid);
		else
			run->hit = false; /* not there yet, or gone */
		break;
	}
	case NONE:
		break;
	}
	trap_answer(run->listener, call, 0);
}

/*
 * Of the caller's own calls, those in open_session and close_session, but for libpam's: once the
 * modules are through, it tells the audit system by netlink, and fails when it can't.
 */
static bool is_tested(struct run *run, enum who who, const struct seccomp_notif *call)
{
	if (who != CALLER)
		return result->phase != PHASE_PREPARE;
	if (call->data.nr == SYS_socket && call->data.args[0] == AF_NETLINK)
		run->audit[result->phase] = true;
	return (result->phase == PHASE_OPEN || result->phase == PHASE_CLOSE) &&
	       !run->audit[result->phase];
}

static void on_call(struct run *run, const struct seccomp_notif *call)
{
	const struct fault *fault = run->fault;
	enum who who = who_is(run, (pid_t)call->pid);
	int number = call->data.nr;

	see(run, (pid_t)call->pid);
	if (who == WHOS || number < 0 || number >= 512 || !is_tested(run, who, call)) {
		trap_answer(run->listener, call, 0);
		return;
	}
	int turn = ++run->turns[who][number];

	if (!fault)
		record(who, number, turn);
	if (fault && !run->hit && fault->site.who == who && fault->site.call == number &&
	    fault->site.turn == turn)
		act(run, call);
	else
		trap_answer(run->listener, call, 0);
}

static void kill_one(pid_t pid, const char *program)
{
	(void)program;
	if (!place_is_beside(pid))
		(void)kill(pid, SIGKILL);
}

/* After a run that went wrong: the next one must not suffer from it. */
static void clean_up(struct run *run)
{
	char path[PATH_MAX + 16];
	int status;
	pid_t pid;

	if (!run->reaped) {
		(void)kill(run->pids[CALLER], SIGKILL);
		(void)close(run->listener);
		run->listener = -1;
		(void)waitpid(run->pids[CALLER], NULL, 0);
	}
	for (int tries = 0; tries < 50 && place_processes(kill_one) > place_beside_count; tries++)
		(void)usleep(20000);
	(void)snprintf(path, sizeof(path), "%s/policy.new", place_state);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%scarrel-session", place_libexec);
	pid = fork();
	if (pid == 0) {
		execl(path, "carrel-session", "--sweep", (char *)NULL);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
}

/*
 * May what is left stay until the user's next login? A warden that is killed, or can't do its work,
 * after it was told to close has nobody left who knows. A call that fails, of those that never do
 * (flock, fstat), may leave a file in the product's own directories, for the next one to take over.
 */
static bool may_stay(const struct run *run, const char *left)
{
	const struct fault *fault = run->fault;

	if (!fault || (fault->site.who != HELPER && fault->action != KILL_HELPER))
		return false;
	if (run->hit_phase >= PHASE_CLOSE)
		return true;
	return fault->action == ERRNO && strstr(left, " directory");
}

/* Serve its calls until the login is over and nothing is left of it, or the time is. */
static void serve(struct run *run, char left[WHY_MAX])
{
	int64_t end_ms = now_ms() + RUN_MS;
	struct seccomp_notif call;

	for (;;) {
		if (trap_wait(run->listener, 2, &call)) {
			on_call(run, &call);
			continue;
		}
		if (!run->reaped &&
		    waitpid(run->pids[CALLER], &run->status, WNOHANG) == run->pids[CALLER]) {
			run->reaped = true;
			run->reaped_ms = now_ms();
		}
		if (run->reaped) {
			run_left(run, left);
			int wait_ms = may_stay(run, left)
					      ? (place_has_beside ? STAY_BESIDE_MS : STAY_MS)
					      : LEFT_MS;

			if (!left[0] || now_ms() > run->reaped_ms + wait_ms)
				return;
			(void)usleep(500);
		} else if (now_ms() > end_ms) {
			(void)snprintf(left, WHY_MAX, "the login hangs in phase %d", result->phase);
			return;
		}
	}
}

/* Was this logged, and a reason after it? */
static bool logged(const char *wanted)
{
	char log[16384];

	for (int tries = 0; tries < 50; tries++) {
		ssize_t got = pread(log_fd, log, sizeof(log) - 1, log_start);

		if (got > 0) {
			log[got] = '\0';
			char *found = strstr(log, wanted);

			if (found && found[strlen(wanted)] > ' ')
				return true;
		}
		(void)usleep(20000);
	}
	return false;
}

static void plain_login(void)
{
	struct login_order plain = order;
	pid_t pid;

	plain.set_trap = NULL;
	pid = login_start(&plain, result);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

static void login_again(char left[WHY_MAX])
{
	plain_login();
	for (int64_t end_ms = now_ms() + LEFT_MS; left[0] && now_ms() < end_ms;) {
		(void)usleep(2000);
		place_left(left);
	}
}

/* May this fault end the sandbox under a login that was let in? */
static bool may_end(const struct fault *fault)
{
	return fault && (fault->action != ERRNO || fault->site.who == INIT);
}

static enum login_outcome judge(const struct run *run, char why[WHY_MAX])
{
	const struct fault *fault = run->fault;
	enum login_outcome outcome = login_judge(result, run->status, why);

	/* Where its name can't be had or looked up, "/" stands in for the cwd: core/join.c. */
	if (outcome == LOGIN_BAD && fault && fault->site.who == CALLER && fault->action == ERRNO &&
	    (fault->site.call == SYS_getcwd || fault->site.call == SYS_openat2 ||
	     fault->site.call == SYS_fchdir) &&
	    strstr(why, "cwd is /, was "))
		return LOGIN_WHOLE;
	/* Closing may fail when its own calls do; it then says so, and the caller knows. */
	if (outcome == LOGIN_BAD && fault && fault->site.who == CALLER && fault->action == ERRNO &&
	    fault->site.phase >= PHASE_CLOSE && result->close_code == PAM_SESSION_ERR &&
	    logged("closing a session: "))
		return LOGIN_WHOLE;
	if (outcome == LOGIN_REFUSED && !logged(" refused: ")) {
		(void)snprintf(why, WHY_MAX, "refused without a reason in the log");
		return LOGIN_BAD;
	}
	if (fault && fault->action == HANG && result->open_ms > timeout_ms + 1000) {
		(void)snprintf(why, WHY_MAX, "open_session took %lld ms, the timeout is %d",
			       (long long)result->open_ms, timeout_ms);
		return LOGIN_BAD;
	}
	if (outcome == LOGIN_ENDED && !may_end(fault)) {
		(void)snprintf(why, WHY_MAX, "the sandbox ended by itself");
		return LOGIN_BAD;
	}
	return outcome;
}

static enum login_outcome run_login(const struct fault *fault, struct run *ret_run,
				    char why[WHY_MAX])
{
	struct run run = {.fault = fault, .listener = -1};
	enum login_outcome outcome = LOGIN_BAD;
	char path[PATH_MAX + 16], left[WHY_MAX] = "";
	int announce[2], number = -1;

	/* So that accepting the policy, with its writing, is part of each login. */
	(void)snprintf(path, sizeof(path), "%s/policy", place_state);
	(void)unlink(path);
	if (touched && utimensat(AT_FDCWD, touched, NULL, 0) < 0)
		err(2, "touch %s", touched);
	log_start = lseek(log_fd, 0, SEEK_END);
	if (pipe2(announce, O_CLOEXEC) < 0)
		err(2, "pipe");
	order.trap_fd = announce[1];
	run.pids[CALLER] = login_start(&order, result);
	(void)close(announce[1]);
	int pidfd = run.pids[CALLER] < 0 ? -1 : pidfd_open(run.pids[CALLER], 0);

	if (pidfd < 0 || read(announce[0], &number, sizeof(number)) != sizeof(number))
		errx(2, "the caller does not start");
	run.listener = trap_get(pidfd, number);
	(void)close(announce[0]);
	(void)close(pidfd);
	if (run.listener < 0)
		err(2, "trap the caller");
	serve(&run, left);
	if (run.reaped)
		outcome = judge(&run, why);
	if (left[0] && run.reaped && outcome != LOGIN_BAD && may_stay(&run, left)) {
		run.stayed = true;
		login_again(left);
	}
	if (left[0]) {
		if (!why[0])
			(void)snprintf(why, WHY_MAX, "%s", left);
		outcome = LOGIN_BAD;
		clean_up(&run);
	}
	if (run.listener >= 0)
		(void)close(run.listener);
	*ret_run = run;
	return outcome;
}

#endif

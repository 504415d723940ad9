/* SPDX-License-Identifier: MIT */
/*
 * shell_sweep [OPTION...] UID SHELL ARG... - carrel-shell SHELL as UID, once for each system call that it, the
 * PID 1 that it starts and the shell make, with a fault at that call. Each run prints "confined" (shell_probe),
 * or nothing and ends with a status that is not 0; 3 s later no process of it is left.
 *
 *   -a ACTION  kill: each of the processes that there are by then, one a run; errno: EPERM, and one of
 *              ENOMEM, EMFILE, ENOSPC; hang: the call never returns
 *   -w WHO     only calls of: shell (carrel-shell), init, command
 *   -s CALL    only at calls of that name
 *   -e N       of every N-th call, and always the first of each name
 *   -l         list the calls and stop
 *   -v         a line for each run
 * Prints, for each process, how many runs there were, and what came of them.
 */
#include <err.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "argument.h"
#include "fault_names.h"
#include "fault_trap.h"

#define RUN_MS 30000
#define LEFT_MS 3000
#define SITES_MAX 4096

/* By the order in which they come up: who is made to wait for whom is what is tested. */
enum who { SHELL, INIT, COMMAND, WHOS };
static const char *const whos[] = {"shell", "init", "command"};

enum action { NONE, KILL, ERRNO, HANG };
static const char *const actions[] = {"none", "kill", "errno", "hang"};

struct site {
	enum who who;
	int call, turn; /* the turn-th call of that name by that process */
	int there; /* how many processes there are by then */
};

struct fault {
	struct site site;
	enum action action;
	enum who victim;
	int err;
};

struct run {
	const struct fault *fault; /* NULL: record */
	pid_t pids[WHOS];
	int turns[WHOS][512];
	pid_t others[16]; /* that no place is foreseen for */
	bool started; /* carrel-shell runs */
	bool hit;
	int listener, out_fd, status;
};

static struct site sites[SITES_MAX];
static int site_count;
static uid_t uid;
static char **command;

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((noreturn)) static void be_shell(int out_fd, int announce_fd)
{
	static char home[] = "HOME=/", path[] = "PATH=/usr/bin:/bin";
	char *environment[] = {home, path, NULL};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* No terminal; nothing but 0 to 2 is handed on. */
	if (setsid() < 0 || null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0 ||
	    dup2(null_fd, 2) < 0 || trap_set(announce_fd) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		_exit(99);
	(void)execve(command[0], command, environment);
	_exit(98);
}

static void start(struct run *run)
{
	int out[2], announce[2], number, pidfd;

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(announce, O_CLOEXEC) < 0)
		err(2, "pipe");
	run->pids[SHELL] = fork();
	if (run->pids[SHELL] < 0)
		err(2, "fork");
	if (run->pids[SHELL] == 0)
		be_shell(out[1], announce[1]);
	(void)close(out[1]);
	(void)close(announce[1]);
	run->out_fd = out[0];
	pidfd = pidfd_open(run->pids[SHELL], 0);
	if (pidfd < 0 || read(announce[0], &number, sizeof(number)) != sizeof(number))
		errx(2, "it does not start");
	run->listener = trap_get(pidfd, number);
	if (run->listener < 0)
		err(2, "trap it");
	(void)close(announce[0]);
	(void)close(pidfd);
}

static void act(struct run *run, const struct seccomp_notif *call)
{
	const struct fault *fault = run->fault;

	run->hit = true;
	if (fault->action == KILL)
		kill_now(run->pids[fault->victim]);
	if (fault->action == HANG)
		return;
	trap_answer(run->listener, call, fault->action == ERRNO ? fault->err : 0);
}

static enum who who_is(struct run *run, pid_t pid)
{
	for (int who = SHELL; who < WHOS; who++) {
		if (run->pids[who] == 0)
			run->pids[who] = pid;
		if (run->pids[who] == pid)
			return (enum who)who;
	}
	for (size_t i = 0; i < sizeof(run->others) / sizeof(run->others[0]); i++) {
		if (run->others[i] == 0)
			run->others[i] = pid;
		if (run->others[i] == pid)
			break;
	}
	return WHOS;
}

static bool is_at(const struct run *run, enum who who, int call, int turn)
{
	const struct fault *fault = run->fault;

	return fault && !run->hit && fault->site.who == who && fault->site.call == call &&
	       fault->site.turn == turn && run->pids[fault->victim] > 0;
}

static bool is_there(pid_t pid)
{
	return pid > 0 && kill(pid, 0) == 0;
}

static void on_call(struct run *run, const struct seccomp_notif *call)
{
	enum who who = who_is(run, (pid_t)call->pid);
	int number = call->data.nr;

	if (!run->started || who == WHOS || number < 0 || number >= 512) {
		run->started |= number == SYS_execve;
		trap_answer(run->listener, call, 0);
		return;
	}
	int turn = ++run->turns[who][number];

	if (!run->fault && site_count < SITES_MAX) {
		int there = SHELL;

		while (there < WHOS && is_there(run->pids[there]))
			there++;
		sites[site_count++] = (struct site){who, number, turn, there};
	}
	if (is_at(run, who, number, turn))
		act(run, call);
	else
		trap_answer(run->listener, call, 0);
}

/* Serve its calls until all of it has ended; true when it did in time. */
static bool serve(struct run *run)
{
	int64_t end_ms = now_ms() + RUN_MS;
	struct seccomp_notif call;
	bool reaped = false, left = true;
	int status;
	pid_t pid;

	while (left && now_ms() < end_ms) {
		if (trap_wait(run->listener, 1, &call)) {
			on_call(run, &call);
			continue;
		}
		/* Orphans come to this process. */
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid != run->pids[SHELL])
				continue;
			run->status = status;
			reaped = true;
			end_ms = now_ms() + LEFT_MS;
		}
		left = !reaped;
		for (int who = SHELL; who < WHOS; who++)
			left |= is_there(run->pids[who]);
		for (size_t i = 0; i < sizeof(run->others) / sizeof(run->others[0]); i++)
			left |= is_there(run->others[i]);
	}
	return !left;
}

/* All of what it said, which is a pipe's worth at most, as it has ended. */
static void read_all(int fd, char *ret_text, size_t size)
{
	size_t used = 0;
	ssize_t got;

	while (used + 1 < size && (got = read(fd, ret_text + used, size - used - 1)) > 0)
		used += (size_t)got;
	ret_text[used] = '\0';
}

enum outcome { CONFINED, WITHOUT, BAD };

static enum outcome run_once(const struct fault *fault, struct run *ret_run, const char **ret_why)
{
	struct run run = {.fault = fault, .listener = -1};
	static char said[4096];
	bool ended;

	start(&run);
	ended = serve(&run);
	if (!ended) {
		for (int who = WHOS - 1; who >= SHELL; who--)
			if (run.pids[who] > 0)
				(void)kill(run.pids[who], SIGKILL);
	}
	(void)close(run.listener);
	read_all(run.out_fd, said, sizeof(said));
	(void)close(run.out_fd);
	while (!ended && waitpid(-1, NULL, 0) > 0)
		;
	*ret_run = run;
	*ret_why = said;
	if (!ended) {
		*ret_why = "it hangs, or something is left of it";
		return BAD;
	}
	if (strcmp(said, "confined\n") == 0)
		return CONFINED;
	if (said[0] == '\0' && run.status == 0)
		*ret_why = "status 0 without a shell";
	return said[0] == '\0' && run.status != 0 ? WITHOUT : BAD;
}

struct totals {
	int runs, missed, outcomes[BAD + 1];
};

static bool verbose;

static void run_fault(const struct fault *fault, struct totals *totals)
{
	static const char *const names[] = {"confined", "no shell", "BAD"};
	int64_t start_ms = now_ms();
	struct run run;
	const char *why;
	enum outcome outcome = run_once(fault, &run, &why);

	totals->runs++;
	totals->missed += !run.hit;
	totals->outcomes[outcome]++;
	if (outcome == BAD || verbose)
		printf("%s %s at %s's %s #%d: %s: status %#x, %s (%lld ms)%s\n",
		       actions[fault->action],
		       fault->action == ERRNO ? strerrorname_np(fault->err) : whos[fault->victim],
		       whos[fault->site.who], call_name(fault->site.call), fault->site.turn,
		       names[outcome], (unsigned int)run.status, why,
		       (long long)(now_ms() - start_ms), run.hit ? "" : " (missed)");
}

static void fault_site(const struct site *site, enum action action, struct totals *totals)
{
	static const int errors[] = {ENOMEM, EMFILE, ENOSPC};
	static unsigned int turn;
	struct fault fault = {.site = *site, .action = action, .victim = site->who};

	if (action == HANG)
		run_fault(&fault, totals);
	for (int victim = SHELL; action == KILL && victim < site->there; victim++) {
		fault.victim = (enum who)victim;
		run_fault(&fault, totals);
	}
	if (action != ERRNO || call_never_fails(site->call))
		return;
	/* What the kernel's rules say no to, and one of the shortages after the other. */
	for (size_t i = 0; i < 2; i++) {
		fault.err = i == 0 ? EPERM : errors[turn++ % 3];
		run_fault(&fault, totals);
	}
}

static int find_name(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	errx(2, "what is %s?", name);
}

static void record(void)
{
	struct run run;
	const char *why;

	/* Twice: the first one finds things cold. */
	for (int i = 0; i < 2; i++) {
		site_count = 0;
		if (run_once(NULL, &run, &why) != CONFINED || run.status != 0)
			errx(2, "without any fault: status %#x, %s", (unsigned int)run.status, why);
	}
}

int main(int argc, char **argv)
{
	enum action action = NONE;
	const char *call = NULL;
	int option, only = -1, every = 1, bad = 0;
	bool list = false;

	while ((option = getopt(argc, argv, "+a:w:s:e:lv")) != -1) {
		switch (option) {
		case 'a':
			action = (enum action)find_name(actions, HANG + 1, optarg);
			break;
		case 'w':
			only = find_name(whos, WHOS, optarg);
			break;
		case 's':
			call = optarg;
			break;
		case 'e':
			every = argument_count(optarg, 1);
			break;
		case 'l':
			list = true;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind < 2)
		errx(2, "usage: shell_sweep [OPTION...] UID SHELL ARG...");
	uid = (uid_t)argument_uid(argv[optind]);
	command = argv + optind + 1;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		err(2, "prctl");
	setvbuf(stdout, NULL, _IOLBF, 0);
	record();
	for (int i = 0; list && i < site_count; i++)
		printf("%s %s #%d\n", whos[sites[i].who], call_name(sites[i].call), sites[i].turn);
	for (int who = SHELL; !list && who < WHOS; who++) {
		struct totals totals = {0};

		for (int i = 0; i < site_count; i++)
			if ((int)sites[i].who == who && (only < 0 || only == who) &&
			    (!call || strcmp(call, call_name(sites[i].call)) == 0) &&
			    (i % every == 0 || sites[i].turn == 1))
				fault_site(&sites[i], action, &totals);
		if (totals.runs > 0)
			printf("%s at calls of %s: %d runs: %d confined, %d without a shell, %d "
			       "bad; "
			       "%d not hit\n",
			       actions[action], whos[who], totals.runs, totals.outcomes[CONFINED],
			       totals.outcomes[WITHOUT], totals.outcomes[BAD], totals.missed);
		bad += totals.outcomes[BAD] + (totals.runs > 0 && totals.missed == totals.runs);
	}
	return bad > 0;
}

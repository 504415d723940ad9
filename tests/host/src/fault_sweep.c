/* SPDX-License-Identifier: MIT */
/*
 * fault_sweep [OPTION...] SERVICE USER UID - one login for each system call that a login makes, with
 * a fault at that call. Whatever the fault: the login is whole or refused with a reason in the log,
 * the caller is back where it was, and 3 s later nothing of it is left.
 *
 *   -w WHO     whose calls: caller, between (starts the helper), helper, init (the sandbox's PID 1)
 *   -p PHASE   open (and the session), close (and what the warden does then), or all
 *   -a ACTION  kill, errno, hang, none; kill-caller, kill-helper, kill-init: another one than WHO dies
 *   -e N       of every N-th call, and always the first and last of each name
 *   -f         each of the errors at each call, instead of one after the other
 *   -n MAX     stop after so many runs
 *   -x         expect some run to go wrong (the tests' own check)
 *   -l         list the calls and stop
 *   -v         a line for each run
 * Environment: CHECK_PREFIX, CHECK_RUN, CHECK_LOG.
 */
#include <err.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "fault_login.h"
#include "fault_names.h"
#include "fault_trap.h"

#define SITES_MAX 4096
#define RUN_MS 15000
#define LEFT_MS 3000
#define STAY_MS 300 /* where something may stay until the next login */

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

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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

/*
 * Kill, and let nobody make another call until it is dead: what comes of it is then the same each
 * time. The PID 1 of a sandbox waits in its death for others to be reaped, so not for ever.
 */
static void kill_now(pid_t pid)
{
	struct pollfd gone = {.fd = pidfd_open(pid, 0), .events = POLLIN};

	(void)kill(pid, SIGKILL);
	if (gone.fd < 0)
		return;
	(void)poll(&gone, 1, 100);
	(void)close(gone.fd);
}

static void act(struct run *run, const struct seccomp_notif *call)
{
	const struct fault *fault = run->fault;

	run->hit = true;
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
	for (int tries = 0; tries < 50 && place_processes(kill_one) > 0; tries++)
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
 * A warden that is killed, or can't do its work, after it was told to close has nobody left who
 * knows: then the user's next login and logout is what cleans up.
 */
static bool may_stay(const struct fault *fault)
{
	return fault && fault->site.phase >= PHASE_CLOSE &&
	       (fault->site.who == HELPER || fault->action == KILL_HELPER);
}

/* Serve its calls until the login is over and nothing is left of it, or the time is. */
static void serve(struct run *run, char left[WHY_MAX])
{
	int64_t end_ms = now_ms() + RUN_MS;
	int left_ms = run->fault && may_stay(run->fault) ? STAY_MS : LEFT_MS;
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
			if (!left[0] || now_ms() > run->reaped_ms + left_ms)
				return;
			(void)usleep(500);
		} else if (now_ms() > end_ms) {
			(void)snprintf(left, WHY_MAX, "the login hangs in phase %d", result->phase);
			return;
		}
	}
}

/* Was "BEFORE<user>AFTER" logged, and a reason after it? */
static bool logged(const char *before, const char *user, const char *after)
{
	char log[16384], wanted[160];

	(void)snprintf(wanted, sizeof(wanted), "%s%s%s", before, user, after);
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

	/* Closing may fail when its own calls do; it then says so, and the caller knows. */
	if (outcome == LOGIN_BAD && fault && fault->site.who == CALLER && fault->action == ERRNO &&
	    fault->site.phase >= PHASE_CLOSE && result->close_code == PAM_SESSION_ERR &&
	    logged("closing a session: ", "", ""))
		return LOGIN_WHOLE;
	if (outcome == LOGIN_REFUSED && !logged("session of ", order.user, " refused: ")) {
		(void)snprintf(why, WHY_MAX, "refused without a reason in the log");
		return LOGIN_BAD;
	}
	if (outcome == LOGIN_ENDED && !may_end(fault)) {
		(void)snprintf(why, WHY_MAX, "the sandbox ended by itself");
		return LOGIN_BAD;
	}
	return outcome;
}

static enum login_outcome run_login(const struct fault *fault, bool *ret_hit, char why[WHY_MAX])
{
	struct run run = {.fault = fault, .listener = -1};
	enum login_outcome outcome = LOGIN_BAD;
	char path[PATH_MAX + 16], left[WHY_MAX] = "";
	int announce[2], number = -1;

	/* So that accepting the policy, with its writing, is part of each login. */
	(void)snprintf(path, sizeof(path), "%s/policy", place_state);
	(void)unlink(path);
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
	if (left[0] && run.reaped && outcome != LOGIN_BAD && may_stay(fault))
		login_again(left);
	if (left[0]) {
		if (!why[0])
			(void)snprintf(why, WHY_MAX, "%s", left);
		outcome = LOGIN_BAD;
		clean_up(&run);
	}
	if (run.listener >= 0)
		(void)close(run.listener);
	*ret_hit = run.hit;
	return outcome;
}

static int last_turn(const struct site *site)
{
	int last = 0;

	for (int i = 0; i < site_count; i++) {
		if (sites[i].who == site->who && sites[i].call == site->call &&
		    sites[i].turn > last)
			last = sites[i].turn;
	}
	return last;
}

static void say_site(const struct fault *fault)
{
	const struct site *site = &fault->site;

	printf("%s%s%s at %s's %s #%d", actions[fault->action], fault->action == ERRNO ? " " : "",
	       fault->action == ERRNO ? strerrorname_np(fault->err) : "", whos[site->who],
	       call_name(site->call), site->turn);
}

/* What carrel logged in the run that went wrong. */
static void say_log(void)
{
	char log[4096], *line, *rest = log;
	ssize_t got = pread(log_fd, log, sizeof(log) - 1, log_start);

	log[got > 0 ? got : 0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		if (strstr(line, "carrel"))
			printf("    %.200s\n", line);
	}
}

struct totals {
	int runs, missed, outcomes[LOGIN_OUTCOMES];
};

static void run_fault(const struct fault *fault, struct totals *totals)
{
	char why[WHY_MAX] = "";
	bool hit = false;
	int64_t start_ms = now_ms();
	enum login_outcome outcome = run_login(fault, &hit, why);

	totals->runs++;
	totals->missed += !hit;
	totals->outcomes[outcome]++;
	if (outcome == LOGIN_BAD || verbose) {
		say_log();
		say_site(fault);
		printf(": %s%s%s%s (%lld ms)\n", login_outcomes[outcome], why[0] ? ": " : "", why,
		       hit ? "" : " (missed)", (long long)(now_ms() - start_ms));
	}
}

static bool wanted(const struct site *site, int who, const char *phase, int every, int index)
{
	bool closing = site->phase >= PHASE_CLOSE;

	if ((int)site->who != who || (strcmp(phase, "open") == 0 && closing) ||
	    (strcmp(phase, "close") == 0 && !closing))
		return false;
	return index % every == 0 || site->turn == 1 || site->turn == last_turn(site);
}

static int find_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return (int)i;
	}
	errx(2, "what is %s?", name);
}
#define FIND_NAME(names, name) find_name(names, sizeof(names) / sizeof(names[0]), name)

/* What a login does without a fault; twice, since the first one finds things cold. */
static void record_login(void)
{
	char why[WHY_MAX] = "";
	bool hit;

	for (int i = 0; i < 2; i++) {
		site_count = 0;
		enum login_outcome outcome = run_login(NULL, &hit, why);

		if (outcome != LOGIN_WHOLE)
			errx(2, "a login without any fault is %s: %s", login_outcomes[outcome],
			     why);
	}
}

static void sweep(enum who who, const char *phase, struct fault fault, int every, bool all_errors,
		  int max, struct totals *totals)
{
	static const int errors[] = {ENOMEM, EMFILE, ENOSPC, EPERM};
	int index = 0;

	for (int i = 0; i < site_count && totals->runs < max; i++) {
		fault.site = sites[i];
		if (sites[i].who == who)
			index++;
		if (!wanted(&sites[i], (int)who, phase, every, index) ||
		    (fault.action == ERRNO && call_never_fails(sites[i].call)))
			continue;
		for (int e = 0; e < (fault.action == ERRNO && all_errors ? 4 : 1); e++) {
			fault.err = errors[(index + e) % 4];
			run_fault(&fault, totals);
		}
	}
}

int main(int argc, char **argv)
{
	const char *phase = "all", *log = getenv("CHECK_LOG");
	struct fault fault = {.action = NONE};
	struct totals totals = {0};
	int option, who = HELPER, every = 1, max = SITES_MAX * 4;
	bool all_errors = false, expect_bad = false, list = false;

	while ((option = getopt(argc, argv, "w:p:a:e:n:fxlv")) != -1) {
		switch (option) {
		case 'w':
			who = FIND_NAME(whos, optarg);
			break;
		case 'p':
			phase = optarg;
			break;
		case 'a':
			fault.action = (enum action)FIND_NAME(actions, optarg);
			break;
		case 'e':
			every = atoi(optarg) > 0 ? atoi(optarg) : 1;
			break;
		case 'n':
			max = atoi(optarg);
			break;
		case 'f':
			all_errors = true;
			break;
		case 'x':
			expect_bad = true;
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
	if (argc - optind != 3 || !log)
		errx(2, "usage: fault_sweep [OPTION...] SERVICE USER UID");
	order = (struct login_order){.service = argv[optind],
				     .user = argv[optind + 1],
				     .uid = (unsigned int)atoi(argv[optind + 2]),
				     .set_trap = trap_set};
	log_fd = open(log, O_RDONLY | O_CLOEXEC);
	result = login_share();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (log_fd < 0 || !result || !place_begin(order.uid, 1))
		err(2, "prepare");
	record_login();
	for (int i = 0; list && i < site_count; i++)
		printf("%d %s %s #%d\n", sites[i].phase, whos[sites[i].who],
		       call_name(sites[i].call), sites[i].turn);
	if (list)
		return 0;
	sweep((enum who)who, phase, fault, every, all_errors, max, &totals);
	printf("%d runs:", totals.runs);
	for (int i = 0; i < LOGIN_OUTCOMES; i++)
		printf(" %d %s%s", totals.outcomes[i], login_outcomes[i],
		       i + 1 < LOGIN_OUTCOMES ? "," : "");
	printf("; %d not hit\n", totals.missed);
	if (totals.missed == totals.runs)
		return 2;
	return (totals.outcomes[LOGIN_BAD] > 0) == expect_bad ? 0 : 1;
}

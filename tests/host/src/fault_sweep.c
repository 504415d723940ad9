/* SPDX-License-Identifier: MIT */
/*
 * fault_sweep [OPTION...] SERVICE USER UID - one login for each system call that a login makes, with
 * a fault at that call. Whatever the fault: the login is whole or refused with a reason in the log,
 * the caller is back where it was, and 3 s later nothing of it is left.
 *
 *   -w WHO     whose calls: caller, between (starts the helper), helper, init (the sandbox's PID 1)
 *   -p PHASE   open (and the session), close (and what the warden does then), or all
 *   -a ACTION  kill, errno, hang, none; kill-caller, kill-helper, kill-init: another one than WHO dies
 *   -s CALL    only at calls of that name
 *   -e N       of every N-th call, and always the first and last of each name
 *   -f         each of the errors at each call, instead of one after the other
 *   -n MAX     stop after so many runs
 *   -t SECONDS the module's timeout, which a helper that hangs must not exceed
 *   -b         beside another session of the user's, which lives, has PLACE_MARK, and is to go on living
 *   -y FILE    touch the file before each run (the policy: so that each login has a helper)
 *   -x         expect some run to go wrong (the tests' own check)
 *   -l         list the calls and stop
 *   -v         a line for each run
 * Environment: CHECK_PREFIX, CHECK_RUN, CHECK_LOG.
 */
#include <err.h>

#include "argument.h"
#include "fault_names.h"
#include "fault_run.h"

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

static const char *call; /* -s: only these */

struct totals {
	int runs, missed, stayed, outcomes[LOGIN_OUTCOMES];
};

static void run_fault(const struct fault *fault, struct totals *totals)
{
	char why[WHY_MAX] = "";
	struct run run;
	int64_t start_ms = now_ms();
	enum login_outcome outcome = run_login(fault, &run, why);

	totals->runs++;
	totals->missed += !run.hit;
	totals->stayed += run.stayed;
	totals->outcomes[outcome]++;
	if (outcome == LOGIN_BAD || verbose) {
		say_log();
		say_site(fault);
		printf(": %s%s%s%s (%lld ms)\n", login_outcomes[outcome], why[0] ? ": " : "", why,
		       run.hit ? "" : " (missed)", (long long)(now_ms() - start_ms));
	}
}

static bool wanted(const struct site *site, int who, const char *phase, int every, int index)
{
	bool closing = site->phase >= PHASE_CLOSE;

	if (call && strcmp(call, call_name(site->call)) != 0)
		return false;
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
	struct run run;

	for (int i = 0; i < 2; i++) {
		site_count = 0;
		enum login_outcome outcome = run_login(NULL, &run, why);

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
	bool started = false;

	for (int i = 0; i < site_count && totals->runs < max; i++) {
		fault.site = sites[i];
		if (sites[i].who == who)
			index++;
		/*
		 * Before its exec the helper's calls take no time that anybody else decides on,
		 * nor do PID 1's before it has tied itself to the helper.
		 */
		if (fault.action == HANG && !started) {
			started = sites[i].who == who &&
				  sites[i].call == (who == HELPER ? SYS_execve : SYS_prctl);
			continue;
		}
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
	bool all_errors = false, expect_bad = false, list = false, beside = false;

	while ((option = getopt(argc, argv, "w:p:a:s:e:n:t:y:bfxlv")) != -1) {
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
		case 's':
			call = optarg;
			break;
		case 'e':
			every = argument_count(optarg, 1);
			break;
		case 'n':
			max = argument_count(optarg, 0);
			break;
		case 't':
			timeout_ms = (int)argument_number(optarg, 1, 300) * 1000;
			break;
		case 'f':
			all_errors = true;
			break;
		case 'b':
			beside = true;
			break;
		case 'y':
			touched = optarg;
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
				     .uid = argument_uid(argv[optind + 2]),
				     .set_trap = trap_set};
	log_fd = open(log, O_RDONLY | O_CLOEXEC);
	result = login_share();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (log_fd < 0 || !result || !place_begin(order.uid, 1))
		err(2, "prepare");
	if (beside)
		place_beside();
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
	printf("; %d left something to the next login, %d not hit\n", totals.stayed, totals.missed);
	if (totals.missed == totals.runs)
		return 2;
	return (totals.outcomes[LOGIN_BAD] > 0) == expect_bad ? 0 : 1;
}

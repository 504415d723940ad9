/* SPDX-License-Identifier: MIT */
/*
 * fault_stress [-k PERCENT] [-w WORKERS] [-n LOGINS] [-s MS] [-d DIR] SERVICE USER:UID...
 *
 * So many logins by so many callers at once, the users in turn, each staying up to MS (default 5). Of
 * PERCENT of them something is killed at a random moment: the caller, the helper (the warden, once the
 * sandbox stands) or the sandbox's PID 1. Those that are left in peace must be whole; the others may be
 * refused or ended, never anything else. With -k the module's helper= must be DIR/fault_helper.
 * Environment: CHECK_PREFIX, CHECK_RUN.
 */
#include <err.h>
#include <poll.h>
#include <sys/pidfd.h>

#include "argument.h"
#include "fault_login.h"

#define USERS_MAX 8
#define KILL_WITHIN_US 40000

enum target { NOBODY, CALLER, HELPER, INIT, TARGETS };
static const char *const targets[] = {"nobody", "caller", "helper", "init"};

struct totals {
	int logins, killed[TARGETS], outcomes[LOGIN_OUTCOMES], bad;
	char first_bad[WHY_MAX + 64];
};

static struct {
	const char *service, *directory;
	struct {
		char name[64];
		unsigned int uid;
	} users[USERS_MAX];
	unsigned int user_count;
	int percent, workers, logins, stay_us;
} options = {.directory = ".", .percent = 0, .workers = 8, .logins = 100, .stay_us = 5000};

/* A pidfd of a process whose program is the product's; -1: it is not (or no longer) that. */
static int open_product(pid_t pid)
{
	char path[32], program[PATH_MAX];
	int fd = pid > 0 ? pidfd_open(pid, 0) : -1;
	ssize_t length;

	if (fd < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	length = readlink(path, program, sizeof(program) - 1);
	program[length > 0 ? length : 0] = '\0';
	/* Looked at after the pidfd was opened: if it is right, the pid had not been reused. */
	if (strncmp(program, place_libexec, strlen(place_libexec)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* -1: not there yet, or gone. */
static pid_t helper_of(pid_t caller)
{
	char path[PATH_MAX], pid[16];

	(void)snprintf(path, sizeof(path), "%s/pids/%d", options.directory, caller);
	ssize_t length = readlink(path, pid, sizeof(pid) - 1);

	pid[length > 0 ? length : 0] = '\0';
	return proc_pid(pid);
}

static void forget_helper(pid_t caller)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/pids/%d", options.directory, caller);
	(void)unlink(path);
}

/* The first child: the sandbox's PID 1. -1: there is none. */
static pid_t init_of(pid_t helper)
{
	char path[64], children[256];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", helper, helper);
	if (place_read(path, children, sizeof(children)) <= 0)
		return -1;
	children[strcspn(children, " \n")] = '\0';
	return proc_pid(children);
}

/* Kill the target of this login, a random while after it is there. The caller is not reaped yet. */
static bool strike(enum target target, pid_t caller)
{
	int64_t end_ms = now_ms() + 2000;
	int fd = -1;

	(void)usleep((useconds_t)(random() % KILL_WITHIN_US));
	if (target == CALLER)
		return kill(caller, SIGKILL) == 0;
	while (fd < 0 && now_ms() < end_ms) {
		siginfo_t ended = {0};
		pid_t helper = helper_of(caller);

		fd = open_product(target == HELPER || helper < 0 ? helper : init_of(helper));
		if (fd < 0 &&
		    waitid(P_PID, (id_t)caller, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    ended.si_pid == caller)
			break;
		if (fd < 0)
			(void)usleep(200);
	}
	if (fd < 0)
		return false;
	bool struck = pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;

	(void)close(fd);
	return struck;
}

static void count(struct totals *totals, enum target struck, enum login_outcome outcome,
		  const char *why, const struct login_result *result)
{
	bool bad = outcome == LOGIN_BAD || (struck == NOBODY && outcome != LOGIN_WHOLE);

	totals->logins++;
	totals->killed[struck]++;
	totals->outcomes[outcome]++;
	if (!bad)
		return;
	if (totals->bad++ == 0)
		(void)snprintf(totals->first_bad, sizeof(totals->first_bad),
			       "killed %s, login %s (open %d, %lld ms): %s", targets[struck],
			       login_outcomes[outcome], result->open_code,
			       (long long)result->open_ms, why);
}

static void one_login(struct login_result *result, struct totals *totals, unsigned int number)
{
	unsigned int user = number % options.user_count;
	enum target target = NOBODY;
	char why[WHY_MAX] = "";
	int status = 0;
	struct login_order order = {
		.service = options.service,
		.user = options.users[user].name,
		.uid = options.users[user].uid,
		.stay_us = options.stay_us ? (unsigned int)(random() % options.stay_us) : 0,
		.trap_fd = -1,
	};

	if (random() % 100 < options.percent)
		target = (enum target)(CALLER + random() % (TARGETS - CALLER));
	pid_t caller = login_start(&order, result);

	if (caller < 0)
		err(2, "fork");
	if (target != NOBODY && !strike(target, caller))
		target = NOBODY;
	while (waitpid(caller, &status, 0) < 0 && errno == EINTR)
		;
	/* Pids come round: a later caller's helper is not the one that is written down here. */
	forget_helper(caller);
	enum login_outcome outcome = login_judge(result, status, why);

	count(totals, target, outcome, why, result);
}

static void work(struct totals *totals, unsigned int worker)
{
	struct login_result *result = login_share();

	if (!result)
		err(2, "memory");
	srandom((unsigned int)getpid());
	/* Each user's turn comes in each worker, and at the same time in several. */
	for (int i = 0; i < options.logins / options.workers; i++)
		one_login(result, totals, worker + (unsigned int)i);
}

static void read_user(const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon || options.user_count == USERS_MAX)
		errx(2, "USER:UID");
	(void)snprintf(options.users[options.user_count].name,
		       sizeof(options.users[options.user_count].name), "%.*s", (int)(colon - text),
		       text);
	options.users[options.user_count++].uid = argument_uid(colon + 1);
}

static void read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "k:w:n:s:d:")) != -1) {
		if (option == 'k')
			options.percent = argument_count(optarg, 0);
		else if (option == 'w')
			options.workers = argument_count(optarg, 1);
		else if (option == 'n')
			options.logins = argument_count(optarg, 0);
		else if (option == 's')
			options.stay_us = (int)argument_number(optarg, 0, 1000000) * 1000;
		else if (option == 'd')
			options.directory = optarg;
		else
			exit(2);
	}
	if (argc - optind < 2 || options.workers < 1)
		errx(2, "usage: fault_stress [OPTION...] SERVICE USER:UID...");
	options.service = argv[optind++];
	while (optind < argc)
		read_user(argv[optind++]);
}

static int report(const struct totals *all)
{
	struct totals sum = {0};

	for (int worker = 0; worker < options.workers; worker++) {
		const struct totals *one = &all[worker];

		sum.logins += one->logins;
		sum.bad += one->bad;
		for (int i = 0; i < TARGETS; i++)
			sum.killed[i] += one->killed[i];
		for (int i = 0; i < LOGIN_OUTCOMES; i++)
			sum.outcomes[i] += one->outcomes[i];
		if (one->first_bad[0])
			printf("wrong: %s\n", one->first_bad);
	}
	printf("%d logins, killed:", sum.logins);
	for (int i = CALLER; i < TARGETS; i++)
		printf(" %d %s", sum.killed[i], targets[i]);
	printf("; came out:");
	for (int i = 0; i < LOGIN_OUTCOMES; i++)
		printf(" %d %s", sum.outcomes[i], login_outcomes[i]);
	printf("; wrong: %d\n", sum.bad);
	return sum.bad > 0 || sum.logins != options.logins / options.workers * options.workers;
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	struct totals *all = mmap(NULL, sizeof(*all) * (size_t)options.workers,
				  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED || !place_begin(options.users[0].uid, options.user_count))
		err(2, "prepare");
	for (int worker = 0; worker < options.workers; worker++) {
		pid_t pid = fork();

		if (pid < 0)
			err(2, "fork");
		if (pid == 0) {
			work(&all[worker], (unsigned int)worker);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	return report(all);
}

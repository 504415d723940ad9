/* SPDX-License-Identifier: MIT */
/*
 * carrel-shell - the login shell: the policy's shell, in a sandbox, or a refusal. front.c starts it, with a
 * clean environment.
 *
 * In the order of the code: who is this, what does the policy say, is pam_carrel's sandbox around this
 * process already; else make one (confine.c); then the real shell (command.c), which this process outlives
 * where there is a pid namespace (supervise.c). The command that it is to run decides nothing.
 */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <syslog.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/identity.h"
#include "core/policy_file.h"
#include "core/shells.h"
#include "core/sys.h"
#include "core/user_policy.h"
#include "login_shell/command.h"
#include "login_shell/confine.h"
#include "login_shell/inside.h"
#include "login_shell/oom_score.h"
#include "login_shell/scope.h"
#include "login_shell/supervise.h"

#define REFUSED 126 /* what shells end with when a command can't be executed */
#define NOT_FOUND 127

struct opening {
	char **argv, **envp; /* as they came */
	struct login login;
	struct policy *policy;
	struct effective effective;
	struct plan plan;
	struct command command;
	struct supervisor supervisor;
	char *directory;
	int link_fd;
	bool limits; /* in a scope */
};

/* One sentence for the user, the same for the admin's log. */
static int refuse(const struct opening *opening, const struct failure *failure)
{
	fprintf(stderr, "carrel-shell: %s\n", failure->text);
	openlog("carrel-shell", LOG_PID, LOG_AUTHPRIV);
	syslog(LOG_NOTICE, "login of %s refused: %s",
	       opening->login.user ? opening->login.user : "a user", failure->text);
	return REFUSED;
}

/*
 * Descriptors 0 to 2 are the shell's, and must be there, or the next open(2) would give them out. A directory
 * among them would lead out of the sandbox; whatever is above them might.
 */
static int check_descriptors(struct failure *reterr)
{
	struct stat st;

	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fstat(fd, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				return failure_say(reterr, EISDIR,
						   "descriptor %d is a directory outside", fd);
			continue;
		}
		if (errno != EBADF || open("/dev/null", O_RDWR) != fd) // NOLINT: not close-on-exec
			return failure_set(reterr, errno, "open descriptor %d", fd);
	}
	if (sys_close_range(STDERR_FILENO + 1, ~0U) < 0)
		return failure_set(reterr, errno, "close descriptors");
	return 0;
}

static int identify(struct opening *opening, struct failure *reterr)
{
	const struct passwd *passwd;
	int r;

	if (getuid() != geteuid() || getgid() != getegid())
		return failure_say(reterr, EPERM,
				   "it must not be setuid or setgid: the admin must reinstall it");
	errno = 0;
	passwd = getpwuid(getuid());
	if (!passwd)
		return failure_set(reterr, errno ? errno : ESRCH, "look up uid %u", getuid());
	r = identity_lookup(passwd->pw_name, USER_POLICY_SERVICE, &opening->login, reterr);
	if (r == 0 && opening->login.uid != getuid())
		r = failure_say(reterr, EPERM, "%s has another uid now", opening->login.user);
	return r;
}

/* root is left alone, but not who is it in a user namespace of their own. */
static int check_root(const struct opening *opening, struct failure *reterr)
{
	if (opening->login.uid != 0 || inside_initial_user_ns())
		return 0;
	return failure_say(reterr, EPERM, "uid 0 of a user namespace is not root: use another uid");
}

/* The last accepted policy is root's alone to read: without a good one there is no way on. */
static int load_policy(struct opening *opening, struct failure *reterr)
{
	struct policy_errors errors = {0};
	struct policy_sources sources = {0};
	int r = policy_sources_read(CARREL_POLICY, &errors, &sources);

	if (r == 0)
		r = policy_parse(sources.files, sources.count, &errors, &opening->policy);
	policy_sources_free(&sources);
	if (r < 0)
		(void)failure_say(
			reterr, -r,
			"the policy is refused (%s): the admin must mend it, see carrel check",
			errors.count ? errors.texts[0] : strerror(-r));
	policy_errors_free(&errors);
	return r;
}

static int build_plan(struct opening *opening, struct failure *reterr)
{
	char host[HOST_NAME_MAX + 1];
	struct sysinfo info;
	int r;

	if (sysinfo(&info) < 0 || gethostname(host, sizeof(host)) < 0)
		return failure_set(reterr, errno, "ask for the machine's memory and name");
	host[sizeof(host) - 1] = '\0';
	struct plan_facts facts = {.memory_total = (uint64_t)info.totalram * info.mem_unit,
				   .page_size = (uint64_t)sysconf(_SC_PAGESIZE)};

	r = plan_build(&opening->effective, &opening->login, &facts, host, &opening->plan, reterr);
	/*
	 * The sockets of the user's services are ways out: systemd-run --user, podman, gpg-agent. And the
	 * files of a scope, limits and all, are the user's own.
	 */
	return r < 0 ? r
		     : plan_for_user(&opening->plan, opening->limits ? SCOPE_CGROUPS : NULL,
				     SCOPE_RUNTIME_ROOT, reterr);
}

/* What a user can't have is refused by the first key that asks for it. */
static int check_policy(const struct opening *opening, bool manager, struct failure *reterr)
{
	struct policy_errors refusals = {0};
	int r = 0;

	user_policy_check(&opening->effective, manager, &refusals);
	if (refusals.count + refusals.dropped > 0)
		r = failure_say(reterr, EPERM, "%s",
				refusals.count ? refusals.texts[0] : strerror(ENOMEM));
	policy_errors_free(&refusals);
	return r;
}

static bool is_left_alone(const struct opening *opening)
{
	return opening->login.uid == 0 || !effective_number(&opening->effective, KEY_SANDBOX);
}

static int take_no_new_privs(const struct opening *opening, struct failure *reterr)
{
	struct run_tty tty;

	if (!effective_number(&opening->effective, KEY_NO_NEW_PRIVS))
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failure_set(reterr, errno, "set no_new_privs");
	run_tty_open(&tty);
	return run_tty_protect(&tty, reterr);
}

/* The namespaces, from the plan. */
static int make_sandbox(struct opening *opening, struct failure *reterr)
{
	bool manager = scope_has_manager(opening->login.uid);
	int r = check_policy(opening, manager, reterr);

	opening->limits = user_policy_has_limits(&opening->effective);
	if (r == 0)
		r = build_plan(opening, reterr);
	if (r == 0)
		r = oom_score_take(&opening->effective, reterr);
	if (r == 0 && opening->limits)
		r = scope_enter(&opening->plan, opening->login.uid, reterr);
	if (r < 0)
		return r;
	supervise_prepare(&opening->supervisor);
	return confine(&opening->plan, &opening->login, &opening->link_fd, reterr);
}

/* Returns an exit code: there is no shell then. */
static int run_shell(const struct opening *opening)
{
	struct failure failure;
	int r = command_run(&opening->command, opening->directory, opening->login.home, &failure);

	(void)refuse(opening, &failure);
	return r == -ENOENT ? NOT_FOUND : REFUSED;
}

/* The same in the sandbox. */
static int become_shell(const struct opening *opening)
{
	struct failure failure;

	supervise_restore(&opening->supervisor);
	if (run_tty_protect(&opening->supervisor.tty, &failure) < 0)
		return refuse(opening, &failure);
	return run_shell(opening);
}

static int run_in_sandbox(struct opening *opening)
{
	struct failure failure;
	pid_t pid;

	if (opening->link_fd < 0)
		return become_shell(opening);
	pid = fork();
	if (pid < 0) {
		(void)failure_set(&failure, errno, "fork into the sandbox");
		return refuse(opening, &failure);
	}
	if (pid == 0)
		_exit(become_shell(opening));
	supervise(&opening->supervisor, pid);
}

/* 1: the shell runs as this process, with nothing more around it. */
static int decide(struct opening *opening, struct failure *reterr)
{
	bool inside;
	int r = check_descriptors(reterr);

	if (r == 0)
		r = identify(opening, reterr);
	if (r == 0)
		r = load_policy(opening, reterr);
	if (r == 0)
		r = check_root(opening, reterr);
	if (r == 0)
		r = match_login(opening->policy, &opening->login, &opening->effective, reterr);
	if (r == 0)
		r = shells_check(&opening->effective, reterr);
	if (r < 0)
		return r;
	inside = is_left_alone(opening) || inside_is_carrel();
	r = command_build(effective_words(&opening->effective, KEY_SHELL)[0], opening->argv,
			  opening->envp, !inside, &opening->command, reterr);
	opening->directory = getcwd(NULL, 0);
	if (r == 0 && !is_left_alone(opening) && inside)
		r = take_no_new_privs(opening, reterr);
	return r < 0 ? r : inside;
}

int main(int argc, char **argv)
{
	static char *no_environment[] = {NULL};
	static struct opening opening = {.link_fd = -1, .supervisor = {.tty = {.fd = -1}}};
	struct failure failure;
	int r;

	(void)argc;
	opening.argv = argv;
	opening.envp = environ;
	/* For the libraries that NSS loads. */
	environ = no_environment;
	r = decide(&opening, &failure);
	if (r > 0)
		return run_shell(&opening);
	if (r == 0)
		r = make_sandbox(&opening, &failure);
	/* Partly or wholly inside: nothing that runs at exit(3) finds its /proc there. */
	_exit(r < 0 ? refuse(&opening, &failure) : run_in_sandbox(&opening));
}

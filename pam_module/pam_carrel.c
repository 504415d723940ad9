/* SPDX-License-Identifier: MIT */
/*
 * pam_carrel - the PAM session module.
 *
 * It runs as root inside somebody else's process (sshd's monitor, su, cron), so it does next to
 * nothing: options, who it is, then session_open(). It never calls exit, abort, openlog, setenv,
 * umask or signal, starts no thread, and leaves no descriptor that survives exec.
 */
#define PAM_SM_SESSION
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "core/identity.h"
#include "core/session.h"
#include "pam_module/options.h"

#define DATA_NAME "carrel_session"

/*
 * Called by pam_end(), also in children that inherited the handle: it must not end the session. With
 * PAM_DATA_REPLACE it is close_session that takes the data out, and frees it itself.
 */
static void forget_data(pam_handle_t *pamh, void *data, int error_status)
{
	(void)pamh;
	if (!(error_status & PAM_DATA_REPLACE))
		session_forget(data);
}

static const char *item(pam_handle_t *pamh, int type)
{
	const void *value = NULL;

	return pam_get_item(pamh, type, &value) == PAM_SUCCESS ? value : NULL;
}

/*
 * sudo takes PAM_SESSION_ERR, and that alone, for a session that it can do without, and runs the command
 * unconfined; any other error ends it. Its name is that of its file: argv[0] is the user's to choose, and
 * the service the admin's (pam_service in sudoers). Who can't be told from it is treated as it: also who
 * can't get out of a sandbox again, whose /proc/self is nobody.
 */
static bool is_sudo(pam_handle_t *pamh)
{
	const char *service = item(pamh, PAM_SERVICE);
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len < 0 || (service && strncmp(service, "sudo", 4) == 0))
		return true;
	path[len] = '\0';
	const char *slash = strrchr(path, '/');

	return !slash || strncmp(slash + 1, "sudo", 4) == 0;
}

/* The session that this handle has open already, or NULL. */
static struct session *open_already(pam_handle_t *pamh)
{
	const void *data = NULL;

	return pam_get_data(pamh, DATA_NAME, &data) == PAM_SUCCESS ? (struct session *)data : NULL;
}

/* One line for the log, one sentence without detail for the user. */
static int refuse(pam_handle_t *pamh, int flags, const struct options *options, const char *user,
		  enum reply_notice notice, const struct failure *failure)
{
	if (options->permit) {
		pam_syslog(pamh, LOG_CRIT, "session of %s is NOT CONFINED (on_failure=permit): %s",
			   user, failure->text);
		return PAM_IGNORE;
	}
	pam_syslog(pamh, LOG_ERR, "session of %s refused: %s", user, failure->text);
	if (!(flags & PAM_SILENT)) {
		if (notice == NOTICE_SESSIONS_MAX)
			(void)pam_error(pamh,
					"You have as many sessions open as you may have here; "
					"close one and try again.");
		else if (notice == NOTICE_FROZEN)
			(void)pam_error(pamh, "The administrator has frozen your sessions here; "
					      "no new one can begin until they are thawed.");
		else
			(void)pam_error(pamh, "Your session could not be set up safely and was "
					      "refused; please tell the administrator.");
	}
	return PAM_SESSION_ERR;
}

/* NSS is asked for the groups while the helper comes up. */
static int ask(pam_handle_t *pamh, const struct passwd *passwd, const char *service,
	       const struct options *options, struct session *session,
	       enum session_outcome *ret_outcome, enum reply_notice *ret_notice,
	       struct failure *reterr)
{
	__attribute__((cleanup(identity_free))) struct login login = {0};
	struct session_request request = {
		.login = &login,
		.tty = item(pamh, PAM_TTY),
		.rhost = item(pamh, PAM_RHOST),
		.debug = options->debug,
	};
	int r = identity_of(passwd, service, &login, reterr);

	if (r == 0)
		r = identity_add_groups(&login, reterr);
	return r < 0 ? r : session_open(session, &request, ret_outcome, ret_notice, reterr);
}

static int open_session(pam_handle_t *pamh, const struct passwd *passwd,
			const struct options *options, enum reply_notice *ret_notice,
			struct failure *reterr)
{
	struct session *session = NULL;
	enum session_outcome outcome = SESSION_IGNORED;
	const char *service = item(pamh, PAM_SERVICE);

	if (open_already(pamh))
		return failure_say(reterr, EALREADY, "this PAM handle has a session open already");
	if (!service)
		return failure_say(reterr, EINVAL, "PAM has no service name");
	int r = session_start(options->helper, passwd->pw_uid, options->timeout, &session, reterr);

	if (r < 0)
		return r;
	r = ask(pamh, passwd, service, options, session, &outcome, ret_notice, reterr);
	if (r < 0 || outcome == SESSION_IGNORED) {
		session_forget(session);
		return r < 0 ? r : PAM_IGNORE;
	}
	if (pam_set_data(pamh, DATA_NAME, session, forget_data) != PAM_SUCCESS) {
		struct failure closing;

		(void)session_close(session, &closing);
		return failure_set(reterr, ENOMEM, "keep the session in the PAM handle");
	}
	/*
	 * From a pid namespace the user's systemd has no pid, which systemctl(1) refuses when it calls on
	 * it directly; through the user's bus it does not look. sd_booted(3)'s test: elsewhere a login's
	 * environment stays what it was.
	 */
	if (session_has_own_pids(session) && access("/run/systemd/system", F_OK) == 0)
		(void)pam_putenv(pamh, "SYSTEMCTL_FORCE_BUS=1");
	if (options->debug)
		pam_syslog(pamh, LOG_DEBUG, "session of %s is in sandbox %s", passwd->pw_name,
			   session_id(session));
	return PAM_SUCCESS;
}

static int open_login(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct failure failure = {0};
	struct options options;
	enum reply_notice notice = NOTICE_NONE;
	const char *user = NULL;
	int bad_options = options_parse(argc, argv, &options, &failure);

	if (bad_options < 0)
		pam_syslog(pamh, LOG_ERR, "%s", failure.text);
	if (pam_get_user(pamh, &user, NULL) != PAM_SUCCESS || !user || !*user) {
		(void)failure_say(&failure, EINVAL, "PAM has no user name");
		return refuse(pamh, flags, &options, "(unknown)", notice, &failure);
	}
	const struct passwd *passwd = pam_modutil_getpwnam(pamh, user);

	/* root can always log in, whatever is broken. */
	if (passwd && passwd->pw_uid == 0)
		return PAM_IGNORE;
	if (!passwd) {
		__attribute__((cleanup(identity_free))) struct login login = {0};

		/* Once more, for the reason: an NSS that fails is not one that knows no such user. */
		bad_options = identity_find(user, "", &login, &failure);
		if (bad_options == 0)
			bad_options = failure_say(&failure, EAGAIN,
						  "NSS knew the user only when asked again");
		if (bad_options == -ENOENT)
			(void)failure_say(&failure, ENOENT, "NSS knows no user of that name");
		/* Not a name that anybody has checked: it may hold anything, also line ends. */
		user = "(unknown to NSS)";
	}
	if (bad_options < 0 || !passwd)
		return refuse(pamh, flags, &options, user, notice, &failure);
	int r = open_session(pamh, passwd, &options, &notice, &failure);

	/* Half inside a sandbox that has ended is neither confined nor what on_failure=permit promises. */
	if (r == -ENOTRECOVERABLE)
		options.permit = false;
	return r < 0 ? refuse(pamh, flags, &options, user, notice, &failure) : r;
}

PAM_EXTERN int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	/* A second session that is refused leaves the first, and sudo confined by that is confined. */
	bool second = open_already(pamh) != NULL;
	int code = open_login(pamh, flags, argc, argv);

	return code == PAM_SESSION_ERR && !second && is_sudo(pamh) ? PAM_SYSTEM_ERR : code;
}

PAM_EXTERN int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct session *session = open_already(pamh);
	struct failure failure = {0};

	(void)flags;
	(void)argc;
	(void)argv;
	if (!session)
		return PAM_IGNORE; /* this login was left alone */
	/* Take it out of the handle without freeing it, then end it. */
	if (pam_set_data(pamh, DATA_NAME, NULL, NULL) != PAM_SUCCESS)
		return PAM_SESSION_ERR;
	if (session_close(session, &failure) < 0) {
		pam_syslog(pamh, LOG_ERR, "closing a session: %s", failure.text);
		return PAM_SESSION_ERR;
	}
	return PAM_SUCCESS;
}

PAM_EXTERN int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_IGNORE;
}

PAM_EXTERN int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_IGNORE;
}

PAM_EXTERN int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_IGNORE;
}

PAM_EXTERN int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_IGNORE;
}

/* SPDX-License-Identifier: MIT */
/*
 * fault_login - one login as a PAM application makes it, in a process of its own: open, look from a
 * child whether it is inside, close, look whether the caller is back. What comes of it is in memory
 * that the test shares with it, so that reporting needs no system call that could fail.
 */
#ifndef CARREL_TESTS_FAULT_LOGIN_H
#define CARREL_TESTS_FAULT_LOGIN_H

#include <errno.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>

#include "fault_place.h"

enum login_phase { PHASE_PREPARE, PHASE_OPEN, PHASE_INSIDE, PHASE_CLOSE, PHASE_AFTER };

struct login_result {
	volatile int phase;
	int open_code, close_code; /* PAM's, -1: not called */
	int64_t open_ms; /* how long open_session took */
	int fork_errno; /* of the child that was to look */
	int child_status; /* of wait(2) */
	bool child_looked;
	bool finished; /* the caller came to its end */
	struct place before;
	char inside[WHY_MAX]; /* "" or what is not confined */
	char back[WHY_MAX]; /* "" or how the caller is not back where it was */
};

struct login_order {
	const char *service, *user;
	unsigned int uid;
	unsigned int stay_us; /* how long the session lasts */
	int trap_fd; /* -1, or where to announce the trap */
	int (*set_trap)(int write_fd);
};

static inline int64_t now_ms(void)
{
	struct timespec now;

	/* No system call (vdso(7)), so never one that is made to fail. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline struct login_result *login_share(void)
{
	void *memory = mmap(NULL, sizeof(struct login_result), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static inline int login_converse(int count, const struct pam_message **messages,
				 struct pam_response **replies, void *data)
{
	(void)messages;
	(void)data;
	*replies = calloc((size_t)count, sizeof(**replies));
	return *replies ? PAM_SUCCESS : PAM_BUF_ERR;
}

static inline void login_look(const struct login_order *order, struct login_result *result)
{
	pid_t child = fork();

	if (child < 0) {
		result->fork_errno = errno;
		return;
	}
	if (child == 0) {
		place_inside(&result->before, order->uid, result->inside);
		result->child_looked = true;
		if (order->stay_us > 0)
			(void)usleep(order->stay_us);
		_exit(0);
	}
	while (waitpid(child, &result->child_status, 0) < 0 && errno == EINTR)
		;
}

/* The whole of a login; never returns. */
__attribute__((noreturn)) static inline void login_run(const struct login_order *order,
						       struct login_result *result)
{
	static const struct pam_conv conversation = {.conv = login_converse};
	pam_handle_t *handle = NULL;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Connected now: the first line that is logged would otherwise cost a descriptor later. */
	openlog("fault", LOG_NDELAY | LOG_PID, LOG_AUTHPRIV);
	if (pam_start(order->service, order->user, &conversation, &handle) != PAM_SUCCESS)
		_exit(3);
	/* Loads the modules: what the dynamic linker does is not what is tested. */
	(void)pam_acct_mgmt(handle, PAM_SILENT);
	if (!place_take(&result->before))
		_exit(4);
	if (order->set_trap && order->set_trap(order->trap_fd) < 0)
		_exit(5);
	int64_t start_ms = now_ms();

	result->phase = PHASE_OPEN;
	result->open_code = pam_open_session(handle, 0);
	result->open_ms = now_ms() - start_ms;
	result->phase = PHASE_INSIDE;
	if (result->open_code == PAM_SUCCESS) {
		login_look(order, result);
		result->phase = PHASE_CLOSE;
		result->close_code = pam_close_session(handle, 0);
		result->phase = PHASE_AFTER;
	}
	place_compare(&result->before, result->back);
	(void)pam_end(handle, PAM_SUCCESS);
	result->finished = true;
	_exit(0);
}

static inline pid_t login_start(const struct login_order *order, struct login_result *result)
{
	pid_t pid;

	memset(result, 0, sizeof(*result));
	result->open_code = result->close_code = -1;
	pid = fork();
	if (pid == 0)
		login_run(order, result);
	return pid;
}

enum login_outcome {
	LOGIN_WHOLE, /* confined, and back after it */
	LOGIN_REFUSED, /* and back */
	LOGIN_ENDED, /* confined, and then the sandbox ended under it */
	LOGIN_DIED, /* the caller was killed */
	LOGIN_BAD,
	LOGIN_OUTCOMES,
};

static const char *const login_outcomes[] = {"whole", "refused", "ended", "died", "bad"};

/* What a login came to; with LOGIN_BAD, why that is wrong whatever happened to it. */
static inline enum login_outcome login_judge(const struct login_result *result, int status,
					     char why[WHY_MAX])
{
	why[0] = '\0';
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return LOGIN_DIED;
	if (status != 0 || !result->finished) {
		(void)snprintf(why, WHY_MAX, "the caller ended with status 0x%x in phase %d",
			       (unsigned int)status, result->phase);
		return LOGIN_BAD;
	}
	if (result->open_code == PAM_SESSION_ERR) {
		(void)snprintf(why, WHY_MAX, "%s", result->back);
		return result->back[0] ? LOGIN_BAD : LOGIN_REFUSED;
	}
	if (result->open_code != PAM_SUCCESS) {
		(void)snprintf(why, WHY_MAX, "open_session returned %d", result->open_code);
		return LOGIN_BAD;
	}
	if (result->child_looked && result->inside[0]) {
		(void)snprintf(why, WHY_MAX, "%s", result->inside);
		/* The sandbox may have ended while the child looked: it never finished then. */
		return WIFSIGNALED(result->child_status) ? LOGIN_ENDED : LOGIN_BAD;
	}
	if (result->back[0]) {
		(void)snprintf(why, WHY_MAX, "after close (%d): %.300s", result->close_code,
			       result->back);
		return LOGIN_BAD;
	}
	if (!result->child_looked || WIFSIGNALED(result->child_status)) {
		if (result->fork_errno == ENOMEM || WIFSIGNALED(result->child_status))
			return LOGIN_ENDED;
		(void)snprintf(why, WHY_MAX, "no child inside: fork gave errno %d, status 0x%x",
			       result->fork_errno, (unsigned int)result->child_status);
		return LOGIN_BAD;
	}
	if (result->close_code != PAM_SUCCESS) {
		(void)snprintf(why, WHY_MAX, "close_session returned %d", result->close_code);
		return LOGIN_BAD;
	}
	return LOGIN_WHOLE;
}

#endif

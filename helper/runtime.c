/* SPDX-License-Identifier: MIT */
#include "helper/runtime.h"

#include <signal.h>
#include <stdio.h>
#include <syslog.h>

#include "core/sys.h"
#include "helper/terminal.h"

#define LONG_SECONDS (UINT64_C(100) * 365 * 86400) /* beyond it, none is meant */
#define FIRST_WARNING 300
#define LAST_WARNING 60

size_t runtime_steps(uint64_t runtime_max, struct runtime_step ret_steps[RUNTIME_STAGES])
{
	int64_t end_ms = (int64_t)runtime_max * 1000;
	size_t count = 0;

	if (runtime_max > LONG_SECONDS)
		return 0;
	if (runtime_max > FIRST_WARNING)
		ret_steps[count++] =
			(struct runtime_step){RUNTIME_WARN, end_ms - FIRST_WARNING * 1000};
	ret_steps[count++] =
		(struct runtime_step){RUNTIME_WARN, runtime_max > LAST_WARNING
							    ? end_ms - LAST_WARNING * 1000
							    : end_ms / 2};
	ret_steps[count++] = (struct runtime_step){RUNTIME_SAY, end_ms};
	ret_steps[count++] = (struct runtime_step){RUNTIME_HANG_UP, end_ms + RUNTIME_SAID_MS};
	ret_steps[count++] =
		(struct runtime_step){RUNTIME_END, end_ms + RUNTIME_SAVE_SECONDS * 1000};
	ret_steps[count++] =
		(struct runtime_step){RUNTIME_KILL, end_ms + RUNTIME_GRACE_SECONDS * 1000};
	return count;
}

void runtime_text(uint64_t seconds, char *ret_text, size_t size)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	size_t unit = 0;

	/* The largest that leaves no rest: 90 seconds, but 2 minutes. */
	while (units[unit].seconds > 1 && (seconds == 0 || seconds % units[unit].seconds != 0))
		unit++;
	uint64_t count = seconds / units[unit].seconds;

	(void)snprintf(ret_text, size, "%llu %s%s", (unsigned long long)count, units[unit].name,
		       count == 1 ? "" : "s");
}

static void warn(const struct message_info *info, const struct member *member, int64_t left_ms)
{
	char left[32], max[32], line[200];

	runtime_text((uint64_t)(left_ms + 999) / 1000, left, sizeof(left));
	runtime_text(member->terms.runtime_max, max, sizeof(max));
	(void)snprintf(
		line, sizeof(line),
		"this session ends in %s: a session may last %s here (runtime_max). Save your "
		"work.",
		left, max);
	(void)terminal_tell(info, member, 1, NULL, line);
}

static void say(const struct message_info *info, const struct member *member)
{
	char max[32], line[200];

	runtime_text(member->terms.runtime_max, max, sizeof(max));
	(void)snprintf(line, sizeof(line), "this session has lasted %s (runtime_max) and ends now.",
		       max);
	(void)terminal_tell(info, member, 1, NULL, line);
	syslog(LOG_INFO, "session of %s in sandbox %s: runtime_max of %s reached, ending it",
	       info->user, info->id, max);
}

static void kill_session(const struct message_info *info, const struct member *member)
{
	terminal_kill(info, member);
	(void)sys_pidfd_send_signal(member->leader_fd, SIGKILL);
}

/* member->warned: how many steps have been taken. */
static int64_t attend_member(const struct message_info *info, struct member *member, int64_t now_ms)
{
	struct runtime_step steps[RUNTIME_STAGES];
	size_t count = runtime_steps(member->terms.runtime_max, steps);

	while (member->warned < count) {
		const struct runtime_step *step = &steps[member->warned];
		int64_t due_ms = member->started_ms + step->age_ms;

		if (now_ms < due_ms)
			return due_ms;
		member->warned++;
		if (step->stage == RUNTIME_WARN)
			warn(info, member,
			     (int64_t)member->terms.runtime_max * 1000 - step->age_ms);
		else if (step->stage == RUNTIME_SAY)
			say(info, member);
		else if (step->stage == RUNTIME_HANG_UP)
			terminal_hang_up(info, member);
		else if (step->stage == RUNTIME_END)
			(void)sys_pidfd_send_signal(member->leader_fd, SIGTERM);
		else
			kill_session(info, member);
	}
	return 0;
}

int64_t runtime_attend(const struct message_info *info, struct sessions *sessions, int64_t now_ms)
{
	int64_t next_ms = 0;

	for (size_t i = 0; i < sessions->count; i++) {
		struct member *member = &sessions->members[i];
		int64_t due_ms =
			member->state == MEMBER_LIVE ? attend_member(info, member, now_ms) : 0;

		if (due_ms > 0 && (next_ms == 0 || due_ms < next_ms))
			next_ms = due_ms;
	}
	return next_ms;
}

/* SPDX-License-Identifier: MIT */
#include "helper/runtime.h"

#include <signal.h>
#include <stdio.h>

#include "core/cleanup.h"
#include "core/sys.h"
#include "helper/log.h"
#include "helper/terminal.h"

#define LONG_SECONDS (UINT64_C(100) * 365 * 86400) /* beyond it, none is meant */
#define FIRST_WARNING 300
#define LAST_WARNING 60

/* Ages since it was cut short. */
static const struct runtime_step cut_steps[] = {
	{RUNTIME_CUT, RUNTIME_CUT_SECONDS * 1000},
	{RUNTIME_HANG_UP, RUNTIME_CUT_SECONDS * 1000},
	{RUNTIME_END, (RUNTIME_CUT_SECONDS + RUNTIME_SAVE_SECONDS) * 1000},
	{RUNTIME_KILL, (RUNTIME_CUT_SECONDS + RUNTIME_GRACE_SECONDS) * 1000},
};

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
	log_line(LOG_INFO, "session of %s in sandbox %s: runtime_max of %s reached, ending it",
		 info->user, info->id, max);
}

static void kill_session(const struct message_info *info, const struct member *member)
{
	terminal_kill(info, member);
	(void)sys_pidfd_send_signal(member->leader_fd, SIGKILL);
}

static void take_step(const struct message_info *info, const struct member *member,
		      const struct runtime_step *step)
{
	switch (step->stage) {
	case RUNTIME_WARN:
		warn(info, member, (int64_t)member->terms.runtime_max * 1000 - step->age_ms);
		break;
	case RUNTIME_SAY:
		say(info, member);
		break;
	case RUNTIME_CUT:
		log_line(LOG_INFO, "session of %s in sandbox %s: logind has ended it, ending it",
			 info->user, info->id);
		break;
	case RUNTIME_HANG_UP:
		terminal_hang_up(info, member);
		break;
	case RUNTIME_END:
		/* As long as they have a leader: without, nobody can tell whose they were. */
		terminal_end(info, member);
		(void)sys_pidfd_send_signal(member->leader_fd, SIGTERM);
		break;
	case RUNTIME_KILL:
		kill_session(info, member);
		break;
	}
}

/* Those that are due; *taken: how many have been. When the next is, or 0. */
static int64_t take_steps(const struct message_info *info, const struct member *member,
			  const struct runtime_step *steps, size_t count, int64_t since_ms,
			  unsigned int *taken, int64_t now_ms)
{
	while (*taken < count) {
		const struct runtime_step *step = &steps[*taken];

		if (now_ms < since_ms + step->age_ms)
			return since_ms + step->age_ms;
		++*taken;
		take_step(info, member, step);
	}
	return 0;
}

static int64_t attend_member(const struct message_info *info, struct member *member, int64_t now_ms)
{
	struct runtime_step steps[RUNTIME_STAGES];
	size_t count = runtime_steps(member->terms.runtime_max, steps);
	int64_t due_ms =
		take_steps(info, member, steps, count, member->started_ms, &member->warned, now_ms);
	int64_t cut_ms = member->cut_ms == 0
				 ? 0
				 : take_steps(info, member, cut_steps, ARRAY_SIZE(cut_steps),
					      member->cut_ms, &member->cuts, now_ms);

	return due_ms == 0 || (cut_ms > 0 && cut_ms < due_ms) ? cut_ms : due_ms;
}

void runtime_cut(struct member *member, int64_t now_ms)
{
	close_fd(&member->anchor_fd);
	member->cut_ms = now_ms;
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

/* SPDX-License-Identifier: MIT */
#include "helper/notify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "helper/terminal.h"

#define UNLIMITED_V1 (UINT64_MAX / 4) /* v1 shows no limit as a huge one, in whole pages */

static const char *directory(const struct message_info *info, enum notify_kind kind)
{
	return kind == NOTIFY_MEMORY ? info->memory_dir : info->pids_dir;
}

static int open_file(const char *dir, const char *name, int flags)
{
	char path[PROTOCOL_TEXT_MAX + 40];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return dir[0] ? open(path, flags | O_CLOEXEC | O_NOFOLLOW) : -1;
}

static bool read_text(int fd, char *text, size_t size)
{
	ssize_t got = fd < 0 ? -1 : pread(fd, text, size - 1, 0);

	if (got < 0)
		return false;
	text[got] = '\0';
	return true;
}

/* A file with one number; "max" and what is not there are CONVERT_MAX. */
static uint64_t read_number(const char *dir, const char *name)
{
	_close_ int fd = open_file(dir, name, O_RDONLY);
	char text[64];
	uint64_t number;

	if (!read_text(fd, text, sizeof(text)))
		return CONVERT_MAX;
	text[strcspn(text, "\n")] = '\0';
	return convert_unsigned(text, 0, UNLIMITED_V1, &number) < 0 ? CONVERT_MAX : number;
}

/* The number after "NAME " at the beginning of a line. */
static uint64_t find_count(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text) {
		if (strncmp(text, name, len) == 0 && text[len] == ' ')
			return strtoull(text + len + 1, NULL, 10);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

/* Every v1 hierarchy has `tasks`, no v2 one has. */
static bool is_v1(const char *dir)
{
	_close_ int fd = open_file(dir, "tasks", O_PATH);

	return fd >= 0;
}

/* How often it has happened; on v2 this also makes the file ready to tell of the next time. */
static uint64_t read_count(const struct notify *notify, const struct message_info *info,
			   enum notify_kind kind)
{
	char text[512];

	if (kind == NOTIFY_MEMORY && notify->v1[kind]) {
		_close_ int fd = open_file(info->memory_dir, "memory.oom_control", O_RDONLY);

		return read_text(fd, text, sizeof(text)) ? find_count(text, "oom_kill") : 0;
	}
	if (!read_text(notify->fds[kind], text, sizeof(text)))
		return 0;
	return find_count(text, kind == NOTIFY_MEMORY ? "oom_kill" : "max");
}

static uint64_t read_limit(const struct message_info *info, enum notify_kind kind)
{
	if (kind == NOTIFY_PIDS)
		return read_number(info->pids_dir, "pids.max");
	uint64_t v2 = read_number(info->memory_dir, "memory.max");

	return v2 != CONVERT_MAX ? v2 : read_number(info->memory_dir, "memory.limit_in_bytes");
}

/* v1: cgroup.event_control takes "EVENTFD FILE"; the kernel keeps what it needs of both. */
static int watch_oom_v1(const struct message_info *info)
{
	_close_ int file = open_file(info->memory_dir, "memory.oom_control", O_RDONLY);
	_close_ int control = open_file(info->memory_dir, "cgroup.event_control", O_WRONLY);
	_close_ int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	char text[32];
	int len = snprintf(text, sizeof(text), "%d %d", event, file);

	if (file < 0 || control < 0 || event < 0 || write(control, text, (size_t)len) != len)
		return -1;
	return steal_fd(&event);
}

/* Before Linux 6.11 pids.events of v1 tells as that of v2 does. */
static bool is_silent(void)
{
	struct utsname name;
	unsigned int version = 0, level = 0;

	return uname(&name) < 0 || sscanf(name.release, "%u.%u", &version, &level) != 2 ||
	       version > 6 || (version == 6 && level >= 11);
}

static bool wants(const struct member *member)
{
	return member->terms.notify;
}

static bool is_wanted(const struct sessions *sessions)
{
	for (size_t i = 0; i < sessions->count; i++) {
		if (sessions->members[i].state == MEMBER_LIVE && wants(&sessions->members[i]))
			return true;
	}
	return false;
}

/* Lifted: nothing is to be refused any more. */
static void unwatch(struct notify *notify, enum notify_kind kind)
{
	close_fd(&notify->fds[kind]);
	notify->look_ms[kind] = 0;
}

void notify_start(struct notify *notify, const struct message_info *info,
		  const struct sessions *sessions)
{
	if (!is_wanted(sessions))
		return;
	for (int i = 0; i < NOTIFY_KINDS; i++) {
		enum notify_kind kind = (enum notify_kind)i;

		bool limited = read_limit(info, kind) != CONVERT_MAX;

		if (!limited)
			unwatch(notify, kind);
		if (!limited || notify->fds[i] >= 0)
			continue;
		notify->v1[i] = is_v1(directory(info, kind));
		notify->silent = notify->v1[NOTIFY_PIDS] && is_silent();
		if (kind == NOTIFY_MEMORY && notify->v1[kind])
			notify->fds[i] = watch_oom_v1(info);
		else
			notify->fds[i] =
				open_file(directory(info, kind),
					  kind == NOTIFY_MEMORY ? "memory.events" : "pids.events",
					  O_RDONLY);
		/* Before the count: what comes in between is looked at. */
		if (kind == NOTIFY_PIDS) {
			memset(notify->last, 0, sizeof(notify->last));
			if (notify->fds[i] >= 0 &&
			    pread(notify->fds[i], notify->last, sizeof(notify->last) - 1, 0) < 0)
				notify->last[0] = '\0';
		}
		if (notify->fds[i] >= 0)
			notify->seen[i] = read_count(notify, info, kind);
	}
}

void notify_polls(const struct notify *notify, struct pollfd *ret_polls)
{
	for (int i = 0; i < NOTIFY_KINDS; i++)
		ret_polls[i] = (struct pollfd){
			.fd = notify->look_ms[i] > 0 ? -1 : notify->fds[i],
			.events = i == NOTIFY_MEMORY && notify->v1[i] ? POLLIN : POLLPRI,
		};
}

void notify_hear(struct notify *notify, const struct pollfd *polls, int64_t now_ms)
{
	uint64_t ignored;

	for (int i = 0; i < NOTIFY_KINDS; i++) {
		if (!polls[i].revents)
			continue;
		if (i == NOTIFY_MEMORY && notify->v1[i] &&
		    read(notify->fds[i], &ignored, sizeof(ignored)) < 0)
			continue;
		/* Not looked at again before: however many there are, they are told of together. */
		notify->look_ms[i] = now_ms + NOTIFY_SETTLE_MS > notify->quiet_ms[i]
					     ? now_ms + NOTIFY_SETTLE_MS
					     : notify->quiet_ms[i];
	}
}

static void size_text(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "KMGT";
	double value = (double)bytes / 1024;
	size_t unit = 0;

	for (; value >= 1024 && units[unit + 1]; unit++)
		value /= 1024;
	(void)snprintf(text, size, "%.1f%c", value, units[unit]);
}

static void memory_line(const struct message_info *info, uint64_t killed, char *line, size_t size)
{
	uint64_t limit = read_limit(info, NOTIFY_MEMORY);
	uint64_t peak = read_number(info->memory_dir, "memory.peak");
	char limit_text[32], peak_text[32] = "all of it";
	const char *were = killed == 1 ? " of your processes was" : " of your processes were";

	if (peak == CONVERT_MAX)
		peak = read_number(info->memory_dir, "memory.max_usage_in_bytes");
	size_text(limit, limit_text, sizeof(limit_text));
	if (peak != CONVERT_MAX)
		size_text(peak, peak_text, sizeof(peak_text));
	if (limit == CONVERT_MAX)
		(void)snprintf(line, size,
			       "%llu%s killed by the kernel: the machine was out of memory.",
			       (unsigned long long)killed, were);
	else
		(void)snprintf(line, size,
			       "%llu%s killed by the kernel: together they may use %s of memory "
			       "here (memory_max), and used %s.",
			       (unsigned long long)killed, were, limit_text, peak_text);
}

static void pids_line(const struct message_info *info, char *line, size_t size)
{
	(void)snprintf(line, size,
		       "a new process was refused: you may have %llu processes and threads here "
		       "(pids_max), and have %llu.",
		       (unsigned long long)read_limit(info, NOTIFY_PIDS),
		       (unsigned long long)read_number(info->pids_dir, "pids.current"));
}

static void tell(struct notify *notify, const struct message_info *info,
		 const struct sessions *sessions, enum notify_kind kind, int64_t now_ms)
{
	uint64_t count = read_count(notify, info, kind), seen = notify->seen[kind];
	char line[300];

	notify->seen[kind] = count;
	if (count <= seen)
		return;
	if (kind == NOTIFY_MEMORY)
		memory_line(info, count - seen, line, sizeof(line));
	else
		pids_line(info, line, sizeof(line));
	(void)terminal_tell(info, sessions->members, sessions->count, wants, line);
	notify->quiet_ms[kind] = now_ms + NOTIFY_PAUSE_MS;
}

int64_t notify_attend(struct notify *notify, const struct message_info *info,
		      const struct sessions *sessions, int64_t now_ms)
{
	int64_t next_ms = 0;

	for (int i = 0; i < NOTIFY_KINDS; i++) {
		if (notify->look_ms[i] > 0 && now_ms >= notify->look_ms[i]) {
			notify->look_ms[i] = 0;
			tell(notify, info, sessions, (enum notify_kind)i, now_ms);
		}
		if (notify->look_ms[i] == 0 && i == NOTIFY_PIDS && notify->silent &&
		    notify->fds[i] >= 0)
			notify->look_ms[i] = now_ms + NOTIFY_PIDS_V1_MS;
		if (notify->look_ms[i] > 0 && (next_ms == 0 || notify->look_ms[i] < next_ms))
			next_ms = notify->look_ms[i];
	}
	return next_ms;
}

bool notify_is_still(struct notify *notify, int64_t now_ms, int64_t *ret_next_ms)
{
	char text[NOTIFY_TEXT] = "";

	if (!notify->silent || notify->fds[NOTIFY_PIDS] < 0 || notify->look_ms[NOTIFY_MEMORY] > 0 ||
	    notify->look_ms[NOTIFY_PIDS] == 0 || now_ms < notify->look_ms[NOTIFY_PIDS])
		return false;
	if (pread(notify->fds[NOTIFY_PIDS], text, sizeof(text) - 1, 0) < 0 ||
	    memcmp(text, notify->last, sizeof(text)) != 0) {
		memcpy(notify->last, text, sizeof(text));
		return false;
	}
	*ret_next_ms = notify->look_ms[NOTIFY_PIDS] = now_ms + NOTIFY_PIDS_V1_MS;
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * carrel-systemd - what carrel-session asks of systemd, over D-Bus. A program of its own because the
 * helper is static and libsystemd is a shared library: so that is loaded only where systemd runs, for
 * a moment, and the warden stays small.
 *
 *   carrel-systemd SECONDS SLICE [PROPERTY=VALUE...] [-- SCOPE SLICE BEFORE PID[,PID...]]...
 *   carrel-systemd SECONDS UNIT freeze|thaw
 *
 * Sets the properties of the slice at runtime (systemctl set-property --runtime), then starts each
 * transient scope with these processes, to be stopped after the unit BEFORE (or ""). Or freezes a
 * unit, or lets it go on. Ends within SECONDS; jobs that still wait are given up before. Exit status 0, or 1
 * with one line on stdout that says why.
 *
 * Over systemd's own socket, which needs no dbus-daemon (that may be restarting), else the system bus.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "core/cgroup_io.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"

#define SERVICE "org.freedesktop.systemd1"
#define MANAGER "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"
#define JOB_INTERFACE "org.freedesktop.systemd1.Job"
#define PRIVATE "unix:path=/run/systemd/private"
#define SECONDS_MAX 300
#define SCOPES_MAX 4
#define LAST_WORDS_MS 1000 /* of the time: jobs are given up before, so that who asked hears why */
#define STOP_USEC (15 * UINT64_C(1000000)) /* the warden ends when its leader has gone */

enum property_type { PROPERTY_NUMBER, PROPERTY_CPUS, PROPERTY_IO };

static const struct {
	const char *name;
	enum property_type type;
} known[] = {
	{"MemoryMax", PROPERTY_NUMBER},	       {"MemoryHigh", PROPERTY_NUMBER},
	{"MemorySwapMax", PROPERTY_NUMBER},    {"CPUQuotaPerSecUSec", PROPERTY_NUMBER},
	{"CPUWeight", PROPERTY_NUMBER},	       {"TasksMax", PROPERTY_NUMBER},
	{"AllowedCPUs", PROPERTY_CPUS},	       {"IOWeight", PROPERTY_NUMBER},
	{"AllowedMemoryNodes", PROPERTY_CPUS}, {"IOMax", PROPERTY_IO},
};

/* One job that is waited for. */
struct job {
	const char *scope;
	char *path; /* NULL: not started yet */
	bool done;
	char result[32];
};

struct agent {
	sd_bus *bus;
	const char *slice;
	int64_t deadline_ms; /* of its jobs, sys_now_ms() */
	struct job jobs[SCOPES_MAX];
	size_t job_count;
};

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)putchar('\n');
	(void)fflush(stdout);
	_exit(1);
}

static const char *reason(const sd_bus_error *error, int r)
{
	return sd_bus_error_is_set(error) && error->message ? error->message : strerror(-r);
}

/* As systemctl does for root: a connection to PID 1 itself is no bus, and has no Hello. */
static int connect_private(sd_bus **ret_bus)
{
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_address(bus, PRIVATE);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		(void)sd_bus_unref(bus);
		return r;
	}
	*ret_bus = bus;
	return 0;
}

static void check(int r, const char *what)
{
	if (r < 0)
		fail("%s: %s", what, strerror(-r));
}

/* "0-3,8" as the bytes of a mask, the lowest CPU first. */
static void append_cpus(sd_bus_message *message, const char *name, const char *value)
{
	struct cpu_list list = {0};
	uint8_t bytes[sizeof(list.bits)] = {0};
	size_t used = 0;

	if (value[0] != '\0' && convert_cpu_list(value, &list) < 0)
		fail("%s=%s: expected a list such as 0-3,8", name, value);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(list.bits[i / sizeof(list.bits[0])] >>
				     (i % sizeof(list.bits[0]) * 8));
		if (bytes[i])
			used = i + 1;
	}
	check(sd_bus_message_open_container(message, 'r', "sv"), name);
	check(sd_bus_message_append(message, "s", name), name);
	check(sd_bus_message_open_container(message, 'v', "ay"), name);
	check(sd_bus_message_append_array(message, 'y', bytes, used), name);
	check(sd_bus_message_close_container(message), name);
	check(sd_bus_message_close_container(message), name);
}

/* One of the four, of all devices; none of them: to be lifted. */
static void append_rates(sd_bus_message *message, const char *property, enum io_rate rate,
			 const struct cgroup_io_table *table)
{
	check(sd_bus_message_open_container(message, 'r', "sv"), property);
	check(sd_bus_message_append(message, "s", property), property);
	check(sd_bus_message_open_container(message, 'v', "a(st)"), property);
	check(sd_bus_message_open_container(message, 'a', "(st)"), property);
	for (size_t i = 0; i < table->count; i++) {
		const struct cgroup_io_disk *row = &table->disks[i];
		char path[64];

		if (row->rates[rate] == CONVERT_MAX)
			continue;
		/* systemd reads the numbers of such a path, whether it is there or not. */
		(void)snprintf(path, sizeof(path), "/dev/block/%u:%u", major(row->disk),
			       minor(row->disk));
		check(sd_bus_message_append(message, "(st)", path, row->rates[rate]), property);
	}
	check(sd_bus_message_close_container(message), property);
	check(sd_bus_message_close_container(message), property);
	check(sd_bus_message_close_container(message), property);
}

/* The lines of io.max, with commas between them. What a device had before goes with the empty list. */
static void append_io(sd_bus_message *message, const char *name, char *value)
{
	static const char *const properties[IO_RATES] = {
		[IO_RBPS] = "IOReadBandwidthMax",
		[IO_WBPS] = "IOWriteBandwidthMax",
		[IO_RIOPS] = "IOReadIOPSMax",
		[IO_WIOPS] = "IOWriteIOPSMax",
	};
	const struct cgroup_io_table none = {.count = 0};
	struct cgroup_io_table table;

	for (char *comma = value; (comma = strchr(comma, ','));)
		*comma = '\n';
	if (cgroup_io_parse(value, &table) < 0)
		fail("%s=%s: expected lines as of io.max", name, value);
	for (int i = 0; i < IO_RATES; i++) {
		append_rates(message, properties[i], (enum io_rate)i, &none);
		append_rates(message, properties[i], (enum io_rate)i, &table);
	}
}

static void append_property(sd_bus_message *message, char *text)
{
	char *value = strchr(text, '=');
	uint64_t number = UINT64_MAX;

	if (!value)
		fail("%s: expected PROPERTY=VALUE", text);
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(text, known[i].name) != 0)
			continue;
		if (known[i].type == PROPERTY_CPUS) {
			append_cpus(message, text, value);
			return;
		}
		if (known[i].type == PROPERTY_IO) {
			append_io(message, text, value);
			return;
		}
		if (strcmp(value, "infinity") != 0 &&
		    convert_unsigned(value, 0, UINT64_MAX - 1, &number) < 0)
			fail("%s=%s: expected a number or infinity", text, value);
		check(sd_bus_message_append(message, "(sv)", text, "t", number), text);
		return;
	}
	fail("%s: not a property that carrel sets", text);
}

static sd_bus_message *new_call(const struct agent *agent, const char *method)
{
	sd_bus_message *message = NULL;

	check(sd_bus_message_new_method_call(agent->bus, &message, SERVICE, MANAGER, INTERFACE,
					     method),
	      method);
	return message;
}

/* Returns how many of the arguments were properties. */
static int set_properties(const struct agent *agent, char **arguments)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int count = 0;

	if (!arguments[0] || strcmp(arguments[0], "--") == 0)
		return 0;
	sd_bus_message *message = new_call(agent, "SetUnitProperties");

	check(sd_bus_message_append(message, "sb", agent->slice, 1), "SetUnitProperties");
	check(sd_bus_message_open_container(message, 'a', "(sv)"), "SetUnitProperties");
	for (; arguments[count] && strcmp(arguments[count], "--") != 0; count++)
		append_property(message, arguments[count]);
	check(sd_bus_message_close_container(message), "SetUnitProperties");
	int r = sd_bus_call(agent->bus, message, 0, &error, NULL);

	if (r < 0)
		fail("set the limits of %s: %s", agent->slice, reason(&error, r));
	(void)sd_bus_message_unref(message);
	return count;
}

static void append_pids(sd_bus_message *message, char *pids)
{
	char *word;

	check(sd_bus_message_open_container(message, 'r', "sv"), "PIDs");
	check(sd_bus_message_append(message, "s", "PIDs"), "PIDs");
	check(sd_bus_message_open_container(message, 'v', "au"), "PIDs");
	check(sd_bus_message_open_container(message, 'a', "u"), "PIDs");
	while ((word = strsep(&pids, ","))) {
		uint64_t pid;

		if (convert_unsigned(word, 2, INT32_MAX, &pid) < 0)
			fail("\"%s\" is no pid", word);
		check(sd_bus_message_append(message, "u", (uint32_t)pid), "PIDs");
	}
	check(sd_bus_message_close_container(message), "PIDs");
	check(sd_bus_message_close_container(message), "PIDs");
	check(sd_bus_message_close_container(message), "PIDs");
}

/*
 * An OOM kill within the scope is no reason to stop all of it. systemd has that property of scopes
 * since 253, and without it does the same.
 */
static int call_start(const struct agent *agent, const char *scope, const char *slice,
		      const char *before, const char *pids, bool oom_policy, sd_bus_error *error,
		      sd_bus_message **ret_reply)
{
	_free_ char *list = strdup(pids);
	char description[128];
	sd_bus_message *message = new_call(agent, "StartTransientUnit");

	(void)snprintf(description, sizeof(description), "carrel: %.64s", scope);
	if (!list)
		fail("no memory");
	/*
	 * "fail" would refuse a user who comes back while the stop of the slice, after the last logout, still waits
	 * for something in it. Now the start waits for that, too. Jobs of a shutdown are irreversible, so that is
	 * not held up (systemctl(1), --job-mode=).
	 */
	check(sd_bus_message_append(message, "ss", scope, "replace"), scope);
	check(sd_bus_message_open_container(message, 'a', "(sv)"), scope);
	check(sd_bus_message_append(message, "(sv)(sv)(sv)(sv)", "Description", "s", description,
				    "Slice", "s", slice, "CollectMode", "s", "inactive-or-failed",
				    "TimeoutStopUSec", "t", STOP_USEC),
	      scope);
	if (before[0] != '\0')
		check(sd_bus_message_append(message, "(sv)", "Before", "as", 1, before), scope);
	if (oom_policy)
		check(sd_bus_message_append(message, "(sv)", "OOMPolicy", "s", "continue"), scope);
	append_pids(message, list);
	check(sd_bus_message_close_container(message), scope);
	check(sd_bus_message_append(message, "a(sa(sv))", 0), scope);
	int r = sd_bus_call(agent->bus, message, 0, error, ret_reply);

	(void)sd_bus_message_unref(message);
	return r;
}

static void start_scope(struct agent *agent, const char *scope, const char *slice,
			const char *before, const char *pids)
{
	struct job *job = &agent->jobs[agent->job_count];
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path;

	if (agent->job_count == SCOPES_MAX)
		fail("more than %d scopes", SCOPES_MAX);
	int r = call_start(agent, scope, slice, before, pids, true, &error, &reply);

	if (r < 0 && sd_bus_error_has_name(&error, SD_BUS_ERROR_PROPERTY_READ_ONLY)) {
		sd_bus_error_free(&error);
		r = call_start(agent, scope, slice, before, pids, false, &error, &reply);
	}
	if (r < 0)
		fail("start %s: %s", scope, reason(&error, r));
	check(sd_bus_message_read(reply, "o", &path), scope);
	job->scope = scope;
	job->path = strdup(path);
	if (!job->path)
		fail("no memory");
	agent->job_count++;
	(void)sd_bus_message_unref(reply);
}

static int note_removed(sd_bus_message *message, void *data, sd_bus_error *error)
{
	struct agent *agent = data;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	for (size_t i = 0; i < agent->job_count; i++) {
		struct job *job = &agent->jobs[i];

		if (job->done || strcmp(job->path, path) != 0)
			continue;
		job->done = true;
		(void)snprintf(job->result, sizeof(job->result), "%s", result);
	}
	return 0;
}

/* A job that stayed would take whatever has these pids by then. */
__attribute__((noreturn)) static void give_up(const struct agent *agent, const struct job *waited)
{
	for (size_t i = 0; i < agent->job_count; i++) {
		if (!agent->jobs[i].done)
			(void)sd_bus_call_method(agent->bus, SERVICE, agent->jobs[i].path,
						 JOB_INTERFACE, "Cancel", NULL, NULL, NULL);
	}
	fail("start %s: its job was still waiting, and is given up (what for: systemctl list-jobs)",
	     waited->scope);
}

/* The signals of jobs that ended before their reply was read wait in the queue: none is missed. */
static void await_jobs(struct agent *agent)
{
	for (size_t i = 0; i < agent->job_count; i++) {
		struct job *job = &agent->jobs[i];

		while (!job->done) {
			int r = sd_bus_process(agent->bus, NULL);
			int64_t left_ms = agent->deadline_ms - sys_now_ms();

			if (r == 0 && left_ms <= 0)
				give_up(agent, job);
			if (r == 0)
				r = sd_bus_wait(agent->bus, (uint64_t)left_ms * 1000);
			check(r, "wait for systemd");
		}
		if (strcmp(job->result, "done") != 0)
			fail("start %s: its job ended with \"%s\"", job->scope, job->result);
	}
}

/* systemd answers when all in the unit is at rest. */
__attribute__((noreturn)) static void set_frozen(const struct agent *agent, const char *method)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *message = new_call(agent, method);

	check(sd_bus_message_append(message, "s", agent->slice), method);
	int r = sd_bus_call(agent->bus, message, 0, &error, NULL);

	if (r < 0)
		fail("%s of %s: %s", method, agent->slice, reason(&error, r));
	_exit(0);
}

int main(int argc, char **argv)
{
	struct agent agent = {.bus = NULL};
	uint64_t seconds;

	if (argc < 3 || convert_unsigned(argv[1], 1, SECONDS_MAX, &seconds) < 0) {
		(void)fputs("usage: carrel-systemd SECONDS SLICE [PROPERTY=VALUE...] "
			    "[-- SCOPE SLICE BEFORE PID[,PID...]]...\n"
			    "       carrel-systemd SECONDS UNIT freeze|thaw\n"
			    "Started by carrel-session and carrel, as root.\n",
			    stderr);
		return 2;
	}
	(void)alarm((unsigned int)seconds);
	agent.deadline_ms = sys_now_ms() + (int64_t)seconds * 1000 -
			    (seconds > 1 ? LAST_WORDS_MS : LAST_WORDS_MS / 2);
	agent.slice = argv[2];
	int r = connect_private(&agent.bus);

	if (r < 0)
		r = sd_bus_open_system(&agent.bus);
	check(r, "connect to systemd");
	if (argc == 4 && strcmp(argv[3], "freeze") == 0)
		set_frozen(&agent, "FreezeUnit");
	if (argc == 4 && strcmp(argv[3], "thaw") == 0)
		set_frozen(&agent, "ThawUnit");
	check(sd_bus_match_signal(agent.bus, NULL, NULL, MANAGER, INTERFACE, "JobRemoved",
				  note_removed, &agent),
	      "listen to systemd");
	char **arguments = argv + 3 + set_properties(&agent, argv + 3);

	for (; arguments[0]; arguments += 5) {
		if (strcmp(arguments[0], "--") != 0 || !arguments[1] || !arguments[2] ||
		    !arguments[3] || !arguments[4])
			fail("expected -- SCOPE SLICE BEFORE PIDS");
		start_scope(&agent, arguments[1], arguments[2], arguments[3], arguments[4]);
	}
	await_jobs(&agent);
	/* The kernel closes the connection; a goodbye would wait for nothing. */
	_exit(0);
}

/* SPDX-License-Identifier: MIT */
#include "login_shell/scope.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/cgroup.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"

#if __has_include(<systemd/sd-bus.h>)
#include <systemd/sd-bus.h>
#define HAS_SD_BUS 1
#else
#define HAS_SD_BUS 0
#endif

#define LIBRARY "libsystemd.so.0"
#define CGROUP_PATH_MAX 512
#define DEADLINE_MS 5000
#define PAUSE_NS 2000000
#define USEC_PER_PERCENT 10000 /* of a second, as CPUQuotaPerSecUSec counts */

bool scope_has_manager(uint32_t uid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), SCOPE_RUNTIME_ROOT "/%u/systemd/private", uid);
	return access(path, F_OK) == 0;
}

#if HAS_SD_BUS

/* What is used of libsystemd. Only a login with limits pays for loading it. */
struct library {
	__typeof__(&sd_bus_new) new;
	__typeof__(&sd_bus_set_address) set_address;
	__typeof__(&sd_bus_start) start;
	__typeof__(&sd_bus_is_ready) is_ready;
	__typeof__(&sd_bus_process) process;
	__typeof__(&sd_bus_wait) wait;
	__typeof__(&sd_bus_close) close;
	__typeof__(&sd_bus_unref) drop;
	__typeof__(&sd_bus_message_new_method_call) new_call;
	__typeof__(&sd_bus_message_append) append;
	__typeof__(&sd_bus_message_open_container) open;
	__typeof__(&sd_bus_message_close_container) shut;
	__typeof__(&sd_bus_message_unref) unref;
	__typeof__(&sd_bus_call) call;
	__typeof__(&sd_bus_error_free) free_error;
};

static int load(struct library *ret_library, struct failure *reterr)
{
	/* It stays loaded until exec. */
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	struct {
		void **slot;
		const char *name;
	} symbols[] = {
		{(void **)&ret_library->new, "sd_bus_new"},
		{(void **)&ret_library->set_address, "sd_bus_set_address"},
		{(void **)&ret_library->start, "sd_bus_start"},
		{(void **)&ret_library->is_ready, "sd_bus_is_ready"},
		{(void **)&ret_library->process, "sd_bus_process"},
		{(void **)&ret_library->wait, "sd_bus_wait"},
		{(void **)&ret_library->close, "sd_bus_close"},
		{(void **)&ret_library->drop, "sd_bus_unref"},
		{(void **)&ret_library->new_call, "sd_bus_message_new_method_call"},
		{(void **)&ret_library->append, "sd_bus_message_append"},
		{(void **)&ret_library->open, "sd_bus_message_open_container"},
		{(void **)&ret_library->shut, "sd_bus_message_close_container"},
		{(void **)&ret_library->unref, "sd_bus_message_unref"},
		{(void **)&ret_library->call, "sd_bus_call"},
		{(void **)&ret_library->free_error, "sd_bus_error_free"},
	};

	if (!handle)
		return failure_say(reterr, ENOENT, "load %s: it is not installed", LIBRARY);
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		*symbols[i].slot = dlsym(handle, symbols[i].name);
		if (!*symbols[i].slot)
			return failure_say(reterr, ENOSYS, "%s has no %s", LIBRARY,
					   symbols[i].name);
	}
	return 0;
}

/* Not flushed: with a manager that hangs that would take as long as it does. */
static void disconnect(const struct library *lib, sd_bus *bus)
{
	lib->close(bus);
	(void)lib->drop(bus);
}

/* The greeting, which sd_bus_call(3) would wait for before its own timeout begins. */
static int greet(const struct library *lib, sd_bus *bus)
{
	int64_t deadline_ms = sys_now_ms() + DEADLINE_MS;
	int r;

	while ((r = lib->is_ready(bus)) == 0) {
		int64_t left_ms = deadline_ms - sys_now_ms();

		if (left_ms <= 0)
			return -ETIME;
		r = lib->process(bus, NULL);
		if (r == 0)
			r = lib->wait(bus, (uint64_t)left_ms * 1000);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return r < 0 ? r : 0;
}

/* The manager's own socket: no bus daemon is needed. */
static int connect_to(const struct library *lib, uint32_t uid, sd_bus **ret_bus,
		      struct failure *reterr)
{
	char address[80];
	sd_bus *bus = NULL;
	int r = lib->new (&bus);

	(void)snprintf(address, sizeof(address),
		       "unix:path=" SCOPE_RUNTIME_ROOT "/%u/systemd/private", uid);
	if (r >= 0)
		r = lib->set_address(bus, address);
	if (r >= 0)
		r = lib->start(bus);
	if (r >= 0)
		r = greet(lib, bus);
	if (r < 0) {
		if (bus)
			disconnect(lib, bus);
		return failure_set(reterr, -r, "reach the user's systemd manager");
	}
	*ret_bus = bus;
	return 0;
}

static const struct {
	enum plan_limit_kind kind;
	const char *name;
	uint64_t factor;
} properties[] = {
	{LIMIT_MEMORY_MAX, "MemoryMax", 1},
	{LIMIT_MEMORY_HIGH, "MemoryHigh", 1},
	{LIMIT_SWAP_MAX, "MemorySwapMax", 1},
	{LIMIT_CPU_MAX, "CPUQuotaPerSecUSec", USEC_PER_PERCENT},
	{LIMIT_CPU_WEIGHT, "CPUWeight", 1},
	{LIMIT_PIDS_MAX, "TasksMax", 1},
};

/* org.freedesktop.systemd1.Manager.StartTransientUnit(name, mode, properties, auxiliary units). */
static int fill_call(const struct library *lib, sd_bus_message *call, const char *name,
		     const struct plan *plan)
{
	int r = lib->append(call, "ss", name, "fail");

	if (r >= 0)
		r = lib->open(call, 'a', "(sv)");
	if (r >= 0)
		r = lib->append(call, "(sv)(sv)(sv)", "Description", "s",
				"login through carrel-shell", "CollectMode", "s",
				"inactive-or-failed", "PIDs", "au", 1, (uint32_t)getpid());
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(properties); i++) {
		const struct plan_limit *limit = &plan->limits[properties[i].kind];

		if (limit->set)
			r = lib->append(call, "(sv)", properties[i].name, "t",
					limit->value * properties[i].factor);
	}
	if (r >= 0)
		r = lib->shut(call);
	if (r >= 0)
		r = lib->append(call, "a(sa(sv))", 0);
	return r;
}

static int start_scope(const struct library *lib, sd_bus *bus, const char *name,
		       const struct plan *plan, struct failure *reterr)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL, *reply = NULL;
	int r = lib->new_call(bus, &call, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
			      "org.freedesktop.systemd1.Manager", "StartTransientUnit");

	if (r >= 0)
		r = fill_call(lib, call, name, plan);
	if (r >= 0)
		r = lib->call(bus, call, (uint64_t)DEADLINE_MS * 1000, &error, &reply);
	if (r < 0)
		(void)failure_say(reterr, -r, "have the user's systemd manager make a scope: %s",
				  error.message ? error.message : strerror(-r));
	lib->free_error(&error);
	lib->unref(call);
	lib->unref(reply);
	return r < 0 ? r : 0;
}

/* The unified hierarchy's line, "0::PATH", of this process. */
static int own_cgroup(char *ret_path, size_t size)
{
	_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
	char line[CGROUP_PATH_MAX];

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0 &&
		    snprintf(ret_path, size, SCOPE_CGROUPS "%s", line + 3) < (int)size)
			return 0;
	}
	return -ENOENT;
}

/* The manager moves us after its answer. */
static int await_scope(const char *name, const struct plan *plan, struct failure *reterr)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int64_t deadline_ms = sys_now_ms() + DEADLINE_MS;
	char path[CGROUP_PATH_MAX + sizeof(SCOPE_CGROUPS)];
	const char *last;

	do {
		if (own_cgroup(path, sizeof(path)) < 0)
			return failure_say(
				reterr, EOPNOTSUPP,
				"limits: this host has no cgroup v2 for systemd's scopes");
		last = strrchr(path, '/');
		if (strcmp(last + 1, name) == 0)
			return cgroup_verify_limits_v2(path, plan, reterr);
		(void)nanosleep(&pause, NULL);
	} while (sys_now_ms() < deadline_ms);
	return failure_say(reterr, ETIME,
			   "the user's systemd manager did not move the login into %s", name);
}

int scope_enter(const struct plan *plan, uint32_t uid, struct failure *reterr)
{
	struct library lib = {0};
	sd_bus *bus = NULL;
	char name[64];
	int r = load(&lib, reterr);

	/* A pid may come again while an old scope of that pid is still going away. */
	(void)snprintf(name, sizeof(name), "carrel-shell-%d-%lld.scope", getpid(),
		       (long long)sys_now_ms());
	if (r == 0)
		r = connect_to(&lib, uid, &bus, reterr);
	if (r < 0)
		return r;
	r = start_scope(&lib, bus, name, plan, reterr);
	disconnect(&lib, bus);
	return r < 0 ? r : await_scope(name, plan, reterr);
}

#else /* HAS_SD_BUS */

int scope_enter(const struct plan *plan, uint32_t uid, struct failure *reterr)
{
	(void)plan;
	(void)uid;
	return failure_say(
		reterr, ENOSYS,
		"limits: this carrel-shell was built without libsystemd, and can't ask the "
		"user's systemd manager for them");
}

#endif

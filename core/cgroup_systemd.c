/* SPDX-License-Identifier: MIT */
#include "core/cgroup_systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/cgroup_agent.h"
#include "core/cgroup_internal.h"
#include "core/cgroup_io.h"
#include "core/cgroup_marks.h"
#include "core/cleanup.h"
#include "core/sys.h"

#define SYSTEMD_PRIVATE "/run/systemd/private"
#define HOST_PID_NS 0xEFFFFFFCU /* the kernel's PROC_PID_INIT_INO */
#define SANDBOX_SLICE "system.slice"
#define PROC_CGROUP_MAX 4096
#define PROPERTY_MAX 1024
#define ARGUMENTS_MAX (PLAN_LIMITS + 24)
#define SETTLE_MS 2000 /* systemd writes to the kernel's files after it has answered */
#define USEC_PER_PERCENT 10000 /* of CPUQuotaPerSecUSec */

/* systemd.resource-control(5): all are of the unit's v2 cgroup. */
static const char *const properties[PLAN_LIMITS] = {
	[LIMIT_MEMORY_MAX] = "MemoryMax",
	[LIMIT_MEMORY_HIGH] = "MemoryHigh",
	[LIMIT_SWAP_MAX] = "MemorySwapMax",
	[LIMIT_CPU_MAX] = "CPUQuotaPerSecUSec",
	[LIMIT_CPU_WEIGHT] = "CPUWeight",
	[LIMIT_CPUS] = "AllowedCPUs",
	[LIMIT_MEMORY_NODES] = "AllowedMemoryNodes",
	[LIMIT_PIDS_MAX] = "TasksMax",
	[LIMIT_IO_WEIGHT] = "IOWeight",
	[LIMIT_IO_MAX] = "IOMax", /* which carrel-systemd makes the four of IOReadBandwidthMax */
};
_Static_assert(PLAN_LIMITS == 10, "a new limit needs its row in properties");

/* Looking ------------------------------------------------------------------------------------- */

/*
 * Is the systemd that this host's /run shows the init of our own pid namespace? Not from inside a
 * sandbox: the kernel gives the pid of who listens as we would see it, 0 when we would not. On the
 * host itself there is no need to ask (systemd would log that it was called for nothing).
 */
static int is_own_init(bool *ret_own, struct failure *reterr)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == HOST_PID_NS) {
		*ret_own = true;
		return 0;
	}
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SYSTEMD_PRIVATE};
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (fd < 0)
		return failure_set(reterr, errno, "make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return failure_set(reterr, errno, "connect to systemd at %s", SYSTEMD_PRIVATE);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return failure_set(reterr, errno, "ask who listens at %s", SYSTEMD_PRIVATE);
	*ret_own = cred.pid == 1;
	return 0;
}

static void fill_set(uint32_t uid, dev_t device, uint32_t offers, struct cgroup_set *ret_set)
{
	struct cgroup_set set = {.uid = uid, .systemd = true, .count = 1};

	set.hierarchies[0] = (struct cgroup_hierarchy){.mount = CGROUP_ROOT,
						       .parent = CGROUP_SYSTEMD_PARENT,
						       .device = device,
						       .v2 = true,
						       .controllers = offers,
						       .slice_fd = -1};
	for (int i = 0; i < CONTROLLERS; i++)
		set.where[i] = offers & (1U << i) ? 0 : -1;
	*ret_set = set;
}

int cgroup_systemd_look(uint32_t uid, struct cgroup_set *ret_set)
{
	struct statfs fs;
	struct stat st;

	if (!cgroup_is_managed() || statfs(CGROUP_ROOT, &fs) < 0 || stat(CGROUP_ROOT, &st) < 0 ||
	    fs.f_type != CGROUP2_SUPER_MAGIC)
		return -ENOENT;
	fill_set(uid, st.st_dev, cgroup_v2_offers(CGROUP_ROOT), ret_set);
	return 0;
}

int cgroup_systemd_find(const struct plan *plan, uint32_t uid, struct cgroup_set *ret_set,
			struct failure *reterr)
{
	struct cgroup_set set = {.uid = uid};
	struct statfs fs;
	struct stat st;
	bool own = false;

	for (int i = 0; i < CONTROLLERS; i++)
		set.where[i] = -1;
	if (!cgroup_is_managed())
		return failure_say(reterr, EOPNOTSUPP,
				   "cgroup = systemd in [host], but systemd does not run here");
	int r = is_own_init(&own, reterr);

	if (r < 0)
		return r;
	if (!own) {
		*ret_set = set;
		return 0;
	}
	if (statfs(CGROUP_ROOT, &fs) < 0 || stat(CGROUP_ROOT, &st) < 0)
		return failure_set(reterr, errno, "look at %s", CGROUP_ROOT);
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return failure_say(
			reterr, EOPNOTSUPP,
			"systemd runs with cgroup v1 here, of which it sets no limits for "
			"carrel: boot with systemd.unified_cgroup_hierarchy=1, or set "
			"[host] cgroup = cgroupfs");
	fill_set(uid, st.st_dev, cgroup_v2_offers(CGROUP_ROOT), &set);
	r = cgroup_check_limits(&set, plan, reterr);
	if (r == 0)
		*ret_set = set;
	return r;
}

bool cgroup_systemd_holds(const char *path, uint32_t uid)
{
	char unit[256];

	return cgroup_systemd_unit(path, uid, unit, sizeof(unit)) == 0;
}

int cgroup_systemd_unit(const char *path, uint32_t uid, char *ret_unit, size_t size)
{
	char slice[64];
	int len = snprintf(slice, sizeof(slice), "/%s/user-%u.slice/", CGROUP_SYSTEMD_PARENT, uid);

	if (strncmp(path, slice, (size_t)len) != 0 || path[len] == '\0')
		return -ENOENT;
	size_t unit_len = strcspn(path + len, "/");

	if (unit_len == 0 || unit_len >= size)
		return -ENOENT;
	memcpy(ret_unit, path + len, unit_len);
	ret_unit[unit_len] = '\0';
	return 0;
}

/* The v2 cgroup of a process: the line "0::/path". */
static int read_place(pid_t pid, char *ret_path, size_t size, struct failure *reterr)
{
	char name[40], text[PROC_CGROUP_MAX];

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	int r = cgroup_read_file(AT_FDCWD, name, text, sizeof(text));

	if (r < 0)
		return failure_set(reterr, -r, "read %s", name);
	const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");

	if (!line)
		return failure_say(reterr, ENOENT, "%s has no line for cgroup v2", name);
	line = strchr(line, '/');
	if (!line)
		return failure_say(reterr, EPROTO, "%s names no path for cgroup v2", name);
	size_t len = strcspn(line, "\n");

	if (len >= size)
		return failure_say(reterr, ENAMETOOLONG, "%s: too long a path", name);
	memcpy(ret_path, line, len);
	ret_path[len] = '\0';
	return 0;
}

bool cgroup_systemd_is_session(const char *unit)
{
	size_t len = strlen(unit), tail = strlen(".scope");

	return strncmp(unit, "session-", strlen("session-")) == 0 && len > tail &&
	       strcmp(unit + len - tail, ".scope") == 0;
}

bool cgroup_systemd_is_in_session(const struct cgroup_set *set, pid_t leader)
{
	char place[1024], unit[256];
	struct failure ignored;

	return read_place(leader, place, sizeof(place), &ignored) == 0 &&
	       cgroup_systemd_unit(place, set->uid, unit, sizeof(unit)) == 0 &&
	       cgroup_systemd_is_session(unit);
}

/* Limits -------------------------------------------------------------------------------------- */

int cgroup_systemd_property(const struct plan *plan, enum plan_limit_kind kind, uint64_t page_size,
			    char *ret_text, size_t size, struct failure *reterr)
{
	const struct plan_limit *limit = &plan->limits[kind];
	char value[CGROUP_VALUE_MAX];
	int r = 0;

	if (kind == LIMIT_IO_MAX)
		return cgroup_io_property(plan, properties[kind], ret_text, size, reterr);
	if (!limit->set && plan_limit_is_list(kind))
		value[0] = '\0';
	else if (!limit->set)
		(void)snprintf(value, sizeof(value), "infinity");
	else if (kind == LIMIT_CPU_MAX)
		(void)snprintf(value, sizeof(value), "%llu",
			       (unsigned long long)limit->value * USEC_PER_PERCENT);
	else
		r = cgroup_limit_text(plan, kind, true, page_size, value, reterr);
	if (r < 0)
		return r;
	int len = snprintf(ret_text, size, "%s=%s", properties[kind], value);

	if (len < 0 || (size_t)len >= size)
		return failure_say(reterr, ENAMETOOLONG, "%s: too long a value", properties[kind]);
	return 0;
}

/* Does the slice hold it? If not, reterr says what it is to hold, and what is there. */
static bool limit_holds(const struct cgroup_set *set, int slice_fd, const struct plan *plan,
			enum plan_limit_kind kind, struct failure *reterr)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	const char *file = cgroup_limits[kind].v2_file;
	char wanted[CGROUP_VALUE_MAX], held[CGROUP_VALUE_MAX];

	if (slice_fd >= 0 && cgroup_io_is(kind)) {
		if (cgroup_io_verify(slice_fd, true, plan, kind, reterr) == 0)
			return true;
		(void)failure_wrap(reterr, "systemd was asked to limit user-%u.slice", set->uid);
		return false;
	}
	if (cgroup_limit_text(plan, kind, true, page_size, wanted, reterr) < 0)
		return false;
	if (slice_fd < 0 || cgroup_read_file(slice_fd, file, held, sizeof(held)) < 0)
		(void)snprintf(held, sizeof(held), "nothing");
	else if (cgroup_limit_holds(wanted, held, page_size))
		return true;
	(void)failure_say(reterr, ENOTSUP,
			  "%s can't be enforced: systemd was asked for it, and %s of user-%u.slice "
			  "holds \"%s\"",
			  policy_keys[plan->limits[kind].key].name, file, set->uid, held);
	return false;
}

/* What carrel-systemd is to be told. */
struct order {
	char *arguments[ARGUMENTS_MAX];
	size_t count;
	char seconds[24], slice[32];
	char properties[PLAN_LIMITS][PROPERTY_MAX];
	size_t limits; /* how many of them */
	bool wanted[PLAN_LIMITS]; /* are set, and to be read back */
	enum cgroup_mark marks[PLAN_LIMITS];
	bool lifts; /* some of those that are marked as set */
	char login_scope[80], login_pid[16];
	char sandbox_scope[80], sandbox_pids[32], before[256];
};

static void add(struct order *order, char *argument)
{
	/* ARGUMENTS_MAX is more than all of them, and a NULL. */
	order->arguments[order->count++] = argument;
}

static int open_slice(const struct cgroup_set *set)
{
	struct failure ignored;
	int fd = cgroup_open_slice(&set->hierarchies[0], set->uid, &ignored);

	return fd < 0 ? -1 : fd;
}

bool cgroup_systemd_is_limited(const struct cgroup_set *set, const struct plan *plan)
{
	enum cgroup_mark marks[PLAN_LIMITS];
	struct failure ignored;
	_close_ int slice_fd = open_slice(set);

	cgroup_marks_read(set->uid, properties, marks, PLAN_LIMITS);
	for (int i = 0; i < PLAN_LIMITS; i++) {
		bool is_set = plan->limits[i].set;

		if (is_set != (marks[i] == MARK_SET) ||
		    (is_set &&
		     !limit_holds(set, slice_fd, plan, (enum plan_limit_kind)i, &ignored)))
			return false;
	}
	return true;
}

/* The limits that the slice does not have, or has and should not. */
static int order_limits(const struct cgroup_set *set, const struct plan *plan, struct order *order,
			struct failure *reterr)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct failure ignored;
	bool remark = false;
	_close_ int slice_fd = open_slice(set);

	cgroup_marks_read(set->uid, properties, order->marks, PLAN_LIMITS);
	for (int i = 0; i < PLAN_LIMITS; i++) {
		enum plan_limit_kind kind = (enum plan_limit_kind)i;
		enum cgroup_mark was = order->marks[i];

		order->wanted[i] = plan->limits[i].set;
		if (plan->limits[i].set)
			order->marks[i] = MARK_SET;
		remark |= was != order->marks[i];
		if (!plan->limits[i].set && was != MARK_SET)
			continue;
		order->lifts |= !plan->limits[i].set;
		if (plan->limits[i].set && limit_holds(set, slice_fd, plan, kind, &ignored))
			continue;
		int r = cgroup_systemd_property(plan, kind, page_size,
						order->properties[order->limits], PROPERTY_MAX,
						reterr);
		if (r < 0)
			return r;
		add(order, order->properties[order->limits++]);
	}
	return remark ? cgroup_marks_write(set->uid, properties, order->marks, PLAN_LIMITS, reterr)
		      : 0;
}

/* systemd has done what it was told; what is not noted is lifted once more. */
static void note_lifted(const struct cgroup_set *set, struct order *order)
{
	struct failure ignored;

	if (!order->lifts)
		return;
	for (int i = 0; i < PLAN_LIMITS; i++) {
		if (order->marks[i] == MARK_SET && !order->wanted[i])
			order->marks[i] = MARK_LIFTED;
	}
	(void)cgroup_marks_write(set->uid, properties, order->marks, PLAN_LIMITS, &ignored);
}

/* Wait until the kernel holds what systemd was told. */
static int await_limits(const struct cgroup_set *set, const struct plan *plan,
			const struct order *order, int64_t deadline_ms, struct failure *reterr)
{
	int64_t settle_ms = sys_now_ms() + SETTLE_MS;
	int pause_ms = 1;

	for (int i = 0; i < PLAN_LIMITS; i++) {
		enum plan_limit_kind kind = (enum plan_limit_kind)i;

		if (!order->wanted[i])
			continue;
		for (;;) {
			_close_ int slice_fd = open_slice(set);

			if (limit_holds(set, slice_fd, plan, kind, reterr))
				break;
			if (sys_now_ms() > settle_ms || sys_now_ms() > deadline_ms)
				return -reterr->err;
			(void)poll(NULL, 0, pause_ms);
			if (pause_ms < 50)
				pause_ms *= 2;
		}
	}
	return 0;
}

/* Asking systemd ------------------------------------------------------------------------------ */

static void start_order(struct order *order, uint32_t uid, int64_t deadline_ms)
{
	cgroup_agent_seconds(deadline_ms, order->seconds, sizeof(order->seconds));
	(void)snprintf(order->slice, sizeof(order->slice), "user-%u.slice", uid);
	add(order, (char *)"carrel-systemd");
	add(order, order->seconds);
	add(order, order->slice);
}

int cgroup_systemd_limit(const struct cgroup_set *set, const struct plan *plan, int64_t deadline_ms,
			 struct failure *reterr)
{
	struct order order = {.count = 0};

	if (!set->systemd)
		return 0;
	start_order(&order, set->uid, deadline_ms);
	int r = order_limits(set, plan, &order, reterr);

	if (r == 0 && order.limits > 0)
		r = cgroup_agent_run(order.arguments, deadline_ms, reterr);
	if (r == 0)
		note_lifted(set, &order);
	return r < 0 ? r : await_limits(set, plan, &order, deadline_ms, reterr);
}

/* "-- SCOPE SLICE BEFORE PIDS" */
static void order_scope(struct order *order, char *scope, char *slice, char *before, char *pids)
{
	add(order, (char *)"--");
	add(order, scope);
	add(order, slice);
	add(order, before);
	add(order, pids);
}

static void order_scopes(const struct cgroup_systemd_login *login, bool in_place,
			 struct order *order)
{
	(void)snprintf(order->login_scope, sizeof(order->login_scope), "login-%s.scope", login->id);
	(void)snprintf(order->login_pid, sizeof(order->login_pid), "%d", login->leader);
	(void)snprintf(order->sandbox_scope, sizeof(order->sandbox_scope), "carrel-%s.scope",
		       login->id);
	(void)snprintf(order->sandbox_pids, sizeof(order->sandbox_pids), "%d,%d", login->warden,
		       login->init);
	if (!in_place) {
		(void)snprintf(order->before, sizeof(order->before), "%s", order->login_scope);
		order_scope(order, order->login_scope, order->slice, (char *)"", order->login_pid);
	}
	/* Last: who is in it is moved away from the login's unit. */
	if (login->warden > 0)
		order_scope(order, order->sandbox_scope, (char *)SANDBOX_SLICE, order->before,
			    order->sandbox_pids);
}

int cgroup_systemd_create(const struct cgroup_set *set, const struct plan *plan,
			  const struct cgroup_systemd_login *login, struct failure *reterr)
{
	struct order order = {.count = 0};
	char place[1024];
	int r = read_place(login->leader, place, sizeof(place), reterr);

	if (r < 0)
		return r;
	bool in_place =
		cgroup_systemd_unit(place, set->uid, order.before, sizeof(order.before)) == 0 &&
		!(login->leaves_session && cgroup_systemd_is_session(order.before));

	start_order(&order, set->uid, login->deadline_ms);
	r = order_limits(set, plan, &order, reterr);
	if (r < 0)
		return r;
	order_scopes(login, in_place, &order);
	if (login->warden > 0 || !in_place || order.limits > 0)
		r = cgroup_agent_run(order.arguments, login->deadline_ms, reterr);
	if (r == 0)
		note_lifted(set, &order);
	if (r == 0)
		r = await_limits(set, plan, &order, login->deadline_ms, reterr);
	if (r == 0)
		r = cgroup_verify(set, login->leader, reterr);
	return r;
}

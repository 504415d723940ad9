/* SPDX-License-Identifier: MIT */
/* plan: which steps, in which order; sizes, limits and host names worked out; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "core/convert.h"
#include "core/plan.h"
#include "tests/unit/with_policy.h"

#define GB (UINT64_C(1) << 30)

static const struct plan_facts facts = {.memory_total = 8 * GB, .page_size = 4096};

static struct login alice(void)
{
	return (struct login){
		.user = (char *)"alice",
		.uid = 1500,
		.gid = 1500,
		.home = (char *)"/home/alice",
		.service = (char *)"sshd",
	};
}

/* A plan holds pointers into the policy: they live and die together. */
struct planned {
	struct policy *policy;
	struct plan plan;
	struct failure failure;
	int r;
};

static struct planned plan_for(const char *text, const struct login *login,
			       const struct plan_facts *machine)
{
	struct planned planned = {.policy = parse(text)};
	struct effective effective;

	planned.r = match_login(planned.policy, login, &effective, &planned.failure);
	if (planned.r != 0)
		fail_msg("%s", planned.failure.text);
	planned.r = plan_build(&effective, login, machine, "reading.example.org", &planned.plan,
			       &planned.failure);
	return planned;
}

static void planned_free(struct planned *planned)
{
	plan_free(&planned->plan);
	policy_free(planned->policy);
}
#define _planned_ __attribute__((cleanup(planned_free)))

static struct planned plan_text(const char *text)
{
	struct login login = alice();
	struct planned planned = plan_for(text, &login, &facts);

	if (planned.r != 0)
		fail_msg("refused: %s", planned.failure.text);
	return planned;
}

/* Refused, and the error holds these words. */
static void assert_refused(const char *text, const char *needle, const char *other)
{
	struct login login = alice();
	_planned_ struct planned planned = plan_for(text, &login, &facts);

	if (planned.r != -EINVAL)
		fail_msg("not refused: %s", text);
	assert_null(planned.plan.steps); /* untouched */
	if (!strstr(planned.failure.text, needle) || !strstr(planned.failure.text, other))
		fail_msg("no \"%s\" or \"%s\" in: %s", needle, other, planned.failure.text);
}

/* A value that the language lets nobody write: a plan of another origin must not hold it either. */
static void assert_value_refused(const struct login *login, enum policy_key key,
				 const struct policy_value *bad, const char *needle)
{
	_policy_ struct policy *policy =
		parse("[default]\nnamespaces = mount uts\nhide_homes = yes\n");
	struct effective effective;
	struct failure failure = {0};
	struct plan plan = {.step_count = 77};

	assert_int_equal(match_login(policy, login, &effective, &failure), 0);
	effective.values[key] = bad;
	assert_int_equal(plan_build(&effective, login, &facts, "h", &plan, &failure), -EINVAL);
	assert_int_equal(plan.step_count, 77); /* untouched */
	if (!strstr(failure.text, policy_keys[key].name) || !strstr(failure.text, needle))
		fail_msg("no \"%s\" in: %s", needle, failure.text);
}

static void assert_word_refused(enum policy_key key, const char *word, const char *needle)
{
	char *words[] = {(char *)word, NULL};
	struct policy_value bad = {.set = true, .words = words, .text = words[0], .file = "x.conf"};
	struct login login = alice();

	assert_value_refused(&login, key, &bad, needle);
}

/* Steps --------------------------------------------------------------------------------------- */

/* One line for all steps, such as "tmp-dir:/tmp bind:/srv/a->/srv/b:ro". */
static void describe(const struct plan *plan, char *text, size_t size)
{
	static const char *const names[] = {
		[STEP_PROPAGATION] = "propagation",
		[STEP_TMPFS] = "tmpfs",
		[STEP_TMP_DIR] = "tmp-dir",
		[STEP_PROC] = "proc",
		[STEP_TMP_DISK] = "tmp-disk",
		[STEP_MQUEUE] = "mqueue",
		[STEP_CGROUP_VIEW] = "cgroup-view",
		[STEP_HIDE_HOMES] = "hide-homes",
		[STEP_BIND] = "bind",
		[STEP_READ_ONLY] = "read-only",
		[STEP_HIDE] = "hide",
	};
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct plan_step *step = &plan->steps[i];
		int n = snprintf(text + used, size - used, "%s%s%s%s%s%s%s", i ? " " : "",
				 names[step->kind], step->target ? ":" : "",
				 step->target ? step->target : "", step->source ? "<-" : "",
				 step->source ? step->source : "", step->read_only ? ":ro" : "");

		assert_true(n >= 0 && (size_t)n < size - used);
		used += (size_t)n;
	}
}

static void assert_steps_of(const char *text, const struct login *login, const char *expected)
{
	_planned_ struct planned planned = plan_for(text, login, &facts);
	char steps[1000];

	if (planned.r != 0)
		fail_msg("refused: %s", planned.failure.text);
	describe(&planned.plan, steps, sizeof(steps));
	assert_string_equal(steps, expected);
}

static void assert_steps(const char *text, const char *expected)
{
	struct login login = alice();

	assert_steps_of(text, &login, expected);
}

static void the_default_steps(void **state)
{
	(void)state;
	assert_steps("", "propagation proc tmpfs tmp-dir:/tmp<-tmp tmp-dir:/var/tmp<-var-tmp "
			 "tmp-dir:/dev/shm<-dev-shm mqueue cgroup-view");
}

static void all_steps_in_their_order(void **state)
{
	(void)state;
	/* The policy names them in another order. */
	assert_steps("[default]\n"
		     "hide = /srv/x /srv/z /srv/x\n"
		     "read_only = /srv/y /srv/y\n"
		     "bind = /srv/a:/srv/b /srv/c:/srv/d:ro\n"
		     "hide_homes = yes\n"
		     "private_tmp = /tmp\n"
		     "namespaces = ipc pid mount\n"
		     "[host]\n"
		     "home_roots = /home /srv/home\n",
		     "propagation proc tmpfs tmp-dir:/tmp<-tmp mqueue cgroup-view "
		     "hide-homes:/home<-/home/alice hide-homes:/srv/home bind:/srv/b<-/srv/a "
		     "bind:/srv/d<-/srv/c:ro read-only:/srv/y hide:/srv/x hide:/srv/z");
}

static void steps_come_with_their_namespace(void **state)
{
	(void)state;
	assert_steps("[default]\nprivate_tmp = no\n", "propagation proc mqueue cgroup-view");
	assert_steps("[default]\nprivate_tmp = no\nnamespaces = mount\n",
		     "propagation cgroup-view");
	assert_steps("[default]\nprivate_tmp = no\nnamespaces = mount pid\n",
		     "propagation proc cgroup-view");
	assert_steps("[default]\nprivate_tmp = no\nnamespaces = mount ipc\n",
		     "propagation mqueue cgroup-view");
	assert_steps("[default]\nprivate_tmp = no\nnamespaces = mount\n[host]\ncgroup = none\n",
		     "propagation");
	assert_steps("[default]\nprivate_tmp = no\nnamespaces = ipc uts\n", "");
}

/* user@UID.service: the host's pids and cgroup paths, a /proc that hides, no session that counts. */
static void a_service_manager_keeps_its_pids(void **state)
{
	static const char text[] =
		"[host]\ncgroup = cgroupfs\n[default]\nnamespaces = mount pid ipc "
		"cgroup uts\nproc = own\nsessions_max = 1\n";
	struct login login = alice();

	(void)state;
	_planned_ struct planned session = plan_for(text, &login, &facts);

	login.service = (char *)"systemd-user";
	_planned_ struct planned manager = plan_for(text, &login, &facts);

	assert_int_equal(session.r, 0);
	assert_false(session.plan.manager);
	assert_int_equal(session.plan.sessions_max, 1);
	assert_int_equal(manager.r, 0);
	assert_true(manager.plan.manager);
	assert_int_equal(manager.plan.namespaces, 1 << NS_MOUNT | 1 << NS_IPC | 1 << NS_UTS);
	assert_true(manager.plan.proc_invisible);
	assert_true(manager.plan.sessions_max == CONVERT_MAX);
	assert_int_equal(manager.plan.cgroup, CGROUP_NONE);
	bool proc = false;

	for (size_t i = 0; i < manager.plan.step_count; i++)
		proc |= manager.plan.steps[i].kind == STEP_PROC;
	assert_true(proc);
}

static void private_directories_are_apart(void **state)
{
	(void)state;
	assert_steps("[default]\nprivate_tmp = /tmp /tmp-x /tmp\nnamespaces = mount\n"
		     "[host]\ncgroup = none\n",
		     "propagation tmpfs tmp-dir:/tmp<-tmp tmp-dir:/tmp-x<-tmp\\-x");
	assert_refused("[default]\nprivate_tmp = /tmp /tmp-x /tmp/y\n", "private_tmp", "/tmp/y");
	assert_refused("[default]\nprivate_tmp = /tmp/y /tmp-x /tmp\n", POLICY_NAME ":2", "/tmp/y");
}

static void names_of_private_directories_differ(void **state)
{
	(void)state;
	/* In pairs that a plain '-' for '/' would take for one. */
	assert_steps("[default]\nnamespaces = mount\n[host]\ncgroup = none\n"
		     "[user alice]\nprivate_tmp = /a/b /a-b /a\\b /a\\-b /a/-b /a-/b /-/-\n",
		     "propagation tmpfs tmp-dir:/a/b<-a-b tmp-dir:/a-b<-a\\-b "
		     "tmp-dir:/a\\b<-a\\\\b tmp-dir:/a\\-b<-a\\\\\\-b tmp-dir:/a/-b<-a-\\-b "
		     "tmp-dir:/a-/b<-a\\--b tmp-dir:/-/-<-\\--\\-");
}

static void shared_memory_is_never_on_disk(void **state)
{
	(void)state;
	assert_steps("[default]\ntmp_store = disk\nnamespaces = mount\n[host]\ncgroup = none\n"
		     "[user alice]\nprivate_tmp = /tmp /dev/shm /var/tmp\n",
		     "propagation tmp-disk tmp-dir:/tmp<-tmp tmp-dir:/var/tmp<-var-tmp "
		     "tmpfs tmp-dir:/dev/shm<-dev-shm");
	assert_steps("[default]\ntmp_store = disk\nnamespaces = mount\nprivate_tmp = /dev/shm\n"
		     "[host]\ncgroup = none\n",
		     "propagation tmpfs tmp-dir:/dev/shm<-dev-shm");
	assert_steps("[default]\ntmp_store = disk\nnamespaces = mount\nprivate_tmp = /tmp\n"
		     "[host]\ncgroup = none\n",
		     "propagation tmp-disk tmp-dir:/tmp<-tmp");
}

static void memory_beside_a_disk_is_bounded(void **state)
{
	_planned_ struct planned memory = plan_text("[default]\ntmp_size = max\n"
						    "tmp_inodes = max\n");
	_planned_ struct planned disk = plan_text("[default]\ntmp_store = disk\ntmp_size = max\n"
						  "tmp_inodes = max\n[host]\ntmp_root = /srv/t\n");
	_planned_ struct planned small = plan_text("[default]\ntmp_store = disk\ntmp_size = 1M\n"
						   "tmp_inodes = 50\ntmp_scope = session\n");

	(void)state;
	assert_true(memory.plan.tmpfs_size == CONVERT_MAX);
	assert_true(memory.plan.tmpfs_inodes == CONVERT_MAX);
	assert_int_equal(memory.plan.tmp_scope, TMP_SCOPE_USER);
	assert_int_equal(memory.plan.tmp_store, TMP_STORE_MEMORY);
	assert_string_equal(memory.plan.tmp_root, CARREL_STATE "/tmp");
	assert_true(disk.plan.tmp_size == CONVERT_MAX && disk.plan.tmp_inodes == CONVERT_MAX);
	assert_true(disk.plan.tmpfs_size <= facts.memory_total / 4 &&
		    disk.plan.tmpfs_size > facts.memory_total / 4 - facts.page_size);
	assert_int_equal(disk.plan.tmpfs_inodes, 100000);
	assert_int_equal(disk.plan.tmp_store, TMP_STORE_DISK);
	assert_string_equal(disk.plan.tmp_root, "/srv/t");
	assert_int_equal(small.plan.tmpfs_size, 1 << 20);
	assert_int_equal(small.plan.tmpfs_inodes, 50);
	assert_int_equal(small.plan.tmp_scope, TMP_SCOPE_SESSION);
}

static void kernel_file_systems_stay_whole(void **state)
{
	(void)state;
	assert_refused("[default]\nprivate_tmp = /proc\n", "private_tmp", "/proc");
	assert_refused("[default]\nprivate_tmp = /proc/x\n", "private_tmp", "/proc/x");
	assert_refused("[default]\nprivate_tmp = /sys\n", "private_tmp", "/sys");
	assert_refused("[default]\nprivate_tmp = /sys/x\n", "private_tmp", "/sys/x");
	assert_refused("[default]\nbind = /srv/a:/proc/b\n", "bind (" POLICY_NAME ":2)", "/proc/b");
	assert_refused("[default]\nhide = /proc/kcore\n", "hide (" POLICY_NAME ":2)", "/proc");
	assert_refused("[default]\nread_only = /proc\n", "read_only", "/proc");
	assert_refused("[default]\nhide_homes = yes\n[host]\nhome_roots = /proc\n", "home_roots",
		       "/proc");
	assert_word_refused(KEY_PRIVATE_TMP, "/", "below /");
	assert_word_refused(KEY_BIND, "/srv/a:/", "below /");
	assert_word_refused(KEY_HIDE, "/", "below /");
	assert_word_refused(KEY_READ_ONLY, "/", "below /");
	assert_word_refused(KEY_HOST_HOME_ROOTS, "/", "below /");
	/* As the beginning of a name it is a name. */
	assert_steps(
		"[default]\nprivate_tmp = /procure /system\nhide = /proc2\nnamespaces = mount\n"
		"[host]\ncgroup = none\n",
		"propagation tmpfs tmp-dir:/procure<-procure tmp-dir:/system<-system hide:/proc2");
	/* /sys holds things that are worth hiding. */
	assert_steps("[default]\nprivate_tmp = no\nhide = /sys/kernel/debug\nnamespaces = mount\n"
		     "[host]\ncgroup = none\n",
		     "propagation hide:/sys/kernel/debug");
}

static void the_own_home_is_shown(void **state)
{
	static const struct {
		const char *home;
		const char *steps;
	} cases[] = {
		{"/home/alice", "propagation hide-homes:/home<-/home/alice hide-homes:/srv/home"},
		{"/home/a/b/", "propagation hide-homes:/home<-/home/a/b hide-homes:/srv/home"},
		{"//home/./alice//",
		 "propagation hide-homes:/home<-/home/alice hide-homes:/srv/home"},
		{"/srv/home/alice",
		 "propagation hide-homes:/home hide-homes:/srv/home<-/srv/home/alice"},
		{"/home", "propagation hide-homes:/home hide-homes:/srv/home"},
		{"/home2/alice", "propagation hide-homes:/home hide-homes:/srv/home"},
		{"/homealice", "propagation hide-homes:/home hide-homes:/srv/home"},
		{"/root", "propagation hide-homes:/home hide-homes:/srv/home"},
		{"/", "propagation hide-homes:/home hide-homes:/srv/home"},
		{"", "propagation hide-homes:/home hide-homes:/srv/home"},
		{"home/alice", "propagation hide-homes:/home hide-homes:/srv/home"},
		/* A home that climbs is not shown: who knows where it ends. */
		{"/home/../home/bob", "propagation hide-homes:/home hide-homes:/srv/home"},
		{"/home/alice/..", "propagation hide-homes:/home hide-homes:/srv/home"},
		{"/home/..alice",
		 "propagation hide-homes:/home<-/home/..alice hide-homes:/srv/home"},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		login.home = (char *)cases[i].home;
		assert_steps_of("[default]\nprivate_tmp = no\nhide_homes = yes\n"
				"namespaces = mount\n"
				"[host]\nhome_roots = /home /srv/home /home /srv/home/staff\n"
				"cgroup = none\n",
				&login, cases[i].steps);
	}
}

/* Sizes and limits ---------------------------------------------------------------------------- */

static void percentages_are_of_the_memory_in_whole_pages(void **state)
{
	static const struct {
		uint64_t total;
		const char *size;
		uint64_t bytes;
	} cases[] = {
		{8 * GB, "25%", 2 * GB},
		{8 * GB, "100%", 8 * GB},
		{8 * GB, "33%", UINT64_C(2834677760)}, /* 2834678415.36, rounded down */
		{UINT64_C(1000000), "1%", 8192}, /* 10000 */
		/* No overflow on the way, and no loss to early rounding. */
		{UINT64_C(1) << 63, "100%", UINT64_C(1) << 63},
		{UINT64_C(409650), "99%", 405504}, /* 405553.5 */
		{8 * GB, "2000001", 2000001}, /* bytes stay what they are */
		{8 * GB, "3G", 3 * GB},
		{8 * GB, "max", CONVERT_MAX},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan_facts machine = {.memory_total = cases[i].total, .page_size = 4096};
		char text[200];

		(void)snprintf(text, sizeof(text),
			       "[default]\ntmp_size = %s\nmemory_max = %s\nmemory_high = %s\n"
			       "swap_max = %s\n",
			       cases[i].size, cases[i].size, cases[i].size, cases[i].size);
		{
			_planned_ struct planned planned = plan_for(text, &login, &machine);

			assert_int_equal(planned.r, 0);
			assert_true(planned.plan.tmp_size == cases[i].bytes);
			assert_true(planned.plan.limits[LIMIT_MEMORY_MAX].value == cases[i].bytes);
			assert_true(planned.plan.limits[LIMIT_MEMORY_HIGH].value == cases[i].bytes);
			assert_true(planned.plan.limits[LIMIT_SWAP_MAX].value == cases[i].bytes);
		}
	}
}

static void a_percentage_of_unknown_memory_is_refused(void **state)
{
	struct login login = alice();
	struct plan_facts machine = {0};
	_planned_ struct planned percent = plan_for("", &login, &machine);
	_planned_ struct planned bytes = plan_for("[default]\ntmp_size = 1M\n", &login, &machine);

	(void)state;
	assert_int_equal(percent.r, -EINVAL);
	assert_non_null(strstr(percent.failure.text, "tmp_size"));
	assert_int_equal(bytes.r, 0);
}

static void limits_are_passed_on(void **state)
{
	_planned_ struct planned planned =
		plan_text("[default]\n"
			  "memory_max = 1G\n"
			  "memory_high = 512M\n"
			  "swap_max = 0\n"
			  "cpu_max = 150%\n"
			  "cpu_weight = 50\n"
			  "cpus = 3,0-1,1\n"
			  "memory_nodes = 2,0\n"
			  "io_weight = 70\n"
			  "io_max = /dev/sda rbps=1M wiops=2k / wbps=max\n"
			  "pids_max = 100\n");
	const struct plan_limit *limits = planned.plan.limits;

	(void)state;
	for (size_t i = 0; i < PLAN_LIMITS; i++)
		assert_true(limits[i].set);
	assert_int_equal(limits[LIMIT_MEMORY_MAX].value, GB);
	assert_int_equal(limits[LIMIT_MEMORY_MAX].key, KEY_MEMORY_MAX);
	assert_int_equal(limits[LIMIT_MEMORY_HIGH].value, GB / 2);
	assert_int_equal(limits[LIMIT_MEMORY_HIGH].key, KEY_MEMORY_HIGH);
	assert_int_equal(limits[LIMIT_SWAP_MAX].value, 0);
	assert_int_equal(limits[LIMIT_SWAP_MAX].key, KEY_SWAP_MAX);
	assert_int_equal(limits[LIMIT_CPU_MAX].value, 150);
	assert_int_equal(limits[LIMIT_CPU_MAX].key, KEY_CPU_MAX);
	assert_int_equal(limits[LIMIT_CPU_WEIGHT].value, 50);
	assert_int_equal(limits[LIMIT_CPU_WEIGHT].key, KEY_CPU_WEIGHT);
	assert_string_equal(limits[LIMIT_CPUS].text, "0-1,3");
	assert_int_equal(limits[LIMIT_CPUS].key, KEY_CPUS);
	assert_string_equal(limits[LIMIT_MEMORY_NODES].text, "0,2");
	assert_int_equal(limits[LIMIT_MEMORY_NODES].key, KEY_MEMORY_NODES);
	assert_int_equal(limits[LIMIT_PIDS_MAX].value, 100);
	assert_int_equal(limits[LIMIT_PIDS_MAX].key, KEY_PIDS_MAX);
	assert_int_equal(limits[LIMIT_IO_WEIGHT].value, 70);
	assert_int_equal(limits[LIMIT_IO_WEIGHT].key, KEY_IO_WEIGHT);
	assert_int_equal(limits[LIMIT_IO_MAX].key, KEY_IO_MAX);
	const struct io_max *max = &planned.plan.io_max;

	assert_int_equal(max->count, 2);
	assert_string_equal(max->devices[0].path, "/dev/sda");
	assert_int_equal(max->devices[0].rates[IO_RBPS], 1 << 20);
	assert_true(max->devices[0].rates[IO_WBPS] == CONVERT_MAX);
	assert_int_equal(max->devices[0].rates[IO_WIOPS], 2000);
	assert_string_equal(max->devices[1].path, "/");
	assert_true(max->devices[1].rates[IO_WBPS] == CONVERT_MAX);
	assert_true(plan_has_limits(&planned.plan));
}

static void without_limits_there_are_none(void **state)
{
	_planned_ struct planned none = plan_text("");
	_planned_ struct planned lifted =
		plan_text("[default]\nmemory_max = max\ncpu_max = max\n"
			  "pids_max = max\nswap_max = max\n"
			  "cpus = max\nmemory_nodes = max\nio_max = max\n");
	_planned_ struct planned zero = plan_text("[default]\nswap_max = 0\n");

	(void)state;
	for (size_t i = 0; i < PLAN_LIMITS; i++) {
		assert_false(none.plan.limits[i].set);
		assert_true(none.plan.limits[i].value == CONVERT_MAX);
		assert_false(lifted.plan.limits[i].set);
		/* Known by its key all the same: a slice of an earlier login is put back. */
		assert_int_not_equal(none.plan.limits[i].key, KEY_SANDBOX);
	}
	assert_false(plan_has_limits(&none.plan));
	assert_false(plan_has_limits(&lifted.plan));
	assert_true(plan_has_limits(&zero.plan));
}

static void memory_high_is_compared_in_bytes(void **state)
{
	_planned_ struct planned good =
		plan_text("[default]\nmemory_max = 3G\nmemory_high = 25%\n");

	(void)state;
	assert_int_equal(good.plan.limits[LIMIT_MEMORY_HIGH].value, 2 * GB);
	assert_refused("[default]\nmemory_max = 1G\nmemory_high = 25%\n",
		       "memory_high (" POLICY_NAME ":3)", "memory_max");
	assert_refused("[default]\nmemory_max = 25%\nmemory_high = 3G\n", "memory_high",
		       "memory_max, 25% (" POLICY_NAME ":2)");
}

/* Everything else ----------------------------------------------------------------------------- */

static void the_rest_is_passed_on(void **state)
{
	_planned_ struct planned planned = plan_text("[default]\n"
						     "namespaces = mount pid uts\n"
						     "tmp_inodes = 5k\n"
						     "tmp_noexec = yes\n"
						     "proc = own\n"
						     "capabilities = chown setuid setgid setpcap\n"
						     "no_new_privs = yes\n"
						     "sessions_max = 3\n"
						     "oom_score_adj = -5\n"
						     "[host]\n"
						     "cgroup = cgroupfs\n"
						     "mount_propagation = private\n");
	_planned_ struct planned plain = plan_text("");
	const struct plan *plan = &planned.plan;

	(void)state;
	assert_int_equal(plan->namespaces, 1 << NS_MOUNT | 1 << NS_PID | 1 << NS_UTS);
	assert_int_equal(plan->tmp_inodes, 5000);
	assert_true(plan->tmp_noexec);
	assert_false(plan->proc_invisible);
	/* chown 0, setgid 6, setuid 7, setpcap 8: capabilities(7) */
	assert_int_equal(plan->bounding_set, 0x1c1);
	assert_true(plan->no_new_privs);
	assert_int_equal(plan->sessions_max, 3);
	assert_int_equal(plan->oom_score_adj, -5);
	assert_int_equal(plan->cgroup, CGROUP_CGROUPFS);
	assert_int_equal(plan->propagation, PROPAGATION_PRIVATE);

	assert_int_equal(plain.plan.namespaces, 1 << NS_MOUNT | 1 << NS_PID | 1 << NS_IPC);
	assert_false(plain.plan.tmp_noexec);
	assert_true(plain.plan.proc_invisible);
	assert_true(plain.plan.bounding_set == UINT64_MAX);
	assert_false(plain.plan.no_new_privs);
	assert_true(plain.plan.sessions_max == CONVERT_MAX);
	assert_int_equal(plain.plan.oom_score_adj, 0);
	assert_int_equal(plain.plan.cgroup, CGROUP_AUTO);
	assert_int_equal(plain.plan.propagation, PROPAGATION_SLAVE);
	assert_null(plain.plan.hostname);
}

static void host_names_are_expanded(void **state)
{
	static const struct {
		const char *text;
		const char *user;
		const char *hostname;
	} cases[] = {
		{"box", "alice", "box"},
		{"%u", "alice", "alice"},
		{"%u.%h", "alice", "alice.reading.example.org"},
		{"%h-2", "alice", "reading.example.org-2"},
		{"%u%u", "a", "aa"},
		/* What a host name can't hold is replaced. */
		{"x-%u", "Al_ice$@corp", "x-Al-ice--corp"},
		{"%u", "\xc3\xa9", "--"},
		{"%u", "%h", "-h"},
		{"%u", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[200];

		login.user = (char *)cases[i].user;
		(void)snprintf(text, sizeof(text),
			       "[default]\nnamespaces = mount uts\nhostname = %s\n", cases[i].text);
		{
			_planned_ struct planned planned = plan_for(text, &login, &facts);

			if (planned.r != 0)
				fail_msg("refused: %s", planned.failure.text);
			assert_string_equal(planned.plan.hostname, cases[i].hostname);
		}
	}
}

static void host_names_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *user;
	} cases[] = {
		{"%ub", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"%u%u", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"%u", ""},
	};
	struct login login = alice();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *words[] = {(char *)cases[i].text, NULL};
		struct policy_value value = {
			.set = true, .words = words, .text = words[0], .file = "x.conf", .line = 3};

		login.user = (char *)cases[i].user;
		assert_value_refused(&login, KEY_HOSTNAME, &value, "1 to 64");
	}
}

static void values_that_the_language_refuses_are_refused_again(void **state)
{
	struct policy_value zero = {.set = true, .text = (char *)"0", .file = "x", .line = 1};
	struct login login = alice();

	(void)state;
	/* tmpfs takes 0 as "no limit". */
	assert_value_refused(&login, KEY_TMP_SIZE, &zero, "more than nothing");
	assert_value_refused(&login, KEY_TMP_INODES, &zero, "more than nothing");
	assert_word_refused(KEY_HOSTNAME, "a_b", "letters, digits");
	assert_word_refused(KEY_HOSTNAME, "%x", "%u and %h");
	assert_word_refused(KEY_HOSTNAME, "a%", "%u and %h");
	assert_word_refused(KEY_HOSTNAME, "a%%", "%u and %h");
	assert_word_refused(KEY_BIND, "/srv/a", "SRC:DST");
	assert_word_refused(KEY_BIND, "/srv/a:/srv/b:rw", "SRC:DST");
}

/* In the paths of text, the first step that waits for the view of the cgroups; "" when none does. */
static void assert_first_late(const char *text, const char *wanted)
{
	struct login login = alice();
	_planned_ struct planned planned = plan_for(text, &login, &facts);
	size_t first = plan_first_late(&planned.plan);
	const char *target = "";

	assert_int_equal(planned.r, 0);
	assert_true(first <= planned.plan.step_count);
	if (first < planned.plan.step_count)
		target = planned.plan.steps[first].target;
	assert_string_equal(target, wanted);
}

static void paths_around_the_cgroups_wait_for_their_view(void **state)
{
	struct login login = alice();

	(void)state;
	assert_first_late("[default]\n", "");
	assert_first_late("[default]\nhide = /srv /sys/fs/cgroups /sys/kernel\n", "");
	assert_first_late("[default]\nhide = /srv /sys/fs/cgroup/pids\n", "/sys/fs/cgroup/pids");
	assert_first_late("[default]\nhide = /sys/fs/cgroup\n", "/sys/fs/cgroup");
	assert_first_late("[default]\nhide = /sys\n", "/sys");
	assert_first_late("[default]\nread_only = /usr /sys\nhide = /srv\n", "/sys");
	assert_first_late("[default]\nbind = /sys/fs/cgroup/pids:/srv/pids\n", "/srv/pids");
	/* There is no view. */
	assert_first_late("[host]\ncgroup = none\n[default]\nhide = /sys\n", "");

	_planned_ struct planned planned = plan_for("[default]\nhide = /sys\n", &login, &facts);

	assert_int_equal(plan_for_user(&planned.plan, NULL, NULL, &planned.failure), 0);
	assert_int_equal(plan_first_late(&planned.plan), planned.plan.step_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_steps),
		cmocka_unit_test(all_steps_in_their_order),
		cmocka_unit_test(steps_come_with_their_namespace),
		cmocka_unit_test(a_service_manager_keeps_its_pids),
		cmocka_unit_test(private_directories_are_apart),
		cmocka_unit_test(names_of_private_directories_differ),
		cmocka_unit_test(shared_memory_is_never_on_disk),
		cmocka_unit_test(memory_beside_a_disk_is_bounded),
		cmocka_unit_test(kernel_file_systems_stay_whole),
		cmocka_unit_test(the_own_home_is_shown),
		cmocka_unit_test(paths_around_the_cgroups_wait_for_their_view),
		cmocka_unit_test(percentages_are_of_the_memory_in_whole_pages),
		cmocka_unit_test(a_percentage_of_unknown_memory_is_refused),
		cmocka_unit_test(limits_are_passed_on),
		cmocka_unit_test(without_limits_there_are_none),
		cmocka_unit_test(memory_high_is_compared_in_bytes),
		cmocka_unit_test(the_rest_is_passed_on),
		cmocka_unit_test(host_names_are_expanded),
		cmocka_unit_test(host_names_that_do_not_fit_are_refused),
		cmocka_unit_test(values_that_the_language_refuses_are_refused_again),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}

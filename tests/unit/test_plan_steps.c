/* SPDX-License-Identifier: MIT */
/* plan: which steps, in which order, and which of them wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/convert.h"
#include "tests/unit/with_plan.h"

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
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* pod: what makes two logins, two policies and two sandboxes the same, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/cleanup.h"
#include "core/plan.h"
#include "core/pod.h"
#include "core/policy_stamp.h"

static struct message_request request;

static void fill_request(void)
{
	memset(&request, 0, sizeof(request));
	request.gid_count = 2;
	request.gids[0] = 1500;
	request.gids[1] = 27;
	request.group_bytes = 8;
	protocol_head(&request.head, MESSAGE_REQUEST, PROTOCOL_REQUEST_SIZE(2, 8));
	request.uid = 1500;
	request.gid = 1500;
	assert_int_equal(protocol_text(request.user, sizeof(request.user), "alice"), 0);
	assert_int_equal(protocol_text(request.home, sizeof(request.home), "/home/alice"), 0);
	assert_int_equal(protocol_text(request.service, sizeof(request.service), "sshd"), 0);
	assert_int_equal(protocol_text(request.tty, sizeof(request.tty), "pts/1"), 0);
	assert_int_equal(protocol_text(request.rhost, sizeof(request.rhost), "host"), 0);
	memcpy(protocol_group_names(&request), "abc\0def", 8);
}

static void a_fingerprint_is_of_all_that_decides(void **state)
{
	(void)state;
	fill_request();
	char *names = protocol_group_names(&request);
	char *const fields[] = {
		(char *)&request.uid,
		(char *)&request.gid,
		request.user,
		request.home,
		request.service,
		names,
		names + 6,
		request.user + 200,
		(char *)&request.gids[1],
	};
	uint64_t first = pod_fingerprint(&request);

	assert_int_equal(pod_fingerprint(&request), first);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fields[i][0] ^= 1;
		assert_int_not_equal(pod_fingerprint(&request), first);
		fields[i][0] ^= 1;
	}
	/* A group more, though its name be empty. */
	request.group_bytes++;
	protocol_head(&request.head, MESSAGE_REQUEST, PROTOCOL_REQUEST_SIZE(2, 9));
	assert_int_not_equal(pod_fingerprint(&request), first);
}

static void a_fingerprint_is_not_of_where_from(void **state)
{
	(void)state;
	fill_request();
	uint64_t first = pod_fingerprint(&request);

	assert_int_equal(protocol_text(request.tty, sizeof(request.tty), "pts/77"), 0);
	assert_int_equal(protocol_text(request.rhost, sizeof(request.rhost), "elsewhere"), 0);
	request.timeout_ms = 4000;
	request.debug = 1;
	assert_int_equal(pod_fingerprint(&request), first);
}

/* Stamps -------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/test_pod.XXXXXX", conf[64], dropins[64], dropin[80];

static void write_file(const char *path, const char *text)
{
	_fclose_ FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

/* Once the last change is long enough ago to be told from the next one. */
static uint64_t settled_stamp(void)
{
	struct timespec pause = {.tv_nsec = 100000000};
	uint64_t stamp = 0;

	for (int tries = 0; tries < 40 && stamp == 0; tries++) {
		(void)nanosleep(&pause, NULL);
		stamp = policy_stamp(conf);
	}
	assert_int_not_equal(stamp, 0);
	return stamp;
}

static void a_stamp_follows_every_change(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(conf, sizeof(conf), "%s/carrel.conf", dir);
	(void)snprintf(dropins, sizeof(dropins), "%s/carrel.conf.d", dir);
	(void)snprintf(dropin, sizeof(dropin), "%s/x.conf", dropins);
	assert_int_equal(policy_stamp(conf), 0);
	write_file(conf, "[default]\n");
	/* Too young. */
	assert_int_equal(policy_stamp(conf), 0);
	uint64_t first = settled_stamp();

	assert_int_equal(policy_stamp(conf), first);
	assert_int_equal(mkdir(dropins, 0755), 0);
	write_file(dropin, "[default]\n");
	uint64_t with_dropin = settled_stamp();

	assert_int_not_equal(with_dropin, first);
	/* In place, with the same size, and a time that was set back. */
	struct stat st;

	assert_int_equal(stat(dropin, &st), 0);
	write_file(dropin, "[Default]\n");
	struct timespec times[] = {st.st_atim, st.st_mtim};

	assert_int_equal(utimensat(AT_FDCWD, dropin, times, 0), 0);
	uint64_t changed = settled_stamp();

	assert_int_not_equal(changed, with_dropin);
	assert_int_equal(chmod(conf, 0666), 0);
	assert_int_not_equal(settled_stamp(), changed);
	assert_int_equal(unlink(dropin) + rmdir(dropins) + unlink(conf) + rmdir(dir), 0);
	assert_int_equal(policy_stamp(conf), 0);
}

/* Shapes -------------------------------------------------------------------------------------- */

static void a_shape_is_of_what_can_not_change_later(void **state)
{
	struct plan_step steps[] = {
		{.kind = STEP_BIND, .target = (char *)"/a", .source = (char *)"/b"},
		{.kind = STEP_HIDE, .target = (char *)"/c"},
	};
	struct plan plan = {.steps = steps, .step_count = 2, .namespaces = 7, .tmp_size = 100};
	uint64_t first = plan_shape(&plan);

	(void)state;
	plan.limits[LIMIT_PIDS_MAX].set = true;
	plan.limits[LIMIT_PIDS_MAX].value = 3;
	plan.no_new_privs = true;
	plan.bounding_set = 1;
	plan.oom_score_adj = 5;
	plan.sessions_max = 2;
	plan.linger = plan.notify = true;
	plan.runtime_max = 9;
	assert_int_equal(plan_shape(&plan), first);
	plan.namespaces = 15;
	assert_int_not_equal(plan_shape(&plan), first);
	plan.namespaces = 7;
	plan.tmp_size = 101;
	assert_int_not_equal(plan_shape(&plan), first);
	plan.tmp_size = 100;
	plan.hostname = (char *)"box";
	assert_int_not_equal(plan_shape(&plan), first);
	plan.hostname = NULL;
	steps[0].read_only = true;
	assert_int_not_equal(plan_shape(&plan), first);
	steps[0].read_only = false;
	/* The same letters, between other ends. */
	steps[0].target = (char *)"/a/";
	steps[0].source = (char *)"b";
	assert_int_not_equal(plan_shape(&plan), first);
	steps[0].target = (char *)"/a";
	steps[0].source = (char *)"/b";
	plan.step_count = 1;
	assert_int_not_equal(plan_shape(&plan), first);
	plan.step_count = 2;
	assert_int_equal(plan_shape(&plan), first);
}

static void a_hash_of_limits_is_of_each_of_them(void **state)
{
	struct plan plan = {.namespaces = 7};
	uint64_t seen[] = {plan_limits_hash(&plan), 0, 0, 0, 0, 0};

	(void)state;
	plan.namespaces = 15;
	assert_int_equal(plan_limits_hash(&plan), seen[0]);
	plan.limits[LIMIT_PIDS_MAX] = (struct plan_limit){.set = true, .value = 3};
	seen[1] = plan_limits_hash(&plan);
	plan.limits[LIMIT_PIDS_MAX].value = 4;
	seen[2] = plan_limits_hash(&plan);
	plan.limits[LIMIT_CPUS] = (struct plan_limit){.set = true, .text = "0"};
	seen[3] = plan_limits_hash(&plan);
	plan.io_max.devices[0].path = "/dev/sda";
	plan.io_max.count = 1;
	seen[4] = plan_limits_hash(&plan);
	plan.io_max.devices[0].rates[IO_WIOPS] = 1;
	seen[5] = plan_limits_hash(&plan);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
}

static void a_shape_is_of_where_private_directories_are_kept(void **state)
{
	struct plan_step step = {.kind = STEP_TMPFS};
	struct plan plan = {.steps = &step, .step_count = 1, .tmp_root = "/var/lib/carrel/tmp"};
	uint64_t first = plan_shape(&plan);

	(void)state;
	plan.tmp_root = "/srv/tmp"; /* in memory they are not there */
	assert_int_equal(plan_shape(&plan), first);
	plan.tmp_scope = TMP_SCOPE_SESSION;
	assert_int_not_equal(plan_shape(&plan), first);
	step.kind = STEP_TMP_DISK;
	first = plan_shape(&plan);
	plan.tmp_root = "/var/lib/carrel/tmp";
	assert_int_not_equal(plan_shape(&plan), first);
	first = plan_shape(&plan);
	plan.tmp_scope = TMP_SCOPE_USER;
	assert_int_not_equal(plan_shape(&plan), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fingerprint_is_of_all_that_decides),
		cmocka_unit_test(a_fingerprint_is_not_of_where_from),
		cmocka_unit_test(a_stamp_follows_every_change),
		cmocka_unit_test(a_shape_is_of_what_can_not_change_later),
		cmocka_unit_test(a_hash_of_limits_is_of_each_of_them),
		cmocka_unit_test(a_shape_is_of_where_private_directories_are_kept),
	};

	return cmocka_run_group_tests_name("pod", tests, NULL, NULL);
}

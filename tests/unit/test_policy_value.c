/* SPDX-License-Identifier: MIT */
/* policy_keys and policy_value: the table itself, and for each key what it takes and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/policy.h"

#define BIT(n) (UINT64_C(1) << (n))

static struct policy_value parse_good(enum policy_key key, const char *text)
{
	struct policy_value value = {0};
	char why[512] = "";
	int r = policy_value_parse(key, text, &value, why, sizeof(why));

	if (r != 0)
		fail_msg("%s = %s: %d, %s", policy_keys[key].name, text, r, why);
	assert_true(value.set);
	assert_string_equal(value.text, text);
	return value;
}

static void check_number(enum policy_key key, const char *text, uint64_t number)
{
	struct policy_value value = parse_good(key, text);

	if (value.number != number)
		fail_msg("%s = %s: %ju", policy_keys[key].name, text, (uintmax_t)value.number);
	policy_value_clear(&value);
}

/* `joined`: the words with a '|' between them. */
static void check_words(enum policy_key key, const char *text, const char *joined)
{
	struct policy_value value = parse_good(key, text);
	char all[512] = "";
	size_t used = 0;

	assert_non_null(value.words);
	for (char **word = value.words; *word; word++) {
		int len =
			snprintf(all + used, sizeof(all) - used, "%s%s", *word, word[1] ? "|" : "");

		assert_in_range(len, 0, sizeof(all) - used - 1);
		used += (size_t)len;
	}
	assert_string_equal(all, joined);
	policy_value_clear(&value);
}

static void check_bad(enum policy_key key, const char *text, const char *words)
{
	struct policy_value value = {.number = 7};
	char why[512] = "";
	int r = policy_value_parse(key, text, &value, why, sizeof(why));

	if (r != -EINVAL || !strstr(why, words) || !strstr(why, "expected"))
		fail_msg("%s = %s: %d, \"%s\"", policy_keys[key].name, text, r, why);
	assert_int_equal(value.number, 7);
}

/* The table ----------------------------------------------------------------------------------- */

static void test_table(void **state)
{
	(void)state;
	for (enum policy_key key = 0; key < POLICY_KEYS; key++) {
		const struct policy_key_info *info = &policy_keys[key];

		assert_non_null(info->name);
		assert_int_equal(policy_key_find(info->name, info->host), key);
		assert_int_equal(policy_key_find(info->name, !info->host), POLICY_KEYS);
		assert_int_equal(info->unsupported, info->type == TYPE_UNSUPPORTED);
		assert_true(info->unsupported || info->expected);
		assert_int_equal(info->choices != NULL,
				 info->type == TYPE_CHOICE || info->type == TYPE_CHOICES);
		if (info->fallback) {
			struct policy_value value = parse_good(key, info->fallback);

			policy_value_clear(&value);
		}
	}
	assert_int_equal(policy_key_find("", false), POLICY_KEYS);
	assert_int_equal(policy_key_find("Sandbox", false), POLICY_KEYS);
	assert_int_equal(policy_key_find("sandboxx", false), POLICY_KEYS);
}

static void test_unsupported(void **state)
{
	static const char *const later[] = {"private_dev", "root", "hugetlb_max",
					    "devices",	   "net",  "net_rate"};

	struct policy_value value;
	char why[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		enum policy_key key = policy_key_find(later[i], false);

		assert_true(key != POLICY_KEYS);
		assert_int_equal(policy_value_parse(key, "no", &value, why, sizeof(why)), -EINVAL);
		assert_string_equal(why, "not supported by this version");
	}
}

/* Keys ---------------------------------------------------------------------------------------- */

static void test_bools(void **state)
{
	static const enum policy_key keys[] = {KEY_SANDBOX, KEY_TMP_NOEXEC, KEY_HIDE_HOMES,
					       KEY_NO_NEW_PRIVS};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		check_number(keys[i], "on", 1);
		check_number(keys[i], "false", 0);
		check_bad(keys[i], "tXX", "expected yes or no, not \"tXX\"");
		check_bad(keys[i], "", "not \"\"");
	}
}

static void test_choices(void **state)
{
	(void)state;
	check_number(KEY_INSTANCE, "session", INSTANCE_SESSION);
	check_number(KEY_INSTANCE, "user", INSTANCE_USER);
	check_bad(KEY_INSTANCE, "users", "expected session or user, not \"users\"");
	check_number(KEY_ON_LOGOUT, "kill", LOGOUT_KILL);
	check_number(KEY_ON_LOGOUT, "linger", LOGOUT_LINGER);
	check_bad(KEY_ON_LOGOUT, "stay", "expected kill or linger");
	check_number(KEY_NOTIFY, "tty", NOTIFY_TTY);
	check_number(KEY_NOTIFY, "no", NOTIFY_NO);
	check_bad(KEY_NOTIFY, "yes", "expected tty or no");
	check_number(KEY_RUNTIME_MAX, "8h", 8 * 3600);
	check_number(KEY_RUNTIME_MAX, "max", CONVERT_MAX);
	check_bad(KEY_RUNTIME_MAX, "0s", "at least 1s");
	check_bad(KEY_RUNTIME_MAX, "90", "a time such as 90s");
	check_number(KEY_TMP_SCOPE, "session", TMP_SCOPE_SESSION);
	check_number(KEY_TMP_SCOPE, "user", TMP_SCOPE_USER);
	check_bad(KEY_TMP_SCOPE, "host", "expected user or session");
	check_number(KEY_TMP_STORE, "memory", TMP_STORE_MEMORY);
	check_number(KEY_TMP_STORE, "disk", TMP_STORE_DISK);
	check_bad(KEY_TMP_STORE, "tape", "expected memory or disk");
	check_bad(KEY_HOST_TMP_ROOT, "tmp", "an absolute path");
	check_bad(KEY_HOST_TMP_ROOT, "/a/../b", "an absolute path");
	check_number(KEY_PROC, "own", PROC_OWN);
	check_number(KEY_PROC, "invisible", PROC_INVISIBLE);
	check_bad(KEY_PROC, "own invisible", "expected own or invisible");
	check_number(KEY_HOST_CGROUP, "auto", CGROUP_AUTO);
	check_number(KEY_HOST_CGROUP, "cgroupfs", CGROUP_CGROUPFS);
	check_number(KEY_HOST_CGROUP, "none", CGROUP_NONE);
	check_number(KEY_HOST_CGROUP, "systemd", CGROUP_SYSTEMD);
	check_bad(KEY_HOST_CGROUP, "v2", "expected auto, systemd, cgroupfs or none");
	check_number(KEY_HOST_MOUNT_PROPAGATION, "slave", PROPAGATION_SLAVE);
	check_number(KEY_HOST_MOUNT_PROPAGATION, "private", PROPAGATION_PRIVATE);
	check_bad(KEY_HOST_MOUNT_PROPAGATION, "shared", "expected slave or private");
}

static void test_namespaces(void **state)
{
	(void)state;
	check_number(KEY_NAMESPACES, "mount", BIT(NS_MOUNT));
	check_number(KEY_NAMESPACES, " cgroup \tuts  ipc pid mount ",
		     BIT(NS_MOUNT) | BIT(NS_PID) | BIT(NS_IPC) | BIT(NS_UTS) | BIT(NS_CGROUP));
	check_bad(KEY_NAMESPACES, "mount net", "\"net\" is not supported by this version");
	check_bad(KEY_NAMESPACES, "mount,pid", "not \"mount,pid\"");
	check_bad(KEY_NAMESPACES, "", "expected some of");
	check_bad(KEY_NAMESPACES, "none", "expected some of");
}

static void test_capabilities(void **state)
{
	(void)state;
	check_number(KEY_CAPABILITIES, "all", UINT64_MAX);
	check_number(KEY_CAPABILITIES, "none", 0);
	check_number(KEY_CAPABILITIES, "chown", BIT(CAP_CHOWN));
	check_number(KEY_CAPABILITIES, "setuid cap_setgid setpcap",
		     BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP));
	check_number(KEY_CAPABILITIES, "checkpoint_restore", BIT(CAP_CHECKPOINT_RESTORE));
	check_bad(KEY_CAPABILITIES, "", "expected names");
	check_bad(KEY_CAPABILITIES, "SETUID", "not \"SETUID\"");
	check_bad(KEY_CAPABILITIES, "CAP_SETUID", "not \"CAP_SETUID\"");
	check_bad(KEY_CAPABILITIES, "cap_cap_setuid", "not \"cap_cap_setuid\"");
	check_bad(KEY_CAPABILITIES, "cap_", "not \"cap_\"");
	check_bad(KEY_CAPABILITIES, "7", "not \"7\"");
	check_bad(KEY_CAPABILITIES, "all setuid", "not \"all\"");
	check_bad(KEY_CAPABILITIES, "setuid none", "not \"none\"");
	check_bad(KEY_CAPABILITIES, "setuid,setgid", "not \"setuid,setgid\"");
}

static void test_sizes(void **state)
{
	struct policy_value value;

	(void)state;
	check_number(KEY_MEMORY_MAX, "512M", UINT64_C(512) << 20);
	check_number(KEY_MEMORY_HIGH, "max", CONVERT_MAX);
	check_number(KEY_SWAP_MAX, "0", 0);
	check_number(KEY_TMP_SIZE, "64K", 65536);
	value = parse_good(KEY_MEMORY_MAX, "25%");
	assert_true(value.percent);
	assert_int_equal(value.number, 25);
	policy_value_clear(&value);
	/* A forgotten suffix: 512 bytes would let nobody in. */
	check_bad(KEY_MEMORY_MAX, "512", "at least 1M");
	check_bad(KEY_MEMORY_MAX, "0", "at least 1M");
	check_bad(KEY_MEMORY_HIGH, "10G ", "not \"10G \"");
	check_bad(KEY_MEMORY_MAX, "99999999999T", "expected a size");
	/* For tmpfs 0 is "no limit". */
	check_bad(KEY_TMP_SIZE, "0", "at least 64K");
	check_bad(KEY_TMP_SIZE, "0%", "expected a size");
	check_bad(KEY_TMP_INODES, "0", "from 16");
	check_number(KEY_TMP_INODES, "100k", 100000);
	check_number(KEY_TMP_INODES, "max", CONVERT_MAX);
}

static void test_numbers(void **state)
{
	(void)state;
	check_number(KEY_CPU_MAX, "150%", 150);
	check_number(KEY_CPU_MAX, "max", CONVERT_MAX);
	check_bad(KEY_CPU_MAX, "150", "150%");
	check_number(KEY_CPU_WEIGHT, "10000", 10000);
	check_bad(KEY_CPU_WEIGHT, "0", "from 1 to 10000");
	check_bad(KEY_CPU_WEIGHT, "10001", "from 1 to 10000");
	check_bad(KEY_CPU_WEIGHT, "010", "from 1 to 10000");
	check_number(KEY_PIDS_MAX, "4k", 4000);
	check_bad(KEY_PIDS_MAX, "0", "from 1");
	check_bad(KEY_PIDS_MAX, "5000k", "to 4194304");
	check_number(KEY_SESSIONS_MAX, "max", CONVERT_MAX);
	check_bad(KEY_SESSIONS_MAX, "-1", "from 1");
	check_number(KEY_OOM_SCORE_ADJ, "-1000", (uint64_t)INT64_C(-1000));
	check_bad(KEY_OOM_SCORE_ADJ, "1001", "from -1000 to 1000");
}

static void test_cpus(void **state)
{
	(void)state;
	check_words(KEY_CPUS, "8,0-1,2", "0-2,8");
	check_number(KEY_CPUS, "0", 1);
	check_number(KEY_CPUS, "max", CONVERT_MAX);
	check_bad(KEY_CPUS, "3-1", "a list such as 0-3,8");
	check_bad(KEY_CPUS, "2000", "not \"2000\"");
	check_bad(KEY_CPUS, "", "a list");
	check_words(KEY_MEMORY_NODES, "1,0", "0-1");
	check_number(KEY_MEMORY_NODES, "max", CONVERT_MAX);
	check_bad(KEY_MEMORY_NODES, "1,", "a list such as 0-3,8");
	check_bad(KEY_MEMORY_NODES, "no", "not \"no\"");
}

static void test_io(void **state)
{
	static const char *const bad[] = {
		"",
		"no",
		"/dev/sda",
		"rbps=1M",
		"/dev/sda rbps=1M /dev/sdb",
		"/dev/sda rbps=1M rbps=2M",
		"/dev/sda rbps=1M /dev/sda wbps=1M",
		"/dev/sda rbps=10%",
		"/dev/sda rbps=1023",
		"/dev/sda rbps=-1",
		"/dev/sda rbps=",
		"/dev/sda rbps",
		"/dev/sda rbp=1M",
		"/dev/sda riops=0",
		"/dev/sda riops=2000m",
		"/dev/sda riops=1M",
		"/dev/../sda rbps=1M",
		"/dev//sda rbps=1M",
		"dev/sda rbps=1M",
		"/dev/sda rbps=1M, /dev/sdb rbps=1M",
		"max /dev/sda rbps=1M",
		"/a rbps=1M /b rbps=1M /c rbps=1M /d rbps=1M /e rbps=1M /f rbps=1M /g rbps=1M "
		"/h rbps=1M /i rbps=1M",
	};

	(void)state;
	check_number(KEY_IO_WEIGHT, "1", 1);
	check_number(KEY_IO_WEIGHT, "10000", 10000);
	check_bad(KEY_IO_WEIGHT, "0", "a number from 1 to 10000");
	check_bad(KEY_IO_WEIGHT, "max", "not \"max\"");
	check_number(KEY_IO_MAX, "max", CONVERT_MAX);
	check_number(KEY_IO_MAX, "/dev/sda rbps=10M wbps=1K riops=1k wiops=1000m", 1);
	check_number(KEY_IO_MAX, "/dev/sda rbps=max  /srv/data wiops=1", 1);
	check_number(KEY_IO_MAX, "/ rbps=10M", 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_bad(KEY_IO_MAX, bad[i], "DEVICE rbps=10M");
	check_bad(KEY_IO_MAX, "/dev/sda rbps=1", "not \"rbps=1\"");
	check_bad(KEY_IO_MAX, "/dev/sda rbps=1M /a/", "not \"/dev/sda rbps=1M /a/\"");
}

static void test_paths(void **state)
{
	static const char *const bad[] = {"tmp",     "/tmp/",  "/",	 "//tmp",   "/tmp//x",
					  "/tmp/.",  "/./tmp", "/..",	 "/tmp/..", "/a/../b",
					  "no /tmp", "~/x",    "/tmp no"};
	static const enum policy_key keys[] = {KEY_PRIVATE_TMP, KEY_HIDE, KEY_READ_ONLY,
					       KEY_HOST_HOME_ROOTS};

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		check_words(keys[k], "/tmp", "/tmp");
		check_words(keys[k], " /tmp\t/var/tmp  /a/.b/..c/d. ",
			    "/tmp|/var/tmp|/a/.b/..c/d.");
		check_words(keys[k], "no", "");
		check_words(keys[k], "", "");
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			check_bad(keys[k], bad[i], "expected absolute paths");
	}
}

static void test_binds(void **state)
{
	static const char *const bad[] = {"/a",	  "/a:ro",  "/a:/b:rw", "/a:/b:ro:ro", "a:/b",
					  "/a:b", "/a:/",   "/:/b",	"/a:",	       ":/b",
					  ":",	  "/a:/b/", "/a:/b:",	"/a::/b",      "/a/../c:/b",
					  ":ro",  "/a::ro", "/a:/b no", "/a:/b:/c"};

	(void)state;
	check_words(KEY_BIND, "/a:/b", "/a:/b");
	check_words(KEY_BIND, "/a:/b:ro /c/d:/e", "/a:/b:ro|/c/d:/e");
	check_words(KEY_BIND, "/a:/ro", "/a:/ro");
	check_words(KEY_BIND, "no", "");
	check_words(KEY_BIND, "", "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_bad(KEY_BIND, bad[i], "SRC:DST");
}

static void test_hostname(void **state)
{
	(void)state;
	check_words(KEY_HOSTNAME, "%u.%h-1", "%u.%h-1");
	check_bad(KEY_HOSTNAME, "", "expected letters");
	check_bad(KEY_HOSTNAME, "%x", "not \"%x\"");
	check_bad(KEY_HOSTNAME, "a%", "not \"a%\"");
	check_bad(KEY_HOSTNAME, "a b", "not \"a b\"");
	check_bad(KEY_HOSTNAME, "%%u", "not \"%%u\"");
}

static void test_word_count(void **state)
{
	char text[4 * POLICY_WORDS_MAX + 8] = "";
	struct policy_value value;
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < POLICY_WORDS_MAX; i++) {
		int len = snprintf(text + used, sizeof(text) - used, "/a ");

		assert_in_range(len, 0, sizeof(text) - used - 1);
		used += (size_t)len;
	}
	value = parse_good(KEY_HIDE, text);
	policy_value_clear(&value);
	assert_in_range(snprintf(text + used, sizeof(text) - used, "/b"), 0,
			sizeof(text) - used - 1);
	check_bad(KEY_HIDE, text, "at most 64 words, not 65");
}

/* What an admin or a terminal must not be fed: the value comes back escaped, and cut. */
static void test_quoting(void **state)
{
	char text[512];

	(void)state;
	check_bad(KEY_SANDBOX, "a\x1b[31m\xff\"\\\n", "not \"a\\x1b[31m\\xff\\\"\\\\\\x0a\"");
	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	check_bad(KEY_SANDBOX, text, "\\x01...\"");
}

static void test_small_reason(void **state)
{
	struct policy_value value;
	char why[9] = "xxxxxxxx";

	(void)state;
	assert_int_equal(policy_value_parse(KEY_SANDBOX, "?", &value, why, 5), -EINVAL);
	assert_string_equal(why, "expe");
	assert_int_equal(policy_value_parse(KEY_SANDBOX, "?", &value, why, 0), -EINVAL);
	assert_string_equal(why, "expe");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	   cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_bools),	   cmocka_unit_test(test_choices),
		cmocka_unit_test(test_namespaces), cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_sizes),	   cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_cpus),	   cmocka_unit_test(test_io),
		cmocka_unit_test(test_paths),	   cmocka_unit_test(test_binds),
		cmocka_unit_test(test_hostname),   cmocka_unit_test(test_word_count),
		cmocka_unit_test(test_quoting),	   cmocka_unit_test(test_small_reason),
	};

	return cmocka_run_group_tests_name("policy_value", tests, NULL, NULL);
}

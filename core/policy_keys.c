/* SPDX-License-Identifier: MIT */
#include "core/policy_keys.h"

#include <string.h>

#include "core/cleanup.h"

#define BIT(n) (UINT32_C(1) << (n))
#define KIB(n) (INT64_C(1024) * (n))

/* The order of each is that of its enum. */
static const char *const instances[] = {"session", "user", NULL};
static const char *const logouts[] = {"kill", "linger", NULL};
static const char *const notices[] = {"tty", "no", NULL};
static const char *const namespaces[] = {"mount", "pid", "ipc", "uts", "net", "cgroup", NULL};
static const char *const tmp_scopes[] = {"user", "session", NULL};
static const char *const tmp_stores[] = {"memory", "disk", NULL};
static const char *const procs[] = {"own", "invisible", NULL};
static const char *const cgroups[] = {"auto", "systemd", "cgroupfs", "none", NULL};
static const char *const propagations[] = {"slave", "private", NULL};

_Static_assert(ARRAY_SIZE(namespaces) == NS_COUNT + 1, "a name for each namespace");
_Static_assert(ARRAY_SIZE(cgroups) == CGROUP_NONE + 2, "a name for each way of cgroups");

#define EXPECTED_BOOL "yes or no"
#define EXPECTED_PATHS "absolute paths separated by blanks, without //, /. or /.., or no"
#define EXPECTED_MEMORY "a size such as 512M, 4G or 25%, at least 1M, or max"

#define LATER(key)                                                                                 \
	{                                                                                          \
		.name = (key), .type = TYPE_UNSUPPORTED, .unsupported = true                       \
	}
#define MEMORY(key)                                                                                \
	{                                                                                          \
		.name = (key), .type = TYPE_SIZE, .min = KIB(1024), .fallback = "max",             \
		.expected = EXPECTED_MEMORY                                                        \
	}
#define YES_OR_NO(key, value)                                                                      \
	{                                                                                          \
		.name = (key), .type = TYPE_BOOL, .fallback = (value), .expected = EXPECTED_BOOL   \
	}
#define PATHS(key, value)                                                                          \
	{                                                                                          \
		.name = (key), .type = TYPE_PATHS, .fallback = (value), .expected = EXPECTED_PATHS \
	}

/*
 * What has no limit by default says so with "max" rather than with nothing, and lists that are empty
 * with "no": then `carrel explain` can show them, and nobody takes an unset 0 for a limit.
 *
 * tmp_size and tmp_inodes start above 0, which tmpfs(5) takes for "no limit".
 */
const struct policy_key_info policy_keys[POLICY_KEYS] = {
	[KEY_SANDBOX] = YES_OR_NO("sandbox", "yes"),
	[KEY_INSTANCE] = {.name = "instance",
			  .type = TYPE_CHOICE,
			  .choices = instances,
			  .fallback = "session",
			  .expected = "session or user"},
	[KEY_ON_LOGOUT] = {.name = "on_logout",
			   .type = TYPE_CHOICE,
			   .choices = logouts,
			   .fallback = "kill",
			   .expected = "kill or linger"},
	[KEY_NAMESPACES] = {.name = "namespaces",
			    .type = TYPE_CHOICES,
			    .choices = namespaces,
			    .choices_unsupported = BIT(NS_NET),
			    .fallback = "mount pid ipc",
			    .expected = "some of mount, pid, ipc, uts and cgroup"},
	[KEY_HOSTNAME] = {.name = "hostname",
			  .type = TYPE_TEXT,
			  .expected = "letters, digits, '-', '.', %u and %h"},
	[KEY_PRIVATE_TMP] = PATHS("private_tmp", "/tmp /var/tmp /dev/shm"),
	[KEY_TMP_SCOPE] = {.name = "tmp_scope",
			   .type = TYPE_CHOICE,
			   .choices = tmp_scopes,
			   .fallback = "user",
			   .expected = "user or session"},
	[KEY_TMP_STORE] = {.name = "tmp_store",
			   .type = TYPE_CHOICE,
			   .choices = tmp_stores,
			   .fallback = "memory",
			   .expected = "memory or disk"},
	[KEY_TMP_SIZE] = {.name = "tmp_size",
			  .type = TYPE_SIZE,
			  .min = KIB(64),
			  .fallback = "25%",
			  .expected = "a size such as 512M, 4G or 25%, at least 64K, or max"},
	[KEY_TMP_INODES] = {.name = "tmp_inodes",
			    .type = TYPE_COUNT,
			    .min = 16,
			    .max = 1000000000,
			    .fallback = "100k",
			    .expected = "a number such as 100k, from 16 to 1000m, or max"},
	[KEY_TMP_NOEXEC] = YES_OR_NO("tmp_noexec", "no"),
	[KEY_HIDE_HOMES] = YES_OR_NO("hide_homes", "no"),
	[KEY_HIDE] = PATHS("hide", "no"),
	[KEY_READ_ONLY] = PATHS("read_only", "no"),
	[KEY_BIND] = {.name = "bind",
		      .type = TYPE_BINDS,
		      .fallback = "no",
		      .expected = "SRC:DST or SRC:DST:ro, separated by blanks, with absolute paths "
				  "without //, /. or /.., or no"},
	[KEY_PRIVATE_DEV] = LATER("private_dev"),
	[KEY_ROOT] = LATER("root"),
	[KEY_PROC] = {.name = "proc",
		      .type = TYPE_CHOICE,
		      .choices = procs,
		      .fallback = "invisible",
		      .expected = "own or invisible"},
	[KEY_CAPABILITIES] = {.name = "capabilities",
			      .type = TYPE_CAPABILITIES,
			      .fallback = "all",
			      .expected = "names such as setuid or cap_setuid, all, or none"},
	[KEY_NO_NEW_PRIVS] = YES_OR_NO("no_new_privs", "no"),
	[KEY_MEMORY_MAX] = MEMORY("memory_max"),
	[KEY_MEMORY_HIGH] = MEMORY("memory_high"),
	[KEY_SWAP_MAX] = {.name = "swap_max",
			  .type = TYPE_SIZE,
			  .fallback = "max",
			  .expected = "a size such as 0, 512M, 4G or 25%, or max"},
	[KEY_CPU_MAX] =
		{.name = "cpu_max",
		 .type = TYPE_PERCENT,
		 .fallback = "max",
		 .expected = "a percentage of one CPU such as 150%, from 1% to 100000%, or max"},
	[KEY_CPU_WEIGHT] = {.name = "cpu_weight",
			    .type = TYPE_NUMBER,
			    .min = 1,
			    .max = 10000,
			    .expected = "a number from 1 to 10000"},
	[KEY_CPUS] = {.name = "cpus",
		      .type = TYPE_CPUS,
		      .expected = "a list such as 0-3,8, or max"},
	[KEY_MEMORY_NODES] = {.name = "memory_nodes",
			      .type = TYPE_CPUS,
			      .expected = "a list such as 0-3,8, or max"},
	/* The kernel's own upper bound of pids (PID_MAX_LIMIT). */
	[KEY_PIDS_MAX] = {.name = "pids_max",
			  .type = TYPE_COUNT,
			  .min = 1,
			  .max = 4194304,
			  .fallback = "max",
			  .expected = "a number from 1 to 4194304, or max"},
	[KEY_IO_WEIGHT] = {.name = "io_weight",
			   .type = TYPE_NUMBER,
			   .min = 1,
			   .max = 10000,
			   .expected = "a number from 1 to 10000"},
	[KEY_IO_MAX] = {.name = "io_max",
			.type = TYPE_IO_MAX,
			.fallback = "max",
			.expected =
				"DEVICE rbps=10M wbps=10M riops=1k wiops=1k, some of these after "
				"each of at most 8 devices, or max"},
	[KEY_HUGETLB_MAX] = LATER("hugetlb_max"),
	[KEY_DEVICES] = LATER("devices"),
	[KEY_NET] = LATER("net"),
	[KEY_NET_RATE] = LATER("net_rate"),
	[KEY_SESSIONS_MAX] = {.name = "sessions_max",
			      .type = TYPE_COUNT,
			      .min = 1,
			      .max = 1000000,
			      .fallback = "max",
			      .expected = "a number from 1 to 1000000, or max"},
	[KEY_RUNTIME_MAX] = {.name = "runtime_max",
			     .type = TYPE_TIME,
			     .fallback = "max",
			     .expected = "a time such as 90s, 10m, 8h or 2d, at least 1s, or max"},
	[KEY_OOM_SCORE_ADJ] = {.name = "oom_score_adj",
			       .type = TYPE_NUMBER,
			       .min = -1000,
			       .max = 1000,
			       .fallback = "0",
			       .expected = "a number from -1000 to 1000"},
	[KEY_NOTIFY] = {.name = "notify",
			.type = TYPE_CHOICE,
			.choices = notices,
			.fallback = "tty",
			.expected = "tty or no"},
	[KEY_SHELL] = {.name = "shell",
		       .type = TYPE_PATH,
		       .fallback = "/bin/bash",
		       .expected = "an absolute path, without //, /. or /.."},

	[KEY_HOST_CGROUP] = {.name = "cgroup",
			     .type = TYPE_CHOICE,
			     .host = true,
			     .choices = cgroups,
			     .fallback = "auto",
			     .expected = "auto, systemd, cgroupfs or none"},
	[KEY_HOST_TMP_ROOT] = {.name = "tmp_root",
			       .type = TYPE_PATH,
			       .host = true,
			       .fallback = CARREL_STATE "/tmp",
			       .expected = "an absolute path without //, /. or /.."},
	[KEY_HOST_HOME_ROOTS] = {.name = "home_roots",
				 .type = TYPE_PATHS,
				 .host = true,
				 .fallback = "/home",
				 .expected = EXPECTED_PATHS},
	[KEY_HOST_MOUNT_PROPAGATION] = {.name = "mount_propagation",
					.type = TYPE_CHOICE,
					.host = true,
					.choices = propagations,
					.fallback = "slave",
					.expected = "slave or private"},
};

enum policy_key policy_key_find(const char *name, bool host)
{
	/* On the way of each login: the first letter spares most of the comparisons. */
	for (enum policy_key key = 0; key < POLICY_KEYS; key++)
		if (policy_keys[key].host == host && policy_keys[key].name[0] == name[0] &&
		    strcmp(policy_keys[key].name, name) == 0)
			return key;
	return POLICY_KEYS;
}

/* SPDX-License-Identifier: MIT */
/*
 * policy_keys - the one table of policy keys: name, type, bounds, default, and whether this version
 * builds it. A new key is one row here (and, for a limit, one row in cgroup_controllers). Pure.
 */
#ifndef CARREL_POLICY_KEYS_H
#define CARREL_POLICY_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_key {
	KEY_SANDBOX,
	KEY_INSTANCE,
	KEY_ON_LOGOUT,
	KEY_NAMESPACES,
	KEY_HOSTNAME,
	KEY_PRIVATE_TMP,
	KEY_TMP_SCOPE,
	KEY_TMP_STORE,
	KEY_TMP_SIZE,
	KEY_TMP_INODES,
	KEY_TMP_NOEXEC,
	KEY_HIDE_HOMES,
	KEY_HIDE,
	KEY_READ_ONLY,
	KEY_BIND,
	KEY_PRIVATE_DEV,
	KEY_ROOT,
	KEY_PROC,
	KEY_CAPABILITIES,
	KEY_NO_NEW_PRIVS,
	KEY_MEMORY_MAX,
	KEY_MEMORY_HIGH,
	KEY_SWAP_MAX,
	KEY_CPU_MAX,
	KEY_CPU_WEIGHT,
	KEY_CPUS,
	KEY_MEMORY_NODES,
	KEY_PIDS_MAX,
	KEY_IO_WEIGHT,
	KEY_IO_MAX,
	KEY_HUGETLB_MAX,
	KEY_DEVICES,
	KEY_NET,
	KEY_NET_RATE,
	KEY_SESSIONS_MAX,
	KEY_RUNTIME_MAX,
	KEY_OOM_SCORE_ADJ,
	KEY_NOTIFY,
	KEY_SHELL,
	/* [host] */
	KEY_HOST_CGROUP,
	KEY_HOST_TMP_ROOT,
	KEY_HOST_HOME_ROOTS,
	KEY_HOST_MOUNT_PROPAGATION,
	POLICY_KEYS
};

enum policy_type {
	TYPE_BOOL, /* number: 0 or 1 */
	TYPE_CHOICE, /* number: index into choices[] */
	TYPE_CHOICES, /* number: bit set over choices[] */
	TYPE_SIZE, /* number: bytes or CONVERT_MAX; with percent set: percent of the machine's memory */
	TYPE_COUNT, /* number: min..max, k and m suffixes, or CONVERT_MAX for "max" */
	TYPE_NUMBER, /* number: (uint64_t)(int64_t) value, min..max */
	TYPE_PERCENT, /* number: percent of one CPU, or CONVERT_MAX */
	TYPE_TIME, /* number: seconds, or CONVERT_MAX */
	TYPE_TEXT, /* words[0] */
	TYPE_PATH, /* words[0]: absolute, normal (no "//", "/./", "/../", no trailing '/') */
	TYPE_PATHS, /* words: such paths; the word "no" alone, or nothing, is an empty list */
	TYPE_BINDS, /* words: SRC:DST or SRC:DST:ro, both such paths */
	TYPE_CPUS, /* words[0], canonical list of CPUs or memory nodes; number: 1 when set, 0 when unset */
	TYPE_IO_MAX, /* words, for io_max_read(); number: 1, or CONVERT_MAX */
	TYPE_CAPABILITIES, /* number: bit set of capability numbers that stay in the bounding set */
	TYPE_UNSUPPORTED, /* a key of later versions: its value isn't looked at */
};

enum choice_instance { INSTANCE_SESSION, INSTANCE_USER };
enum choice_logout { LOGOUT_KILL, LOGOUT_LINGER };
enum choice_notify { NOTIFY_TTY, NOTIFY_NO };
enum choice_tmp_scope { TMP_SCOPE_USER, TMP_SCOPE_SESSION };
enum choice_tmp_store { TMP_STORE_MEMORY, TMP_STORE_DISK };
enum choice_proc { PROC_OWN, PROC_INVISIBLE };
enum choice_cgroup { CGROUP_AUTO, CGROUP_SYSTEMD, CGROUP_CGROUPFS, CGROUP_NONE };
enum choice_propagation { PROPAGATION_SLAVE, PROPAGATION_PRIVATE };
/* Bit numbers of KEY_NAMESPACES, in the order of its choices. */
enum choice_namespace { NS_MOUNT, NS_PID, NS_IPC, NS_UTS, NS_NET, NS_CGROUP, NS_COUNT };

struct policy_key_info {
	const char *name;
	enum policy_type type;
	bool host; /* belongs into [host], nowhere else */
	bool unsupported; /* "not supported by this version" */
	const char *const *choices; /* NULL-terminated */
	uint32_t choices_unsupported; /* bit set of choices that this version refuses */
	int64_t min, max; /* of NUMBER and COUNT; min alone, of SIZE in bytes */
	const char *fallback; /* the default, in policy text; NULL: unset */
	const char *expected; /* how an error words what was expected: "a size such as 512M, …" */
};

extern const struct policy_key_info policy_keys[POLICY_KEYS];

/* The key of that name (exact, lower case), or POLICY_KEYS where there is none. */
enum policy_key policy_key_find(const char *name, bool host);

#endif

/* SPDX-License-Identifier: MIT */
#include "core/user_policy.h"

#include <string.h>

#include "core/cleanup.h"
#include "core/convert.h"

#define BIT(n) (UINT64_C(1) << (n))
#define KERNEL_CPU_WEIGHT 100

enum holder {
	HELD_BY_ROOT, /* unless it is lifted */
	HELD_BY_USER,
	HELD_BY_MANAGER, /* a limit: the user's systemd manager */
};

struct row {
	enum holder holder;
	const char *lifted; /* of HELD_BY_ROOT: what lifts it; NULL: leaving the key out */
	const char *why; /* of HELD_BY_ROOT */
};

static const struct row rows[POLICY_KEYS] = {
	[KEY_SANDBOX] = {.holder = HELD_BY_USER},
	[KEY_INSTANCE] = {.lifted = "session",
			  .why = "only pam_carrel lets logins share a sandbox"},
	[KEY_ON_LOGOUT] = {.lifted = "kill",
			   .why = "only pam_carrel lets a sandbox outlive its login"},
	[KEY_NAMESPACES] = {.holder = HELD_BY_USER},
	[KEY_HOSTNAME] = {.holder = HELD_BY_USER},
	[KEY_PRIVATE_TMP] = {.holder = HELD_BY_USER},
	[KEY_TMP_SCOPE] = {.lifted = "session",
			   .why = "only pam_carrel lets logins share directories"},
	[KEY_TMP_STORE] = {.lifted = "memory", .why = "only pam_carrel keeps them on disk"},
	[KEY_TMP_SIZE] = {.holder = HELD_BY_USER},
	[KEY_TMP_INODES] = {.holder = HELD_BY_USER},
	[KEY_TMP_NOEXEC] = {.holder = HELD_BY_USER},
	[KEY_HIDE_HOMES] = {.holder = HELD_BY_USER},
	[KEY_HIDE] = {.holder = HELD_BY_USER},
	[KEY_READ_ONLY] = {.holder = HELD_BY_USER},
	[KEY_BIND] = {.holder = HELD_BY_USER},
	[KEY_PRIVATE_DEV] = {.lifted = "no"},
	[KEY_ROOT] = {.lifted = "host"},
	[KEY_PROC] = {.holder = HELD_BY_USER},
	[KEY_CAPABILITIES] = {.holder = HELD_BY_USER}, /* all are dropped */
	[KEY_NO_NEW_PRIVS] = {.holder = HELD_BY_USER},
	[KEY_MEMORY_MAX] = {.holder = HELD_BY_MANAGER, .lifted = "max"},
	[KEY_MEMORY_HIGH] = {.holder = HELD_BY_MANAGER, .lifted = "max"},
	[KEY_SWAP_MAX] = {.holder = HELD_BY_MANAGER, .lifted = "max"},
	[KEY_CPU_MAX] = {.holder = HELD_BY_MANAGER, .lifted = "max"},
	[KEY_CPU_WEIGHT] = {.holder = HELD_BY_MANAGER, .lifted = "100"},
	[KEY_CPUS] = {.lifted = "max", .why = "only pam_carrel sets it"},
	[KEY_MEMORY_NODES] = {.lifted = "max", .why = "only pam_carrel sets it"},
	[KEY_PIDS_MAX] = {.holder = HELD_BY_MANAGER, .lifted = "max"},
	[KEY_IO_WEIGHT] = {.lifted = "100", .why = "only pam_carrel sets it"},
	[KEY_IO_MAX] = {.lifted = "max", .why = "only pam_carrel sets it"},
	[KEY_DEVICES] = {.lifted = "no"},
	[KEY_NET] = {.lifted = "host"},
	[KEY_SESSIONS_MAX] = {.lifted = "max", .why = "only pam_carrel counts logins"},
	[KEY_RUNTIME_MAX] = {.lifted = "max", .why = "only pam_carrel ends a session"},
	[KEY_OOM_SCORE_ADJ] = {.holder = HELD_BY_USER},
	[KEY_NOTIFY] = {.lifted = "no"},
	[KEY_SHELL] = {.holder = HELD_BY_USER},
	[KEY_HOST_CGROUP] = {.holder = HELD_BY_USER}, /* means nothing here */
	[KEY_HOST_TMP_ROOT] = {.holder = HELD_BY_USER}, /* of tmp_store = disk, refused above */
	[KEY_HOST_HOME_ROOTS] = {.holder = HELD_BY_USER},
	[KEY_HOST_MOUNT_PROPAGATION] = {.holder = HELD_BY_USER},
};

bool user_policy_is_limit(const struct effective *effective, enum policy_key key)
{
	const struct policy_value *value = effective->values[key];

	if (rows[key].holder != HELD_BY_MANAGER || !value->set || value->number == CONVERT_MAX)
		return false;
	return key != KEY_CPU_WEIGHT || value->number != KERNEL_CPU_WEIGHT;
}

bool user_policy_has_limits(const struct effective *effective)
{
	for (enum policy_key key = 0; key < POLICY_KEYS; key++)
		if (user_policy_is_limit(effective, key))
			return true;
	return false;
}

/* What is said of a key that can't be had: what it is, why, and how to go on. */
static void refuse(const struct effective *effective, enum policy_key key, const char *why,
		   struct policy_errors *refusals)
{
	const char *name = policy_keys[key].name, *lifted = rows[key].lifted;
	const struct origin origin = match_origin(effective->values[key]);

	if (lifted)
		policy_errors_add(refusals,
				  "%s %s: %s; set %s = %s under [service " USER_POLICY_SERVICE
				  "], or use pam_carrel",
				  name, origin.text, why, name, lifted);
	else
		policy_errors_add(refusals, "%s %s: %s; leave it to the sections of other services",
				  name, origin.text, why);
}

void user_policy_check(const struct effective *effective, bool manager,
		       struct policy_errors *refusals)
{
	for (enum policy_key key = 0; key < POLICY_KEYS; key++) {
		const struct policy_value *value = effective->values[key];
		const struct row *row = &rows[key];

		if (row->holder == HELD_BY_USER || !value->set || value->line == 0)
			continue;
		if (row->holder == HELD_BY_MANAGER) {
			if (!manager && user_policy_is_limit(effective, key))
				refuse(effective, key,
				       "only a systemd manager of the user's holds limits without "
				       "pam_carrel, and there is none",
				       refusals);
			continue;
		}
		if (!row->lifted || !value->text || strcmp(value->text, row->lifted) != 0)
			refuse(effective, key, row->why ? row->why : "only pam_carrel has it",
			       refusals);
	}
	if (effective_number(effective, KEY_NAMESPACES) & BIT(NS_NET))
		refuse(effective, KEY_NAMESPACES, "only pam_carrel makes a net namespace",
		       refusals);
}

/* SPDX-License-Identifier: MIT */
#include "admin/namespaces.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "admin/verb.h"
#include "core/cleanup.h"
#include "core/policy_keys.h"

const struct namespace_kind namespace_kinds[NAMESPACES] = {
	{"mnt", "MNT", NS_MOUNT}, {"pid", "PID", NS_PID}, {"ipc", "IPC", NS_IPC},
	{"uts", "UTS", NS_UTS},	  {"net", "NET", NS_NET}, {"cgroup", "CGROUP", NS_CGROUP},
};

void namespaces_read(const struct message_info *info, uint64_t ret_inodes[NAMESPACES])
{
	char path[64];
	_close_ int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%" PRId32 "/ns", info->init_pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < NAMESPACES; i++) {
		bool own = info->namespaces >> namespace_kinds[i].bit & 1;
		struct stat st;

		ret_inodes[i] = 0;
		if (fd >= 0 && own && fstatat(fd, namespace_kinds[i].file, &st, 0) == 0)
			ret_inodes[i] = st.st_ino;
	}
}

json_t *namespaces_json(const uint64_t inodes[NAMESPACES])
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < NAMESPACES; i++) {
		json_t *value = inodes[i] ? verb_json_number(inodes[i]) : json_null();

		if (json_object_set_new(object, namespace_kinds[i].file, value) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

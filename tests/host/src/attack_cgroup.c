/* SPDX-License-Identifier: MIT */
/*
 * attack_cgroup UID - get out of the slice user-UID.slice, or lift its limits. Exits 0 when this
 * process is in no such slice in the end in one hierarchy at least, or could write to a file of a
 * cgroup: its own, one of the others, one of a mount made in a user namespace.
 */
#include "attack_common.h"

#include <dirent.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const char *const files[] = {
	"cgroup.procs",
	"tasks",
	"release_agent",
	"notify_on_release",
	"memory.limit_in_bytes",
	"memory.max",
	"pids.max",
	"cpu.cfs_quota_us",
	"cpu.max",
	"cgroup.type",
	"cgroup.clone_children",
	"cgroup.kill",
	"cgroup.subtree_control",
	"devices.allow",
	"cpuset.cpus",
	"freezer.state",
};
static int writes;

/* Opening for writing is what the kernel checks; what is written is what is there, or ourselves. */
static void try_files(const char *dir)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		printf("succeeded: opened %s for writing\n", path);
		writes++;
		/* v2 refuses at write(2) what a delegated open lets through, and so on. */
		if (i < 2 && write(fd, "0", 1) == 1)
			printf("succeeded: moved by %s\n", path);
		(void)close(fd);
	}
	(void)snprintf(path, sizeof(path), "%s/attack", dir);
	if (mkdir(path, 0755) == 0) {
		printf("succeeded: mkdir %s\n", path);
		writes++;
		(void)rmdir(path);
	}
	if (chmod(dir, 0777) == 0) {
		printf("succeeded: chmod %s\n", dir);
		writes++;
	}
}

static void walk(const char *dir, int depth)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	char path[PATH_MAX];

	if (!stream)
		return;
	try_files(dir);
	while (depth > 0 && (entry = readdir(stream))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < (int)sizeof(path))
			walk(path, depth - 1);
	}
	(void)closedir(stream);
}

/* Descriptors that lead to a cgroup file or directory, left open by who started us. */
static void try_descriptors(void)
{
	char link[64], target[PATH_MAX];

	for (int fd = 0; fd < 1024; fd++) {
		ssize_t size;

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		size = readlink(link, target, sizeof(target) - 1);
		if (size <= 0)
			continue;
		target[size] = '\0';
		if (!strstr(target, "cgroup") && !strstr(target, ".slice"))
			continue;
		printf("succeeded: descriptor %d is %s\n", fd, target);
		writes++;
	}
}

static enum outcome as_user(void)
{
	try_descriptors();
	walk("/sys/fs/cgroup", 4);
	/* Upwards: the parent of what is shown as the root. */
	try_files("/sys/fs/cgroup/memory/..");
	try_files("/proc/1/root/sys/fs/cgroup/memory");
	return writes > 0 ? SUCCEEDED : BLOCKED;
}

static void try_mount(const char *type, const char *options, const char *where)
{
	if (mkdir(where, 0755) < 0)
		err(BROKEN, "%s", where);
	if (mount("none", where, type, 0, options) == 0)
		walk(where, 3);
	else
		(void)blocked(options ? options : type);
}

static enum outcome as_namespace_root(void)
{
	static const char *const v1[] = {"memory", "pids", "cpu", "none,name=attack"};
	char where[64];

	if (become_namespace_root(CLONE_NEWNS | CLONE_NEWCGROUP) < 0 ||
	    mount("tmpfs", "/mnt", "tmpfs", 0, NULL) < 0)
		err(BROKEN, "a user, mount and cgroup namespace");
	for (size_t i = 0; i < sizeof(v1) / sizeof(v1[0]); i++) {
		(void)snprintf(where, sizeof(where), "/mnt/%s", v1[i]);
		try_mount("cgroup", v1[i], where);
	}
	try_mount("cgroup2", NULL, "/mnt/v2");
	while (umount2("/sys/fs/cgroup/memory", MNT_DETACH) == 0 ||
	       umount2("/sys/fs/cgroup", MNT_DETACH) == 0)
		printf("succeeded: umount\n");
	walk("/sys/fs/cgroup", 4);
	return writes > 0 ? SUCCEEDED : BLOCKED;
}

/* In a hierarchy with limits, is a line of /proc/self/cgroup without the slice? */
static bool outside_of(const char *slice)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	bool in_memory = false, in_pids = false;

	while (file && fgets(line, sizeof(line), file)) {
		bool in = strstr(line, slice) != NULL;

		if (strstr(line, ":memory:") || (line[0] == '0' && in))
			in_memory = in_memory || in;
		if (strstr(line, ":pids:") || (line[0] == '0' && in))
			in_pids = in_pids || in;
	}
	if (file)
		(void)fclose(file);
	return !in_memory || !in_pids;
}

int main(int argc, char **argv)
{
	char slice[64];
	enum outcome user, root;

	if (argc != 2)
		errx(BROKEN, "usage: attack_cgroup UID");
	(void)snprintf(slice, sizeof(slice), "/user-%ld.slice", number(argv[1]));
	user = attempt(as_user);
	root = attempt(as_namespace_root);
	if (user == BROKEN || root == BROKEN)
		errx(BROKEN, "an attempt did not run");
	if (outside_of(slice))
		return (int)succeeded("not in the slice");
	return user == SUCCEEDED || root == SUCCEEDED ? SUCCEEDED : BLOCKED;
}

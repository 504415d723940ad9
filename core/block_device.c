/* SPDX-License-Identifier: MIT */
#include "core/block_device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/sys.h"

#define DEV "/dev/"
#define SYS "/sys/dev/block"
#define LAYERS_MAX 16
#define NODE_TRIES 1000

/*
 * The devices' own tree: files that others mount in there, such as /dev/shm, are users'. EAGAIN: somebody
 * mounted or renamed anywhere on the machine while a link's ".." was followed (openat2(2)); any user can see
 * to that for one lookup in ten.
 */
static int open_node(const char *path)
{
	_close_ int dev_fd = open(DEV, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;

	for (int tries = 0; dev_fd >= 0 && fd < 0 && tries < NODE_TRIES; tries++) {
		fd = sys_openat2(dev_fd, path + strlen(DEV), O_PATH | O_CLOEXEC,
				 RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
		if (fd < 0 && errno != EAGAIN)
			return -1;
	}
	/* To cgroup_create(), EAGAIN is a directory that went away. */
	if (fd < 0 && errno == EAGAIN)
		errno = EBUSY;
	return fd;
}

static int find_node(const char *path, dev_t *ret_device, struct failure *reterr)
{
	_close_ int fd = open_node(path);
	struct stat st;

	if (fd < 0)
		return failure_set(reterr, errno, "look for the device %s", path);
	if (fstat(fd, &st) < 0)
		return failure_set(reterr, errno, "fstat %s", path);
	if (!S_ISBLK(st.st_mode))
		return failure_say(reterr, ENOTBLK, "%s is no block device", path);
	*ret_device = st.st_rdev;
	return 0;
}

static int check_directory(int fd, const char *path, size_t len, dev_t *ret_device,
			   struct failure *reterr)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return failure_set(reterr, errno, "fstat %.*s", (int)len, path);
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return failure_say(reterr, EPERM,
				   "%.*s can be changed by others than root: name the device in "
				   "/dev",
				   (int)len, path);
	*ret_device = st.st_dev;
	return 0;
}

/* Component by component: what is checked is what is gone through. */
static int find_file_system(const char *path, dev_t *ret_device, struct failure *reterr)
{
	_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *at = path;
	dev_t device = 0;
	int r = fd < 0 ? failure_set(reterr, errno, "open /")
		       : check_directory(fd, "/", 1, &device, reterr);

	while (r == 0) {
		char name[NAME_MAX + 1];
		size_t len;

		at += strspn(at, "/");
		len = strcspn(at, "/");
		if (len == 0)
			break;
		if (len > NAME_MAX)
			return failure_set(reterr, ENAMETOOLONG, "look for %s", path);
		memcpy(name, at, len);
		name[len] = '\0';
		at += len;
		int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (next < 0)
			return failure_set(reterr, errno, "look for the directory %.*s",
					   (int)(at - path), path);
		close_fd(&fd);
		fd = next;
		r = check_directory(fd, path, (size_t)(at - path), &device, reterr);
	}
	if (r == 0 && major(device) == 0)
		r = failure_say(reterr, ENODEV,
				"the file system of %s has no device that the kernel tells of "
				"(btrfs, tmpfs, NFS): name the disk in /dev",
				path);
	if (r == 0)
		*ret_device = device;
	return r;
}

/* "8:0" of a file in sysfs. */
static int read_number(int dir_fd, const char *file, dev_t *ret_device)
{
	_close_ int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	unsigned int major_number, minor_number;
	char text[32];
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got < 0)
		return -errno;
	text[got] = '\0';
	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		return -EPROTO;
	*ret_device = makedev(major_number, minor_number);
	return 0;
}

static int open_sys(dev_t device)
{
	char path[64];

	(void)snprintf(path, sizeof(path), SYS "/%u:%u", major(device), minor(device));
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The one device that this one lies on. False: on none, or on several. */
static bool find_slave(int sys_fd, dev_t *ret_device)
{
	_close_ int fd = openat(sys_fd, "slaves", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char file[NAME_MAX + 8] = "";
	int count = 0;
	bool found;

	if (!dir)
		return false;
	(void)steal_fd(&fd);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		(void)snprintf(file, sizeof(file), "%s/dev", entry->d_name);
	}
	found = count == 1 && read_number(dirfd(dir), file, ret_device) == 0;
	(void)closedir(dir);
	return found;
}

static int find_disk(const char *path, dev_t device, dev_t *ret_disk, struct failure *reterr)
{
	for (int i = 0; i < LAYERS_MAX; i++) {
		_close_ int sys_fd = open_sys(device);
		dev_t beneath = 0;

		if (sys_fd < 0)
			return failure_say(reterr, ENODEV, "%s is %u:%u, and there is no such disk",
					   path, major(device), minor(device));
		if (find_slave(sys_fd, &beneath)) {
			device = beneath;
			continue;
		}
		/* sysfs has a partition in its disk's directory. */
		if (faccessat(sys_fd, "partition", F_OK, 0) == 0 &&
		    read_number(sys_fd, "../dev", &device) < 0)
			return failure_say(reterr, ENODEV,
					   "%s: the disk of partition %u:%u is not "
					   "known",
					   path, major(device), minor(device));
		*ret_disk = device;
		return 0;
	}
	return failure_say(reterr, ELOOP, "%s lies on more than %d devices", path, LAYERS_MAX);
}

int block_device_find(const char *path, dev_t *ret_disk, struct failure *reterr)
{
	dev_t device = 0;
	int r = strncmp(path, DEV, strlen(DEV)) == 0 ? find_node(path, &device, reterr)
						     : find_file_system(path, &device, reterr);

	return r < 0 ? r : find_disk(path, device, ret_disk, reterr);
}

void block_device_name(dev_t disk, char *ret_name, size_t size)
{
	char path[64], target[PATH_MAX];
	ssize_t len;
	const char *name;

	(void)snprintf(path, sizeof(path), SYS "/%u:%u", major(disk), minor(disk));
	len = readlink(path, target, sizeof(target) - 1);
	if (len > 0)
		target[len] = '\0';
	name = len > 0 ? strrchr(target, '/') : NULL;
	(void)snprintf(ret_name, size, "%s", name ? name + 1 : path + strlen(SYS "/"));
}

/* SPDX-License-Identifier: MIT */
#include "admin/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/sys.h"

#define SUBJECT "kernel"
#define FLOOR_MAJOR 5
#define FLOOR_MINOR 12

static void look_at_version(struct findings *findings)
{
	struct utsname name;
	int major = 0, minor = 0;

	if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) {
		findings_add(findings, FINDING_WARN, SUBJECT, "its version can't be told");
	} else if (major < FLOOR_MAJOR || (major == FLOOR_MAJOR && minor < FLOOR_MINOR)) {
		findings_add(findings, FINDING_FAIL, SUBJECT, "Linux %s is older than %d.%d",
			     name.release, FLOOR_MAJOR, FLOOR_MINOR);
		findings_mend(findings, "boot a newer kernel");
	} else {
		findings_add(findings, FINDING_OK, SUBJECT, "Linux %s, %d.%d or newer",
			     name.release, FLOOR_MAJOR, FLOOR_MINOR);
	}
}

/* Probes: each makes the call in a way that can't change anything. 0: it is there, else errno. */

static int answer(int fd)
{
	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int probe_openat2(void)
{
	return answer(sys_openat2(AT_FDCWD, "/", O_PATH | O_CLOEXEC, RESOLVE_NO_SYMLINKS));
}

static int probe_pidfd(void)
{
	return answer(sys_pidfd_open(getpid()));
}

/* A structure of no size is EINVAL to a kernel that has the call. */
static int probe_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0) < 0 && errno != EINVAL ? errno : 0;
}

static int probe_mount_setattr(void)
{
	return syscall(SYS_mount_setattr, -1, "", AT_EMPTY_PATH, NULL, 0) < 0 && errno != EINVAL
		       ? errno
		       : 0;
}

static int probe_open_tree(void)
{
	return answer(sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLOEXEC));
}

static int probe_fsopen(void)
{
	return answer(sys_fsopen("tmpfs"));
}

static int probe_mqueue(void)
{
	return answer(sys_fsopen("mqueue"));
}

/* The option is looked at when it is set; the file system is never made. */
static int probe_hidepid(void)
{
	_close_ int fd = sys_fsopen("proc");

	if (fd < 0 || sys_fsconfig_string(fd, "hidepid", "invisible") < 0)
		return errno;
	return 0;
}

static void look_at_calls(struct findings *findings)
{
	static const struct {
		const char *name, *mend;
		int (*probe)(void);
		enum finding_level otherwise;
	} calls[] = {
		{"openat2", "Linux 5.6 has it", probe_openat2, FINDING_FAIL},
		{"clone3", "Linux 5.3 has it", probe_clone3, FINDING_FAIL},
		{"pidfd_open", "Linux 5.3 has it", probe_pidfd, FINDING_FAIL},
		{"mount_setattr", "Linux 5.12 has it", probe_mount_setattr, FINDING_FAIL},
		{"open_tree", "Linux 5.2 has it", probe_open_tree, FINDING_FAIL},
		{"fsopen", "Linux 5.2 has it", probe_fsopen, FINDING_FAIL},
		{"procfs with hidepid=invisible", "Linux 5.8 has it; else set `proc = own`",
		 probe_hidepid, FINDING_FAIL},
		{"POSIX message queues", "nothing to do, unless programs here need them",
		 probe_mqueue, FINDING_WARN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int err = calls[i].probe();

		if (err == 0) {
			findings_add(findings, FINDING_OK, SUBJECT, "%s: there", calls[i].name);
		} else if (err == EPERM && geteuid() != 0) {
			findings_add(findings, FINDING_WARN, SUBJECT, "%s: only root can try it",
				     calls[i].name);
			findings_mend(findings, "run `carrel doctor` as root");
		} else {
			findings_add(findings, calls[i].otherwise, SUBJECT, "%s: %s", calls[i].name,
				     strerror(err));
			findings_mend(findings, "%s%s", calls[i].mend,
				      err == EPERM || err == ENOSYS
					      ? "; a container's seccomp filter may forbid it"
					      : "");
		}
	}
}

/* The number in a file of /proc; -1 where there is none. */
static long long read_number(const char *path)
{
	_fclose_ FILE *file = fopen(path, "re");
	long long number;

	return file && fscanf(file, "%lld", &number) == 1 ? number : -1;
}

static void look_at_namespaces(struct findings *findings)
{
	static const struct {
		const char *name, *kind;
		enum finding_level otherwise; /* mount, pid and ipc are in the default policy */
	} namespaces[] = {
		{"mnt", "mount", FINDING_FAIL},	    {"pid", "pid", FINDING_FAIL},
		{"ipc", "ipc", FINDING_FAIL},	    {"uts", "uts", FINDING_WARN},
		{"cgroup", "cgroup", FINDING_WARN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		const char *kind = namespaces[i].kind;
		char own[64], limit[64];
		long long max;

		(void)snprintf(own, sizeof(own), "/proc/self/ns/%s", namespaces[i].name);
		(void)snprintf(limit, sizeof(limit), "/proc/sys/user/max_%s_namespaces",
			       namespaces[i].name);
		max = read_number(limit);
		if (access(own, F_OK) < 0) {
			findings_add(findings, namespaces[i].otherwise, SUBJECT,
				     "no %s namespaces: %s: %s", kind, own, strerror(errno));
			findings_mend(findings,
				      "boot a kernel that has them, or leave %s out of "
				      "`namespaces`",
				      kind);
		} else if (max == 0) {
			findings_add(findings, namespaces[i].otherwise, SUBJECT,
				     "%s namespaces are turned off: %s is 0", kind, limit);
			findings_mend(findings,
				      "sysctl user.max_%s_namespaces=16384, and see "
				      "/etc/sysctl.d",
				      namespaces[i].name);
		} else if (max > 0 && max < 256) {
			findings_add(findings, FINDING_WARN, SUBJECT,
				     "at most %lld %s namespaces: %s", max, kind, limit);
			findings_mend(findings, "sysctl user.max_%s_namespaces=16384",
				      namespaces[i].name);
		} else {
			findings_add(findings, FINDING_OK, SUBJECT, "%s namespaces: there", kind);
		}
	}
}

/* What root may still do here: containers take some away. */
static void look_at_capabilities(struct findings *findings)
{
	static const struct {
		int number;
		const char *name, *without;
		enum finding_level level;
	} needed[] = {
		{CAP_SYS_ADMIN, "sys_admin", "no namespaces, no mounts", FINDING_FAIL},
		{CAP_SYS_CHROOT, "sys_chroot", "no joining of a mount namespace", FINDING_FAIL},
		{CAP_SYS_PTRACE, "sys_ptrace", "no comparing of namespaces", FINDING_FAIL},
		{CAP_SETUID, "setuid", "no changing to the user", FINDING_FAIL},
		{CAP_SETGID, "setgid", "no changing to the user", FINDING_FAIL},
		{CAP_SETPCAP, "setpcap", "no reduced bounding set", FINDING_FAIL},
		{CAP_KILL, "kill", "no ending of sandboxes", FINDING_FAIL},
		{CAP_DAC_OVERRIDE, "dac_override", "no looking into some directories",
		 FINDING_WARN},
		{CAP_SYS_RESOURCE, "sys_resource", "oom_score_adj can't go below what sshd has",
		 FINDING_WARN},
	};
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
	uint64_t effective;

	if (geteuid() != 0)
		return;
	if (syscall(SYS_capget, &head, sets) < 0) {
		findings_add(findings, FINDING_WARN, SUBJECT, "capabilities can't be told: %s",
			     strerror(errno));
		return;
	}
	effective = (uint64_t)sets[1].effective << 32 | sets[0].effective;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (effective >> needed[i].number & 1)
			continue;
		findings_add(findings, needed[i].level, SUBJECT,
			     "root here lacks the capability %s: %s", needed[i].name,
			     needed[i].without);
		findings_mend(findings,
			      "give the container or service that runs this the capability");
	}
}

void doctor_kernel(struct findings *findings)
{
	look_at_version(findings);
	look_at_calls(findings);
	look_at_namespaces(findings);
	look_at_capabilities(findings);
}

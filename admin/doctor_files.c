/* SPDX-License-Identifier: MIT */
#include "admin/doctor.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/policy_file.h"

#define SUBJECT "files"
#define WRITABLE_BY_OTHERS (S_IWGRP | S_IWOTH)
#define ROOM_MIN (1024 * 1024) /* bytes in /run: sockets and locks need next to nothing */
#define MODULES_MAX 16

/* Installed files ----------------------------------------------------------------------------- */

/* Each directory above must be root's alone, or the file can be exchanged. */
static void look_above(struct findings *findings, const char *path)
{
	char above[PATH_MAX];
	struct stat st;
	char *slash;

	if (!realpath(path, above))
		return; /* said by the caller's own stat */
	while ((slash = strrchr(above, '/')) && slash != above) {
		*slash = '\0';
		if (stat(above, &st) < 0)
			return;
		/* With the sticky bit others can add, but not exchange what is root's. */
		if (st.st_uid == 0 && (!(st.st_mode & WRITABLE_BY_OTHERS) || st.st_mode & S_ISVTX))
			continue;
		findings_add(findings, FINDING_FAIL, SUBJECT,
			     "%s: owned by uid %u, mode %04o: others can exchange what is in it",
			     above, st.st_uid, st.st_mode & 07777);
		findings_mend(findings, "chown root:root %s && chmod go-w %s", above, above);
	}
}

static bool look_at_mode(struct findings *findings, const char *path, const struct stat *st)
{
	bool good = true;

	if (st->st_uid != 0 || st->st_mode & WRITABLE_BY_OTHERS) {
		findings_add(
			findings, FINDING_FAIL, SUBJECT,
			"%s: owned by uid %u, mode %04o; expected root, and nobody else to write",
			path, st->st_uid, st->st_mode & 07777);
		findings_mend(findings, "chown root:root %s && chmod go-w %s", path, path);
		good = false;
	}
	if (S_ISREG(st->st_mode) && st->st_mode & (S_ISUID | S_ISGID)) {
		findings_add(findings, FINDING_FAIL, SUBJECT, "%s: setuid or setgid, mode %04o",
			     path, st->st_mode & 07777);
		findings_mend(findings, "chmod ug-s %s", path);
		good = false;
	}
	if (getxattr(path, "security.capability", NULL, 0) > 0) {
		findings_add(findings, FINDING_FAIL, SUBJECT, "%s: carries file capabilities",
			     path);
		findings_mend(findings, "setcap -r %s", path);
		good = false;
	}
	return good;
}

static bool look_at_file(struct findings *findings, const char *path, bool program)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		findings_add(findings, FINDING_FAIL, SUBJECT, "%s: %s", path, strerror(errno));
		findings_mend(findings, "install carrel again");
		return false;
	}
	look_above(findings, path);
	if (!look_at_mode(findings, path, &st))
		return false;
	if (program && !(S_ISREG(st.st_mode) && st.st_mode & S_IXUSR)) {
		findings_add(findings, FINDING_FAIL, SUBJECT, "%s: not a program, mode %04o", path,
			     st.st_mode & 07777);
		findings_mend(findings, "chmod 0755 %s", path);
		return false;
	}
	findings_add(findings, FINDING_OK, SUBJECT, "%s: root's, mode %04o", path,
		     st.st_mode & 07777);
	return true;
}

static void look_at_self(struct findings *findings)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length < 0)
		return;
	path[length] = '\0';
	(void)look_at_file(findings, path, true);
}

/* The module ---------------------------------------------------------------------------------- */

/*
 * In a child: what is loaded runs code, and one built with a sanitizer ends the process. An empty
 * `why`: it loads.
 */
static void try_module(const char *path, char *why, size_t size)
{
	_close_ int in = -1, out = -1;
	int ends[2], status = 0;
	ssize_t length;
	pid_t pid;

	(void)snprintf(why, size, "can't be tried: out of descriptors or processes");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid < 0)
		return;
	if (pid == 0) {
		void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		const char *error = module && dlsym(module, "pam_sm_open_session") ? "" : dlerror();

		if (error && error[0])
			_exit(write(out, error, strlen(error)) < 0);
		_exit(0);
	}
	close_fd(&out);
	length = read(in, why, size - 1);
	why[length > 0 ? length : 0] = '\0';
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0 && !why[0])
		(void)snprintf(why, size, "the process that loads it dies (wait status 0x%x)",
			       (unsigned int)status);
}

static void look_at_module(struct findings *findings, const char *path)
{
	char why[512];

	if (!look_at_file(findings, path, false))
		return;
	try_module(path, why, sizeof(why));
	if (!why[0]) {
		findings_add(findings, FINDING_OK, SUBJECT, "%s loads", path);
		return;
	}
	findings_add(findings, FINDING_FAIL, SUBJECT,
		     "%s does not load, so every login through it fails, root's too: %s", path,
		     why);
	findings_mend(findings, "install carrel again");
}

static void look_for_module(struct findings *findings)
{
	static const char *const patterns[] = {
#ifdef CARREL_PAMDIR
		/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): it is one path */
		CARREL_PAMDIR "/pam_carrel.so",
#endif
		"/lib/*/security/pam_carrel.so",   "/lib/security/pam_carrel.so",
		"/lib64/security/pam_carrel.so",   "/usr/lib/*/security/pam_carrel.so",
		"/usr/lib/security/pam_carrel.so", "/usr/lib64/security/pam_carrel.so",
	};
	struct stat seen[MODULES_MAX];
	size_t count = 0;
	glob_t found = {0};

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		(void)glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && count < ARRAY_SIZE(seen); i++) {
		size_t known = 0;

		/* /lib is often a link to /usr/lib. */
		if (stat(found.gl_pathv[i], &seen[count]) < 0)
			continue;
		while (seen[known].st_ino != seen[count].st_ino ||
		       seen[known].st_dev != seen[count].st_dev)
			known++;
		if (known == count++)
			look_at_module(findings, found.gl_pathv[i]);
		else
			count--;
	}
	globfree(&found);
	if (count)
		return;
	findings_add(findings, FINDING_FAIL, SUBJECT,
		     "no pam_carrel.so in any directory that libpam looks into");
	findings_mend(findings, "make install, with PAMDIR set to where pam_unix.so is");
}

/* Directories --------------------------------------------------------------------------------- */

static void look_at_directory(struct findings *findings, const char *path, const char *absent)
{
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT && absent) {
		findings_add(findings, FINDING_OK, SUBJECT, "%s: %s", path, absent);
	} else if (lstat(path, &st) < 0) {
		findings_add(findings, FINDING_WARN, SUBJECT, "%s: %s", path, strerror(errno));
		findings_mend(findings, "install -d -m 0700 -o root -g root %s", path);
	} else if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 07777) != 0700) {
		findings_add(
			findings, FINDING_FAIL, SUBJECT,
			"%s: %sowned by uid %u, mode %04o; expected a directory of root's, 0700",
			path, S_ISDIR(st.st_mode) ? "" : "no directory, ", st.st_uid,
			st.st_mode & 07777);
		findings_mend(findings, "install -d -m 0700 -o root -g root %s", path);
	} else {
		findings_add(findings, FINDING_OK, SUBJECT, "%s: root's, mode 0700", path);
	}
}

/* Where CARREL_RUN is or will be. */
static void look_at_room(struct findings *findings)
{
	char path[PATH_MAX] = CARREL_RUN;
	struct statvfs fs;
	char *slash = strrchr(path, '/');

	if (statvfs(path, &fs) < 0 && slash && slash != path) {
		*slash = '\0';
		if (statvfs(path, &fs) < 0)
			return;
	}
	if (fs.f_flag & ST_RDONLY || fs.f_bavail * fs.f_frsize < ROOM_MIN ||
	    (fs.f_files && fs.f_favail < 64)) {
		findings_add(findings, FINDING_FAIL, SUBJECT,
			     "%s is full or read-only: logins can't be registered and are refused",
			     path);
		findings_mend(findings, "df -h %s; df -i %s", path, path);
	}
}

void doctor_files(struct findings *findings)
{
	(void)look_at_file(findings, CARREL_LIBEXEC "/carrel-session", true);
	(void)look_at_file(findings, CARREL_LIBEXEC "/carrel-shell", true);
	(void)look_at_file(findings, CARREL_BINDIR "/carrel-shell", true);
	(void)look_at_file(findings, CARREL_LIBEXEC "/carrel-init", true);
	look_at_self(findings);
	look_for_module(findings);
	if (geteuid() != 0) {
		findings_add(findings, FINDING_WARN, SUBJECT, "%s, %s: only root can look",
			     CARREL_RUN, CARREL_STATE);
		findings_mend(findings, "run `carrel doctor` as root");
		return;
	}
	look_at_directory(findings, CARREL_RUN, "not there yet, the first login makes it");
	look_at_directory(findings, CARREL_STATE, "not there yet, the first login makes it");
	look_at_room(findings);
}

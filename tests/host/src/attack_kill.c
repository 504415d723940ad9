/* SPDX-License-Identifier: MIT */
/*
 * attack_kill EXE SECONDS PAUSE_US - kill -9 every process that runs the program EXE, as soon as it
 * shows, PAUSE_US apart. Run as root, on a program that belongs to this test run alone. Prints how
 * many; exits 1 when it was none.
 */
#include "attack_common.h"

#include <dirent.h>
#include <limits.h>

#include "proc_pid.h"

static long kill_once(const char *exe)
{
	char path[64], target[PATH_MAX];
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	long killed = 0;

	if (!proc)
		err(BROKEN, "/proc");
	while ((entry = readdir(proc))) {
		pid_t pid = proc_pid(entry->d_name);
		ssize_t size;

		if (pid < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		size = readlink(path, target, sizeof(target) - 1);
		if (size <= 0)
			continue;
		target[size] = '\0';
		if (!strcmp(target, exe) && kill(pid, SIGKILL) == 0)
			killed++;
	}
	(void)closedir(proc);
	return killed;
}

int main(int argc, char **argv)
{
	long long end;
	long killed = 0, pause_us;

	if (argc != 4 || argv[1][0] != '/')
		errx(BROKEN, "usage: attack_kill EXE SECONDS PAUSE_US");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	end = attack_now_ms() + number(argv[2]) * 1000;
	pause_us = number(argv[3]);
	while (attack_now_ms() < end) {
		struct timespec time = {.tv_nsec = pause_us % 1000000 * 1000};

		killed += kill_once(argv[1]);
		(void)nanosleep(&time, NULL);
	}
	printf("killed: %ld\n", killed);
	return killed > 0 ? SUCCEEDED : BLOCKED;
}

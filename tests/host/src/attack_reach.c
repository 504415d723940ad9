/* SPDX-License-Identifier: MIT */
/*
 * attack_reach VERB ARG... - try to reach what is another's. Exits 0 when it was reached.
 *
 *   exists PID              is the pid one that a signal could be sent to? EPERM says yes
 *   everybody               kill(-1, SIGCONT); who was hit is for the victims to say
 *   trace PID               attach with ptrace
 *   read PID ADDR SIZE      process_vm_readv; prints what was read
 *   open PID ENTRY          open /proc/PID/ENTRY
 *   sysv shm|sem|msg KEY    open the object by its key and use it
 *   id shm|sem|msg ID       the same by its id
 *   posix shm|sem|mq NAME   open the object by its name and use it
 *   init PID                everything that one can do to a PID 1 that is one's own
 */
#include "attack_common.h"

#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "argument.h"

static enum outcome exists(pid_t pid)
{
	if (kill(pid, 0) == 0 || errno == EPERM)
		return succeeded("the pid can be addressed");
	return blocked("kill");
}

static enum outcome everybody(void)
{
	if (kill(-1, SIGCONT) == 0)
		return succeeded("somebody was signalled");
	return blocked("kill -1");
}

static enum outcome trace(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return blocked("ptrace");
	return succeeded("ptrace");
}

static enum outcome read_memory(pid_t pid, unsigned long address, size_t size)
{
	char buffer[256] = "";
	struct iovec local = {.iov_base = buffer,
			      .iov_len = size < sizeof(buffer) ? size : sizeof(buffer) - 1};
	struct iovec remote = {.iov_base = (void *)address, .iov_len = local.iov_len};

	if (process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0)
		return blocked("process_vm_readv");
	return succeeded(buffer);
}

static enum outcome open_entry(pid_t pid, const char *entry)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, entry);
	if (open(path, O_RDONLY | O_CLOEXEC) < 0)
		return blocked(path);
	return succeeded(path);
}

static enum outcome use_sysv(const char *kind, int id)
{
	struct {
		long type;
		char text[64];
	} message = {.type = 0};

	if (id < 0)
		return blocked("open it");
	if (!strcmp(kind, "shm")) {
		const char *memory = shmat(id, NULL, SHM_RDONLY);

		return memory == (void *)-1 ? blocked("shmat") : succeeded(memory);
	}
	if (!strcmp(kind, "sem")) {
		struct sembuf up = {.sem_op = 1};

		return semop(id, &up, 1) < 0 ? blocked("semop") : succeeded("semop");
	}
	/* A copy, so that the next attacker finds the message in its place. */
	if (msgrcv(id, &message, sizeof(message.text), 0, IPC_NOWAIT) < 0)
		return blocked("msgrcv");
	if (msgsnd(id, &message, sizeof(message.text), IPC_NOWAIT) < 0)
		err(BROKEN, "put the message back");
	return succeeded(message.text);
}

static enum outcome find_sysv(const char *kind, key_t key)
{
	if (!strcmp(kind, "shm"))
		return use_sysv(kind, shmget(key, 0, 0));
	if (!strcmp(kind, "sem"))
		return use_sysv(kind, semget(key, 0, 0));
	return use_sysv(kind, msgget(key, 0));
}

static enum outcome use_posix(const char *kind, const char *name)
{
	char slash[256], text[64] = "";

	(void)snprintf(slash, sizeof(slash), "/%s", name);
	if (!strcmp(kind, "shm")) {
		int fd = shm_open(slash, O_RDWR, 0);

		if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
			return blocked("shm_open");
	} else if (!strcmp(kind, "sem")) {
		sem_t *sem = sem_open(slash, 0);

		if (sem == SEM_FAILED || sem_post(sem) < 0)
			return blocked("sem_open");
	} else {
		mqd_t queue = mq_open(slash, O_RDWR | O_NONBLOCK);

		if (queue == (mqd_t)-1)
			return blocked("mq_open");
		if (mq_receive(queue, text, sizeof(text), NULL) < 0 ||
		    mq_send(queue, text, sizeof(text), 0) < 0)
			return blocked("use the queue");
	}
	return succeeded(kind);
}

static enum outcome init_by_pidfd(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return blocked("pidfd_open");
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) == 0)
		return succeeded("pidfd_send_signal");
	(void)blocked("pidfd_send_signal");
	for (int fd = 0; fd < 16; fd++)
		if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0)
			return succeeded("pidfd_getfd");
	return blocked("pidfd_getfd");
}

/* One attempt after the other: each prints how it went, one that succeeds is enough. */
static enum outcome attack_init(pid_t pid)
{
	static const char *const entries[] = {"mem",  "root/tmp",   "fd/",     "cwd/", "environ",
					      "maps", "ns/mnt",	    "ns/pid",  "exe",  "auxv",
					      "io",   "map_files/", "syscall", "stack"};
	static const int signals[] = {SIGCONT, SIGTERM, SIGKILL, SIGSTOP, SIGHUP, SIGSEGV};
	struct rlimit limit = {.rlim_cur = 1, .rlim_max = 1};
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	cpu_set_t cpus;
	int good = 0;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		good += open_entry(pid, entries[i]) == SUCCEEDED;
	good += trace(pid) == SUCCEEDED;
	/* The address does not matter: EFAULT would say that we were let in. */
	if (process_vm_readv(pid, &iov, 1, &iov, 1, 0) >= 0 || errno == EFAULT)
		good += succeeded("process_vm_readv") == SUCCEEDED;
	good += init_by_pidfd(pid) == SUCCEEDED;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(pid, sizeof(cpus), &cpus) == 0)
		good += succeeded("sched_setaffinity") == SUCCEEDED;
	if (setpriority(PRIO_PROCESS, (id_t)pid, 19) == 0)
		good += succeeded("setpriority") == SUCCEEDED;
	if (prlimit(pid, RLIMIT_NOFILE, &limit, NULL) == 0)
		good += succeeded("prlimit") == SUCCEEDED;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (kill(pid, signals[i]) == 0)
			good += succeeded("kill") == SUCCEEDED;
	return good > 0 ? SUCCEEDED : BLOCKED;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "exists") && argc == 3)
		return (int)exists(argument_pid(argv[2]));
	if (!strcmp(verb, "everybody") && argc == 2)
		return (int)everybody();
	if (!strcmp(verb, "trace") && argc == 3)
		return (int)trace(argument_pid(argv[2]));
	if (!strcmp(verb, "read") && argc == 5)
		return (int)read_memory(argument_pid(argv[2]), strtoul(argv[3], NULL, 16),
					(size_t)number(argv[4]));
	if (!strcmp(verb, "open") && argc == 4)
		return (int)open_entry(argument_pid(argv[2]), argv[3]);
	if (!strcmp(verb, "sysv") && argc == 4)
		return (int)find_sysv(argv[2], (key_t)number(argv[3]));
	if (!strcmp(verb, "id") && argc == 4)
		return (int)use_sysv(argv[2], (int)number(argv[3]));
	if (!strcmp(verb, "posix") && argc == 4)
		return (int)use_posix(argv[2], argv[3]);
	if (!strcmp(verb, "init") && argc == 3)
		return (int)attack_init(argument_pid(argv[2]));
	errx(BROKEN, "usage: attack_reach VERB ARG... (see the source)");
}

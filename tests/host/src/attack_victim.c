/* SPDX-License-Identifier: MIT */
/*
 * attack_victim NAME - what another user has: a process, files in the shared directories, SysV and
 * POSIX IPC objects, all named NAME and open to everybody, so that nothing but the sandbox stands
 * between them and the attacker. Prints one line "pid=… addr=… key=…" and stays until SIGTERM, then
 * removes everything. Each SIGCONT is answered with a line "hit".
 */
#include "attack_common.h"

#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>

#define SECRET "the victim's secret"

static char secret[] = SECRET;
static const char *const dirs[] = {"/tmp", "/var/tmp", "/dev/shm"};
static volatile sig_atomic_t ended;

static void on_hit(int sig)
{
	(void)sig;
	if (write(STDOUT_FILENO, "hit\n", 4) < 0)
		_exit(2);
}

static void on_end(int sig)
{
	(void)sig;
	ended = 1;
}

/* Anybody can find the objects of a name by the same key. */
static key_t key_of(const char *name)
{
	unsigned int key = 5381;

	while (*name)
		key = key * 33 + (unsigned char)*name++;
	return (key_t)(key & 0x7ffffff0) | 1;
}

static void make_files(const char *name)
{
	char path[256];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0 || write(fd, SECRET "\n", sizeof(SECRET)) < 0)
			err(BROKEN, "%s", path);
		(void)close(fd);
	}
}

static void make_sysv(key_t key, int ids[3])
{
	struct {
		long type;
		char text[sizeof(secret)];
	} message = {.type = 1, .text = SECRET};
	char *memory;

	ids[0] = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0666);
	ids[1] = semget(key, 1, IPC_CREAT | IPC_EXCL | 0666);
	ids[2] = msgget(key, IPC_CREAT | IPC_EXCL | 0666);
	if (ids[0] < 0 || ids[1] < 0 || ids[2] < 0)
		err(BROKEN, "SysV IPC objects");
	memory = shmat(ids[0], NULL, 0);
	if (memory == (void *)-1 || msgsnd(ids[2], &message, sizeof(message.text), 0) < 0)
		err(BROKEN, "filling the SysV IPC objects");
	memcpy(memory, secret, sizeof(secret));
}

static void make_posix(const char *name)
{
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 64};
	char slash[256];
	sem_t *sem;
	mqd_t queue;
	int fd;

	(void)snprintf(slash, sizeof(slash), "/%s-posix", name);
	fd = shm_open(slash, O_RDWR | O_CREAT | O_EXCL, 0666);
	if (fd < 0 || write(fd, SECRET, sizeof(secret)) < 0)
		err(BROKEN, "shm_open");
	sem = sem_open(slash, O_CREAT | O_EXCL, 0666, 1);
	if (sem == SEM_FAILED)
		err(BROKEN, "sem_open");
	queue = mq_open(slash, O_RDWR | O_CREAT | O_EXCL, 0666, &attr);
	if (queue == (mqd_t)-1 || mq_send(queue, SECRET, sizeof(secret), 0) < 0)
		err(BROKEN, "mq_open");
}

static void remove_all(const char *name, const int ids[3])
{
	char path[256];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "/%s-posix", name);
	(void)shm_unlink(path);
	(void)sem_unlink(path);
	(void)mq_unlink(path);
	(void)shmctl(ids[0], IPC_RMID, NULL);
	(void)semctl(ids[1], 0, IPC_RMID);
	(void)msgctl(ids[2], IPC_RMID, NULL);
}

int main(int argc, char **argv)
{
	struct sigaction action;
	int ids[3];

	if (argc != 2)
		errx(BROKEN, "usage: attack_victim NAME");
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_hit;
	if (sigaction(SIGCONT, &action, NULL) < 0)
		err(BROKEN, "sigaction");
	action.sa_handler = on_end;
	if (sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGHUP, &action, NULL) < 0)
		err(BROKEN, "sigaction");
	/* Where Yama restricts ptrace, everybody may still trace this one. */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	(void)umask(0);
	make_files(argv[1]);
	make_sysv(key_of(argv[1]), ids);
	make_posix(argv[1]);
	printf("pid=%d addr=%p size=%zu key=%d shm=%d sem=%d msg=%d\n", getpid(), (void *)secret,
	       sizeof(secret), (int)key_of(argv[1]), ids[0], ids[1], ids[2]);
	(void)fflush(stdout);
	while (!ended)
		(void)pause();
	remove_all(argv[1], ids);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * cleanup - scope-bound ownership: _close_ and _free_ variables are released when their scope ends.
 *
 * Initialise them where they are declared (-1, NULL). steal_fd() and steal_ptr() pass ownership on.
 * close() is never retried: on Linux the descriptor is gone even after EINTR (close(2)).
 */
#ifndef CARREL_CLEANUP_H
#define CARREL_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		(void)close(*fd);
		errno = saved;
	}
}

static inline void cleanup_free(void *ptr)
{
	free(*(void **)ptr);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

#define _close_ __attribute__((cleanup(cleanup_close)))
#define _free_ __attribute__((cleanup(cleanup_free)))
#define _fclose_ __attribute__((cleanup(cleanup_fclose)))

static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void *steal_ptr(void *ptr)
{
	void **slot = ptr;
	void *taken = *slot;

	*slot = NULL;
	return taken;
}

static inline void close_fd(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif

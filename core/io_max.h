/* SPDX-License-Identifier: MIT */
/*
 * io_max - the words of the policy's io_max: devices, each with its rates. Pure.
 *
 *   /dev/sda rbps=10M wbps=5M /srv riops=1k
 *
 * A word that begins with '/' is the next device: its node in /dev, or a directory on the file system whose
 * disk is meant. Rates are a second's: of bytes (at least 1K), of operations, or "max".
 */
#ifndef CARREL_IO_MAX_H
#define CARREL_IO_MAX_H

#include <stddef.h>
#include <stdint.h>

#define IO_DEVICES_MAX 8

/* In the order of the kernel's io.max. */
enum io_rate { IO_RBPS, IO_WBPS, IO_RIOPS, IO_WIOPS, IO_RATES };
extern const char *const io_rate_names[IO_RATES];

struct io_device {
	const char *path; /* one of the words */
	uint64_t rates[IO_RATES]; /* CONVERT_MAX: no limit */
};

struct io_max {
	struct io_device devices[IO_DEVICES_MAX];
	size_t count;
};

/*
 * 0, or -EINVAL with *ret_word: the word that is wrong, NULL when one is missing at the end. Paths are taken
 * as they are. The result points into `words` (NULL-terminated).
 */
int io_max_read(char *const *words, struct io_max *ret_max, const char **ret_word);

#endif

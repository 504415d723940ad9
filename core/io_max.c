/* SPDX-License-Identifier: MIT */
#include "core/io_max.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/convert.h"

#define BYTES_MIN 1024
/* The kernel keeps operations in 32 bits, and cuts what is more (blk-throttle). */
#define OPERATIONS_MAX 1000000000

const char *const io_rate_names[IO_RATES] = {
	[IO_RBPS] = "rbps",
	[IO_WBPS] = "wbps",
	[IO_RIOPS] = "riops",
	[IO_WIOPS] = "wiops",
};

static int read_rate(enum io_rate rate, const char *text, uint64_t *ret_value)
{
	uint64_t value;
	bool percent;
	int r;

	if (rate == IO_RIOPS || rate == IO_WIOPS)
		return convert_count(text, 1, OPERATIONS_MAX, ret_value);
	r = convert_size(text, &value, &percent);
	if (r == 0 && (percent || value < BYTES_MIN))
		r = -ERANGE;
	if (r == 0)
		*ret_value = value;
	return r;
}

/* "rbps=10M"; a rate that the device has already is refused. */
static int add_rate(struct io_device *device, unsigned int *seen, const char *word)
{
	const char *sign = strchr(word, '=');
	size_t len = sign ? (size_t)(sign - word) : 0;

	for (int i = 0; i < IO_RATES && sign; i++) {
		if (strlen(io_rate_names[i]) != len || memcmp(io_rate_names[i], word, len) != 0)
			continue;
		if (*seen & (1U << i))
			return -EINVAL;
		*seen |= 1U << i;
		return read_rate((enum io_rate)i, sign + 1, &device->rates[i]);
	}
	return -EINVAL;
}

static bool is_known(const struct io_max *max, const char *path)
{
	for (size_t i = 0; i < max->count; i++) {
		if (strcmp(max->devices[i].path, path) == 0)
			return true;
	}
	return false;
}

int io_max_read(char *const *words, struct io_max *ret_max, const char **ret_word)
{
	struct io_max max = {.count = 0};
	unsigned int seen = 1; /* rates of the device at hand; none is missing before the first */

	for (; *words; words++) {
		bool path = (*words)[0] == '/';

		*ret_word = *words;
		if (path && (seen == 0 || max.count == IO_DEVICES_MAX || is_known(&max, *words)))
			return -EINVAL;
		if (path) {
			max.devices[max.count++] =
				(struct io_device){.path = *words,
						   .rates = {CONVERT_MAX, CONVERT_MAX, CONVERT_MAX,
							     CONVERT_MAX}};
			seen = 0;
		} else if (max.count == 0 ||
			   add_rate(&max.devices[max.count - 1], &seen, *words) < 0) {
			return -EINVAL;
		}
	}
	*ret_word = NULL;
	if (max.count == 0 || seen == 0)
		return -EINVAL;
	*ret_max = max;
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "core/registry_id.h"

#include <string.h>

#include "core/convert.h"
#include "core/protocol.h"

/* Cut the number off *rest, up to `end` or the text's end, which makes it NULL. */
static bool take_number(char **rest, const char *end, uint64_t min, uint64_t max,
			uint64_t *ret_number)
{
	const char *number = strsep(rest, end);

	return number && convert_unsigned(number, min, max, ret_number) == 0;
}

bool registry_id_parse(const char *text, struct registry_id *ret_id)
{
	uint64_t uid, pid, attempt = 0, root = 0;
	char copy[PROTOCOL_ID_MAX], *rest = copy;
	size_t len = strlen(text);
	bool manager = len > 0 && text[len - 1] == 'm';

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len + 1);
	if (manager)
		copy[len - 1] = '\0';
	if (!take_number(&rest, "-", 0, UINT32_MAX - 1, &uid) ||
	    !take_number(&rest, ".", 1, INT32_MAX, &pid) ||
	    (rest && !take_number(&rest, ".", 0, INT32_MAX, &attempt)) ||
	    (rest && !take_number(&rest, ".", 1, UINT64_MAX, &root)) || rest)
		return false;
	*ret_id = (struct registry_id){.uid = (uint32_t)uid,
				       .pid = (pid_t)pid,
				       .attempt = (unsigned int)attempt,
				       .root = root,
				       .manager = manager};
	return true;
}

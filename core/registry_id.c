/* SPDX-License-Identifier: MIT */
#include "core/registry_id.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/convert.h"

int registry_id_format(const struct registry_id *id, char ret_text[PROTOCOL_ID_MAX])
{
	const char *kind = id->manager ? "m" : "";
	int len = id->attempt == 0
			  ? snprintf(ret_text, PROTOCOL_ID_MAX, "%u-%d%s", id->uid, id->pid, kind)
			  : snprintf(ret_text, PROTOCOL_ID_MAX, "%u-%d.%u%s", id->uid, id->pid,
				     id->attempt, kind);

	return len < 0 || len >= PROTOCOL_ID_MAX ? -ENAMETOOLONG : 0;
}

bool registry_id_parse(const char *text, struct registry_id *ret_id)
{
	char copy[PROTOCOL_ID_MAX], *pid, *attempt;
	size_t len = strlen(text);
	uint64_t numbers[3] = {0};
	bool manager = len > 0 && text[len - 1] == 'm';

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len + 1);
	if (manager)
		copy[len - 1] = '\0';
	pid = strchr(copy, '-');
	if (!pid)
		return false;
	*pid++ = '\0';
	attempt = strchr(pid, '.');
	if (attempt)
		*attempt++ = '\0';
	if (convert_unsigned(copy, 0, UINT32_MAX - 1, &numbers[0]) < 0 ||
	    convert_unsigned(pid, 1, INT32_MAX, &numbers[1]) < 0 ||
	    (attempt && convert_unsigned(attempt, 1, INT32_MAX, &numbers[2]) < 0))
		return false;
	*ret_id = (struct registry_id){.uid = (uint32_t)numbers[0],
				       .pid = (pid_t)numbers[1],
				       .attempt = (unsigned int)numbers[2],
				       .manager = manager};
	return true;
}

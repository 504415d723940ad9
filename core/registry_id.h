/* SPDX-License-Identifier: MIT */
/*
 * registry_id - what a sandbox is called: "UID-PID", its user and its warden's pid; ".N" behind that where
 * the name was taken; "m" at the end for a `manager` (the user's own systemd). It is the name of the
 * warden's socket, what `carrel list` shows and what other verbs take. Pure.
 */
#ifndef CARREL_REGISTRY_ID_H
#define CARREL_REGISTRY_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/protocol.h"

struct registry_id {
	uint32_t uid;
	pid_t pid; /* of the warden, in its own pid namespace */
	unsigned int attempt; /* how many such names were taken */
	bool manager;
};

/* 0 or -ENAMETOOLONG. */
int registry_id_format(const struct registry_id *id, char ret_text[PROTOCOL_ID_MAX]);
/* false: no id; *ret_id is untouched. */
bool registry_id_parse(const char *text, struct registry_id *ret_id);

#endif

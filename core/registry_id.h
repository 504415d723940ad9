/* SPDX-License-Identifier: MIT */
/*
 * registry_id - what the name of a sandbox says: registry_listen() makes it, it is the name of the warden's
 * socket, and what `carrel list` shows and other verbs take. "UID-PID", its user and its warden's pid;
 * ".ATTEMPT" behind that, where the name was taken, and ".ROOT", the inode of another root of its cgroups
 * than the host's; "m" at the end for a manager (the user's own systemd). Pure.
 */
#ifndef CARREL_REGISTRY_ID_H
#define CARREL_REGISTRY_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct registry_id {
	uint32_t uid;
	pid_t pid; /* of the warden, in its own pid namespace */
	unsigned int attempt; /* how many such names were taken */
	uint64_t root; /* 0: none is named */
	bool manager;
};

/* false: no id; *ret_id is untouched. */
bool registry_id_parse(const char *text, struct registry_id *ret_id);

#endif

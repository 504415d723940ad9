/* SPDX-License-Identifier: MIT */
/*
 * select - which live sandboxes "USER|ID" on a command line means.
 *
 * An id names one sandbox; a user's name, or a uid, all of that user's. What is a live sandbox's id is
 * taken as that before it is taken as a name.
 */
#ifndef CARREL_SELECT_H
#define CARREL_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/failure.h"
#include "core/protocol.h"

#define SELECT_DEADLINE_MS 1000

struct selection {
	struct message_info *infos; /* `count` whole ones, then `silent` with id, uid, warden_pid */
	size_t count, silent;
	uint32_t uid; /* of all of them */
	bool by_id; /* the word was an id */
};

/*
 * -ENOENT: none lives. Wardens of other users are not asked, unless NSS does not know the name.
 * ret_selection is the caller's to select_free().
 */
int select_find(const char *word, struct selection *ret_selection, struct failure *reterr);
void select_free(struct selection *selection);

/* The uid that the word means, whether anything of it lives or not; false: nobody's. */
bool select_uid(const char *word, uint32_t *ret_uid);

/*
 * Exactly one that answers, for what can't be done to several: -EMLINK names them, -ETIME: silent. A single
 * login's, where the other one is of the user's own systemd.
 */
int select_one(const struct selection *selection, const char *word,
	       const struct message_info **ret_info, struct failure *reterr);

#endif

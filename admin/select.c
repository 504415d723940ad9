/* SPDX-License-Identifier: MIT */
#include "admin/select.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "core/cleanup.h"
#include "core/convert.h"
#include "core/quote.h"
#include "core/registry.h"
#include "core/registry_id.h"
#include "core/sys.h"

static bool is_id(const struct message_info *info, const void *word)
{
	return strcmp(info->id, word) == 0;
}

static bool is_user(const struct message_info *info, const void *word)
{
	return strcmp(info->user, word) == 0;
}

/* Keep those that fit, in their order. */
static void keep(struct selection *selection,
		 bool (*fits)(const struct message_info *info, const void *arg), const void *arg)
{
	size_t all = selection->count + selection->silent, answered = 0, silent = 0;

	for (size_t i = 0; i < all; i++) {
		if (!fits(&selection->infos[i], arg))
			continue;
		if (answered + silent != i)
			selection->infos[answered + silent] = selection->infos[i];
		*(i < selection->count ? &answered : &silent) += 1;
	}
	selection->count = answered;
	selection->silent = silent;
}

static int ask(bool all, uint32_t uid, struct selection *selection, struct failure *reterr)
{
	int64_t deadline_ms = sys_now_ms() + SELECT_DEADLINE_MS;

	free(selection->infos);
	*selection = (struct selection){.uid = uid};
	return all ? registry_query(deadline_ms, &selection->infos, &selection->count,
				    &selection->silent, reterr)
		   : registry_query_user(uid, deadline_ms, &selection->infos, &selection->count,
					 &selection->silent, reterr);
}

/* A name of NSS, or a number. */
static bool find_uid(const char *word, uint32_t *ret_uid)
{
	const struct passwd *passwd = getpwnam(word);
	uint64_t uid;

	if (!passwd && convert_unsigned(word, 0, UINT32_MAX - 1, &uid) < 0)
		return false;
	*ret_uid = passwd ? passwd->pw_uid : (uint32_t)uid;
	return true;
}

static int find(const char *word, struct selection *selection, struct failure *reterr)
{
	struct registry_id id;
	uint32_t uid;
	int r = 0;

	if (registry_id_parse(word, &id)) {
		r = ask(false, id.uid, selection, reterr);
		if (r < 0)
			return r;
		keep(selection, is_id, word);
		selection->by_id = true;
		if (selection->count + selection->silent > 0)
			return 0;
	}
	if (find_uid(word, &uid))
		return ask(false, uid, selection, reterr);
	/* A user whom NSS has forgotten may still be logged in. */
	r = ask(true, 0, selection, reterr);
	if (r < 0)
		return r;
	keep(selection, is_user, word);
	if (selection->count > 0)
		selection->uid = selection->infos[0].uid;
	return 0;
}

bool select_uid(const char *word, uint32_t *ret_uid)
{
	struct registry_id id;

	if (!registry_id_parse(word, &id))
		return find_uid(word, ret_uid);
	*ret_uid = id.uid;
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct message_info *a = left, *b = right;

	if (a->started != b->started)
		return a->started < b->started ? -1 : 1;
	return strcmp(a->id, b->id);
}

int select_find(const char *word, struct selection *ret_selection, struct failure *reterr)
{
	struct selection selection = {0};
	int r = find(word, &selection, reterr);

	if (r == 0 && selection.count + selection.silent == 0)
		r = failure_say(reterr, ENOENT, "%s: no sandbox of that user or id lives",
				quote_text(word).text);
	if (r < 0) {
		free(selection.infos);
		return r;
	}
	qsort(selection.infos, selection.count, sizeof(*selection.infos), compare);
	*ret_selection = selection;
	return 0;
}

void select_free(struct selection *selection)
{
	free(selection->infos);
	*selection = (struct selection){0};
}

int select_one(const struct selection *selection, const char *word,
	       const struct message_info **ret_info, struct failure *reterr)
{
	const struct message_info *login = NULL;
	size_t used = 0, logins = 0;
	char ids[300] = "";

	for (size_t i = 0; i < selection->count; i++) {
		if (registry_is_manager(selection->infos[i].id))
			continue;
		login = &selection->infos[i];
		logins++;
	}
	if (logins == 1 || selection->count == 1) {
		*ret_info = logins == 1 ? login : &selection->infos[0];
		return 0;
	}
	if (selection->count == 0)
		return failure_say(reterr, ETIME, "%s: the warden does not answer",
				   selection->infos[0].id);
	for (size_t i = 0; i < selection->count && used < sizeof(ids) - PROTOCOL_ID_MAX; i++)
		used += (size_t)snprintf(ids + used, sizeof(ids) - used, " %s",
					 selection->infos[i].id);
	return failure_say(reterr, EMLINK, "%s has %zu sandboxes; name one of:%s",
			   quote_text(word).text, selection->count, ids);
}

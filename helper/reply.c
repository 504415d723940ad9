/* SPDX-License-Identifier: MIT */
/*
 * What the module is answered, by the helper that makes a sandbox, by one that hands a login over to a
 * pod, and by the pod's warden.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/cgroup_freeze.h"
#include "helper/opening.h"

int opening_check_frozen(struct opening *opening, struct failure *reterr)
{
	/* It would hang in a frozen cgroup (v2), or run beside the frozen ones (v1). */
	if (!cgroup_is_frozen(&opening->warden.cgroups))
		return 0;
	opening->reply.notice = NOTICE_FROZEN;
	return failure_say(reterr, EBUSY, "the sessions of %s are frozen (see: carrel thaw %s)",
			   opening->login.user, opening->login.user);
}

void reply_from_terms(const struct login_terms *terms, struct message_reply *reply)
{
	reply->bounding_set = terms->bounding_set;
	reply->no_new_privs = terms->no_new_privs;
	reply->oom_score_adj = terms->oom_score_adj;
}

int reply_from_cgroups(const struct cgroup_set *cgroups, struct message_reply *reply,
		       int ret_fds[PROTOCOL_CGROUPS_MAX], struct failure *reterr)
{
	int r = cgroup_open_joins(cgroups, ret_fds, reterr);

	for (size_t i = 0; r == 0 && i < cgroup_join_count(cgroups); i++)
		cgroup_place_of(&cgroups->hierarchies[i], &reply->cgroups[i]);
	if (r == 0)
		reply->cgroup_count = (uint32_t)cgroup_join_count(cgroups);
	return r;
}

int reply_send(int socket, const struct message_reply *reply, int init_pidfd, const int *cgroup_fds,
	       struct failure *reterr)
{
	int fds[PROTOCOL_FDS_MAX] = {init_pidfd};

	memcpy(fds + 1, cgroup_fds, sizeof(int) * reply->cgroup_count);
	int r = protocol_send(socket, reply, sizeof(*reply), fds, 1 + reply->cgroup_count, reterr);

	for (uint32_t i = 0; i < reply->cgroup_count; i++)
		(void)close(cgroup_fds[i]);
	return r;
}

int reply_send_ready(int socket, const struct failure *failure)
{
	struct message_ready ready;
	struct failure ignored;

	memset(&ready, 0, sizeof(ready));
	protocol_head(&ready.head, MESSAGE_READY, sizeof(ready));
	ready.good = failure == NULL;
	if (failure)
		memcpy(ready.text, failure->text, sizeof(ready.text));
	return protocol_send(socket, &ready, sizeof(ready), NULL, 0, &ignored);
}

void reply_send_verdict(int socket, struct message_reply *reply, enum reply_verdict verdict,
			const struct failure *failure)
{
	struct failure ignored;

	reply->verdict = verdict;
	if (verdict == REPLY_REFUSED)
		memcpy(reply->text, failure->text, sizeof(reply->text));
	(void)protocol_send(socket, reply, sizeof(*reply), NULL, 0, &ignored);
}

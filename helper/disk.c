/* SPDX-License-Identifier: MIT */
#include "helper/disk.h"

#include <errno.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/mnt_share.h"
#include "core/protocol.h"
#include "core/sys.h"
#include "helper/log.h"

#define LOCK_WAIT_MS 10000
#define LOGIN_WAIT_MS 100 /* of a login, for what others have left behind */
#define END_WAIT_MS                                                                                \
	600000 /* millions of files; what is left then is the next login's, or the sweep's */
#define SWEEP_WAIT_MS 20000

int disk_open(struct disk *disk, const struct plan *plan, uint32_t uid, const char *id,
	      struct failure *reterr)
{
	if (!mnt_has_disk(plan))
		return 0;
	_free_ char *tmp_root = strdup(plan->tmp_root);

	if (!tmp_root)
		return failure_set(reterr, ENOMEM, "open the private directories on disk");
	int r = tmp_disk_open(plan, uid, id, &disk->tmp, reterr);

	if (r == 0)
		disk->tmp_root = steal_ptr(&tmp_root);
	return r;
}

int disk_tell(const struct disk *disk, struct sandbox *sandbox, struct failure *reterr)
{
	struct message_tmp message = {.place = TMP_DISK};
	struct failure ignored;
	_close_ int tree_fd = -1;

	if (!disk->tmp_root)
		return 0;
	int r = tmp_disk_clone(&disk->tmp, &tree_fd, reterr);

	protocol_head(&message.head, MESSAGE_TMP, sizeof(message));
	if (r == 0)
		r = protocol_send(sandbox->go_fd, &message, sizeof(message), &tree_fd, 1, reterr);
	if (r == 0)
		(void)tmp_disk_empty(&disk->tmp, sys_now_ms() + LOGIN_WAIT_MS, &ignored);
	/* It has ended already: sandbox_finish() will say why. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static int tidy(const char *tmp_root, uint32_t uid, struct tmp_disk *tmp, struct failure *reterr)
{
	struct registry_user user;
	int r = registry_lock(uid, true, sys_now_ms() + LOCK_WAIT_MS, &user, reterr);

	if (r < 0)
		return r;
	tmp_disk_tidy(tmp_root, uid, tmp);
	registry_leave(&user);
	return 0;
}

static int give_up(struct disk *disk, uint32_t uid, struct failure *reterr)
{
	struct registry_user user;
	int r = registry_lock(uid, true, sys_now_ms() + LOCK_WAIT_MS, &user, reterr);

	if (r < 0)
		return r;
	r = tmp_disk_leave(&disk->tmp, reterr);
	registry_leave(&user);
	return r;
}

void disk_close(struct disk *disk, uint32_t uid, const char *id)
{
	struct failure failure;

	if (!disk->tmp_root)
		return;
	int r = give_up(disk, uid, &failure);

	if (r == 0)
		r = tmp_disk_empty(&disk->tmp, sys_now_ms() + END_WAIT_MS, &failure);
	if (r < 0)
		log_line(LOG_ERR, "cleaning up after sandbox %s: %s", id, failure.text);
	if (tidy(disk->tmp_root, uid, &disk->tmp, &failure) < 0)
		log_line(LOG_ERR, "cleaning up after sandbox %s: %s", id, failure.text);
	free(disk->tmp_root);
	disk->tmp_root = NULL;
}

static int collect(const char *tmp_root, uint32_t uid, struct tmp_disk *ret_tmp,
		   struct failure *reterr)
{
	struct registry_user user;
	int r = registry_lock(uid, true, sys_now_ms() + LOCK_WAIT_MS, &user, reterr);

	if (r < 0)
		return r;
	r = tmp_disk_collect(tmp_root, uid, ret_tmp, reterr);
	registry_leave(&user);
	return r;
}

static int sweep_user(const char *tmp_root, uint32_t uid, struct failure *reterr)
{
	struct tmp_disk tmp = TMP_DISK_NONE;
	int r = collect(tmp_root, uid, &tmp, reterr);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = tmp_disk_empty(&tmp, sys_now_ms() + SWEEP_WAIT_MS, reterr);
	if (r < 0) {
		close_fd(&tmp.user_fd);
		return r;
	}
	return tidy(tmp_root, uid, &tmp, reterr);
}

int disk_sweep(const char *tmp_root)
{
	_free_ uint32_t *uids = NULL;
	struct failure failure;
	size_t count = 0;
	int result = 0;
	int r = tmp_disk_users(tmp_root, &uids, &count, &failure);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		log_line(LOG_ERR, "sweep: %s", failure.text);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (sweep_user(tmp_root, uids[i], &failure) == 0)
			continue;
		log_line(LOG_ERR, "sweep of uid %u: %s", uids[i], failure.text);
		result = -1;
	}
	return result;
}

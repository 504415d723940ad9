/* SPDX-License-Identifier: MIT */
/* door: the last step of a login that joins, GO, and what becomes of the anchors (anchor.h) with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "helper/door.h"
#include "helper/warden.h"

/* A warden whose last session has left an anchor, and a member that has been told that it may come in. */
struct scene {
	struct warden warden;
	int module, helper; /* their ends */
	int left_fd; /* the number of the warden's anchor */
};

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int some_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int scene_set(void **state)
{
	static struct scene scene;
	int module[2], helper[2];

	memset(&scene, 0, sizeof(scene));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, module), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, helper), 0);
	scene.module = module[0];
	scene.helper = helper[0];
	scene.left_fd = some_fd();
	scene.warden.anchor_fd = scene.left_fd;
	scene.warden.door.fd = -1;
	scene.warden.notify = NOTIFY_NONE;
	struct member *member = sessions_add(&scene.warden.sessions, module[1]);

	assert_non_null(member);
	member->state = MEMBER_OFFERED;
	member->adopter_fd = helper[1];
	*state = &scene;
	return 0;
}

static int scene_clear(void **state)
{
	struct scene *scene = *state;

	sessions_free(&scene->warden.sessions);
	close_fd(&scene->warden.anchor_fd);
	close_fd(&scene->module);
	close_fd(&scene->helper);
	return 0;
}

static void say_go(const struct scene *scene, const int *anchor_fd)
{
	struct message_plain go = {0};
	struct failure failure;

	protocol_head(&go.head, MESSAGE_GO, sizeof(go));
	assert_int_equal(protocol_send(scene->helper, &go, sizeof(go), anchor_fd, anchor_fd ? 1 : 0,
				       &failure),
			 0);
}

static void expect_ready(const struct scene *scene)
{
	struct message_ready ready;
	struct failure failure;

	assert_int_equal(protocol_receive(scene->module, MESSAGE_READY, &ready, sizeof(ready), NULL,
					  NULL, 0, &failure),
			 0);
}

static void who_comes_with_an_anchor_takes_the_last_ones_place(void **state)
{
	struct scene *scene = *state;
	_close_ int anchor = some_fd();

	say_go(scene, &anchor);
	door_hear(&scene->warden, 0);
	expect_ready(scene);
	assert_int_equal(sessions_count(&scene->warden.sessions), 1);
	assert_int_equal(scene->warden.sessions.members[0].state, MEMBER_LIVE);
	assert_true(is_open(scene->warden.sessions.members[0].anchor_fd));
	assert_int_equal(scene->warden.anchor_fd, -1);
	assert_false(is_open(scene->left_fd));
}

static void who_comes_without_one_leaves_the_last_ones(void **state)
{
	struct scene *scene = *state;

	say_go(scene, NULL);
	door_hear(&scene->warden, 0);
	expect_ready(scene);
	assert_int_equal(scene->warden.sessions.members[0].anchor_fd, -1);
	assert_int_equal(scene->warden.anchor_fd, scene->left_fd);
	assert_true(is_open(scene->left_fd));
}

/* What the last session has left running would lose the user's manager with a login that never was. */
static void whose_module_has_gone_takes_nobodys_place(void **state)
{
	struct scene *scene = *state;
	_close_ int anchor = some_fd();

	say_go(scene, &anchor);
	close_fd(&scene->module);
	door_hear(&scene->warden, 0);
	assert_int_equal(scene->warden.sessions.count, 0);
	assert_int_equal(scene->warden.anchor_fd, scene->left_fd);
	assert_true(is_open(scene->left_fd));
}

static void whose_helper_goes_without_a_word_is_not_let_in(void **state)
{
	struct scene *scene = *state;
	char byte;

	close_fd(&scene->helper);
	door_hear(&scene->warden, 0);
	assert_int_equal(scene->warden.sessions.count, 0);
	assert_int_equal(recv(scene->module, &byte, 1, MSG_DONTWAIT), 0);
	assert_true(is_open(scene->left_fd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_comes_with_an_anchor_takes_the_last_ones_place,
						scene_set, scene_clear),
		cmocka_unit_test_setup_teardown(who_comes_without_one_leaves_the_last_ones,
						scene_set, scene_clear),
		cmocka_unit_test_setup_teardown(whose_module_has_gone_takes_nobodys_place,
						scene_set, scene_clear),
		cmocka_unit_test_setup_teardown(whose_helper_goes_without_a_word_is_not_let_in,
						scene_set, scene_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

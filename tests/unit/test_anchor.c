/* SPDX-License-Identifier: MIT */
/* anchor: which logins stay in logind's scope. What an anchor does is shown in the guests (45-linger). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cleanup.h"
#include "helper/anchor.h"

static void the_machine_s_own_screens_are_seats(void **state)
{
	static const char *const seats[] = {"tty1", "/dev/tty2", ":0", ":1.0", "tty12"};
	static const char *const others[] = {"",	 "ssh",		"pts/0",      "/dev/pts/3",
					     "cron",	 "ttyS0",	"/dev/ttyS0", "tty",
					     "/dev/tty", "localhost:10"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(seats); i++)
		assert_true(anchor_is_seat(seats[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(anchor_is_seat(others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_machine_s_own_screens_are_seats),
	};

	return cmocka_run_group_tests_name("anchor", tests, NULL, NULL);
}

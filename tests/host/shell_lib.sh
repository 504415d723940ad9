# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What the tests of carrel-shell (95 and on) share. Sourced after lib.sh.
#
#   shell_users     A's login shell is carrel-shell; B's stays bash

SHELL_PATH=$CHECK_PREFIX/bin/carrel-shell

shell_users()
{
	usermod -s "$SHELL_PATH" "$USER_A"
}

# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# carrel-shell as a shell: under sshd, su and as a forced command, without pam_carrel.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/shell_lib.sh"
shell_users

case_ "a command runs in namespaces of its own, a user's"
run_ ssh_out "$USER_A" 'readlink /proc/self/ns/user /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/ipc; id -u'
expect_equal "$STATUS" 0 "status ($(said))"
expect_equal "$(tail -n 1 <<<"$OUT")" "$UID_A" "uid"
for kind in user mnt pid ipc; do
	grep -q "$kind:" <<<"$OUT" && ! grep -qF "$(readlink /proc/self/ns/$kind)" <<<"$OUT" ||
		fail_ "$kind namespace is the host's: $(said)"
done

# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# The framework itself: what the other files lean on works, and its checks can fail.
. "$CHECK_SOURCE/tests/host/lib.sh"

case_ "plain login"
expect_output "$USER_A" ssh_out "$USER_A" id -un
expect_status 42 ssh_out "$USER_B" exit 42
expect_output root ssh_out root id -un

case_ "a shell that stays"
session_start one out "$USER_A"
session_start two out "$USER_B"
expect_output "$UID_A" session_do one id -u
expect_status 3 session_do two '(exit 3)'
expect_output "a b" session_do two echo a b
session_end one
expect_output "$UID_B" session_do two id -u
session_cut two
wait_until 5 user_gone "$UID_B" || fail_ "cut session lives on"

case_ "log"
log_mark
logger -p auth.crit -t check "hello $$"
expect_log "^auth\.crit .*check: hello $$"

case_ "another sshd"
sshd_start extra "$SERVICE_OUT" "ForceCommand echo forced"
expect_output forced ssh_to extra "$USER_A" id

case_ "pam_steps"
pam_write carrel-steps
expect_grep '^run: exit 7$' steps start=carrel-steps:"$USER_A" open "run=exit 7" close end
expect_grep 'open: PAM_SUCCESS' steps start=carrel-steps:"$USER_A" open close end
steps start=carrel-steps:"$USER_A" state="$SCRATCH/1" open close state="$SCRATCH/2" end >/dev/null
expect_ok cmp "$SCRATCH/1" "$SCRATCH/2"
steps start=carrel-steps:"$USER_A" state="$SCRATCH/1" umask=077 state="$SCRATCH/2" >/dev/null
expect_fail cmp -s "$SCRATCH/1" "$SCRATCH/2"

case_ "a failing check fails"
missed=
must_fail()
{
	CASE_WHY=
	"$@" >/dev/null
	[ -n "$CASE_WHY" ] || missed="$missed${missed:+, }$1"
	CASE_WHY=
}
must_fail expect_ok false
must_fail expect_fail true
must_fail expect_status 1 true
must_fail expect_output x echo y
must_fail expect_output x sh -c 'echo x; exit 1'
must_fail expect_grep a echo b
must_fail expect_nogrep b echo b
must_fail expect_equal 1 2
must_fail expect_differ 1 1
must_fail expect_file /nowhere
must_fail expect_nofile /tmp
must_fail expect_log "never logged $$"
must_fail expect_blocked "$USER_A" false
must_fail expect_denied true
must_fail expect_denied sh -c 'exit 254'
[ -z "$missed" ] || fail_ "did not fail: $missed"

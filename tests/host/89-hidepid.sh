# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# timeout: 180
# A /proc that is mounted with hidepid shows the warden the user's processes all the same.
. "$CHECK_SOURCE/tests/host/lib.sh"

if [ "$PLAIN" = 1 ]; then
	case_ "hidepid"
	skip_ "there is no product"
	exit
fi

PTRACE=19 # CAP_SYS_PTRACE

# Of one warden: does it hold that capability?
warden_holds()
{
	local held
	held=$(awk '/^CapPrm/ { print $2 }' "/proc/$(warden_pids)/status")
	[ -n "$held" ] && (((16#$held >> $1) & 1))
}

# A procfs of its own over the stage's, whose group is nobody's: since Linux 5.8 the options are each mount's own.
hide() { mount -t proc -o "$1" proc /proc && hidden=1; }
show()
{
	[ -z "$hidden" ] || umount /proc || fail_ "/proc does not go back"
	hidden=
}
hidden= ended=0
trap 'ended=$?; show; (exit "$ended"); lib_end' EXIT

gone() { wait_until 5 no_sandbox || fail_ "the sandbox is still there: $("$CARREL" list)"; }

hang_up="trap 'echo hung up >~/hung; exit 1' HUP; sleep 8 & wait"

# What a warden does to processes of its user, which it has to find first.
finds()
{
	case_ "$1: without a pid namespace the last logout ends what is left"
	policy_write '[default]' 'namespaces = mount ipc'
	expect_ok ssh_in "$USER_A" 'setsid sleep 300 >/dev/null 2>&1 &'
	gone
	wait_until 2 user_gone "$UID_A" || fail_ "left: $(user_pids "$UID_A")"

	case_ "$1: runtime_max warns, and hangs up"
	policy_write '[default]' 'runtime_max = 2s'
	expect_fail ssh_in "$USER_A" -tt "echo started; $hang_up"
	expect_grep 'carrel: this session ends in 1 second: ' echo "$OUT"
	expect_output 'hung up' ssh_out "$USER_A" 'cat ~/hung; rm ~/hung'
	gone

	case_ "$1: what is frozen is killed at once"
	policy_write '[default]'
	session_start s in "$USER_A"
	session_do s 'sleep 300 >/dev/null 2>&1 &' >/dev/null
	expect_ok "$CARREL" freeze "$USER_A"
	before=$SECONDS
	expect_output '' "$CARREL" kill "$USER_A"
	[ "$STATUS" = 0 ] || "$CARREL" thaw "$USER_A"
	[ $((SECONDS - before)) -lt $((4 * $(patience))) ] || fail_ "it took $((SECONDS - before)) s"
	session_cut s
	gone
	user_gone "$UID_A" || fail_ "processes are left: $(user_pids "$UID_A")"
}

case_ "a plain /proc: the warden keeps no CAP_SYS_PTRACE"
policy_write '[default]'
session_start s in "$USER_A"
! warden_holds "$PTRACE" || fail_ "it does"
session_end s
gone
finds "plain"

for options in hidepid=noaccess,gid=54999 hidepid=ptraceable; do
	case_ "$options: it does"
	hide "$options" || fail_ "no such /proc"
	policy_write '[default]'
	session_start s in "$USER_A"
	warden_holds "$PTRACE" || fail_ "it does not"
	session_end s
	gone
	show
done

case_ "hidepid=2, and root's group is that of /proc: it has no need to"
hide hidepid=2 || fail_ "no such /proc"
session_start s in "$USER_A"
! warden_holds "$PTRACE" || fail_ "it does"
session_end s
gone
show

hide hidepid=2,gid=54999
finds "hidepid=2"
show

case_ "a login from inside, where /proc is a sandbox's own: hung up as well"
policy_write '[default]' "[user $USER_B]" 'runtime_max = 2s'
pam_write su "$(pam_line)"
session_start outer in "$USER_A"
session_do outer "sleep 10 | su $USER_B -c \"$hang_up\" >/dev/null 2>&1" >/dev/null
expect_output 'hung up' ssh_out "$USER_B" 'cat ~/hung; rm ~/hung'
session_end outer
gone

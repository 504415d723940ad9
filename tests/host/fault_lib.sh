# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# What 70-faults and 80-stress share. Sourced after lib.sh.
#
#   faults_policy [LINE...]        a policy that makes a login do most of what one can do
#   faults_baseline                what the host's mounts are now
#   expect_nothing_left [SECONDS]  no process, mount, cgroup, socket or file of carrel (default 3 s)
#   wardens_of UID                 pids of the wardens, by their sockets' names
#   init_of PID                    the pid of the PID 1 of that warden's sandbox
#   leader_of UID                  the root process whose children are the user's: sshd's monitor
#   user_is_in  user_is_out        A has a process, has none
#   hold NAME STEP...              pam_steps in the background, until its "say=held" was printed;
#                                  its output is in $SCRATCH/NAME, its pid in HELD
#   expect_whole_or_refused NAME   of such an output

SERVICE=carrel-$CHECK_NAME-faults
HELD=

faults_policy()
{
	policy_write '[default]' 'namespaces = mount pid ipc uts' 'memory_max = 4G' 'pids_max = 500' \
		'cpu_max = 200%' "$@"
}

faults_baseline()
{
	cat /proc/self/mountinfo >"$SCRATCH/mounts"
}

expect_nothing_left()
{
	run_ "$TESTS/fault_left" "$CHECK_UID" 10 "${1:-3}" "$SCRATCH/mounts"
	[ "$STATUS" = 0 ] || fail_ "$(said)"
}

wardens_of()
{
	local socket
	for socket in "$CARREL_RUN_DIR/$1/$1-"*; do
		socket=${socket##*/"$1"-}
		echo "${socket%%.*}"
	done
}

init_of()
{
	tr ' ' '\n' <"/proc/$1/task/$1/children" | head -n 1
}

leader_of()
{
	local pid
	for pid in $(user_pids "$1"); do
		pid=$(ps -o ppid= -p "$pid")
		pid=${pid// /}
		[ "$(ps -o ruid= -p "${pid:-$$}")" -ne 0 ] || echo "${pid:-}"
	done | grep -v -x $$ | head -n 1
}

user_is_in()
{
	[ -n "$(user_pids "$UID_A")" ] && [ -n "$(wardens_of "$UID_A")" ]
}

user_is_out()
{
	[ -z "$(user_pids "$UID_A")" ]
}

hold()
{
	local name=$1
	shift
	"$TESTS/pam_steps" "$@" >"$SCRATCH/$name" 2>&1 &
	HELD=$!
	wait_until 10 grep -q '^held' "$SCRATCH/$name" ||
		fail_ "does not get as far as that: $(brief "$(cat "$SCRATCH/$name")")"
}

expect_whole_or_refused()
{
	local text
	text=$(cat "$SCRATCH/$1")
	case $text in
	*"open: PAM_SUCCESS"*)
		# A caller that ignores SIGCHLD has nothing to wait for.
		grep -Eq '^run: (exit 0|waitpid: No child)' <<<"$text" ||
			fail_ "$1: let in, and: $(brief "$text")"
		;;
	# The latter when libpam itself fails on top of it.
	*"open: PAM_SESSION_ERR"* | *"refused"*"open: PAM_SYSTEM_ERR"*) expect_log "session of .* refused: ." ;;
	*) fail_ "$1: $(brief "$text")" ;;
	esac
}

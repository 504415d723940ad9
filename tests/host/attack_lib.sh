# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What 50-limits and 60 to 64 share. Sourced after lib.sh.
#
# Each attack runs twice: outside (the sshd without our PAM line), where it must succeed, or else the
# case proves nothing; and inside, where it must fail. The attack programs (src/attack_*.c) exit 0 when
# they succeeded, 1 when they were blocked, 2 when they did not work, so that a login that is refused
# (254), a missing program (127) or a typing error never counts as "blocked".
#
#   attack_ CMD...                 A runs CMD outside, status 0, and inside, status 1
#   attack_shell TEXT              the same for a shell command that prints something when it succeeds
#   attack_out CMD... attack_in CMD...    one half of it, when the two differ
#   victim_start NAME HOST USER    attack_victim in a login that stays; sets VICTIM_PID, VICTIM_ADDR,
#                                  VICTIM_KEY, VICTIM_SHM ... as the host has them
#   victim_stop NAME
#   b_login                        B logs in and out; within the 2 s that the threat model grants, or within
#                                  B_BOUND milliseconds, which b_measure sets
#   b_measure                      before any attack: where a login alone takes more than half a second, the
#                                  bound is four times what it takes
#   in_slice UID FILE              the content of a file of the user's slice, by controller, e.g. pids.max
#   slice_processes UID            how many are in it. pids.current counts attempts as well, so that for
#                                  a moment it can be above pids.max
#   while_ CMD...                  A runs CMD inside in the background; while_end waits for it and sets
#                                  OUT, STATUS

ATTACKER=$USER_A
# "out" turns the inner halves around as well: then every case must fail, or it tests nothing.
ATTACK_IN=${CARREL_CHECK_ATTACK_IN:-in}

attack_out()
{
	run_ ssh_out "$ATTACKER" "$@"
	[ "$STATUS" = 0 ] || fail_ "outside it does not succeed: $(brief "$@"): $(said)"
}

attack_in()
{
	run_ ssh_to "$ATTACK_IN" "$ATTACKER" "$@"
	[ "$STATUS" = 1 ] || fail_ "inside: $(brief "$@"): $(said)"
}

attack_()
{
	attack_out "$@"
	attack_in "$@"
}

# Success is output: exit codes of tools are not to be trusted for that. "ran" is the proof that the
# command was there at all.
attack_shell()
{
	attack_out "out=\$($1); [ -n \"\$out\" ] && echo \"\$out\""
	run_ ssh_to "$ATTACK_IN" "$ATTACKER" "out=\$($1); echo \"ran:\$out\""
	[ "$STATUS" = 0 ] && [ "$OUT" = "ran:" ] || fail_ "inside: $(brief "$1"): $(said)"
}

victim_start()
{
	local name=$1 host=$2 user=$3 line
	session_start "$name" "$host" "$user" || return 1
	# In the background with its answers in the home, so that the session stays usable.
	session_do "$name" "$TESTS/attack_victim $name >\$HOME/.$name 2>&1 & until [ -s \$HOME/.$name ]; do
		sleep 0.05; done; cat \$HOME/.$name" >"$SCRATCH/.victim"
	line=$(grep '^pid=' "$SCRATCH/.victim") || {
		fail_ "no victim: $(brief "$(cat "$SCRATCH/.victim")")"
		return 1
	}
	VICTIM_ADDR=${line#*addr=0x} VICTIM_ADDR=${VICTIM_ADDR%% *}
	VICTIM_SIZE=${line#*size=} VICTIM_SIZE=${VICTIM_SIZE%% *}
	VICTIM_KEY=${line#*key=} VICTIM_KEY=${VICTIM_KEY%% *}
	VICTIM_SHM=${line#*shm=} VICTIM_SHM=${VICTIM_SHM%% *}
	VICTIM_SEM=${line#*sem=} VICTIM_SEM=${VICTIM_SEM%% *}
	VICTIM_MSG=${line#*msg=} VICTIM_MSG=${VICTIM_MSG%% *}
	# The pid that it knows is the sandbox's when it is inside.
	VICTIM_PID=$(ps -eo pid=,args= | awk -v name="$name" '$2 ~ /\/attack_victim$/ && $3 == name { print $1 }')
	[ -n "$VICTIM_PID" ] || fail_ "the victim $name is not among the host's processes"
}

# By its pid on the host; it removes its things, which a sandbox alone would not do outside.
victim_stop()
{
	local pid
	pid=$(ps -eo pid=,args= | awk -v name="$1" '$2 ~ /\/attack_victim$/ && $3 == name { print $1 }')
	[ -z "$pid" ] || kill "$pid"
	[ -z "$pid" ] || wait_until 5 test ! -e "/proc/$pid" || fail_ "the victim $1 does not end"
	session_do "$1" "rm -f \$HOME/.$1" >/dev/null
	session_end "$1"
}

milliseconds()
{
	local now=${EPOCHREALTIME/[.,]/}
	echo $((now / 1000))
}

B_BOUND=2000

b_measure()
{
	local start took
	start=$(milliseconds)
	run_ ssh_in "$USER_B" true
	took=$((4 * ($(milliseconds) - start)))
	[ "$took" -le "$B_BOUND" ] || {
		B_BOUND=$took
		note_ "a slow machine: B's login may take $B_BOUND ms"
	}
}

# The bound is the threat model's. Once more when it was missed: the machine may be busy with others.
b_login()
{
	local start took
	for _ in 1 2; do
		start=$(milliseconds)
		run_ ssh_in "$USER_B" true
		took=$(($(milliseconds) - start))
		[ "$STATUS" = 0 ] || {
			fail_ "B can't log in: $(said)"
			return
		}
		[ "$took" -ge "$B_BOUND" ] || break
	done
	note_ "B logged in and out within $took ms"
	[ "$took" -lt "$B_BOUND" ] || fail_ "B's login took $took ms, twice"
}

in_slice()
{
	local controller=${2%%.*} dir
	dir=$(slice_dir "$controller" "$1")
	[ -n "$dir" ] && cat "$dir/$2"
}

slice_processes()
{
	local dir
	dir=$(slice_dir pids "$1")
	cat "${dir:-/nowhere}/cgroup.procs" 2>/dev/null | wc -l
}

while_()
{
	ssh_to "$ATTACK_IN" "$ATTACKER" "$@" >"$SCRATCH/.while" 2>&1 &
	while_pid=$!
}

while_end()
{
	wait "$while_pid"
	STATUS=$?
	# shellcheck disable=SC2034 # said() has it
	OUT=$(cat "$SCRATCH/.while") ERR=
}

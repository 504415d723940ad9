# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# timeout: 480
# freeze, thaw, kill: nothing of a frozen user runs, nobody hangs on it, and it can be ended.
. "$CHECK_SOURCE/tests/host/lib.sh"

# Appends: a file that is written anew each time is empty most of the time, whoever runs.
COUNT='while :; do printf . && sleep 0.02; done >>~/count 2>/dev/null &'

# Does A's counter move?
counts()
{
	local before
	before=$(stat -c %s "/home/$USER_A/count") && sleep "${1:-0.3}" && [ "$(stat -c %s "/home/$USER_A/count")" != "$before" ]
}

frozen_dir()
{
	case $(cgroup_version pids) in
	1) echo "/sys/fs/cgroup/freezer/carrel.slice/user-$UID_A.slice" ;;
	*) slice_dir pids "$UID_A" ;;
	esac
}

is_frozen()
{
	"$CARREL" show --json "$USER_A" | jq -e .frozen >/dev/null
}

ids_of()
{
	"$CARREL" list --json | jq -r --arg user "$1" '.[] | select(.user == $user).id'
}

# Nothing of A's user runs: on v1 all of it is in the freezer, on v2 the kernel says so. Else why has the reason.
all_frozen()
{
	local pid state
	why=$(frozen_dir)
	if [ "$(cgroup_version pids)" = 2 ]; then
		grep -q 'frozen 1' "$(frozen_dir)/cgroup.events"
		return
	fi
	why="freezer.state $(cat "$(frozen_dir)/freezer.state")"
	[ "$why" = "freezer.state FROZEN" ] || return 1
	for pid in $(user_pids "$UID_A"); do
		! grep -q ":freezer:.*/carrel.slice/user-$UID_A.slice" "/proc/$pid/cgroup" 2>/dev/null || continue
		# A zombie, which its frozen parent can't reap, counts as in the root.
		state=$(grep -E '^(Name|State)' "/proc/$pid/status" 2>/dev/null | tr '\n\t' '  ')
		[ -n "$state" ] && [[ $state != *State:\ Z* ]] || continue
		why="not in the freezer: $pid, $state"
		return 1
	done
}

case_ "freeze stops, thaw lets go on"
session_start s in "$USER_A"
session_do s "$COUNT" >/dev/null
wait_until 5 counts || fail_ "the counter does not count"
expect_output '' "$CARREL" freeze "$USER_A"
! counts 1 || fail_ "it still counts"
is_frozen || fail_ "show does not say so"
all_frozen || fail_ "not all of it is frozen: $why"
expect_grep ': frozen$' "$CARREL" show "$USER_A"
expect_ok "$CARREL" freeze "$USER_A"
expect_output '' "$CARREL" thaw "$USER_A"
wait_until 5 counts || fail_ "it does not count again"
! is_frozen || fail_ "show still says frozen: $("$CARREL" show "$USER_A" | head -1), $(ls -d "$(frozen_dir)" 2>&1)"
[ "$(cgroup_version pids)" = 2 ] || expect_nofile "$(frozen_dir)"
expect_output here session_do s echo here
expect_ok "$CARREL" thaw "$USER_A"

case_ "a frozen user's login is refused with a reason, at once, and others log in"
expect_ok "$CARREL" freeze "$USER_A"
log_mark
before=$SECONDS
expect_grep 'has frozen your sessions' ssh_in "$USER_A" true
[ "$STATUS" = 254 ] || fail_ "status $STATUS"
[ $((SECONDS - before)) -le $((3 * $(patience))) ] || fail_ "it took $((SECONDS - before)) s"
expect_log "sessions of $USER_A are frozen"
expect_ok ssh_in "$USER_B" true
expect_status 1 "$CARREL" run -u "$USER_A" -- true
expect_ok "$CARREL" list
expect_ok "$CARREL" thaw "$USER_A"
expect_ok ssh_in "$USER_A" true

case_ "the other user is not touched"
session_start b in "$USER_B"
expect_ok "$CARREL" freeze "$USER_A"
expect_output runs session_do b echo runs
expect_ok "$CARREL" thaw "$USER_A"
session_end b

case_ "kill ends a frozen sandbox; then there is nothing to thaw"
expect_ok "$CARREL" freeze "$USER_A"
before=$SECONDS
expect_output '' "$CARREL" kill "$USER_A"
[ $((SECONDS - before)) -le $((5 * $(patience))) ] || fail_ "it took $((SECONDS - before)) s"
no_sandbox || fail_ "a sandbox is left"
user_gone "$UID_A" || fail_ "processes are left: $(user_pids "$UID_A" | tr '\n' ' ')"
slice_gone pids "$UID_A" || fail_ "the slice is left"
[ "$(cgroup_version pids)" = 2 ] || expect_nofile "$(frozen_dir)"
expect_status 1 "$CARREL" thaw "$USER_A"
expect_equal "$ERR" "carrel: thaw: $USER_A: no sandbox of that user or id lives" message
session_cut s
expect_ok ssh_in "$USER_A" true

case_ "... also one of a user in so many groups that /proc/PID/status is long"
cp /etc/group "$SCRATCH/group"
for ((i = CHECK_UID * 100; i < CHECK_UID * 100 + 2000; i++)); do echo "carrel-g$i:x:$i:$USER_A"; done >>/etc/group
session_start s in "$USER_A"
[ "$(session_do s "id -G | wc -w")" -gt 2000 ] || fail_ "the session does not have the groups"
session_do s "$COUNT" >/dev/null
expect_ok "$CARREL" freeze "$USER_A"
expect_ok "$CARREL" show --json "$USER_A"
expect_equal "$(jq '[.sandboxes[0].processes[] | select(.inside_pid == 0)] | length' <<<"$OUT")" 0 "processes without a pid"
expect_ok timeout 20 "$CARREL" kill "$USER_A"
wait_until 5 user_gone "$UID_A" || fail_ "processes are left"
session_cut s
cp "$SCRATCH/group" /etc/group

case_ "kill by id ends that one alone; a frozen one beside it stays frozen"
session_start s in "$USER_A"
session_start t in "$USER_A"
session_do t "$COUNT" >/dev/null
wait_until 5 counts || fail_ "the counter does not count"
first=$(ids_of "$USER_A" | head -1)
expect_ok "$CARREL" freeze "$USER_A"
expect_ok "$CARREL" kill "$first"
expect_equal "$(ids_of "$USER_A" | wc -l)" 1 "sandboxes left"
! counts 1 || fail_ "the other one runs"
all_frozen || fail_ "the other one is not frozen: $why"
expect_ok "$CARREL" thaw "$USER_A"
wait_until 5 counts || fail_ "the other one does not go on"
session_cut s
expect_ok "$CARREL" kill "$USER_A"
session_cut t
no_sandbox || fail_ "a sandbox is left"

case_ "kill without frost, of several at once"
for name in s t u; do session_start $name in "$USER_A"; done
session_start b in "$USER_B"
expect_ok "$CARREL" kill "$USER_A"
expect_equal "$(ids_of "$USER_A")" "" "A's"
expect_output still session_do b echo still
for name in s t u; do session_cut $name; done
session_end b
expect_status 1 "$CARREL" kill "$USER_A"
expect_status 2 "$CARREL" kill

# on_its_way SERVICE CALL: a login whose caller has its answer, and is held for two seconds before it goes in:
# after the CALL-th message that it receives (strace(1)). Meanwhile the user is frozen.
on_its_way()
{
	local before login
	before=$(logins)
	# pam_steps goes on after a refusal, and is not inside then.
	strace -D -qq -o /dev/null -e trace=recvmsg -e "inject=recvmsg:delay_exit=2000000:when=$2" \
		"$TESTS/pam_steps" start="$1:$USER_A" open \
		'run=while grep -q /carrel.slice/ /proc/self/cgroup && [ $((n += 1)) -lt 10 ]; do echo tick; sleep 0.1; done' \
		close end >"$SCRATCH/way" 2>&1 &
	login=$!
	wait_until 5 more_than "$before" || fail_ "$1: no session"
	expect_ok "$CARREL" freeze "$USER_A"
	expect_nogrep '^open' cat "$SCRATCH/way"
	wait_until 10 grep -q '^open' "$SCRATCH/way" || fail_ "$1: hangs"
	sleep 0.3
	expect_nogrep '^tick' cat "$SCRATCH/way"
	all_frozen || fail_ "$1: not all of it is frozen: $why"
	expect_ok "$CARREL" thaw "$USER_A"
	wait "$login"
	expect_grep '^conv: The administrator has frozen' cat "$SCRATCH/way"
	expect_grep '^open: PAM_SESSION_ERR' cat "$SCRATCH/way"
	wait_until 5 eval '[ "$(logins)" = "$before" ]' || fail_ "$1: $(logins) sessions, there were $before"
}
more_than() { [ "$(logins)" -gt "$1" ]; }
logins() { "$CARREL" list --json | jq '[.[].sessions] | add'; }

case_ "a login that has its answer and is not in yet when the freeze begins is refused"
if [ "$(cgroup_version pids)" = 2 ]; then
	skip_ "the kernel freezes who comes into a frozen cgroup"
else
	policy_write '[default]' 'instance = user' '[service apart]' 'instance = session'
	sleep 2.2 # what is younger is not gone by (85-instance)
	for service in first joins apart; do pam_write $service "$(pam_line)"; done
	session_start s in "$USER_A"
	# The warden that all of them ask first has the answer for the last alone; from a helper there comes that
	# it is there, then the answer.
	on_its_way apart 3
	on_its_way first 3
	expect_grep '^open: PAM_SUCCESS' steps start="joins:$USER_A" open close end
	on_its_way joins 1
	session_end s
	wait_until 5 no_sandbox || fail_ "a sandbox is left"
	policy_default
fi

case_ "a fork bomb is frozen"
policy_write '[default]' 'pids_max = 60'
ssh_in "$USER_A" "$TESTS/attack_starve bomb 100000 60" >/dev/null 2>&1 &
bomb=$!
many() { [ "$(user_pids "$UID_A" | wc -l)" -gt 40 ]; }
wait_until 10 many || fail_ "no bomb"
expect_ok "$CARREL" freeze "$USER_A"
all_frozen || fail_ "not all of it is frozen: $why"
usage=$("$CARREL" show --json "$USER_A" | jq .usage.cpu_usec)
sleep 1
expect_equal "$("$CARREL" show --json "$USER_A" | jq .usage.cpu_usec)" "$usage" "CPU time used"
expect_ok "$CARREL" kill "$USER_A"
kill "$bomb" 2>/dev/null
wait "$bomb"
policy_default

case_ "logins racing with a freeze: none runs on beside it"
racers=()
for ((i = 0; i < 12; i++)); do
	(sleep "0.$((i * 8 / 10))$((i * 8 % 10))" && ssh_in "$USER_A" 'while :; do :; done') \
		>/dev/null 2>&1 &
	racers+=($!)
done
slice_there() { [ -n "$(slice_dir pids "$UID_A")" ]; }
wait_until 10 slice_there || fail_ "no login"
sleep 0.3
expect_ok "$CARREL" freeze "$USER_A"
# The sshd of a login that is refused becomes the user's, to say why, and ends.
wait_until 5 all_frozen || fail_ "some are not frozen: $why"
cpu=$("$CARREL" show --json "$USER_A" | jq .usage.cpu_usec)
sleep 1.5
wait_until 5 all_frozen || fail_ "some are not frozen a while later: $why"
expect_equal "$("$CARREL" show --json "$USER_A" | jq .usage.cpu_usec)" "$cpu" "CPU time used"
expect_ok "$CARREL" kill "$USER_A"
for pid in "${racers[@]}"; do kill "$pid" 2>/dev/null; done
wait "${racers[@]}" 2>/dev/null
wait_until 10 user_gone "$UID_A" || fail_ "processes are left"

case_ "the warden of a frozen sandbox is killed: a sweep leaves nothing"
session_start s in "$USER_A"
session_do s "$COUNT" >/dev/null
expect_ok "$CARREL" freeze "$USER_A"
warden=$("$CARREL" list --json | jq '.[0].warden_pid')
kill -9 "$warden"
sleep 0.5
expect_ok "$LIBEXEC/carrel-session" --sweep
wait_until 5 user_gone "$UID_A" || fail_ "processes are left"
session_cut s
expect_ok "$LIBEXEC/carrel-session" --sweep
slice_gone pids "$UID_A" || fail_ "the slice is left"
[ "$(cgroup_version pids)" = 2 ] || expect_nofile "$(frozen_dir)"

case_ "the warden of a frozen sandbox is told to end (SIGTERM)"
session_start s in "$USER_A"
session_do s "$COUNT" >/dev/null
expect_ok "$CARREL" freeze "$USER_A"
kill "$("$CARREL" list --json | jq '.[0].warden_pid')"
wait_until 5 no_sandbox || fail_ "it does not end"
wait_until 5 user_gone "$UID_A" || fail_ "processes are left"
session_cut s

case_ "the client of a frozen session is cut off: it ends when it is thawed"
session_start s in "$USER_A"
session_do s "$COUNT" >/dev/null
expect_ok "$CARREL" freeze "$USER_A"
session_cut s
sleep 0.5
all_frozen || fail_ "it runs again: $why"
expect_ok "$CARREL" thaw "$USER_A"
wait_until 10 no_sandbox || {
	fail_ "it does not end"
	run_ "$CARREL" kill "$USER_A"
}

case_ "without a pid namespace"
policy_write '[default]' 'namespaces = mount ipc'
session_start s in "$USER_A"
session_do s "$COUNT" >/dev/null
wait_until 5 counts || fail_ "the counter does not count"
expect_ok "$CARREL" freeze "$USER_A"
! counts 1 || fail_ "it still counts"
expect_ok "$CARREL" kill "$USER_A"
wait_until 5 user_gone "$UID_A" || fail_ "processes are left"
session_cut s
policy_default

case_ "a warden that hangs is killed, and swept up after"
session_start s in "$USER_A"
kill -STOP "$("$CARREL" list --json | jq '.[0].warden_pid')"
expect_ok "$CARREL" kill "$USER_A"
# PID 1 ends by its link to the warden, and that may be some milliseconds after the warden.
wait_until 1 no_sandbox || fail_ "a sandbox is left"
session_cut s

case_ "... however many: they are waited for together"
held='' names='s t u v w x y'
for name in $names; do session_start "$name" in "$USER_A"; done
# Stopped for good: not even SIGCONT moves them.
# shellcheck disable=SC2046 # one pid a word
"$TESTS/hold_stopped" $("$CARREL" list --json | jq '.[].warden_pid') >"$SCRATCH/held" 2>&1 &
held=$!
wait_until 5 grep -q '^held' "$SCRATCH/held" || fail_ "$(cat "$SCRATCH/held")"
before=$SECONDS
expect_output '' "$CARREL" kill "$USER_A"
# A warden is given 4 s. One after the other they would take 28.
[ $((SECONDS - before)) -le 15 ] || fail_ "it took $((SECONDS - before)) s"
wait_until 1 no_sandbox || fail_ "a sandbox is left"
kill "$held"
wait "$held" 2>/dev/null
for name in $names; do session_cut "$name"; done

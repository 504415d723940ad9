# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What an admin sees: list, show, and what they say of wardens that hang.
. "$CHECK_SOURCE/tests/host/lib.sh"

json()
{
	jq -r "$1" <<<"$OUT"
}

id_of()
{
	"$CARREL" list --json | jq -r --arg user "$1" 'map(select(.user == $user))[0].id'
}

case_ "show: limits beside usage"
policy_write '[default]' 'memory_max = 64M' 'pids_max = 40' 'cpu_max = 150%' 'cpu_weight = 200'
session_start s in "$USER_A"
session_do s 'sleep 500 >/dev/null 2>&1 & echo $! >~/pid; timeout 1 sh -c "while :; do :; done"' >/dev/null
expect_ok "$CARREL" show --json "$USER_A"
expect_equal "$(json .user)" "$USER_A" user
expect_equal "$(json .uid)" "$UID_A" uid
expect_equal "$(json .frozen)" false frozen
expect_equal "$(json .limits.memory_max)" 67108864 memory_max
expect_equal "$(json .limits.pids_max)" 40 pids_max
expect_equal "$(json .limits.cpu_max)" 150 cpu_max
expect_equal "$(json .limits.cpu_weight)" 200 cpu_weight
expect_equal "$(json .limits.memory_high)" null memory_high
[ "$(json .usage.cpu_usec)" -gt 200000 ] || fail_ "cpu_usec: $(json .usage.cpu_usec)"
[ "$(json .usage.memory_bytes)" -gt 100000 ] || fail_ "memory_bytes: $(json .usage.memory_bytes)"
[ "$(json .usage.processes)" -ge 3 ] || fail_ "processes: $(json .usage.processes)"
expect_equal "$(json .usage.oom_kills)" 0 oom_kills
expect_grep '^memory +[0-9.]+[KM] +64\.0M' "$CARREL" show "$USER_A"
expect_grep '^processes +[0-9]+ +40 ' "$CARREL" show "$USER_A"
expect_grep '^cpu +[0-9.]+s +150% ' "$CARREL" show "$USER_A"

case_ "show: each process with its inside and its outside pid"
expect_ok "$CARREL" show --json "$USER_A"
inside=$(cat "/home/$USER_A/pid")
outside=$(json ".sandboxes[0].processes[] | select(.inside_pid == $inside).pid")
expect_equal "$(tr '\0' ' ' <"/proc/$outside/cmdline")" "sleep 500 " "the process with pid $inside inside"
expect_equal "$(json ".sandboxes[0].processes[] | select(.pid == $outside).command")" "sleep 500" command
expect_equal "$(json ".sandboxes[0].processes[] | select(.pid == $outside).uid")" "$UID_A" uid
expect_equal "$(json '.sandboxes[0].processes[0].inside_pid')" 1 "the first process"
expect_equal "$(json '.sandboxes[0].processes[0].pid')" "$(json '.sandboxes[0].init_pid')" "PID 1"
# Nobody else's: not this script, not B's.
session_start b in "$USER_B"
expect_ok "$CARREL" show --json "$USER_A"
expect_equal "$(json '[.sandboxes[].processes[] | select(.uid != 0) | .uid] | unique | @text')" "[$UID_A]" uids
session_end b

case_ "show: processes in a pid namespace that the user made inside"
if session_do s 'unshare -Urpf true' >/dev/null; then
	session_do s 'unshare -Urpf --mount-proc sleep 501 >/dev/null 2>&1 & sleep 0.5' >/dev/null
	expect_ok "$CARREL" show --json "$USER_A"
	expect_equal "$(json '[.sandboxes[0].processes[] | select(.command == "sleep 501")] | length')" 1 "nested"
	nested=$(json '.sandboxes[0].processes[] | select(.command == "sleep 501").inside_pid')
	[ "$nested" -gt 1 ] || fail_ "its pid is $nested: that of the inner namespace"
else
	skip_ "this machine allows no unprivileged user namespaces"
fi

case_ "show: sessions and namespaces"
expect_ok "$CARREL" show --json "$USER_A"
expect_equal "$(json '.sandboxes | length')" 1 sandboxes
expect_equal "$(json '.sandboxes[0].sessions | length')" 1 sessions
expect_equal "$(json '.sandboxes[0].sessions[0].service')" "$SERVICE_IN" service
expect_equal "$(json '.sandboxes[0].sessions[0].rhost')" 127.0.0.1 rhost
expect_equal "mnt:[$(json '.sandboxes[0].namespaces.mnt')]" "$(ns_of "$outside" mnt)" "mount namespace"
expect_equal "$(json '.sandboxes[0].namespaces.net')" null "net namespace"

case_ "show: by name, uid and id; two sandboxes"
session_start t in "$USER_A"
for word in "$USER_A" "$UID_A"; do
	expect_ok "$CARREL" show --json "$word"
	expect_equal "$(json '.sandboxes | length')" 2 "sandboxes of $word"
done
id=$(id_of "$USER_A")
expect_ok "$CARREL" show --json "$id"
expect_equal "$(json '.sandboxes | map(.id) | @text')" "[\"$id\"]" "by id"
session_end t

case_ "show: who is not there"
expect_status 1 "$CARREL" show "$USER_B"
expect_equal "$ERR" "carrel: show: $USER_B: no sandbox of that user or id lives" message
expect_status 1 "$CARREL" show "$UID_A-1"
expect_status 1 "$CARREL" show nobody-at-all
expect_status 1 "$CARREL" show "$(printf 'a\033[2Jb')"
expect_nogrep "$(printf '\033')" "$CARREL" show "$(printf 'a\033[2Jb')"
expect_status 2 "$CARREL" show
expect_status 2 "$CARREL" show "$USER_A" "$USER_B"
expect_status 1 runuser -u "$USER_A" -- "$CARREL" show "$USER_A"

case_ "show: a command line that would move the cursor"
# shellcheck disable=SC2016 # for the other shell
session_do s 'bash -c '\''exec -a "$(printf "x\033[2Jy\nz")" sleep 502'\'' >/dev/null 2>&1 & sleep 0.3' >/dev/null
expect_grep 'x\?\[2Jy\?z 502' "$CARREL" show "$USER_A"

case_ "show --json: a host name that would move the cursor, on a terminal and in a pipe"
csi=$(printf '\302\233')
pam_write show-steps "$(pam_line)"
"$TESTS/pam_steps" start="show-steps:$USER_A" rhost="x${csi}2J" open say=held sleep=20000 close end >"$SCRATCH/held" 2>&1 &
held=$!
wait_until 5 grep -q '^held' "$SCRATCH/held"
expect_grep "x${csi}2J" "$CARREL" show --json "$USER_A"
expect_grep 'x\\u009[bB]2J' script -qec "$CARREL show --json $USER_A" /dev/null
expect_nogrep "$csi" echo "$OUT"
kill "$held"
wait "$held" 2>/dev/null

case_ "show: OOM kills and forks that were refused"
session_do s "$TESTS/attack_starve memory 200; $TESTS/attack_starve bomb 100 1" >/dev/null
expect_ok "$CARREL" show --json "$USER_A"
[ "$(json .usage.oom_kills)" -gt 0 ] || fail_ "oom_kills: $(json .usage.oom_kills)"
[ "$(json .usage.pids_refused)" -gt 0 ] || fail_ "pids_refused: $(json .usage.pids_refused)"

session_end s
session_start s in "$USER_A"
case_ "a warden that hangs is shown as such, and hangs nobody"
session_start b in "$USER_B"
hung=$("$CARREL" list --json | jq -r --arg user "$USER_A" 'map(select(.user == $user))[0].warden_pid')
id=$(id_of "$USER_A")
kill -STOP "$hung"
before=$SECONDS
expect_grep "^$id +$USER_A +- +silent +[0-9]+" "$CARREL" list
[ $((SECONDS - before)) -le $((3 * $(patience))) ] || fail_ "list took $((SECONDS - before)) s"
expect_grep '^carrel: list: 1 warden did not answer' "$CARREL" list
expect_grep "^$UID_B-[0-9]+ +$USER_B +1 " "$CARREL" list
expect_ok "$CARREL" list --json
expect_equal "$(json 'map(select(.silent)) | map(.id) | @text')" "[\"$id\"]" "silent in JSON"
expect_equal "$(json 'map(select(.silent))[0].warden_pid')" "$hung" "its pid"
expect_grep 'does not answer' "$CARREL" show "$USER_A"
# Who asks for somebody else does not wait for it.
expect_ok "$CARREL" show "$USER_B"
kill -CONT "$hung"
session_end b
session_end s

case_ "a warden of another version of carrel is not passed over in silence"
wait_until 5 no_sandbox
mkdir -m 0700 "$CARREL_RUN_DIR/$UID_B"
socat -t0.1 "UNIX-LISTEN:$CARREL_RUN_DIR/$UID_B/$UID_B-1,type=5,fork" EXEC:'echo other' &
other=$!
wait_until 5 test -S "$CARREL_RUN_DIR/$UID_B/$UID_B-1"
expect_grep "^$UID_B-1 +$USER_B +- +silent" "$CARREL" list
expect_grep "sandbox $UID_B-1: its warden, process [0-9]+, does not answer" "$CARREL" show "$USER_B"
kill "$other"
wait "$other" 2>/dev/null
# One that was killed is none.
expect_output '[]' "$CARREL" list --json
rm -r "${CARREL_RUN_DIR:?}/$UID_B"

case_ "list: a name that would move the cursor"
name=$(printf 'x\033[2Jy')
printf '%s:x:%d:%d::/nonexistent:/bin/sh\n' "$name" $((CHECK_UID + 2)) "$UID_B" >>/etc/passwd
"$CARREL" run --user "$name" -- sleep 30 &
run=$!
listed() { "$CARREL" list | grep -q "^$((CHECK_UID + 2))-"; }
wait_until 5 listed || fail_ "it is not listed"
expect_grep ' x\?\[2Jy ' "$CARREL" list
kill "$run"
wait "$run" 2>/dev/null
wait_until 5 no_sandbox
sed -i '$d' /etc/passwd

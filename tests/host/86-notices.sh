# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# timeout: 300
# runtime_max and notify: what the session's terminal is told, and that nothing else is.
. "$CHECK_SOURCE/tests/host/lib.sh"

if [ "$PLAIN" = 1 ]; then
	case_ "notices"
	skip_ "there is no product"
	exit
fi

warden_count()
{
	warden_pids | wc -l
}
gone()
{
	wait_until 5 no_sandbox || fail_ "the sandbox is still there"
}

for instance in session user; do
	case_ "runtime_max ends a session, with a warning on its terminal (instance = $instance)"
	policy_write '[default]' "instance = $instance" 'runtime_max = 4s'
	log_mark
	before=$SECONDS
	expect_fail ssh_in "$USER_A" -tt 'echo started; sleep 60; echo slept'
	[ $((SECONDS - before)) -lt $((4 + 8 * $(patience))) ] || fail_ "it lasted $((SECONDS - before)) s"
	[ $((SECONDS - before)) -ge 3 ] || fail_ "it lasted only $((SECONDS - before)) s"
	expect_grep 'carrel: this session ends in 2 seconds: a session may last 4 seconds here .runtime_max.' echo "$OUT"
	expect_grep 'carrel: this session has lasted 4 seconds .runtime_max. and ends now' echo "$OUT"
	expect_nogrep slept echo "$OUT"
	expect_log "session of $USER_A in sandbox .*: runtime_max of 4 seconds reached"
	gone

	case_ "runtime_max: no word to a pipe (instance = $instance)"
	expect_fail ssh_in "$USER_A" 'exec 2>&1; echo started; sleep 60; echo slept'
	expect_equal "$OUT" started "what came through"
	expect_nogrep 'carrel' echo "$ERR"
	gone

	case_ "what wants to save its work when it is hung up can, without a terminal as well (instance = $instance)"
	expect_fail ssh_in "$USER_A" 'trap "sleep 1; echo saved >~/saved; exit 1" HUP; for i in $(seq 300); do sleep 0.2; done'
	expect_output saved ssh_out "$USER_A" 'cat ~/saved; rm ~/saved'
	gone

	case_ "a session that ignores SIGHUP and SIGTERM is killed (instance = $instance)"
	before=$SECONDS
	expect_fail ssh_in "$USER_A" 'trap "" HUP TERM; for i in $(seq 120); do sleep 0.5; done; echo slept'
	expect_nogrep slept echo "$OUT"
	[ $((SECONDS - before)) -lt $((14 + 10 * $(patience))) ] || fail_ "it lasted $((SECONDS - before)) s"
	gone
done

case_ "runtime_max of one session leaves the younger one in the same sandbox alone"
policy_write '[default]' 'instance = user' 'runtime_max = 14s'
session_start old in "$USER_A"
sleep 7
session_start young in "$USER_A"
expect_equal "$(warden_count)" 1 "wardens"
wait_until 15 eval '! kill -0 "$(session_client old)"' || fail_ "the old one is still there"
expect_output "$UID_A" session_do young id -u
session_cut old
session_end young
gone

# Ignores what it can, stays in the foreground, and has children that come and go.
stubborn='trap "" HUP TERM; while :; do sleep 0.2; done'
running() { ps -o args= -p "$(user_pids "$UID_A" | paste -sd,)" | grep -q "$1"; }

for way in 'instance = user' 'namespaces = mount ipc'; do
	case_ "what ignores SIGHUP and SIGTERM is killed, also where another session goes on ($way)"
	policy_write '[default]' "$way"
	session_start keeper in "$USER_A"
	policy_write '[default]' "$way" 'runtime_max = 3s'
	ssh_in "$USER_A" "setsid -f sleep 301 >/dev/null 2>&1; nohup sleep 302 >/dev/null 2>&1 & sleep 60" &
	before=$SECONDS
	expect_fail ssh_in "$USER_A" "$stubborn"
	[ $((SECONDS - before)) -ge 3 ] || fail_ "it lasted only $((SECONDS - before)) s"
	wait $!
	wait_until 6 eval '! running "while :"' || fail_ "it lives"
	for left in 301 302; do
		running "sleep $left" || fail_ "what was left in the background has gone: $left"
	done
	expect_output "$UID_A" session_do keeper id -u
	session_end keeper
	gone
	wait_until 2 user_gone "$UID_A" || fail_ "left: $(user_pids "$UID_A")"
done

case_ "no runtime_max, no notice"
policy_write '[default]'
expect_nogrep 'carrel:' ssh_in "$USER_A" -tt 'sleep 1; echo done'
expect_grep 'done' echo "$OUT"
gone

# More processes than there may be, for 8 s. (bash gives up when a child ends while it waits to try again.)
breeder='python3 -c "
import os, time
end = time.time() + 8
while time.time() < end:
    try:
        if os.fork() == 0:
            time.sleep(8)
            os._exit(0)
    except BlockingIOError:
        time.sleep(0.1)
"'
eater='python3 -c "import time; x = bytearray(200 << 20); time.sleep(9)"; sleep 1; echo after'
for instance in session user; do
	policy_write '[default]' "instance = $instance" 'memory_max = 64M' 'pids_max = 30'

	case_ "an OOM kill is told on the terminal (instance = $instance)"
	if [ -n "$(cgroup_version memory)" ]; then
		expect_grep 'carrel: 1 of your processes was killed by the kernel: together they may use 64.0M of memory here .memory_max., and used 6[0-9.]*M' \
			ssh_in "$USER_A" -tt "$eater"
		expect_grep after echo "$OUT"
	else
		skip_ "no memory controller"
	fi
	gone

	case_ "an OOM kill: no word to a pipe (instance = $instance)"
	expect_grep after ssh_in "$USER_A" "exec 2>/dev/null; $eater"
	expect_equal "$OUT" after "what came through"
	gone

	case_ "a refused process is told on the terminal, and not each time (instance = $instance)"
	if [ -n "$(cgroup_version pids)" ]; then
		expect_grep 'carrel: a new process was refused: you may have 30 processes and threads here .pids_max., and have [0-9]+' \
			ssh_in "$USER_A" -tt "$breeder"
		# It tries again for longer than the pause between two sentences.
		[ "$(grep -c 'carrel: a new process' <<<"$OUT")" -le 2 ] || fail_ "too many sentences"
	else
		skip_ "no pids controller"
	fi
	gone
done

case_ "scp and sftp streams stay clean while the limit is hit"
session_start hog in "$USER_A"
head -c 5000000 /dev/urandom >"$SCRATCH/data"
copies=()
for copy in "scp -l 3000" "scp -O -l 3000" "sftp -l 3000"; do
	to=$SCRATCH/${copy// /}
	# shellcheck disable=SC2086 # words
	case $copy in
	scp*) $copy -F "$SSH_CONFIG" "$SCRATCH/data" "$USER_A@in:/tmp/${copy// /}" ;;
	sftp*) echo "put $SCRATCH/data /tmp/${copy// /}" | $copy -q -b - -F "$SSH_CONFIG" "$USER_A@in" ;;
	esac >"$to.out" 2>&1 &
	copies+=($!)
done
sleep 1
kills=$("$CARREL" show --json "$USER_A" | jq .usage.oom_kills)
session_do hog "$eater" >/dev/null
[ "$("$CARREL" show --json "$USER_A" | jq .usage.oom_kills)" -gt "$kills" ] || fail_ "the limit was not hit"
for pid in "${copies[@]}"; do
	kill -0 "$pid" || fail_ "a copy was over before: nothing was tested"
done
for pid in "${copies[@]}"; do
	wait "$pid" || fail_ "a copy failed"
done
expect_output "" cat "$SCRATCH/scp-l3000.out" "$SCRATCH/scp-O-l3000.out"
expect_output "sftp> put $SCRATCH/data /tmp/sftp-l3000" cat "$SCRATCH/sftp-l3000.out"
expect_equal "$(session_do hog 'cat /tmp/*3000 | cksum')" \
	"$(cat "$SCRATCH/data" "$SCRATCH/data" "$SCRATCH/data" | cksum)" "what arrived"
session_end hog
gone

case_ "notify = no"
policy_write '[default]' 'memory_max = 64M' 'notify = no'
expect_nogrep 'carrel:' ssh_in "$USER_A" -tt "$eater"
expect_grep after echo "$OUT"
gone

case_ "each session's terminal is told, another user's is not"
policy_write '[default]' 'instance = user' 'memory_max = 64M'
# Until the word has been said: who is not there is told nothing in any case.
watch="echo ready; while [ ! -e $SCRATCH/said ]; do sleep 0.1; done"
ssh_in "$USER_A" -tt "$watch" >"$SCRATCH/watching" 2>&1 &
one=$!
ssh_in "$USER_B" -tt "$watch" >"$SCRATCH/other" 2>&1 &
two=$!
for name in watching other; do
	wait_until 10 grep -q ready "$SCRATCH/$name" || fail_ "$name: no session"
done
expect_grep 'was killed by the kernel' ssh_in "$USER_A" -tt "$eater"
touch "$SCRATCH/said"
wait $one $two
expect_grep 'was killed by the kernel' cat "$SCRATCH/watching"
expect_nogrep 'carrel:' cat "$SCRATCH/other"
gone

# A session that hits its limit once told to; what its terminal got is in $SCRATCH/later.
later()
{
	rm -f "$SCRATCH/go"
	ssh_in "$USER_A" -tt "echo ready; while [ ! -e $SCRATCH/go ]; do sleep 0.1; done; $eater" >"$SCRATCH/later" 2>&1 &
	later_pid=$!
	wait_until 10 grep -q ready "$SCRATCH/later" || fail_ "no session"
}
expect_told_later()
{
	touch "$SCRATCH/go"
	wait "$later_pid"
	expect_grep 'was killed by the kernel: together they may use 64.0M' cat "$SCRATCH/later"
	gone
}

for instance in session user; do
	case_ "a limit that comes by reload, or with another login, is told of as well (instance = $instance)"
	policy_write '[default]' "instance = $instance"
	later
	policy_write '[default]' "instance = $instance" 'memory_max = 64M'
	expect_ok "$CARREL" reload
	expect_told_later
	policy_write '[default]' "instance = $instance"
	later
	policy_write '[default]' "instance = $instance" 'memory_max = 64M'
	expect_ok ssh_in "$USER_A" true
	expect_told_later
done

case_ "a warden that has nobody to tell does not wake up; nor one whose limit has been lifted"
wakeups()
{
	awk '/^voluntary/ { print $2 }' "/proc/$1/status"
}
policy_write '[default]' 'pids_max = 100' "[user $USER_B]" 'notify = no'
session_start quiet in "$USER_B"
quiet=$(warden_pids)
session_start lifted in "$USER_A"
lifted=$(warden_pids | grep -v -x "$quiet")
policy_write '[default]' "[user $USER_B]" 'notify = no' 'pids_max = 100'
expect_ok "$CARREL" reload
sleep 2 # both give memory back once
before="$(wakeups "$quiet") $(wakeups "$lifted")"
sleep 6
expect_equal "$(wakeups "$quiet") $(wakeups "$lifted")" "$before" "wake-ups of notify = no, and of the lifted limit"
session_end quiet
session_end lifted
gone

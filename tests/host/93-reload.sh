# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# timeout: 240
# reload, metrics, status, top.
. "$CHECK_SOURCE/tests/host/lib.sh"

json()
{
	jq -r "$1" <<<"$OUT"
}

limit_of()
{
	"$CARREL" show --json "$USER_A" | jq -r ".limits.$1"
}

limits()
{
	echo "$(limit_of memory_max) $(limit_of pids_max) $(limit_of cpu_max) $(limit_of cpu_weight)"
}

# --- reload

case_ "reload raises and lowers the limits of who is logged in, under load"
policy_write '[default]' 'memory_max = 64M' 'pids_max = 40' 'cpu_max = 50%' 'cpu_weight = 50' 'sessions_max = 1'
session_start s in "$USER_A"
session_do s 'while :; do /bin/true; done >/dev/null 2>&1 &' >/dev/null
expect_equal "$(limits)" "67108864 40 50 50" "at first"
policy_write '[default]' 'memory_max = 96M' 'pids_max = 60' 'cpu_max = 70%' 'cpu_weight = 300'
expect_equal "$(limits)" "67108864 40 50 50" "before reload"
expect_output "policy accepted; 1 user logged in" "$CARREL" reload
expect_equal "$(limits)" "100663296 60 70 300" "raised"
policy_write '[default]' 'memory_max = 48M' 'pids_max = 30' 'cpu_max = 40%' 'cpu_weight = 20'
expect_ok "$CARREL" reload
expect_equal "$(limits)" "50331648 30 40 20" "lowered"
policy_default
expect_ok "$CARREL" reload
expect_equal "$(limit_of memory_max)/$(limit_of pids_max)/$(limit_of cpu_max)" null/null/null "lifted"
expect_output still session_do s echo still

case_ "reload goes by user and group, as a login does"
usermod -a -G games "$USER_A"
policy_write '[default]' 'pids_max = 31' '[group games]' 'pids_max = 32' "[user $USER_B]" 'pids_max = 33'
session_start b in "$USER_B"
expect_output "policy accepted; 2 users logged in" "$CARREL" reload
expect_equal "$(limit_of pids_max)" 32 "A's, by group"
expect_equal "$("$CARREL" show --json "$USER_B" | jq .limits.pids_max)" 33 "B's, by name"
session_end b

# Nobody has just these groups and this name, so that it is not seen before.
case_ "a disk that is not there is told of a user, who keeps the limits"
if [ -n "$(cgroup_version blkio)$(cgroup_version io)" ]; then
	policy_write '[default]' 'sandbox = no' '[group games]' 'io_max = /nowhere wbps=2M' "[user $USER_A]" 'sandbox = yes'
	expect_status 1 "$CARREL" reload
	grep -q "^carrel: reload: $USER_A: io_max can't be enforced: .*/nowhere.*: No such file" <<<"$ERR" || fail_ "$(brief "$OUT$ERR")"
	expect_equal "$(limit_of pids_max)" 32 "pids_max"
else
	skip_ "no io controller"
fi

case_ "a bad policy changes nothing"
accepted=$(cksum "$STATE/policy")
policy_write '[default]' 'pids_max = 50' 'memory_mx = 1G' 'cpu_max = many'
expect_status 1 "$CARREL" reload
grep -q "^$POLICY:3: .*memory_mx" <<<"$ERR" && grep -q "^$POLICY:4: .*cpu_max" <<<"$ERR" || fail_ "$(brief "$ERR")"
grep -q '^carrel: reload: the policy is bad, 2 errors; nothing was changed$' <<<"$ERR" || fail_ "$(brief "$ERR")"
expect_equal "$(limit_of pids_max)" 32 "pids_max"
expect_equal "$(cksum "$STATE/policy")" "$accepted" "the accepted policy"
# Well written, but not for this host.
policy_write '[default]' 'pids_max = 51' 'cpus = 0,900'
[ -z "$(cgroup_version cpuset)" ] || {
	expect_status 1 "$CARREL" reload
	expect_equal "$(limit_of pids_max)" 32 "pids_max"
	expect_equal "$(cksum "$STATE/policy")" "$accepted" "the accepted policy"
}

case_ "what can't be applied is told, and the rest is applied"
if [ "$(cgroup_version memory)" = 1 ]; then
	policy_write '[default]' 'memory_max = 200M' 'pids_max = 50' 'swap_max = 0'
	[ -e "$(awk '$3 == "cgroup" && $4 ~ /memory/ { print $2 }' /proc/mounts)/memory.memsw.limit_in_bytes" ] ||
		policy_write '[default]' 'memory_max = 200M' 'pids_max = 50'
	expect_ok "$CARREL" reload
	session_do s "perl -e '\$x = \"x\" x 90000000; sleep 300' >/dev/null 2>&1 &" >/dev/null
	big() { [ "$("$CARREL" show --json "$USER_A" | jq .usage.memory_bytes)" -gt 80000000 ]; }
	wait_until 10 big || fail_ "it does not use memory"
	sed -i 's/200M/32M/; s/50/49/' "$POLICY"
	expect_status 1 "$CARREL" reload
	grep -q "^carrel: reload: $USER_A: memory_max can't be enforced: " <<<"$ERR" || {
		[ "$(swapon --noheadings | wc -l)" -gt 0 ] && skip_ "it was swapped out" || fail_ "$(brief "$ERR")"
	}
	expect_equal "$(limit_of pids_max)" 49 "pids_max"
	expect_output still session_do s echo still
else
	skip_ "v2 lowers memory.max whatever is in use"
fi
expect_ok "$CARREL" kill "$USER_A"
session_cut s

case_ "cpus for who was logged in without"
if [ -n "$(cgroup_version cpuset)" ] && [ "$(nproc)" -ge 2 ]; then
	policy_default
	session_start s in "$USER_A"
	policy_write '[default]' 'cpus = 1'
	expect_ok "$CARREL" reload
	expect_output "Cpus_allowed_list:	1" session_do s grep Cpus_allowed_list /proc/self/status
	policy_default
	expect_ok "$CARREL" reload
	expect_output "Cpus_allowed_list:	$(sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status)" \
		session_do s grep Cpus_allowed_list /proc/self/status
	# Made by the reload: the session's own warden takes it away all the same.
	session_end s
	wait_until 5 slice_gone cpuset "$UID_A" || fail_ "the cpuset slice is left"
else
	skip_ "no cpuset controller, or one CPU only"
fi

case_ "a session from before cgroups were used: reload says that no limit reaches it, and leaves no slice"
policy_write '[host]' 'cgroup = none'
session_start s in "$USER_A"
policy_write '[default]' 'pids_max = 50'
expect_status 1 "$CARREL" reload
grep -q "^carrel: reload: $USER_A: the open sessions are in no cgroup" <<<"$ERR" || fail_ "$(brief "$ERR")"
expect_equal "$(grep -c "^carrel: reload:" <<<"$ERR")" 1 "messages"
session_end s
wait_until 5 slice_gone pids "$UID_A" || fail_ "a slice is left"
policy_default

case_ "reload waits for who is storing a policy, and says when that has no end"
policy_write '[default]' 'pids_max = 76'
accepted=$(cksum "$STATE/policy")
flock "$STATE/policy.new" sleep 1 &
other=$!
wait_until 5 eval '! flock -n "$STATE/policy.new" true' || fail_ "it is not locked"
expect_ok "$CARREL" reload
expect_differ "$(cksum "$STATE/policy")" "$accepted" "the accepted policy"
wait $other
accepted=$(cksum "$STATE/policy")
policy_write '[default]' 'pids_max = 75'
exec {lock}>"$STATE/policy.new"
flock "$lock"
expect_status 1 timeout 30 "$CARREL" reload
grep -q '^carrel: reload: store the accepted policy in .*: another process' <<<"$ERR" || fail_ "$(brief "$ERR")"
expect_equal "$(cksum "$STATE/policy")" "$accepted" "the accepted policy"
exec {lock}>&-
expect_ok "$CARREL" reload

case_ "reload: usage, and nobody logged in"
wait_until 5 no_sandbox
policy_write '[default]' 'pids_max = 77'
policy_forget
expect_output "policy accepted; 0 users logged in" "$CARREL" reload
expect_file "$STATE/policy"
expect_status 2 "$CARREL" reload now
expect_status 1 runuser -u "$USER_A" -- "$CARREL" reload

# --- metrics

case_ "metrics: promtool accepts them, and the figures are right"
policy_write '[default]' 'memory_max = 64M' 'pids_max = 40' 'cpu_max = 150%'
expect_ok "$CARREL" metrics
expect_ok promtool check metrics <<<"$OUT"
session_start s in "$USER_A"
session_start t in "$USER_A"
session_start b in "$USER_B"
expect_ok "$CARREL" metrics
metrics=$OUT
run_ promtool check metrics <<<"$metrics"
[ "$STATUS" = 0 ] && [ -z "$OUT$ERR" ] || fail_ "promtool: $(said)"
has() { grep -q -x -F -e "$1" <<<"$metrics" || fail_ "no line: $1"; }
has "carrel_users 2"
has "carrel_sandboxes 3"
has "carrel_sessions 3"
has "carrel_user_sandboxes{user=\"$USER_A\",uid=\"$UID_A\"} 2"
has "carrel_user_memory_limit_bytes{user=\"$USER_A\",uid=\"$UID_A\"} 67108864"
has "carrel_user_processes_limit{user=\"$USER_B\",uid=\"$UID_B\"} 40"
has "carrel_user_cpu_limit_ratio{user=\"$USER_B\",uid=\"$UID_B\"} 1.5"
has "carrel_user_frozen{user=\"$USER_A\",uid=\"$UID_A\"} 0"
expect_equal "$(tail -n 1 <<<"$metrics")" "# EOF" "the last line"
used=$(sed -n "s/^carrel_user_memory_bytes{user=\"$USER_A\".* //p" <<<"$metrics")
[ "${used:-0}" -gt 100000 ] || fail_ "memory: $used"
# promtool reads Prometheus' older format, this one OpenMetrics, and strictly.
expect_openmetrics()
{
	/usr/bin/python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(sum(len(family.samples) for family in text_string_to_metric_families(sys.stdin.read())))' \
		<<<"$1" >"$SCRATCH/samples" 2>&1 || fail_ "OpenMetrics: $(tail -n 1 "$SCRATCH/samples")"
	expect_equal "$(cat "$SCRATCH/samples")" "$(grep -c -v '^#' <<<"$1")" "samples"
}
expect_openmetrics "$metrics"
session_end t
session_end b

case_ "metrics: a name that needs escaping"
sed "s/^$USER_B:/we\"i\\\\rd:/" /etc/passwd >"$SCRATCH/passwd" && cat "$SCRATCH/passwd" >/etc/passwd
expect_ok "$CARREL" run -u 'we"i\rd' -- true
"$CARREL" run -u 'we"i\rd' -- sleep 60 &
pid=$!
wait_until 5 "$CARREL" show "$UID_B" || fail_ "it does not run"
expect_ok "$CARREL" metrics
grep -q -F 'carrel_user_sandboxes{user="we\"i\\rd",' <<<"$OUT" || fail_ "$(grep sandboxes <<<"$OUT" | tail -1)"
metrics=$OUT
expect_ok promtool check metrics <<<"$metrics"
expect_openmetrics "$metrics"
kill $pid
wait $pid
pam_reset

# --- status

case_ "status: for a user, inside, about themselves"
expect_ok session_do s "$CARREL status --json"
OUT=$(session_do s "$CARREL status --json")
expect_equal "$(json .user) $(json .uid) $(json .limited)" "$USER_A $UID_A true" who
expect_equal "$(json .limits.memory_max) $(json .limits.pids_max) $(json .limits.cpu_max)" "67108864 40 150" limits
[ "$(json .usage.memory_bytes)" -gt 100000 ] && [ "$(json .usage.processes)" -gt 1 ] || fail_ "usage: $(brief "$OUT")"
expect_grep "^Memory: +[0-9.]+[KM] used of 64.0M \([0-9]+%\)" session_do s "$CARREL status"
expect_grep "^Processes: +[0-9]+ running of 40 that you may have" session_do s "$CARREL status"
expect_grep "you may use 150% of one CPU" session_do s "$CARREL status"
expect_nogrep 'cgroup|slice' session_do s "$CARREL status"
session_do s "$TESTS/attack_starve memory 200" >/dev/null
expect_grep 'of your programs (has|have) been killed because the memory was used up' session_do s "$CARREL status"

case_ "status: with a cgroup namespace, outside, and for who is left alone"
policy_write '[default]' 'namespaces = mount pid ipc cgroup' 'pids_max = 41'
expect_ok "$CARREL" kill "$USER_A"
session_cut s
expect_grep "running of 41 that" ssh_in "$USER_A" "$CARREL" status
expect_output "This login is not limited by carrel." ssh_out "$USER_A" "$CARREL" status
policy_write '[default]' 'sandbox = no'
expect_output "This login is not limited by carrel." ssh_in "$USER_A" "$CARREL" status
expect_ok ssh_in "$USER_A" "$CARREL" status --json
expect_equal "$(json .limited)/$(json .limits)" "false/null" "in JSON"
expect_status 2 "$CARREL" status "$USER_A"

# --- top

TMUX_TMPDIR=$SCRATCH
export TMUX_TMPDIR
screen()
{
	tmux -L top capture-pane -p -t main
}
shows()
{
	screen | grep -q -E -e "$1"
}
# The users in the order of the lines.
order()
{
	screen | sed -n 's/^\(carrel-[ab]\) .*/\1/p' | tr '\n' ' '
}
in_order()
{
	[ "$(order)" = "$1 " ]
}

case_ "top: who is there, with figures that move"
policy_write '[default]' 'memory_max = 100M' 'pids_max = 40'
session_start a in "$USER_A"
session_start b in "$USER_B"
session_start b2 in "$USER_B"
session_do a 'while :; do :; done >/dev/null 2>&1 &' >/dev/null
# Perl may have two of them at times, which is still below the limit.
session_do b "perl -e '\$x = \"x\" x 35000000; sleep 300' >/dev/null 2>&1 &" >/dev/null
tmux -L top -f /dev/null new-session -d -s main -x 120 -y 20 "PS1='outer> ' bash --norc"
wait_until 5 shows 'outer>'
tmux -L top send-keys -t main "stty -g >$SCRATCH/before; $CARREL top --delay 1" Enter
wait_until 5 shows "users 2  sandboxes 3  sessions 3" || fail_ "$(brief "$(screen)")"
wait_until 5 shows "^$USER_A +1 +1 .* 40 .* 100.0M +[0-9]+\.[0-9] " || fail_ "$(brief "$(screen | grep '^carrel-')")"
wait_until 5 shows "^$USER_B +2 +2 .* [3-9][0-9]\.[0-9]M" || fail_ "$(brief "$(screen | grep '^carrel-')")"

case_ "top: it sorts"
wait_until 5 in_order "$USER_A $USER_B" || fail_ "by CPU: $(order)"
tmux -L top send-keys -t main m
wait_until 5 in_order "$USER_B $USER_A" || fail_ "by memory: $(order)"
shows 'sorted by memory;' || fail_ "$(brief "$(screen)")"
tmux -L top send-keys -t main r
wait_until 5 in_order "$USER_A $USER_B" || fail_ "by memory, reversed: $(order)"
tmux -L top send-keys -t main r p
wait_until 5 in_order "$USER_B $USER_A" || fail_ "by processes: $(order)"
tmux -L top send-keys -t main u
wait_until 5 in_order "$USER_A $USER_B" || fail_ "by user: $(order)"
tmux -L top send-keys -t main s
wait_until 5 in_order "$USER_B $USER_A" || fail_ "by sessions: $(order)"

case_ "top: resize, also to hardly anything"
for size in "60 10" "10 2" "1 1" "200 50"; do
	tmux -L top resize-window -t main -x "${size% *}" -y "${size#* }"
	sleep 0.3
done
wait_until 5 shows "^$USER_A " || fail_ "$(brief "$(screen)")"
# A terminal wraps long lines when it shrinks: nothing of that stays.
tmux -L top resize-window -t main -x 40 -y 8
narrow() { [ "$(screen | grep -c .)" = 5 ]; }
wait_until 5 narrow || fail_ "lines on a narrow terminal: $(screen | grep -c .)"
tmux -L top resize-window -t main -x 120 -y 20
expect_ok pgrep -x -f "$CARREL top --delay 1"

case_ "top: q, ^C and a closed terminal end it, and the terminal is as it was"
for key in q C-c; do
	tmux -L top send-keys -t main $key
	wait_until 5 shows 'outer>' || fail_ "$key does not end it"
	tmux -L top send-keys -t main "stty -g >$SCRATCH/after" Enter
	wait_until 5 test -s "$SCRATCH/after"
	expect_equal "$(cat "$SCRATCH/after")" "$(cat "$SCRATCH/before")" "the terminal after $key"
	rm -f "$SCRATCH/after"
	tmux -L top send-keys -t main "clear; $CARREL top --delay 1" Enter
	wait_until 5 shows "users 2" || fail_ "$(brief "$(screen)")"
done
tmux -L top kill-server
no_top() { ! pgrep -x -f "$CARREL top --delay 1" >/dev/null; }
wait_until 5 no_top || fail_ "it outlives its terminal"
expect_status 1 "$CARREL" top
expect_status 2 "$CARREL" top --delay 0
for name in a b b2; do session_cut $name; done
run_ "$CARREL" kill "$USER_A" "$USER_B"
wait_until 5 no_sandbox || fail_ "a sandbox is left"

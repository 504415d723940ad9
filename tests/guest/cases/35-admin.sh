# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2016,SC2154
# The carrel command where systemd owns the cgroups: it says what systemd and the kernel say, and what it does
# is seen by systemd.
. "$CHECK_SOURCE/tests/guest/lib.sh"

policy_write '[default]' 'memory_max = 300M' 'pids_max = 200'
slice=/sys/fs/cgroup/user.slice/user-$UID_A.slice
# Does A's counter move?
counts()
{
	local before
	before=$(cat "/home/$USER_A/count") && sleep "${1:-1}" && [ "$(cat "/home/$USER_A/count")" != "$before" ]
}
session_start a in "$USER_A"
session_do a 'i=0; while :; do i=$((i + 1)); echo $i >~/count; sleep 0.1; done >/dev/null 2>&1 &'
wait_until 10 counts
id=$(sandbox sshd id) leader=$(sandbox sshd leader_pid) init=$(sandbox sshd init_pid) warden=$(sandbox sshd warden_pid)

case_ "list, show, metrics and status say what the kernel says"
expect_grep "^$id +$USER_A +1 " "$CARREL" list
expect_grep '^memory +[0-9.]+[KM] +300.0M' "$CARREL" show "$USER_A"
expect_grep '^processes +[0-9]+ +200 ' "$CARREL" show "$USER_A"
said=$("$CARREL" show --json "$USER_A" | tr -d ' ",')
expect_equal "$(sed -n 's/^memory_max://p' <<<"$said")" "$(cat "$slice"/memory.max)" "memory_max"
expect_equal "$(sed -n 's/^pids_max://p' <<<"$said")" "$(cat "$slice"/pids.max)" "pids_max"
expect_grep "^carrel_.*user=\"$USER_A\".* 314572800" "$CARREL" metrics
expect_grep '300.0M' session_do a "$CARREL status"

# screen: what top shows now, in a terminal of 120 columns and 24 lines.
screen() { tmux -L top capture-pane -p -t top; }
top_shows() { screen | grep -Eq "$1"; }
case_ "top: its screen has the slice's limits, what is used, and who is logged in"
expect_ok tmux -L top new-session -d -s top -x 120 -y 24 "$CARREL top --delay 1; echo status \$?; sleep 600"
wait_until 20 top_shows "^$USER_A " || fail_ "no row: $(screen | tr '\n' '|')"
expect_equal "$(screen | sed -n 3p | tr -s ' ' | sed 's/ $//')" 'USER BOX SESS AGE PROCS MAX MEMORY MAX CPU% MAX CPU OOM STATE' "its head"
# The login's sandbox, and her manager's.
read -r _ boxes sessions _ procs procs_max memory memory_max _ cpu_max _ <<<"$(screen | grep "^$USER_A ")"
expect_equal "$boxes $sessions $procs_max $memory_max $cpu_max" "2 2 200 300.0M -" "boxes, sessions and limits"
[ "$procs" -ge 3 ] && [ "$procs" -le $(($(slice "$UID_A" pids.current) + 3)) ] || fail_ "$procs processes, the slice has $(slice "$UID_A" pids.current)"
[[ $memory =~ ^[0-9.]+[KM]$ ]] || fail_ "memory: $memory"
expect_grep 'users 1  sandboxes 2  sessions 2$' screen
session_do a 'for i in 1 2 3 4 5 6 7 8 9 10; do setsid sleep 555 & done >/dev/null 2>&1'
more_processes() { [ "$(screen | awk -v user="$USER_A" '$1 == user { print $5 }')" -ge $((procs + 10)) ]; }
wait_until 20 more_processes || fail_ "ten more are not seen: $(screen | grep "^$USER_A")"
session_do a 'pkill -x -f "sleep 555"'
"$CARREL" freeze "$USER_A"
wait_until 20 top_shows "^$USER_A .* frozen" || fail_ "not frozen: $(screen | grep "^$USER_A")"
"$CARREL" thaw "$USER_A"
tmux -L top send-keys -t top m
wait_until 20 top_shows 'sorted by memory' || fail_ "the key m: $(screen | sed -n 2p)"
tmux -L top send-keys -t top q
wait_until 20 top_shows '^status 0' || fail_ "the key q: $(screen | tr '\n' '|')"
tmux -L top kill-server

case_ "doctor finds nothing wrong"
expect_ok "$CARREL" doctor

case_ "reload: the limits of who is logged in change, and systemd has the same"
policy_write '[default]' 'memory_max = 200M' 'pids_max = 150' 'cpu_weight = 42'
expect_ok "$CARREL" reload
expect_equal "$(slice "$UID_A" memory.max) $(slice "$UID_A" pids.max) $(slice "$UID_A" cpu.weight)" "209715200 150 42" "the kernel's"
expect_equal "$(prop "user-$UID_A.slice" MemoryMax) $(prop "user-$UID_A.slice" TasksMax) $(prop "user-$UID_A.slice" CPUWeight)" \
	"209715200 150 42" "systemd's"

case_ "enter: in its namespaces and in its session's scope, as the user; systemd and logind see it there"
expect_output "$(ns_of "$init" pid) $(ns_of "$init" mnt) $UID_A" "$CARREL" enter "$USER_A" -- \
	sh -c 'echo $(readlink /proc/self/ns/pid /proc/self/ns/mnt) $(id -u)'
"$CARREL" enter "$USER_A" -- sleep 7777 &
wait_until 10 pgrep -u "$USER_A" -f 'sleep 7777'
expect_equal "$(place_of "$(pgrep -u "$USER_A" -f 'sleep 7777' | head -n 1)")" "$(place_of "$leader")" "where it is"
expect_grep '7777' systemctl status --no-pager "$(unit_of "$leader")"
kill $(pgrep -u "$USER_A" -f 'sleep 7777')
wait %% 2>/dev/null

case_ "freeze: systemd knows, nothing of the user's runs, and the tools answer"
expect_output '' "$CARREL" freeze "$USER_A"
! counts 2 || fail_ "it still counts"
for unit in "$(unit_of "$leader")" "user@$UID_A.service"; do
	grep -q 'frozen 1' "$slice/$unit/cgroup.events" || fail_ "$unit is not frozen"
	expect_equal "$(prop "$unit" FreezerState)" frozen "FreezerState of $unit"
done
start=$SECONDS
expect_grep "^$id +$USER_A" "$CARREL" list
expect_grep ': frozen$' "$CARREL" show "$USER_A"
[ $((SECONDS - start)) -lt 10 ] || fail_ "list and show took $((SECONDS - start)) s"
log_mark
# Refused, and not frozen on its way in.
expect_status 254 timeout 60 ssh -F "$SSH_CONFIG" "$USER_A@in" true
expect_log "sessions of $USER_A are frozen"
expect_ok ssh_in "$USER_B" true

case_ "thaw: it goes on, and systemd knows"
expect_output '' "$CARREL" thaw "$USER_A"
wait_until 10 counts || fail_ "it does not go on"
expect_equal "$(prop "$(unit_of "$leader")" FreezerState)" running "systemd's FreezerState"
expect_ok ssh_in "$USER_A" true

case_ "systemctl thaw lets go on what carrel froze, and carrel thaw what systemctl froze"
expect_ok "$CARREL" freeze "$USER_A"
expect_ok systemctl thaw "$(unit_of "$leader")" "user@$UID_A.service"
wait_until 10 counts || fail_ "systemctl thaw: it does not go on"
expect_ok timeout 30 systemctl freeze "user-$UID_A.slice"
expect_grep ': frozen$' "$CARREL" show "$USER_A"
expect_ok "$CARREL" thaw "$USER_A"
wait_until 10 counts || fail_ "carrel thaw: it does not go on"

case_ "kill ends a frozen sandbox, its scopes and its session; the next login is as any other"
# cpuset has a say in who may move a process when its CPUs change with it.
policy_write '[default]' 'memory_max = 200M' 'cpus = 0'
expect_ok "$CARREL" reload
expect_ok "$CARREL" freeze "$USER_A"
expect_ok "$CARREL" kill "$USER_A"
session_cut a
wait_until 20 test ! -e "/proc/$warden" || fail_ "the warden is left"
wait_until 30 user_settled "$UID_A" || fail_ "left: $(systemctl list-units --all --plain --no-legend "*-$UID_A-*" "user-$UID_A.slice")"
expect_ok timeout 60 ssh -F "$SSH_CONFIG" "$USER_A@in" true
expect_equal "$("$CARREL" list | grep -c "^$id ")" 0 "the sandbox in the list"

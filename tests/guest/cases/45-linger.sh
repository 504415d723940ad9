# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# What outlives the logout: on_logout = linger with logind's KillUserProcesses and without, and users who linger by
# logind's own word.
. "$CHECK_SOURCE/tests/guest/lib.sh"

linger_policy='instance = user|on_logout = linger|memory_max = 500M'
logind_conf=/etc/systemd/logind.conf.d/kill.conf
mkdir -p ${logind_conf%/*}
logind()
{
	{ echo '[Login]' && printf '%s\n' "$@"; } >$logind_conf
	systemctl restart systemd-logind.service
}
linger_on()
{
	local lines
	IFS='|' read -ra lines <<<"$linger_policy"
	policy_write '[default]' "${lines[@]}"
}
# A detached tmux, a nohup job and one in a session of its own, each with a sleep to be known by. All three run
# when this returns.
leave_jobs()
{
	session_do a 'tmux new-session -d -s work "sleep 4001"
		nohup sleep 4002 >/dev/null 2>&1 &
		setsid sleep 4003 >/dev/null 2>&1 &'
	wait_until 20 jobs_are '4001 4002 4003' || fail_ "before the logout there are: $(jobs_left)"
}
jobs_left() { pgrep -u "$USER_A" -a -x sleep | awk '{ print $3 }' | sort | tr '\n' ' ' | sed 's/ $//'; }
jobs_are() { [ "$(jobs_left)" = "$1" ]; }
sandboxes() { "$CARREL" list --json | tr -d ' ",' | awk -F: '$1 == "user" { user = $2 } $1 == "service" { print user, $2 }'; }
# When the last session is over, nothing of which is left, logind lets go of the user's manager.
no_login() { [ -z "$(sandbox sshd id)" ]; }
manager_gone() { [ "$(systemctl show -P ActiveState "user@$UID_A.service")" = inactive ]; }
is_closing() { [ "$(loginctl show-user -p State --value "$USER_A")" = closing ]; }
# What is left has the session stay, as one that is closing; and so longer than logind waits for its manager.
logout_lingering()
{
	session_end a
	wait_until 20 is_closing || fail_ "logind has: $(loginctl show-user "$USER_A" 2>&1 | tr '\n' ' ')"
	sleep 3
	expect_equal "$(jobs_left)" '4001 4002 4003' "what is left"
	expect_ok systemctl is-active -q "user@$UID_A.service"
	expect_file "/run/user/$UID_A/bus"
}
manager_ends()
{
	session_end a
	wait_until 40 manager_gone || fail_ "the user's manager is still there, $1"
}
session_over() { ! kill -0 "${session_pid[$1]}" 2>/dev/null; }
no_session() { [ ! -e "$(scope_of "$1")" ] && ! loginctl show-session "$1" >/dev/null 2>&1; }
places_of_jobs() { for pid in $(pgrep -u "$USER_A" -x sleep); do place_of "$pid"; done | sort -u; }
# Of a session of logind's: who is in its scope, by name.
scope_of() { echo "/sys/fs/cgroup/user.slice/user-$UID_A.slice/session-$1.scope"; }
in_scope() { while read -r pid; do cat "/proc/$pid/comm"; done <"$(scope_of "$1")/cgroup.procs"; }

case_ "KillUserProcesses=no: tmux, nohup and setsid go on within the limits, and the next login finds them"
logind KillUserProcesses=no UserStopDelaySec=1
linger_on
session_start a in "$USER_A"
ns=$(session_do a 'readlink /proc/self/ns/pid')
session=$(session_do a 'echo $XDG_SESSION_ID')
leave_jobs
expect_equal "$(in_scope "$session")" carrel-init "who is in logind's scope"
expect_equal "$(loginctl show-session -p State --value "$session")" active "what logind has of the session"
logout_lingering
[[ $(places_of_jobs) == "/user.slice/user-$UID_A.slice/login-"*.scope ]] || fail_ "they are in $(places_of_jobs)"
expect_equal "$(slice "$UID_A" memory.max)" $((500 << 20)) "memory.max"
expect_output "$ns work 3" ssh_in "$USER_A" \
	'echo $(readlink /proc/self/ns/pid) $(tmux list-sessions -F "#{session_name}") $(pgrep -cx sleep)'
wait_until 10 no_session "$session" || fail_ "the first session is still there: $(loginctl list-sessions)"
is_closing || fail_ "logind has: $(loginctl show-user "$USER_A" 2>&1 | tr '\n' ' ')"

case_ "it ends with its last process, and nothing is left"
session_start a in "$USER_A"
session_do a 'tmux kill-server; pkill -x sleep'
session_end a
wait_until 30 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A") $(systemctl list-units --all --plain --no-legend "*-$UID_A-*")"

case_ "on_logout = kill: none of them outlives the logout"
policy_write '[default]' 'instance = user'
session_start a in "$USER_A"
leave_jobs
session_end a
wait_until 20 user_settled "$UID_A" || fail_ "left: $(jobs_left)"

case_ "KillUserProcesses=yes ends them at the logout without our line, and not with it: the next login finds them"
logind KillUserProcesses=yes UserStopDelaySec=1
linger_on
session_start a out "$USER_A"
leave_jobs
manager_ends outside
expect_equal "$(jobs_left)" '' "what is left outside"
session_start a in "$USER_A"
session=$(session_do a 'echo $XDG_SESSION_ID')
leave_jobs
manager_ends inside
expect_equal "$(jobs_left)" '4001 4002 4003' "what is left inside"
no_session "$session" || fail_ "the session is still there: $(loginctl list-sessions)"
expect_equal "$(slice "$UID_A" memory.max)" $((500 << 20)) "memory.max"
session_start b in "$USER_A"
expect_equal "$(session_do b 'echo $(tmux list-sessions -F "#{session_name}") $(pgrep -cx sleep)')" 'work 3' "what it finds"
session_do b 'tmux kill-server; pkill -x sleep'
session_end b
wait_until 30 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"
wait_until 10 no_sandbox || fail_ "wardens are left: $(warden_pids)"

case_ "the exit status of a command is its own also where logind ends the session at once"
for status in 0 7 130; do
	run_ ssh_in "$USER_A" "exit $status"
	expect_equal "$STATUS" "$status" "the exit status"
done
wait_until 30 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"
logind KillUserProcesses=no UserStopDelaySec=1

case_ "loginctl terminate-session ends the login, and not what lingers"
session_start a in "$USER_A"
session_start b in "$USER_A"
session=$(session_do a 'echo $XDG_SESSION_ID')
leave_jobs
expect_ok loginctl terminate-session "$session"
wait_until 30 session_over a || fail_ "it is still there"
session_end a
expect_grep 'logind has ended it' journalctl -t carrel-session --no-pager
expect_equal "$(session_do b 'echo $(tmux list-sessions -F "#{session_name}")')" work "what the other login sees"
# The third does not ignore SIGHUP, and gets it where it is met before its shell has gone.
expect_grep '^4001 4002' jobs_left
expect_ok "$CARREL" kill "$USER_A"
wait_until 30 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"

case_ "a warden that is killed takes all of it along, also what is in logind's scope"
session_start a in "$USER_A"
session=$(session_do a 'echo $XDG_SESSION_ID')
leave_jobs
for pid in $(warden_pids); do
	[ "$(place_of "$pid")" = "/system.slice/carrel-$(sandbox sshd id).scope" ] && kill -KILL "$pid"
done
wait_until 30 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"
no_session "$session" || fail_ "the session is still there: $(loginctl list-sessions)"

case_ "a login at a seat stays in logind's session, by whose scope a desktop finds its seat, and is confined all the same"
linger_on
profile=/home/$USER_A/.bash_profile
chmod 1777 /guest/scratch
cat >$profile <<'END'
{
	echo "seat $XDG_SEAT"
	grep -o '/session-.*' /proc/self/cgroup
	readlink /proc/self/ns/pid
} >/guest/scratch/at_seat
exit
END
at_seat() { timeout -k 5 60 setsid --ctty --wait login -f "$USER_A" <>/dev/tty4 >&0 2>&0; }
at_seat_is() { sed -n "$1" /guest/scratch/at_seat 2>/dev/null; }
at_seat
expect_equal "$(at_seat_is 1p)" 'seat seat0' "the seat"
expect_grep '^/session-[0-9c]*\.scope$' at_seat_is 2p
expect_differ "$(at_seat_is 3p)" "$(readlink /proc/self/ns/pid)" "pid namespaces"
rm $profile
wait_until 30 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"

case_ "enable-linger: the manager of one who is not logged in is confined, and within the limits"
: >/tmp/guest.of-the-host
policy_write '[default]' 'memory_max = 500M'
expect_ok loginctl enable-linger "$USER_B"
wait_until 40 systemctl is-active -q "user@$UID_B.service" || fail_ "it has not come"
expect_equal "$(slice "$UID_B" memory.max)" $((500 << 20)) "memory.max"
expect_equal "$(sandbox systemd-user user)" "$USER_B" "whose sandbox there is"

case_ "enable-linger: a login is as any other, and what it has the manager run goes on after it"
expect_output "$USER_B no" ssh_in "$USER_B" \
	'systemd-run --user -q --wait sh -c "ls /tmp >~/saw"; systemd-run --user -q --unit=stay --wait sleep 4004 >/dev/null 2>&1 &
	for i in $(seq 50); do systemctl --user is-active -q stay && break; sleep 0.2; done
	echo $(id -un) $(test -e /tmp/guest.of-the-host && echo yes || echo no)'
expect_nogrep guest.of-the-host cat "/home/$USER_B/saw"
wait_until 20 no_login || fail_ "the login's sandbox is still there"
sleep 3 # longer than logind waits before it ends a manager
expect_ok pgrep -u "$USER_B" -x sleep
expect_ok ssh_in "$USER_B" 'systemctl --user is-active stay'

case_ "enable-linger with a login open: the manager goes on after it, confined and within the limits"
session_start a in "$USER_A"
expect_ok loginctl enable-linger "$USER_A"
session_do a 'systemd-run --user -q --wait sleep 4005 >/dev/null 2>&1 &'
wait_until 20 pgrep -u "$USER_A" -x sleep
session_end a
sleep 3
pid=$(pgrep -u "$USER_A" -x sleep) || fail_ "it has ended"
expect_differ "$(ns_of "$pid" mnt)" "$(ns_of $$ mnt)" "mount namespaces"
expect_equal "$(slice "$UID_A" memory.max)" $((500 << 20)) "memory.max"
expect_grep "^$USER_A systemd-user" sandboxes
expect_ok loginctl disable-linger "$USER_A"
wait_until 40 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"

case_ "disable-linger: all of it goes, and the next login is as any other"
expect_ok loginctl disable-linger "$USER_B"
wait_until 40 user_settled "$UID_B" || fail_ "left: $(user_pids "$UID_B")"
expect_output no ssh_in "$USER_B" 'test -e /tmp/guest.of-the-host && echo yes || echo no'
# A logind that is started anew forgets whose manager it was about to end.
wait_until 40 user_settled "$UID_B" || fail_ "left: $(user_pids "$UID_B")"
rm -f /tmp/guest.of-the-host $logind_conf
systemctl restart systemd-logind.service

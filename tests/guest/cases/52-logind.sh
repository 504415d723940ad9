# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# What a user can have logind do: to another user, to outlive the logout, to fall out of the user's slice. Each
# succeeds outside, through an sshd without our line, and fails inside.
. "$CHECK_SOURCE/tests/guest/lib.sh"

hidden='hide = /run/dbus/system_bus_socket'
logind_conf=/etc/systemd/logind.conf.d/guest.conf
mkdir -p ${logind_conf%/*}
logind()
{
	{ echo '[Login]' && printf '%s\n' "$@"; } >$logind_conf
	systemctl restart systemd-logind.service
}
# B, who is to be left alone.
victim_starts()
{
	session_start b out "$USER_B"
	session_do b 'sleep 4321 >/dev/null 2>&1 &'
	wait_until 20 pgrep -u "$USER_B" -x sleep
}
no_login() { [ -z "$(sandbox sshd id)" ]; }
# With something of the user's in it that takes its time to end, for which the slice's stop waits.
slice_is_stopped()
{
	expect_ok systemd-run --quiet --collect --unit=stubborn --slice="user-$UID_A.slice" -p KillSignal=SIGCONT \
		-p TimeoutStopSec=120 sleep 4006
	expect_ok systemctl stop --no-block "user-$UID_A.slice"
	wait_until 20 stops || fail_ "it is not being stopped: $(systemctl list-jobs --plain --no-legend)"
}
stops() { systemctl list-jobs --plain --no-legend | grep -q "user-$UID_A.slice *stop"; }
lingers() { [ -e "/var/lib/systemd/linger/$USER_A" ]; }

case_ "case 20: another user's sessions can't be ended through logind, also where polkit lets everybody"
cat >/etc/polkit-1/rules.d/10-guest.rules <<'END'
polkit.addRule(function(action) {
	if (action.id == "org.freedesktop.login1.manage")
		return polkit.Result.YES;
});
END
systemctl restart polkit.service
policy_write '[default]' "$hidden"
victim_starts
expect_ok ssh_out "$USER_A" "loginctl kill-user --signal=KILL $USER_B"
wait_until 20 user_gone "$UID_B" || fail_ "outside: it was not killed: $(said)"
session_cut b
victim_starts
run_ ssh_in "$USER_A" "loginctl kill-user --signal=KILL $USER_B; loginctl terminate-user $USER_B; echo ran"
grep -qx ran <<<"$OUT" || fail_ "inside it did not run: $(said)"
expect_grep "bus" printf '%s' "$ERR"
expect_output 4321 session_do b 'pgrep -x sleep >/dev/null && echo 4321'
# Without that rule, and with the bus in reach, it is logind that refuses.
rm /etc/polkit-1/rules.d/10-guest.rules
systemctl restart polkit.service
policy_default
expect_fail ssh_in "$USER_A" "loginctl kill-user --signal=KILL $USER_B"
expect_output 4321 session_do b 'pgrep -x sleep >/dev/null && echo 4321'

case_ "a user's own logind session: killed from inside, it takes the sandbox along, and nothing else"
session_start a in "$USER_A"
warden=$(sandbox sshd warden_pid)
session_do a "loginctl kill-user --signal=KILL $USER_A" >/dev/null
session_cut a
wait_until 20 test ! -e "/proc/$warden" || fail_ "the warden is left"
expect_output 4321 session_do b 'pgrep -x sleep >/dev/null && echo 4321'
expect_output 1 ssh_in "$USER_A" 'echo 1'

case_ "case 22: enable-linger by the user, which polkit allows by default"
rm -f "/var/lib/systemd/linger/$USER_A"
expect_ok ssh_out "$USER_A" 'loginctl enable-linger'
lingers || fail_ "outside it has done nothing"
loginctl disable-linger "$USER_A"
policy_write '[default]' "$hidden"
run_ ssh_in "$USER_A" 'loginctl enable-linger; echo ran'
grep -qx ran <<<"$OUT" || fail_ "inside it did not run: $(said)"
! lingers || fail_ "inside: $(said)"

case_ "case 22: with the bus in reach it does linger, and what stays is confined"
policy_write '[default]' 'memory_max = 500M'
: >/tmp/guest.of-the-host
expect_ok ssh_in "$USER_A" 'loginctl enable-linger || exit
	systemd-run --user -q --unit=stay --wait sh -c "ls /tmp >~/saw; exec sleep 4005" </dev/null >/dev/null 2>&1 &
	for i in $(seq 300); do systemctl --user is-active -q stay && exit; sleep 0.2; done; exit 9'
wait_until 20 no_login || fail_ "the login's sandbox is still there"
pid=$(pgrep -u "$USER_A" -x sleep) || fail_ "nothing stays: it has ended with the login"
expect_differ "$(ns_of "$pid" mnt)" "$(ns_of $$ mnt)" "its mount namespace"
expect_nogrep guest.of-the-host cat "/home/$USER_A/saw"
expect_equal "$(slice "$UID_A" memory.max)" $((500 << 20)) "memory.max"
expect_ok loginctl disable-linger "$USER_A"
wait_until 40 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"
rm -f /tmp/guest.of-the-host

case_ "a login while the user's slice is still being stopped, after the last logout, waits for that and comes in"
policy_write '[default]' 'memory_max = 500M'
pam_write guest-back "$(pam_line timeout=60)"
slice_is_stopped
job_waits() { systemctl list-jobs --plain --no-legend | grep -q "login-$UID_A-.* start "; }
steps start="guest-back:$USER_A" open run='cat /proc/self/cgroup' close end >/guest/back 2>&1 &
wait_until 30 job_waits || fail_ "it does not wait: $(cat /guest/back)"
systemctl kill -s KILL stubborn.service
wait $!
grep -qE "^0::/user.slice/user-$UID_A.slice/login-$UID_A-[0-9]+.scope$" /guest/back || fail_ "$(brief "$(cat /guest/back)")"
wait_until 40 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"

case_ "where it does not end in time, the login is refused with the reason, and systemd starts nothing later"
slice_is_stopped
log_mark
expect_fail "$CARREL" run -u "$USER_A" -- true
grep -q 'start login-.*: its job was still waiting' <<<"$ERR" || fail_ "$(said)"
! job_waits || fail_ "the job is still there: $(systemctl list-jobs --plain --no-legend)"
systemctl kill -s KILL stubborn.service
wait_until 40 user_settled "$UID_A" || fail_ "left: $(user_pids "$UID_A")"
rm -f /etc/pam.d/guest-back

case_ "case 38: a login that is one too many for logind is within the limits all the same"
logind SessionsMax=1
expect_grep '^0::/system.slice/' ssh_out "$USER_A" 'cat /proc/self/cgroup'
expect_grep "^0::/user.slice/user-$UID_A.slice/login-$UID_A-[0-9]+.scope$" ssh_in "$USER_A" \
	"cat /proc/self/cgroup; cat /sys/fs/cgroup/user.slice/user-$UID_A.slice/memory.max"
grep -qx $((500 << 20)) <<<"$OUT" || fail_ "no limit: $(said)"
wait_until 20 user_gone "$UID_A"
rm $logind_conf
systemctl restart systemd-logind.service
# Only now: a logind that is started anew forgets whose manager it was about to end.
session_do b 'pkill -x sleep'
session_end b

# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# timeout: 900
# How sessions end: KillUserProcesses, killed monitors and wardens, many logins, root on the console.
. "$CHECK_SOURCE/tests/guest/lib.sh"

policy_write '[default]' 'memory_max = 500M'
ended() { [ ! -e "/proc/$1" ] && [ ! -e "/proc/$2" ]; }
no_scopes() { ! systemctl list-units --all --plain --no-legend "*-$UID_A-*" | grep -q .; }

case_ "a session's scope ends with it, whatever it leaves running (KillUserProcesses=no)"
session_start a in "$USER_A"
session_do a 'setsid sleep 1000 >/dev/null 2>&1 &'
scope=$(session_do a 'cat /proc/self/cgroup') scope=${scope##*/}
session_end a
wait_until 10 test ! -e "/sys/fs/cgroup/user.slice/user-$UID_A.slice/$scope" || fail_ "$scope is still there"
expect_fail pgrep -u "$USER_A" -x sleep

case_ "the same with KillUserProcesses=yes"
mkdir -p /etc/systemd/logind.conf.d
printf '[Login]\nKillUserProcesses=yes\n' >/etc/systemd/logind.conf.d/kill.conf
systemctl restart systemd-logind.service
session_start a in "$USER_A"
session_do a 'setsid sleep 1000 >/dev/null 2>&1 &'
scope=$(session_do a 'cat /proc/self/cgroup') scope=${scope##*/}
session_end a
wait_until 10 test ! -e "/sys/fs/cgroup/user.slice/user-$UID_A.slice/$scope" || fail_ "$scope is still there"
expect_fail pgrep -u "$USER_A" -x sleep
rm /etc/systemd/logind.conf.d/kill.conf
systemctl restart systemd-logind.service

case_ "loginctl terminate-user ends sandboxes in order"
session_start a in "$USER_A"
log_mark
expect_ok loginctl terminate-user "$USER_A"
wait_until 20 no_scopes || fail_ "left: $(systemctl list-units --all --plain --no-legend "*-$UID_A-*")"
expect_log 'of alice ended: service=sshd'
session_cut a

case_ "sshd's monitor is killed, and so is a warden: nothing stays"
# Case 49. Outside, what is in the background outlives it.
session_start a out "$USER_A"
session_do a 'setsid sleep 1000 >/dev/null 2>&1 &'
wait_until 20 pgrep -u "$USER_A" -x sleep
kill -9 "$(pgrep -f "^sshd.*: $USER_A \[priv\]")"
session_cut a
sleep 2
expect_ok pgrep -u "$USER_A" -x sleep
pkill -u "$USER_A" -x sleep
session_start a in "$USER_A"
session_do a 'setsid sleep 1000 >/dev/null 2>&1 &'
wait_until 20 pgrep -u "$USER_A" -x sleep
warden=$(sandbox sshd warden_pid) init=$(sandbox sshd init_pid)
kill -9 "$(sandbox sshd leader_pid)"
wait_until 20 ended "$warden" "$init" || fail_ "warden or PID 1 is left"
session_cut a
expect_fail pgrep -u "$USER_A" -x sleep
session_start a in "$USER_A"
warden=$(sandbox sshd warden_pid) init=$(sandbox sshd init_pid)
kill -9 "$warden"
wait_until 20 ended "$warden" "$init" || fail_ "PID 1 is left"
session_cut a
expect_ok ssh_in "$USER_A" true
wait_until 30 user_settled "$UID_A" || fail_ "left: $(systemctl list-units --all --plain --no-legend "*-$UID_A-*")"

case_ "a login that logind left out of the user's slice gets a scope in it"
sed -i 's/^session.*pam_systemd.so.*/# &/' /etc/pam.d/common-session
expect_grep "^0::/user.slice/user-$UID_A.slice/login-$UID_A-[0-9]+.scope$" ssh_in "$USER_A" \
	"cat /proc/self/cgroup; cat /sys/fs/cgroup/user.slice/user-$UID_A.slice/memory.max"
grep -qx $((500 << 20)) <<<"$OUT" || fail_ "no limit: $(said)"
sed -i 's/^# \(session.*pam_systemd.so.*\)/\1/' /etc/pam.d/common-session

case_ "100 logins and logouts, four at a time, leave no scope, slice, mount or process"
count=${GUEST_LOGINS:-100}
mounts=$(wc -l </proc/self/mountinfo) fds=$(ls /proc/1/fd | wc -l) before=$SECONDS
pam_write guest-many 'session optional pam_systemd.so' "$(pam_line timeout=60)"
: >/guest/many
for user in alice bob alice bob; do
	(
		for ((i = 0; i < count; i += 4)); do
			pamtester guest-many $user open_session close_session
		done >>/guest/many 2>&1
	) &
done
wait
note_ "$count logins in $((SECONDS - before)) s"
# pamtester says one line for each of the two.
expect_equal "$(grep -c success /guest/many)" $((2 * count)) "good logins and logouts"
for user in alice bob; do
	wait_until 60 user_settled "$(id -u $user)" || fail_ "left of $user: $(systemctl list-units --all --plain --no-legend "*-$(id -u $user)-*")"
done
expect_equal "$(wc -l </proc/self/mountinfo)" "$mounts" "mounts"
[ "$(ls /proc/1/fd | wc -l)" -le $((fds + 5)) ] || fail_ "systemd has $(ls /proc/1/fd | wc -l) descriptors, had $fds"
expect_equal "$(find /run/carrel -mindepth 1 -not -path '*/limits*' | wc -l)" 0 "files in /run/carrel"
expect_equal "$(find /sys/fs/cgroup -type d -name 'carrel-*' -o -type d -name 'login-*' | wc -l)" 0 "cgroups of ours"
expect_equal "$(systemctl list-units --all --plain --no-legend 'carrel-*' 'login-*' | wc -l)" 0 "units of ours"
rm -f /etc/pam.d/guest-many

case_ "root logs in on the console, with the password, with a broken policy and without any helper; users do not"
printf 'root:guest-secret\nbob:guest-secret\n' | chpasswd
printf '[default\nbroken' >"$POLICY"
policy_forget
mv $LIBEXEC $LIBEXEC.away
expect_grep 'uid=0' typed 'login root' guest-secret id exit
expect_nogrep 'uid=2002' typed 'login bob' guest-secret id exit
expect_grep 'uid=0' typed 'login -f root' id exit
expect_ok ssh_in root true
expect_ok su - root -c true
expect_status 254 ssh_in "$USER_A" true
# A policy that is good, and nobody to make the sandbox.
policy_write '[default]' 'memory_max = 500M'
expect_grep 'uid=0' typed 'login root' guest-secret id exit
expect_status 254 ssh_in "$USER_A" true
mv $LIBEXEC.away $LIBEXEC
usermod -p '*' root
case_ "without carrel-systemd users are refused, with the reason in the log"
mv $LIBEXEC/carrel-systemd $LIBEXEC/away
log_mark
expect_status 254 ssh_in "$USER_A" true
expect_log 'session of alice refused: run .*/carrel-systemd: No such file'
mv $LIBEXEC/away $LIBEXEC/carrel-systemd

case_ "a login's latency, with our line and without, in turns"
# One session stays, so that no user manager comes and goes.
session_start b out "$USER_B"
for ((i = 0; i < ${GUEST_ROUNDS:-8}; i++)); do
	for host in in out; do
		start=${EPOCHREALTIME/[.,]/}
		ssh_to $host "$USER_B" true || fail_ "login through $host"
		echo "$(((${EPOCHREALTIME/[.,]/} - start) / 1000))" >>"$SCRATCH/latency.$host"
	done
done
session_end b
median() { sort -n "$1" | sed -n "$((($(wc -l <"$1") + 1) / 2))p"; }
with=$(median "$SCRATCH/latency.in") without=$(median "$SCRATCH/latency.out")
note_ "ssh login: with $with ms, without $without ms (medians), $((with * 100 / without)) %; with: $(tr '\n' ' ' <"$SCRATCH/latency.in")" \
	"without: $(tr '\n' ' ' <"$SCRATCH/latency.out")"
[ "$with" -lt $((4 * without)) ] || fail_ "a login takes $with ms with the line, $without without"

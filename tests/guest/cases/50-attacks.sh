# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# Attacks that only a whole system has: each succeeds outside, through an sshd and a user manager without
# our line, and fails inside.
. "$CHECK_SOURCE/tests/guest/lib.sh"

policy_write '[default]' 'memory_max = 500M' \
	'hide = /run/systemd/sessions /run/systemd/users /run/dbus/system_bus_socket'
cp "$CHECK_SOURCE/tests/guest/cases/probe" /guest/probe
readlink /proc/self/ns/mnt >/guest/host.mnt
readlink /proc/self/ns/pid >/guest/host.pid
# B, seen from the host: a session with a file in /tmp and a message queue.
session_start b out "$USER_B"
session_do b ': >/tmp/of-bob; setsid sleep 4321 >/dev/null 2>&1 &'
: >/dev/mqueue/of-the-host
session_start in in "$USER_A"
session_start out out "$USER_A"

# both WHAT ERE CMD: its output has a line like this outside, and none inside, where it says that it ran.
both()
{
	case_ "$1"
	expect_grep "$2" session_do out "$3"
	run_ session_do in "$3; echo ran"
	grep -q '^ran$' <<<"$OUT" || fail_ "inside it did not run: $(said)"
	! grep -qE "$2" <<<"$OUT" || fail_ "inside: $(said)"
}

both "another's processes" '4321$' 'ps -eo args= | grep "[s]leep 4321"'
both "another's names in /tmp" of-bob 'ls /tmp'
both "another's slice" "user-$UID_B" 'ls /sys/fs/cgroup/user.slice'
both "another's sessions in /run" "USER=$USER_B" 'cat /run/systemd/sessions/* /run/systemd/users/* 2>/dev/null'
both "another's session through logind" "$USER_B" 'loginctl list-sessions --no-pager 2>/dev/null'
both "another's processes through systemd" 'sleep 4321' "systemctl status --no-pager user-$UID_B.slice 2>/dev/null"
both "another's processes in the cgroup tree" 'sleep 4321' 'systemd-cgls --no-pager /user.slice 2>/dev/null'
both "another's usage in the cgroup tree" '^[1-9][0-9]*$' "cat /sys/fs/cgroup/user.slice/user-$UID_B.slice/pids.current 2>/dev/null"
both "the host's message queues" of-the-host 'ls /dev/mqueue'
both "a device node and setuid programs in /tmp" '^(rw|relatime)' \
	'findmnt -no OPTIONS -T /tmp | grep -v nosuid.*nodev; findmnt -no OPTIONS -T /var/tmp | grep -v nosuid.*nodev'

case_ "case 24: ssh to localhost from inside is a sandbox as well"
install -d -o "$USER_A" -m 700 "/home/$USER_A/.k" && install -o "$USER_A" -m 600 /guest/ssh/user "/home/$USER_A/.k/user"
localhost="ssh -F none -i ~/.k/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
expect_grep 'mnt=host pid=host' session_do out "$localhost -p 2222 $USER_A@127.0.0.1 bash /guest/probe"
expect_grep 'mnt=own pid=own' session_do in "$localhost $USER_A@127.0.0.1 bash /guest/probe"

case_ "case 67: bubblewrap still starts inside, with a /proc of its own"
expect_output ok session_do out 'bwrap --ro-bind / / --proc /proc --dev /dev --unshare-all echo ok'
expect_output ok session_do in 'bwrap --ro-bind / / --proc /proc --dev /dev --unshare-all echo ok'

case_ "umount and bind in a user namespace bring nothing of the host's back"
run_ session_do in 'unshare -Urm sh -c "umount -l /sys/fs/cgroup/user.slice; umount -l /tmp; ls /tmp /sys/fs/cgroup/user.slice; echo ran"'
grep -q ran <<<"$OUT" || fail_ "it did not run: $(said)"
! grep -qE "of-bob|user-$UID_B" <<<"$OUT" || fail_ "$(said)"
case_ "case 61: no cgroup can be written but the manager's own, and no descriptor leads to one"
# Outside as well: systemd hands user@.service's subtree to the user, whose limits are above it, and logind puts
# every login in the slice. Outside it succeeds from a door that logind does not see: 20-doors.sh.
run_ session_do in "$TESTS/attack_cgroup $UID_A"
[ "$STATUS" = 0 ] || [ "$STATUS" = 1 ] || fail_ "it did not run: $(said)"
! grep '^succeeded: ' <<<"$OUT" | grep -vF "/user@$UID_A.service" >"$SCRATCH/written" || fail_ "$(cat "$SCRATCH/written")"
expect_equal "$(slice "$UID_A" memory.max)" $((500 << 20)) "memory.max afterwards"
for pid in $(pgrep -u "$USER_A"); do
	grep -q "^0::/user.slice/user-$UID_A.slice/" "/proc/$pid/cgroup" || fail_ "process $pid: $(cat "/proc/$pid/cgroup")"
done
session_end in
session_end out
session_do b 'pkill -x sleep; rm -f /tmp/of-bob' >/dev/null
session_end b
rm -f /dev/mqueue/of-the-host

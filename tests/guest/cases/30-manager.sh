# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# The user's own systemd: `systemd-run --user` is no way out, and the manager works.
. "$CHECK_SOURCE/tests/guest/lib.sh"

policy_write '[default]' 'memory_max = 500M' 'sessions_max = 1'
: >/tmp/guest.of-the-host
chmod 1777 /guest/scratch
session_start a in "$USER_A"
# Outside is without our line in the manager's stack as well.
cp /guest/systemd-user.out /etc/pam.d/systemd-user
session_start b out "$USER_B"
rm /etc/pam.d/systemd-user
look='ls /tmp >~/saw.tmp; ls /proc | grep "^[0-9]" | while read p; do stat -c %u /proc/$p 2>/dev/null; done | sort -u >~/saw.uids'

case_ "outside, systemd-run --user sees the host's /tmp and other users"
expect_ok session_do b "systemd-run --user -q --wait sh -c '$look'"
expect_grep guest.of-the-host cat /home/bob/saw.tmp
expect_grep '^0$' cat /home/bob/saw.uids

case_ "inside, it does not"
expect_ok session_do a "systemd-run --user -q --wait sh -c '$look'"
expect_nogrep guest.of-the-host cat /home/alice/saw.tmp
expect_output "$UID_A" cat /home/alice/saw.uids

case_ "its processes count in the user's slice"
pid=$(prop "user@$UID_A.service" MainPID)
[[ $(place_of "$pid") == "/user.slice/user-$UID_A.slice/user@$UID_A.service"* ]] || fail_ "$(place_of "$pid")"
expect_equal "$(slice "$UID_A" memory.max)" $((500 << 20)) "memory.max"
expect_differ "$(ns_of "$pid" mnt)" "$(ns_of $$ mnt)" "mount namespaces"
expect_equal "$(ns_of "$pid" pid)" "$(ns_of $$ pid)" "its pid namespace"

case_ "systemctl --user works in the session: units, timers, D-Bus"
expect_grep '^(running|degraded)$' session_do a 'systemctl --user is-system-running'
expect_ok session_do a 'mkdir -p ~/.config/systemd/user
	printf "[Timer]\nOnActiveSec=1\nAccuracySec=1\n" >~/.config/systemd/user/t.timer
	printf "[Service]\nType=oneshot\nExecStart=sh -c \"ls /tmp >/guest/scratch/timer; id -u >>/guest/scratch/timer\"\n" >~/.config/systemd/user/t.service
	systemctl --user daemon-reload && systemctl --user start t.timer'
wait_until 20 grep -qx "$UID_A" /guest/scratch/timer || fail_ "the timer did not run"
expect_nogrep guest.of-the-host cat /guest/scratch/timer
expect_ok session_do a 'busctl --user list >/dev/null'

case_ "it is no session: sessions_max does not count it"
expect_status 254 ssh_in "$USER_A" true
session_end a
expect_ok ssh_in "$USER_A" true

session_end b
rm -f /tmp/guest.of-the-host

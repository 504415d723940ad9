# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What an attacker sees of others: the attack cases "See". A attacks; B is logged in through both sshds, so
# that nothing is hidden just because B is.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/attack_lib.sh"

victim_start victimout out "$USER_B"
pid_out=$VICTIM_PID
victim_start victimin in "$USER_B"
pid_in=$VICTIM_PID

case_ "case 1: ls /proc shows own processes alone"
# Directories of /proc that belong to somebody else, by their owner.
others="find /proc -mindepth 1 -maxdepth 1 -name '[0-9]*' ! -user $USER_A 2>/dev/null"
attack_shell "$others"
# Own processes of another session (attack_shell's login has a shell, find, and what sshd adds).
session_start other out "$USER_A"
other=$(session_do other 'echo $$')
attack_shell "ls -d /proc/$other $([ -n "$other" ] || echo /nowhere) 2>/dev/null"
attack_shell "ls -d /proc/$pid_out 2>/dev/null"
attack_shell "ls -d /proc/$pid_in 2>/dev/null"
session_end other
run_ ssh_to "$ATTACK_IN" "$USER_A" "ls -d /proc/[0-9]* | wc -l"
[ "$OUT" -gt 0 ] && [ "$OUT" -le 8 ] || fail_ "processes seen inside: $OUT"

case_ "case 2: /proc/1/cmdline"
attack_shell "tr '\\0' ' ' 2>/dev/null </proc/1/cmdline"
policy_write '[default]' 'proc = own'
# Without hidepid PID 1 shows, but it is the sandbox's.
run_ ssh_to "$ATTACK_IN" "$USER_A" "cat /proc/1/cmdline"
expect_equal "$STATUS:$OUT" "0:carrel-init" "PID 1 with proc = own"
attack_shell "ls -d /proc/$pid_out 2>/dev/null"
policy_default

case_ "case 3: names in /tmp, /var/tmp, /dev/shm"
for dir in /tmp /var/tmp /dev/shm; do
	attack_shell "find $dir -name 'victim*' 2>/dev/null"
	attack_shell "cat $dir/victimout 2>/dev/null"
done

case_ "case 4: /dev/mqueue"
if mountpoint -q /dev/mqueue; then
	attack_shell "ls /dev/mqueue"
	attack_shell "cat /dev/mqueue/victimout-posix 2>/dev/null"
	# Not because there is none: the sandbox's own queues show.
	expect_output own ssh_in "$USER_A" ": >/dev/mqueue/own && ls /dev/mqueue"
else
	skip_ "no mqueue file system on this machine (CONFIG_POSIX_MQUEUE)"
fi

case_ "case 5: every world-writable directory of the host"
# A leaves a mark in each directory that is open to it; who finds the marks on the host shares it.
# Allowed: lock directories, which are empty unless one uses them, and which programs expect.
allowed='^(/run/lock|/var/lock|/run/screen|/var/crash|/var/metrics)$'
writable="find / -xdev -type d -writable ! -path '/proc/*' ! -path '/home/*' ! -path '${CHECK_PREFIX%-*}-*' \
	-prune -print 2>/dev/null; for d in /dev/shm /dev/mqueue /run /run/lock /tmp /var/tmp; do [ ! -w \$d ] ||
	echo \$d; done"
marks()
{
	local dir
	for dir in $(sort -u <<<"$OUT"); do
		[ -e "$dir/mark-$1" ] && echo "$dir" && rm -f "$dir/mark-$1"
	done | grep -v -E "$allowed"
}
leave_marks="for d in \$($writable); do echo \$d; : >\$d/mark"
run_ ssh_out "$USER_A" "$leave_marks-out; done"
shared=$(marks out)
grep -q -x /tmp <<<"$shared" && grep -q -x /var/tmp <<<"$shared" ||
	fail_ "outside: shared directories are '$(brief "$shared")'"
run_ ssh_to "$ATTACK_IN" "$USER_A" "$leave_marks-in; done"
grep -q -x /tmp <<<"$OUT" || fail_ "inside: writable directories are $(said)"
shared=$(marks in)
expect_equal "$shared" "" "directories that are shared with the host"

case_ "case 8: names in /sys/fs/cgroup"
# B's slice is there, for B is logged in through our line as well.
if [ -n "$(slice_dir memory "$UID_B")" ]; then
	attack_shell "find /sys/fs/cgroup/ -name 'user-$UID_B.slice' 2>/dev/null"
	attack_shell "find /sys/fs/cgroup/ -name 'carrel.slice' 2>/dev/null"
	# Nor is the whole hierarchy still there, underneath.
	where=/sys/fs/cgroup/memory
	[ -d "$where" ] || where=/sys/fs/cgroup
	attack_shell "awk '\$4 == \"/\" && \$5 == \"$where\"' /proc/self/mountinfo"
else
	fail_ "B has no slice"
fi

case_ "case 10: other homes (hide_homes)"
policy_write '[default]' 'hide_homes = yes'
chmod 755 "/home/$USER_B" && echo secret >"/home/$USER_B/readable"
attack_shell "ls /home | grep -x $USER_B"
attack_shell "cat /home/$USER_B/readable 2>/dev/null"
attack_shell "cd /home/$USER_B 2>/dev/null && echo there"
expect_output "$USER_A" ssh_in "$USER_A" ls /home
rm -f "/home/$USER_B/readable" && chmod 700 "/home/$USER_B"

case_ "case 11: mountinfo showing B's mounts"
# What the host mounts for B in B's home (pam_mount, autofs), and what B's sandbox is made of.
mkdir "/home/$USER_B/drive" && mount -t tmpfs of-b "/home/$USER_B/drive"
attack_shell "grep -e /home/$USER_B -e of-b /proc/self/mountinfo /proc/self/mounts /proc/self/mountstats"
umount "/home/$USER_B/drive" && rmdir "/home/$USER_B/drive"
run_ ssh_to "$ATTACK_IN" "$USER_A" "grep -c -e user-$UID_B /proc/self/mountinfo"
expect_equal "$OUT" 0 "lines of mountinfo that name B's slice"
policy_default

victim_stop victimout
victim_stop victimin

# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2016,SC2154
# carrel-shell where a user manager runs: limits in a scope of that manager's, read back, and out of the
# user's reach. Without pam_carrel (the sshd `out`).
. "$CHECK_SOURCE/tests/guest/lib.sh"
usermod -s /usr/bin/carrel-shell "$USER_A"
: >/tmp/of-the-host
shell_policy()
{
	policy_write '[default]' '[service systemd-user]' 'sandbox = no' '[service carrel-shell]' "$@"
}
limits=('memory_max = 200M' 'memory_high = 180M' 'swap_max = 0' 'pids_max = 60')
own='/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)'

case_ "the limits are in force in a scope of the user's manager"
shell_policy "${limits[@]}"
run_ ssh_out "$USER_A" "cd $own && pwd && cat memory.max memory.high memory.swap.max pids.max; ls /tmp; id -u"
grep -q -E "/user@$UID_A.service/.*/carrel-shell-[0-9]+-[0-9]+\.scope$" <<<"$OUT" || fail_ "no scope: $(said)"
expect_equal "$(tail -n 5 <<<"$OUT" | tr '\n' ' ')" "209715200 188743680 0 60 $UID_A " "limits, and the private /tmp"

case_ "the user can't lift them from inside"
run_ ssh_out "$USER_A" "cd $own; echo max >memory.max; echo max >pids.max; mkdir x; echo \$\$ >../cgroup.procs
	systemctl --user set-property \$(basename \$PWD) MemoryMax=infinity; systemd-run --user --wait true && echo ran outside
	unshare -UrmC sh -c 'mount -t cgroup2 c /mnt && cd /mnt && echo max >memory.max; echo max >/mnt/pids.max'
	cat memory.max pids.max"
expect_equal "$(tail -n 2 <<<"$OUT" | tr '\n' ' ')" "209715200 60 " "limits afterwards ($(said))"
! grep -q 'ran outside' <<<"$OUT" || fail_ "systemd-run --user leads out"
expect_grep 'ran outside' ssh_out "$USER_B" 'systemd-run --user --wait true && echo ran outside'

case_ "they hold"
# Without memory_high, which would slow the hog down for ever instead of ending it.
shell_policy 'memory_max = 200M' 'swap_max = 0' 'pids_max = 60'
hog='head -c 300m /dev/zero | tail -c 260m | wc -c'
expect_nogrep '^272629760$' ssh_out "$USER_A" "echo began; $hog"
grep -qx began <<<"$OUT" || fail_ "the hog did not run: $(said)"
run_ ssh_out "$USER_A" 'perl -e "while (\$n < 100 && defined(\$pid = fork)) { \$pid or do { sleep 2; exit }; \$n++ } print \$n"'
[ "$STATUS" = 0 ] && [ "$OUT" -gt 20 ] && [ "$OUT" -lt 60 ] || fail_ "processes under pids_max = 60: $(said)"

case_ "cpu_max, where the manager may not set it, is refused by its name; else it holds"
shell_policy 'cpu_max = 80%'
run_ ssh_out "$USER_A" "cat $own/cpu.max"
[ "$STATUS:$OUT" = '0:80000 100000' ] || { [ "$STATUS" = 126 ] && grep -q "cpu_max can't be enforced" <<<"$ERR"; } ||
	fail_ "$(said)"
note_ "cpu_max: $(said)"

case_ "without a manager they are refused, and nothing runs"
shell_policy "${limits[@]}"
run_ setpriv --reuid 2003 --regid 2003 --clear-groups env -i HOME=/ PATH="$PATH" /usr/bin/carrel-shell -c 'echo ran'
[ "$STATUS" = 126 ] && [ -z "$OUT" ] && grep -q 'memory_max .*systemd manager' <<<"$ERR" || fail_ "$(said)"
# A manager that only seems to be one.
mkdir -p /run/user/2003/systemd && chown -R 2003 /run/user/2003
socat UNIX-LISTEN:/run/user/2003/systemd/private,fork SYSTEM:'sleep 9' &
fake=$!
wait_until 20 test -S /run/user/2003/systemd/private || fail_ "no socket"
chown 2003 /run/user/2003/systemd/private
run_ setpriv --reuid 2003 --regid 2003 --clear-groups env -i HOME=/ PATH="$PATH" /usr/bin/carrel-shell -c 'echo ran'
[ "$STATUS" = 126 ] && [ -z "$OUT" ] || fail_ "with a socket that says nothing: $(said)"
kill "$fake"
rm -rf /run/user/2003

case_ "the kernel's switch for user namespaces: refused with what to do"
policy_default
if [ -e /proc/sys/kernel/unprivileged_userns_clone ]; then
	sysctl -q kernel.unprivileged_userns_clone=0
	run_ ssh_out "$USER_A" 'echo ran'
	[ "$STATUS" = 126 ] && [ -z "$OUT" ] && grep -q 'kernel.unprivileged_userns_clone = 1' <<<"$ERR" || fail_ "$(said)"
	expect_grep 'kernel.unprivileged_userns_clone is 0' "$CARREL" doctor
	sysctl -q kernel.unprivileged_userns_clone=1
fi
sysctl -q user.max_user_namespaces=0
run_ ssh_out "$USER_A" 'echo ran'
[ "$STATUS" = 126 ] && [ -z "$OUT" ] && grep -q 'user.max_user_namespaces' <<<"$ERR" || fail_ "$(said)"
expect_grep 'user.max_user_namespaces is 0' "$CARREL" doctor
sysctl -q user.max_user_namespaces=10000

# cron takes a minute to come round: it is looked at below. Its PAM stack has our line here, and leaves it alone.
policy_write '[default]' '[service cron]' 'sandbox = no'
printf 'SHELL=/usr/bin/carrel-shell\n* * * * * { ls /tmp/of-the-host; readlink /proc/self/ns/user; echo "$0 $SHELL"; } >$HOME/cron.new 2>&1; mv $HOME/cron.new $HOME/cron\n' |
	crontab -u "$USER_B" -
systemctl start cron

case_ "AppArmor's profile grants user namespaces where they are denied"
profile=$CHECK_SOURCE/packaging/apparmor/carrel-shell
# A login that AppArmor confines, and has user namespaces for no program without a profile of its own.
cat >/guest/no-userns <<'END'
abi <abi/4.0>,
profile guest-no-userns {
  capability,
  network,
  unix,
  signal,
  ptrace,
  mount,
  umount,
  deny userns,
  /** rwlkmpix,
  / r,
}
END
restricted()
{
	setpriv --reuid "$UID_B" --regid "$UID_B" --init-groups env -i HOME=/home/bob PATH="$PATH" \
		aa-exec -p guest-no-userns -- "$@"
}
if ! grep -q userns_create /sys/kernel/security/apparmor/features/namespaces/mask; then
	skip_ "this kernel's AppArmor does not know user namespaces"
elif [ ! -e /etc/apparmor.d/abi/4.0 ]; then
	skip_ "this AppArmor has no such rule: $(apparmor_parser --version | head -n 1)"
else
	expect_ok apparmor_parser -Q --skip-kernel-load --warn=all --Werror "$profile"
	expect_ok apparmor_parser -r /guest/no-userns
	expect_ok restricted sh -c 'id && ls /tmp/of-the-host'
	expect_fail restricted unshare -U true
	run_ restricted /usr/bin/carrel-shell -c 'echo ran'
	[ "$STATUS" = 126 ] && [ -z "$OUT" ] && grep -q '^carrel-shell: make a user namespace: ' <<<"$ERR" ||
		fail_ "without the profile: $(said)"
	# As where Ubuntu's switch is on, which this kernel has not: what to do is said, and doctor finds it.
	cp -r --no-preserve=mode /proc/sys/kernel /guest/sysctl 2>/dev/null
	echo 1 >/guest/sysctl/apparmor_restrict_unprivileged_userns
	mount --bind /guest/sysctl /proc/sys/kernel
	run_ restricted /usr/bin/carrel-shell -c 'echo ran'
	[ "$STATUS" = 126 ] && [ -z "$OUT" ] && grep -q "AppArmor keeps user namespaces .* load carrel-shell's" <<<"$ERR" ||
		fail_ "the advice: $(said)"
	expect_grep "AppArmor lets only programs with a profile" "$CARREL" doctor
	install -m 0644 "$profile" /etc/apparmor.d/carrel-shell
	# The line that doctor says.
	expect_ok sh -c "$("$CARREL" doctor | grep -o 'apparmor_parser -r /etc/apparmor.d/carrel-shell')"
	expect_nogrep "AppArmor lets only programs with a profile" "$CARREL" doctor
	umount /proc/sys/kernel
	rm -r /guest/sysctl
	run_ restricted /usr/bin/carrel-shell -c 'ls /tmp/of-the-host 2>/dev/null; cat /proc/self/attr/current; readlink /proc/self/ns/user'
	[ "$STATUS" = 0 ] && [ "$(head -n 1 <<<"$OUT")" = 'carrel-shell (unconfined)' ] &&
		[ "$(tail -n 1 <<<"$OUT")" != "$(readlink /proc/self/ns/user)" ] || fail_ "with the profile: $(said)"
	# The profile is carrel-shell's alone.
	expect_fail restricted unshare -U true
	expect_output 'carrel-shell (unconfined)' ssh_out "$USER_A" 'ls /tmp/of-the-host 2>/dev/null; cat /proc/self/attr/current'
	expect_ok apparmor_parser -R /etc/apparmor.d/carrel-shell
	apparmor_parser -R /guest/no-userns
	rm /etc/apparmor.d/carrel-shell
fi

case_ "module and shell together"
expect_output "$(readlink /proc/self/ns/user)" ssh_in "$USER_A" 'readlink /proc/self/ns/user'

case_ "cron's SHELL"
wait_until 90 test -e "/home/$USER_B/cron" || fail_ "cron has not run it"
run_ cat "/home/$USER_B/cron"
grep -q 'of-the-host.*No such file' <<<"$OUT" && grep -q '^user:' <<<"$OUT" &&
	! grep -qxF "$(readlink /proc/self/ns/user)" <<<"$OUT" && grep -qx 'bash /bin/bash' <<<"$OUT" || fail_ "$(said)"
crontab -u "$USER_B" -r
rm -f "/home/$USER_B/cron"
usermod -s /bin/bash "$USER_A"
rm -f /tmp/of-the-host

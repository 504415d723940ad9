# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# Limits through systemd: a login's session scope, the slice's properties, what the kernel holds.
. "$CHECK_SOURCE/tests/guest/lib.sh"

cat /etc/pam.d/su-l /etc/pam.d/runuser-l /etc/pam.d/systemd-user; tail -5 /etc/pam.d/sshd
policy_write '[default]' 'memory_max = 300M' 'memory_high = 250M' 'swap_max = 0' 'cpu_max = 150%' 'cpu_weight = 50' \
	'cpus = 0' 'pids_max = 200'

case_ "a login stays in its session scope, and the warden has a scope of its own"
session_start a in "$USER_A"
leader=$("$CARREL" list --json)
echo "$leader"
session_do a 'cat /proc/self/cgroup; id; findmnt -R /sys/fs/cgroup; ls /sys/fs/cgroup/user.slice'
systemctl status user-2001.slice --no-pager
ls -R /run/systemd/system.control
for f in memory.max memory.high memory.swap.max cpu.max cpu.weight cpuset.cpus pids.max; do echo $f $(slice 2001 $f); done
tail -50 $CHECK_LOG
session_end a

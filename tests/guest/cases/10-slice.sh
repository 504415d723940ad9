# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# Limits through systemd: where a login is, what the slice's properties are and what the kernel holds,
# and what becomes of both when systemd, D-Bus, logind or sshd are restarted.
. "$CHECK_SOURCE/tests/guest/lib.sh"

limits=('memory_max = 300M' 'memory_high = 250M' 'swap_max = 0' 'cpu_max = 150%' 'cpu_weight = 50'
	'cpus = 0' 'pids_max = 200')
held()
{
	local file
	for file in memory.max memory.high memory.swap.max cpu.max cpu.weight cpuset.cpus pids.max; do
		printf '%s; ' "$(slice "$UID_A" "$file")"
	done
}
wanted="314572800; 262144000; 0; 150000 100000; 50; 0; 200; "
policy_write '[default]' "${limits[@]}"

case_ "a login stays in its session scope; warden and PID 1 have one of their own"
session_start a in "$USER_A"
id=$(sandbox sshd id) leader=$(sandbox sshd leader_pid) warden=$(sandbox sshd warden_pid)
[[ $(place_of "$leader") =~ ^/user.slice/user-$UID_A.slice/session-[0-9]+.scope$ ]] ||
	fail_ "the leader is in $(place_of "$leader")"
# Out of reach of the user's limits and frost.
expect_equal "$(place_of "$warden")" "/system.slice/carrel-$id.scope" "the warden's place"
expect_equal "$(prop "carrel-$id.scope" Before | grep -o 'session-[0-9]*.scope')" "$(unit_of "$leader")" \
	"what is stopped before the sandbox"
expect_grep "^ *[0-9]+ +$UID_A +$USER_A" loginctl list-sessions
expect_grep "$(unit_of "$leader")" systemd-cgls --no-pager /user.slice
expect_grep "session-[0-9]+.scope" systemctl status --no-pager "user-$UID_A.slice"
expect_grep "carrel-$id.scope" systemd-cgls --no-pager /system.slice

case_ "all limits are in the kernel, and systemd knows of them"
expect_equal "$(held)" "$wanted" "the kernel's files"
for pair in MemoryMax=314572800 MemoryHigh=262144000 MemorySwapMax=0 CPUQuotaPerSecUSec=1.500000s CPUWeight=50 \
	AllowedCPUs=0 TasksMax=200; do
	expect_equal "$(prop "user-$UID_A.slice" "${pair%%=*}")" "${pair#*=}" "${pair%%=*}"
done

case_ "the memory limit kills a hog; outside the same goes through"
hog='head -c 100m /dev/zero | tail -c 90m | wc -c'
expect_grep '^94371840$' ssh_out "$USER_B" "$hog"
policy_write '[default]' "${limits[@]}" '[user bob]' 'memory_max = 60M' 'memory_high = max'
expect_nogrep '^94371840$' ssh_in "$USER_B" "echo began; $hog"
grep -qx began <<<"$OUT" || fail_ "the hog did not run: $(said)"
policy_write '[default]' "${limits[@]}"

case_ "cgroups: own limits and others' processes are out of reach, others' slices out of sight"
session_start b out "$USER_B"
expect_grep "user-$UID_B" ssh_out "$USER_A" 'ls /sys/fs/cgroup/user.slice'
run_ session_do a "ls /sys/fs/cgroup/user.slice; echo max >/sys/fs/cgroup/user.slice/user-$UID_A.slice/memory.max;
	echo \$\$ >/sys/fs/cgroup/cgroup.procs; echo \$\$ >/sys/fs/cgroup/user.slice/user-$UID_A.slice/user@$UID_A.service/cgroup.procs;
	cat /proc/self/cgroup"
grep -q "user-$UID_B" <<<"$OUT" && fail_ "the other user's slice is seen"
[[ $(grep '^0::' <<<"$OUT") =~ ^0::/user.slice/user-$UID_A.slice/ ]] || fail_ "it got away: $(said)"
expect_equal "$(slice "$UID_A" memory.max)" 314572800 "memory.max after the attempt"
session_end b

case_ "daemon-reload and daemon-reexec with a user logged in: limits and session go on"
expect_ok systemctl daemon-reload
expect_ok systemctl daemon-reexec
expect_equal "$(held)" "$wanted" "the kernel's files"
run_ session_do a 'echo alive $(ls /proc | grep -c "^[0-9]")'
[[ $OUT =~ ^alive\ [0-9]$ ]] || fail_ "$(said)"

case_ "dbus, logind and ssh are restarted: the session goes on, and a new login works"
expect_ok systemctl restart dbus.service
expect_ok systemctl restart systemd-logind.service
expect_ok systemctl restart ssh.service
expect_output alive session_do a 'echo alive'
expect_equal "$(held)" "$wanted" "the kernel's files"

case_ "what systemd forgot, and what was changed behind the policy, the next login puts right"
systemctl revert "user-$UID_A.slice"
systemctl daemon-reload
# What revert took away the kernel has until systemd applies it, which 257 does not do at once.
systemctl set-property --runtime "user-$UID_A.slice" CPUWeight=77 MemoryMax=1G
expect_differ "$(held)" "$wanted" "behind the policy"
expect_ok ssh_in "$USER_A" true
expect_equal "$(held)" "$wanted" "after the next login"

case_ "a limit that the policy no longer has is lifted; an admin's own property stays"
policy_write '[default]' 'pids_max = 200'
systemctl set-property --runtime "user-$UID_A.slice" IOWeight=33
expect_ok ssh_in "$USER_A" true
expect_equal "$(slice "$UID_A" memory.max) $(slice "$UID_A" cpu.max) $(slice "$UID_A" pids.max)" \
	"max max 100000 200" "limits"
expect_equal "$(prop "user-$UID_A.slice" IOWeight)" 33 "the admin's"
rm "/run/systemd/system.control/user-$UID_A.slice.d/50-IOWeight.conf"
systemctl daemon-reload

case_ "a limit that can't be had refuses the login, and says why"
policy_write '[default]' 'cpus = 0-500'
log_mark
expect_status 254 ssh_in "$USER_B" true
expect_log 'session of bob refused: .*cpus'
session_end a

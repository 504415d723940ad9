# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154,SC2016
# init: plain
# cgroup v2 where nobody owns it, in a guest without systemd: carrel makes its slices itself. The host tests
# have the same on v1; here is what differs on v2.
. "$CHECK_SOURCE/tests/guest/lib.sh"

top=/sys/fs/cgroup/carrel.slice
slice=$top/user-$UID_A.slice
run_a() { timeout 600 "$CARREL" run -u "$USER_A" -- "$@"; }
# Not by runuser: that has our PAM line here.
outside() { timeout 600 setpriv --reuid "$UID_A" --regid "$UID_A" --clear-groups "$@"; }

case_ "the host's cgroups are v2, and nobody's"
expect_equal "$(stat -f -c %T /sys/fs/cgroup)" cgroup2fs "/sys/fs/cgroup"
expect_nofile /run/systemd/system
expect_equal "$(cgroup_version memory)" 2 "the memory controller's version"
expect_nofile "$top"
policy_write '[default]' 'memory_max = 60M' 'swap_max = 0' 'pids_max = 40' 'cpu_max = 50%' 'cpu_weight = 200'

case_ "a login is in its slice, which holds the limits; no process is in an inner node"
run_a sh -c 'cat /proc/self/cgroup; sleep 500' >/guest/scratch/v2.out &
job=$!
wait_until 20 test -s /guest/scratch/v2.out || fail_ "no login"
expect_equal "$(cat /guest/scratch/v2.out)" "0::/carrel.slice/user-$UID_A.slice" "the cgroup, as the login has it"
for pair in memory.max=62914560 memory.swap.max=0 pids.max=40 "cpu.max=50000 100000" cpu.weight=200; do
	expect_equal "$(cat "$slice/${pair%%=*}")" "${pair#*=}" "${pair%%=*}"
done
expect_equal "$(cat "$top/cgroup.procs")" "" "processes in carrel.slice"
for controller in memory pids cpu; do
	grep -qw "$controller" "$top/cgroup.subtree_control" || fail_ "$controller is not handed down"
	! grep -qw "$controller" "$slice/cgroup.subtree_control" || fail_ "$controller is handed down further"
done
# PID 1 was born there (CLONE_INTO_CGROUP).
inits=$(init_pids)
[ -n "$inits" ] || fail_ "there is no PID 1"
for pid in $inits; do
	expect_equal "$(place_of "$pid")" "/carrel.slice/user-$UID_A.slice" "PID 1's cgroup"
done

case_ "inside, no other slice is seen"
expect_equal "$(run_a sh -c 'ls -d /sys/fs/cgroup/carrel.slice 2>/dev/null; cat /sys/fs/cgroup/pids.max')" 40 \
	"what a login sees of the hierarchy"
expect_ok "$CARREL" kill "$USER_A"
wait $job 2>/dev/null

case_ "su from inside: a sandbox within, in the outer user's slice and within its limits"
pam_write su "$(pam_line)"
run_ run_a su "$USER_B" -c 'id -un; readlink /proc/self/ns/pid; cat /proc/self/cgroup /sys/fs/cgroup/pids.max; ls /tmp'
expect_equal "$(sed -n 1p <<<"$OUT")" "$USER_B" "the user inside ($(said))"
expect_differ "$(sed -n 2p <<<"$OUT")" "$(ns_of $$ pid)" "pid namespaces"
expect_equal "$(sed -n '3,$p' <<<"$OUT" | tr '\n' ' ')" "0::/carrel.slice/user-$UID_A.slice 40 " "place and limit"
cp -a /guest/pam.set/su /etc/pam.d/su

case_ "io_max and memory_nodes: held and in force"
disk=$(stat -c '%Hd:%Ld' /)
[ ! -e "/sys/dev/block/$disk/partition" ] || disk=$(cat "/sys/dev/block/$disk/../dev")
io_max() { sed -n "s/^$disk //p" "$slice/io.max"; }
policy_write '[default]' 'io_max = / wbps=2M riops=5k' 'memory_nodes = 0' 'cpus = 0'
run_a sh -c 'echo there; sleep 500' >/guest/scratch/io.out &
job=$!
wait_until 20 test -s /guest/scratch/io.out || fail_ "no login"
expect_equal "$(io_max)" "rbps=max wbps=2097152 riops=5000 wiops=max" "io.max"
expect_equal "$(cat "$slice/cpuset.mems") $(cat "$slice/cpuset.cpus")" "0 0" "memory_nodes and cpus"
begin=$(date +%s%N)
run_ run_a dd if=/dev/zero of=/home/$USER_A/written bs=256k count=24 oflag=direct
took=$((($(date +%s%N) - begin) / 1000000))
[ "$STATUS" = 0 ] && [ $took -ge 2400 ] || fail_ "6M at 2M a second took $took ms: $(said)"

case_ "what the policy no longer has is lifted, by reload and by the next login, with a session open"
policy_write '[default]' 'io_max = / rbps=64M' 'cpus = 0'
expect_ok "$CARREL" reload
expect_equal "$(io_max)" "rbps=67108864 wbps=max riops=max wiops=max" "io.max after reload"
# With processes in it, v2 takes no empty list: all that there are.
expect_equal "$(cat "$slice/cpuset.mems") $(cat "$slice/cpuset.cpus")" "$(cat "$top/cpuset.mems.effective") 0" \
	"memory_nodes and cpus"
policy_write '[default]' 'pids_max = 40'
run_a true
expect_equal "$(io_max) $(cat "$slice/cpuset.cpus")" " $(cat "$top/cpuset.cpus.effective")" "io.max and cpus after a login"

case_ "io_weight: refused while no disk goes by weights, else held"
policy_write '[default]' 'io_weight = 200'
scheduler=/sys/dev/block/$disk/queue/scheduler
before=$(sed 's/.*\[\(.*\)\].*/\1/' "$scheduler")
grep -q enable=1 /sys/fs/cgroup/io.cost.qos 2>/dev/null || [ "$before" = bfq ] ||
	expect_grep 'io_weight can.t be enforced: no disk' "$CARREL" check
modprobe bfq 2>/dev/null
if echo bfq >"$scheduler" 2>/dev/null; then
	expect_ok "$CARREL" reload
	expect_equal "$(sed -n '1s/^default //p' "$slice/io.bfq.weight")" 109 "BFQ's"
	[ ! -e "$slice/io.weight" ] || expect_equal "$(cat "$slice/io.weight")" "default 200" "the cost model's"
	echo "$before" >"$scheduler"
else
	note_ "no BFQ in this kernel"
fi
expect_ok "$CARREL" kill "$USER_A"
wait $job 2>/dev/null
wait_until 20 test ! -e "$slice" || fail_ "the slice is left: $(said)"
policy_write '[default]' 'memory_max = 60M' 'swap_max = 0' 'pids_max = 40' 'cpu_max = 50%' 'cpu_weight = 200'

case_ "a memory hog is killed; outside the same goes through"
hog='head -c 100m /dev/zero | tail -c 90m | wc -c'
expect_equal "$(outside sh -c "$hog")" 94371840 "outside"
run_ run_a sh -c "echo began; $hog"
grep -qx began <<<"$OUT" || fail_ "the hog did not run inside: $(said)"
! grep -qx 94371840 <<<"$OUT" || fail_ "the hog had its memory inside"

case_ "a fork bomb stops at pids_max; outside it does not"
# The sleepers outlive the bomb, however slow the guest is: bash tries for 15 s to fork before it gives up.
bomb='n=0; while [ $n -lt 60 ]; do sleep 300 & n=$((n + 1)); done 2>/dev/null; kill $(jobs -p); echo $n'
expect_equal "$(outside bash -c "$bomb")" 60 "outside"
run_ run_a bash -c "echo began; $bomb"
grep -qx began <<<"$OUT" || fail_ "the bomb did not run inside: $(said)"
! grep -qx 60 <<<"$OUT" || fail_ "60 processes with pids_max = 40"

case_ "after the last logout nothing is left"
wait_until 20 test ! -e "$top" || fail_ "$top is left: $(find "$top" -type d 2>/dev/null | tr '\n' ' ')"
wait_until 10 no_sandbox || fail_ "wardens are left: $(warden_pids)"

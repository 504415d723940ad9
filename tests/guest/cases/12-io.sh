# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# io_max, io_weight and memory_nodes through systemd: properties of the slice, held by the kernel, in force, lifted
# by reload and by the next login.
. "$CHECK_SOURCE/tests/guest/lib.sh"

disk=$(stat -c '%Hd:%Ld' /)
[ ! -e "/sys/dev/block/$disk/partition" ] || disk=$(cat "/sys/dev/block/$disk/../dev")
io_max() { slice "$UID_A" io.max 2>/dev/null | sed -n "s/^$disk //p"; }
# The four, as systemd has them.
properties()
{
	local name
	for name in IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax; do
		printf '%s;' "$(prop "user-$UID_A.slice" $name)"
	done
}
no_io_max() { [ -z "$(io_max)" ]; }
write='dd if=/dev/zero of=written bs=256k count=24 oflag=direct 2>/dev/null'
# ms CMD...: how long it takes.
ms()
{
	local begin
	begin=$(date +%s%N)
	"$@" >/dev/null 2>&1 || fail_ "$* fails"
	echo $((($(date +%s%N) - begin) / 1000000))
}

case_ "io_max and memory_nodes: systemd and the kernel agree"
policy_write '[default]' 'io_max = / wbps=2M riops=5k' 'memory_nodes = 0'
session_start a in "$USER_A"
expect_equal "$(io_max)" "rbps=max wbps=2097152 riops=5000 wiops=max" "io.max"
expect_equal "$(properties)" ";/dev/block/$disk 2097152;/dev/block/$disk 5000;;" "the properties"
expect_equal "$(slice "$UID_A" cpuset.mems) $(prop "user-$UID_A.slice" AllowedMemoryNodes)" "0 0" "memory_nodes"
expect_grep "\"wbps\": 2097152" "$CARREL" show --json "$USER_A"

case_ "io_max is in force, also after a daemon-reload"
took=$(ms session_do a "$write")
[ "$took" -ge 2400 ] || fail_ "6M at 2M a second took $took ms"
expect_ok systemctl daemon-reload
expect_equal "$(io_max)" "rbps=max wbps=2097152 riops=5000 wiops=max" "io.max"

case_ "another rate by reload; what is no longer set is lifted by reload and by the next login"
policy_write '[default]' 'io_max = / rbps=64M'
expect_ok "$CARREL" reload
expect_equal "$(io_max)" "rbps=67108864 wbps=max riops=max wiops=max" "after reload"
expect_equal "$(properties)" "/dev/block/$disk 67108864;;;;" "the properties"
expect_equal "$(prop "user-$UID_A.slice" AllowedMemoryNodes)" "" "memory_nodes"
policy_write '[default]' 'pids_max = 200'
expect_ok ssh_in "$USER_A" true
wait_until 5 no_io_max || fail_ "io.max: $(io_max)"
expect_equal "$(properties)" ";;;;" "the properties"

case_ "a device that is not there refuses the login; carrel check says so"
policy_write '[default]' 'io_max = /dev/nonesuch rbps=1M'
log_mark
expect_status 254 ssh_in "$USER_B" true
expect_log 'session of bob refused: .*io_max.*/dev/nonesuch'
expect_status 1 "$CARREL" check

case_ "memory nodes and CPUs that the host lacks are said before any login"
policy_write '[default]' 'memory_nodes = 0,77' 'cpus = 0-500'
expect_status 1 "$CARREL" check
grep -q "memory_nodes can't be enforced" <<<"$OUT$ERR" && grep -q "cpus can't be enforced" <<<"$OUT$ERR" || fail_ "$(said)"

case_ "io_weight: refused while no disk goes by weights, else held and lifted"
scheduler=/sys/dev/block/$disk/queue/scheduler
before=$(sed 's/.*\[\(.*\)\].*/\1/' "$scheduler")
policy_write '[default]' 'io_weight = 200'
if [ "$before" != bfq ] && ! grep -q enable=1 /sys/fs/cgroup/io.cost.qos 2>/dev/null; then
	log_mark
	expect_status 254 ssh_in "$USER_B" true
	expect_log 'session of bob refused: io_weight can.t be enforced: no disk'
fi
modprobe bfq 2>/dev/null
if echo bfq >"$scheduler" 2>/dev/null; then
	weights() { slice "$UID_A" io.weight 2>/dev/null | sed -n 's/^default //p'; slice "$UID_A" io.bfq.weight | sed -n '1s/^default //p'; }
	expect_ok "$CARREL" reload
	[[ $(weights | tr '\n' ' ') =~ ^(200\ )?109\ $ ]] || fail_ "the kernel's weights: $(weights | tr '\n' ' ')"
	expect_equal "$(prop "user-$UID_A.slice" IOWeight)" 200 "systemd's"
	policy_write '[default]' 'pids_max = 200'
	expect_ok ssh_in "$USER_A" true
	[[ $(prop "user-$UID_A.slice" IOWeight) = '[not set]' ]] || fail_ "IOWeight=$(prop "user-$UID_A.slice" IOWeight)"
	echo "$before" >"$scheduler"
else
	note_ "no BFQ in this kernel"
fi
session_end a
policy_default

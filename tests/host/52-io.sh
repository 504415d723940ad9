# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# memory_nodes, io_max and io_weight: in the kernel's files, in force, lifted, and refused where this host can't.
# timeout: 150
. "$CHECK_SOURCE/tests/host/lib.sh"
CPUSET=$(cgroup_version cpuset)

# held CONTROLLER FILE: what the kernel holds user A to; nothing where there is no slice.
held()
{
	local dir
	dir=$(slice_dir "$1" "$UID_A")
	[ -z "$dir" ] || cat "$dir/$2"
}

limit_of()
{
	"$CARREL" show --json "$USER_A" | jq -c ".limits.$1"
}

NODES=$(sed -n 's/^Mems_allowed_list:.//p' /proc/self/status)

case_ "memory_nodes: held, shown, lifted by reload and by the next login"
if [ -n "$CPUSET" ]; then
	policy_write '[default]' 'memory_nodes = 0'
	session_start s in "$USER_A"
	expect_equal "$(held cpuset cpuset.mems)" 0 "cpuset.mems"
	expect_output "Mems_allowed_list:	0" session_do s grep Mems_allowed_list /proc/self/status
	expect_equal "$(limit_of memory_nodes)" '"0"' "as shown"
	expect_grep '^memory_nodes +0$' "$CARREL" show "$USER_A"
	# What a reload must write back is seen by the text that a restart of the list would leave.
	policy_default
	expect_ok "$CARREL" reload
	expect_output "Mems_allowed_list:	$NODES" session_do s grep Mems_allowed_list /proc/self/status
	policy_write '[default]' 'memory_nodes = 0' "[user $USER_A]" 'memory_nodes = max'
	expect_output "Mems_allowed_list:	$NODES" ssh_in "$USER_A" grep Mems_allowed_list /proc/self/status
	session_end s
else
	policy_write '[default]' 'memory_nodes = 0'
	log_mark
	expect_fail ssh_in "$USER_A" true
	expect_log 'memory_nodes can.t be enforced'
fi

case_ "memory_nodes: one that the host lacks refuses the login, and carrel check says so"
policy_write '[default]' 'memory_nodes = 0,900'
log_mark
expect_status 254 ssh_in "$USER_A" true
expect_log 'memory_nodes can.t be enforced'
expect_status 1 "$CARREL" check
grep -q "carrel.conf:2: memory_nodes can't be enforced" <<<"$OUT$ERR" || fail_ "check: $(said)"
expect_grep 'memory_nodes (is enforced in|can.t be enforced)' "$CARREL" doctor

# --- io_max

IO=$(cgroup_version blkio) IO_CONTROLLER=blkio
[ -n "$IO" ] || { IO=$(cgroup_version io) IO_CONTROLLER=io; }
# The disk of the root file system, "" where the kernel tells of none.
number_of() { stat -c '%Hd:%Ld' "$1"; }
ROOT_NUMBER=$(number_of /)
[ -e "/sys/dev/block/$ROOT_NUMBER" ] || ROOT_NUMBER=
[ ! -e "/sys/dev/block/$ROOT_NUMBER/partition" ] || ROOT_NUMBER=$(cat "/sys/dev/block/$ROOT_NUMBER/../dev")
# A disk of our own, partitioned.
LOOP='' PART=''
loop_end()
{
	[ -z "$LOOP" ] || losetup -d "$LOOP"
	[ -z "$PART" ] || rm -f "$PART"
	LOOP=
	return "$1"
}
trap 'loop_end $?; lib_end' EXIT
truncate -s 16M "$SCRATCH/disk"
LOOP=$(losetup -P -f --show "$SCRATCH/disk" 2>/dev/null) && addpart "$LOOP" 1 2048 8192
# The stage's /dev is older than the partition.
[ -z "$LOOP" ] || PART=${LOOP}p1
# shellcheck disable=SC2046 # two numbers
[ -z "$PART" ] || [ -b "$PART" ] || mknod "$PART" b $(tr : ' ' <"/sys/class/block/${PART##*/}/dev")
LOOP_NUMBER=$(lsblk -d -n -o MAJ:MIN "${LOOP:-/nowhere}" 2>/dev/null | tr -d ' ')

# rate NUMBER RATE: what is held for that disk, "max" where nothing is.
rate()
{
	local file
	if [ "$IO" = 1 ]; then
		case $2 in
		rbps) file=read_bps ;; wbps) file=write_bps ;; riops) file=read_iops ;; wiops) file=write_iops ;;
		esac
		held blkio "blkio.throttle.${file}_device" | sed -n "s/^$1 //p" | grep . || echo max
	else
		held io io.max | sed -n "s/^$1 .*$2=\([^ ]*\).*/\1/p" | grep . || echo max
	fi
}

rates()
{
	echo "$(rate "$1" rbps) $(rate "$1" wbps) $(rate "$1" riops) $(rate "$1" wiops)"
}

# refuses WHY LINE...: a login under that policy is refused, and carrel check says the same.
refuses()
{
	local why=$1
	shift
	policy_write '[default]' "$@"
	log_mark
	expect_status 254 ssh_in "$USER_A" true
	expect_log "$why"
	expect_status 1 "$CARREL" check
	grep -q -E "carrel.conf:2: .*$why" <<<"$OUT$ERR" || fail_ "check: $(said)"
}

if [ -z "$IO" ]; then
	case_ "io_max and io_weight: without the controller a login is refused"
	refuses "io_max can.t be enforced: this host has no io" 'io_max = / wbps=2M'
	refuses "io_weight can.t be enforced: this host has no io" 'io_weight = 50'
	exit 0
fi

case_ "without these keys a login has nothing to do with the controller"
policy_default
session_start s in "$USER_A"
slice_gone "$IO_CONTROLLER" "$UID_A" || [ "$IO" = 2 ] || fail_ "it has a slice there"
session_end s

case_ "io_max: held, shown, and in force"
if [ -n "$ROOT_NUMBER" ]; then
	# ms CMD...: how long it takes.
	ms()
	{
		local begin
		begin=$(date +%s%N)
		"$@" >/dev/null 2>&1 || fail_ "$* fails"
		echo $((($(date +%s%N) - begin) / 1000000))
	}
	home=$(getent passwd "$USER_A" | cut -d: -f6)
	write="dd if=/dev/zero of=$home/written bs=256k count=24 oflag=direct"
	policy_write '[default]' 'io_max = / wbps=2M riops=1k'
	session_start s in "$USER_A"
	expect_equal "$(rates "$ROOT_NUMBER")" "max 2097152 1000 max" "the kernel's"
	expect_equal "$("$CARREL" show --json "$USER_A" | jq -c '.limits.io_max[0] | [.device, .rbps, .wbps, .riops, .wiops]')" \
		"[\"$ROOT_NUMBER\",null,2097152,1000,null]" "as shown"
	expect_grep '^io_max +[a-z0-9]+ wbps=2.0M riops=1000$' "$CARREL" show "$USER_A"
	if [ "$(number_of "$home")" != "$(number_of /)" ]; then
		note_ "the home is on another disk"
	else
		took=$(ms session_do s "$write")
		[ "$took" -ge 2400 ] || fail_ "6M at 2M a second took $took ms"
		# The same disk, without the limit.
		took=$(ms ssh_out "$USER_A" "$write")
		[ "$took" -lt 2400 ] || note_ "outside it took $took ms, too"
	fi
	session_end s
	wait_until 5 slice_gone "$IO_CONTROLLER" "$UID_A" || fail_ "the slice is left"
else
	skip_ "the root file system is on no disk"
fi

case_ "io_max: a partition is its disk; a device that is no longer named is lifted, by reload and by a login"
if [ -n "$LOOP" ] && [ -n "$ROOT_NUMBER" ]; then
	policy_write '[default]' "io_max = / rbps=1G $PART wbps=1M wiops=10"
	session_start s in "$USER_A"
	expect_equal "$(rates "$ROOT_NUMBER"), $(rates "$LOOP_NUMBER")" "1073741824 max max max, max 1048576 max 10" "at first"
	policy_write '[default]' "io_max = $LOOP rbps=2M wbps=max"
	expect_ok "$CARREL" reload
	expect_equal "$(rates "$ROOT_NUMBER"), $(rates "$LOOP_NUMBER")" "max max max max, 2097152 max max max" "after reload"
	policy_write '[default]' "io_max = / rbps=1G"
	expect_ok ssh_in "$USER_A" true
	expect_equal "$(rates "$ROOT_NUMBER"), $(rates "$LOOP_NUMBER")" "1073741824 max max max, max max max max" "after a login"
	policy_default
	expect_ok ssh_in "$USER_A" true
	expect_equal "$(rates "$ROOT_NUMBER")" "max max max max" "after a login without the key"
	expect_equal "$(limit_of io_max)" null "as shown"
	session_end s
else
	skip_ "no loop device, or no disk beneath the root"
fi

case_ "io_max: for who was logged in without, and taken away with the last session"
if [ -n "$ROOT_NUMBER" ]; then
	session_start s in "$USER_A"
	policy_write '[default]' 'io_max = / wiops=500'
	expect_ok "$CARREL" reload
	expect_equal "$(rates "$ROOT_NUMBER")" "max max max 500" "after reload"
	[ "$IO" = 2 ] || expect_grep "^[0-9]+:blkio:/carrel.slice/user-$UID_A.slice" \
		session_do s cat /proc/self/cgroup
	session_end s
	wait_until 5 slice_gone "$IO_CONTROLLER" "$UID_A" || fail_ "the slice is left"
else
	skip_ "the root file system is on no disk"
fi

case_ "io_max: a disk named by a link, as below /dev/disk, is found whatever users rename meanwhile"
if [ -n "$LOOP" ]; then
	links=/dev/carrel-check-links
	mkdir -p $links && ln -sfn "../${LOOP##*/}" $links/disk
	policy_write '[default]' "io_max = $links/disk rbps=3M"
	expect_ok ssh_in "$USER_A" true
	mkdir "$SCRATCH/renamed" && touch "$SCRATCH"/renamed/{a,b} && chown -R "$USER_A" "$SCRATCH/renamed"
	setpriv --reuid "$UID_A" --clear-groups --pdeathsig KILL \
		"$TESTS/attack_rename" "$SCRATCH/renamed/a" "$SCRATCH/renamed/b" 1000 &
	renamer=$!
	# One lookup in ten has to be done again.
	for ((i = 0; i < 60; i++)); do
		expect_ok "$CARREL" check
	done
	kill $renamer || fail_ "nobody renamed"
	wait $renamer 2>/dev/null
	rm -r $links
else
	skip_ "no loop device"
fi

case_ "io_max: no such device, no disk, a path that others can change, one disk twice: refused, and said before"
refuses 'io_max can.t be enforced: look for the device /dev/nonesuch' 'io_max = /dev/nonesuch rbps=1M'
refuses 'io_max can.t be enforced: /dev/null is no block device' 'io_max = /dev/null rbps=1M'
refuses 'io_max can.t be enforced: the file system of /proc has no device' 'io_max = /proc rbps=1M'
refuses 'io_max can.t be enforced: /tmp can be changed by others' 'io_max = /tmp rbps=1M'
refuses 'io_max can.t be enforced: look for the directory /srv/nonesuch' 'io_max = /srv/nonesuch rbps=1M'
mkdir -p "$SCRATCH/dir" && ln -sfn "$SCRATCH/dir" "$SCRATCH/link"
refuses 'io_max can.t be enforced: look for the directory .*/link: ' "io_max = $SCRATCH/link rbps=1M"
ln -sfn /etc "/dev/carrel-out-$UID_A"
refuses 'io_max can.t be enforced: look for the device' "io_max = /dev/carrel-out-$UID_A rbps=1M"
rm -f "/dev/carrel-out-$UID_A"
[ -z "$ROOT_NUMBER" ] ||
	refuses "/usr is on the disk $ROOT_NUMBER, which it has by another path" 'io_max = / rbps=1M /usr wbps=1M'
expect_grep 'io_max is enforced in' "$CARREL" doctor

case_ "io_max in explain"
policy_write '[default]' 'io_max = /dev/sda rbps=10M /srv wiops=5k'
expect_ok "$CARREL" explain --json "$USER_A"
expect_equal "$(jq -c .keys.io_max.value <<<"$OUT")" \
	'[{"device":"/dev/sda","rbps":10485760,"wbps":null,"riops":null,"wiops":null},{"device":"/srv","rbps":null,"wbps":null,"riops":null,"wiops":5000}]' \
	"io_max"

# --- io_weight

case_ "io_weight: refused where no disk goes by weights, else held and lifted"
if grep -q '\[bfq\]' /sys/block/*/queue/scheduler 2>/dev/null; then
	note_ "BFQ is in use here"
else
	refuses "io_weight can.t be enforced: no disk of this host goes by weights" 'io_weight = 200'
	expect_grep 'io_weight can.t be enforced' "$CARREL" doctor
fi
scheduler=/sys/block/${LOOP#/dev/}/queue/scheduler
if [ -n "$LOOP" ] && grep -q bfq "$scheduler" && echo bfq >"$scheduler" 2>/dev/null; then
	file=$([ "$IO" = 1 ] && echo blkio.bfq.weight || echo io.bfq.weight)
	weight() { held "$IO_CONTROLLER" "$file" | sed -n '1s/^default //;1p'; }
	for pair in 50=50 200=109 10000=1000 1=1; do
		policy_write '[default]' "io_weight = ${pair%=*}"
		session_start s in "$USER_A"
		expect_equal "$(weight)" "${pair#*=}" "io_weight = ${pair%=*}"
		session_end s
	done
	session_start s in "$USER_A"
	expect_equal "$(limit_of io_weight)" 1 "as shown"
	policy_default
	expect_ok "$CARREL" reload
	expect_equal "$(weight)" 100 "lifted"
	session_end s
	echo none >"$scheduler"
else
	skip_ "no disk of our own with BFQ"
fi

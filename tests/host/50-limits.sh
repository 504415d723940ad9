# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The kernel enforces what the policy says: each limit is met by somebody who wants more, and read from
# the kernel's own files.
# timeout: 150
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/attack_lib.sh"
STARVE=$TESTS/attack_starve
MEMORY=$(cgroup_version memory) CPU=$(cgroup_version cpu) CPUSET=$(cgroup_version cpuset)

# limit_file KEY: the kernel's file for it, where its controller lives.
limit_file()
{
	case $1:$MEMORY:$CPU in
	memory_max:1:*) echo memory.limit_in_bytes ;;
	memory_max:*) echo memory.max ;;
	memory_high:*) echo memory.high ;;
	swap_max:1:*) echo memory.memsw.limit_in_bytes ;;
	swap_max:*) echo memory.swap.max ;;
	cpu_max:*:1) echo cpu.cfs_quota_us ;;
	cpu_max:*) echo cpu.max ;;
	cpu_weight:*:1) echo cpu.shares ;;
	cpu_weight:*) echo cpu.weight ;;
	pids_max:*) echo pids.max ;;
	cpus:*) echo cpuset.cpus ;;
	esac
}

held()
{
	in_slice "$UID_A" "$(limit_file "$1")"
}

case_ "memory_max: a hog is killed, the session lives on"
policy_write '[default]' 'memory_max = 64M'
session_start s in "$USER_A"
expect_equal "$(held memory_max)" 67108864 "memory_max held"
run_ session_do s "$STARVE memory 200; echo hog \$?"
grep -q '^hog 137$' <<<"$OUT" || fail_ "the hog was not killed: $(said)"
expect_output alive session_do s 'echo alive'
# What fits is left alone.
expect_ok session_do s "$STARVE memory 30"
session_end s
log_mark
run_ ssh_in "$USER_A" "$STARVE memory 200; echo hog \$?"
grep -q '^hog 137$' <<<"$OUT" || fail_ "not killed: $(said)"
expect_log 'ended:.* cpu=[0-9]+\.[0-9][0-9]s memory_peak=[0-9]+\.[0-9][KM] oom_kills=1$'

case_ "memory_max: memory in tmpfs counts"
policy_write '[default]' 'memory_max = 64M' 'tmp_size = 1G'
session_start s in "$USER_A"
session_start other in "$USER_A"
used()
{
	in_slice "$UID_A" "$([ "$MEMORY" = 1 ] && echo memory.usage_in_bytes || echo memory.current)"
}
before=$(used)
expect_ok session_do s "$STARVE fill 20480 /dev/shm/f"
grown=$(($(used) - before))
[ $grown -gt $((19 * 1024 * 1024)) ] || fail_ "20M of files in /dev/shm add $grown bytes to the slice"
run_ session_do s "$STARVE fill 204800 /tmp/g"
[ "$STATUS" != 0 ] || fail_ "200M of files fit into 64M: $(said)"
session_end s
session_end other

case_ "memory_max holds for all sessions of the user together"
policy_write '[default]' 'memory_max = 64M'
session_start s in "$USER_A"
session_start other in "$USER_A"
session_do s "$STARVE memory 40 && sleep 0 & { $STARVE memory 45 & sleep 1; }" >/dev/null
expect_ok session_do s "$STARVE memory 40"
session_do other "dd if=/dev/zero of=/tmp/f bs=1M count=35 2>/dev/null" >/dev/null
run_ session_do s "$STARVE memory 40; echo hog \$?"
grep -q '^hog 137$' <<<"$OUT" || fail_ "40M beside the other session's 35M fit into 64M: $(said)"
session_end s
session_end other

b_measure
case_ "pids_max: a fork bomb stops, another user logs in"
policy_write '[default]' 'pids_max = 40' "[user $USER_B]" 'pids_max = max'
session_start s in "$USER_A"
expect_equal "$(held pids_max)" 40 "pids_max held"
while_ "$STARVE bomb 200 15"
most=0
b_login
while kill -0 "$while_pid" 2>/dev/null; do
	now=$(user_pids "$UID_A" | wc -l)
	[ "$now" -le "$most" ] || most=$now
	now=$(slice_processes "$UID_A")
	[ "$now" -le "$most" ] || most=$now
done
while_end
born=${OUT##*born: }
[ "$STATUS" = 1 ] && [ "${born:-0}" -gt 10 ] && [ "$born" -lt 40 ] || fail_ "the bomb: $(said)"
[ "$most" -gt 30 ] && [ "$most" -le 40 ] || fail_ "A had $most processes; pids_max is 40"
note_ "born: $born, at most $most processes"
expect_output again session_do s 'for i in 1 2 3 4 5; do /bin/true || exit; done; echo again'
session_end s

case_ "pids_max: nested in pid namespaces"
if ssh_out "$USER_A" unshare -Urpf true 2>/dev/null; then
	run_ ssh_in "$USER_A" "unshare -Urpf unshare -Urpf $STARVE bomb 200 1"
	born=${OUT##*born: }
	[ "$STATUS" = 1 ] && [ "${born:-0}" -gt 5 ] && [ "$born" -lt 40 ] || fail_ "the bomb: $(said)"
else
	skip_ "this machine allows no unprivileged user namespaces"
fi

case_ "cpu_max holds to within 15%"
# spun: sets got, the percentage of one CPU that the spinners used.
spun()
{
	local cpu=${OUT#*cpu_ms: } wall=${OUT#*wall_ms: }
	got=$((${cpu%%[!0-9]*} * 100 / ${wall%%[!0-9]*}))
}
cpu_stat()
{
	in_slice "$UID_A" cpu.stat | awk -v name="$1" '$1 == name { print $2 }'
}
for percent in 50 20; do
	policy_write '[default]' "cpu_max = $percent%"
	session_start s in "$USER_A"
	case $CPU in
	1) expect_equal "$(held cpu_max)" $((percent * 1000)) "cpu_max held" ;;
	*) expect_equal "$(held cpu_max)" "$((percent * 1000)) 100000" "cpu_max held" ;;
	esac
	periods=$(cpu_stat nr_periods) throttled=$(cpu_stat nr_throttled)
	run_ session_do s "$STARVE spin 3 2"
	spun
	periods=$(($(cpu_stat nr_periods) - periods)) throttled=$(($(cpu_stat nr_throttled) - throttled))
	note_ "cpu_max = $percent%: $got%, throttled in $throttled of $periods periods"
	[ "$got" -le $(((percent * 115 + 99) / 100)) ] || fail_ "cpu_max = $percent%, used $got%"
	# Less is the limit's doing only if it was what held them back; else the machine was busy.
	[ "$got" -ge $((percent * 85 / 100)) ] || [ $((throttled * 10)) -lt $((periods * 8)) ] ||
		fail_ "cpu_max = $percent%, got no more than $got%"
	session_end s
done
run_ ssh_out "$USER_A" "$STARVE spin 1 8"
spun
[ "$got" -gt 58 ] || skip_ "without a limit it is $got% as well: the machine is too busy to tell"

case_ "cpu_weight"
for weight in 50 200 1 10000; do
	policy_write '[default]' "cpu_weight = $weight"
	session_start s in "$USER_A"
	case $CPU in
	# Weight 100 is the kernel's 1024 shares.
	1) wanted=$(((weight * 1024 + 50) / 100)) ;;
	*) wanted=$weight ;;
	esac
	expect_equal "$(held cpu_weight)" "$wanted" "cpu_weight = $weight held"
	session_end s
done

case_ "cpus"
if [ "$(nproc)" -lt 2 ]; then
	skip_ "one CPU only"
elif [ -z "$CPUSET" ]; then
	policy_write '[default]' 'cpus = 0'
	log_mark
	expect_fail ssh_in "$USER_A" true
	expect_log 'cpus can.t be enforced'
else
	policy_write '[default]' 'cpus = 1'
	expect_output "Cpus_allowed_list:	1" ssh_in "$USER_A" grep Cpus_allowed_list /proc/self/status
	expect_denied ssh_in "$USER_A" taskset -p -c 0 0
	run_ ssh_in "$USER_A" "taskset -c 0,1 grep Cpus_allowed_list /proc/self/status"
	expect_equal "$OUT" "Cpus_allowed_list:	1" "after taskset"
	# A CPU that the machine lacks can't be granted.
	policy_write '[default]' 'cpus = 0,900'
	log_mark
	expect_status 254 ssh_in "$USER_A" true
	expect_log 'cpus can.t be enforced'
fi

case_ "tmp_size: all private directories together"
policy_write '[default]' 'tmp_size = 8M'
session_start s in "$USER_A"
expect_status 1 session_do s "$STARVE fill 100000 /tmp/a /var/tmp/b /dev/shm/c"
grep -q 'No space left' <<<"$OUT" || fail_ "not ENOSPC: $(said)"
kb=${OUT##*kb: }
[ "$kb" -ge $((8192 * 95 / 100)) ] && [ "$kb" -le 8192 ] || fail_ "$kb kB fit into tmp_size = 8M"
# Full is full for each of them, and what is freed in one can be used in another.
for dir in /tmp /var/tmp /dev/shm; do
	expect_denied session_do s "dd if=/dev/zero of=$dir/more bs=64k count=1"
done
expect_ok session_do s "rm /tmp/a && dd if=/dev/zero of=/dev/shm/more bs=64k count=8"
expect_output "8M" session_do s "df --output=size -h /tmp | tail -1 | tr -d ' ' | sed 's/\\.0//'"
session_end s

case_ "tmp_inodes: all private directories together"
policy_write '[default]' 'tmp_inodes = 500' 'tmp_size = 8M'
session_start s in "$USER_A"
expect_status 1 session_do s "$STARVE symlinks 3000 /tmp /var/tmp /dev/shm"
grep -q 'No space left' <<<"$OUT" || fail_ "not ENOSPC: $(said)"
links=${OUT##*links: }
[ "$links" -ge 475 ] && [ "$links" -le 500 ] || fail_ "$links links fit into tmp_inodes = 500"
for dir in /tmp /var/tmp /dev/shm; do
	expect_denied session_do s ": >$dir/more"
done
session_end s

case_ "swap_max"
log_mark
case $MEMORY in
1)
	# v1 knows swap only together with memory.
	policy_write '[default]' 'swap_max = 64M'
	expect_status 254 ssh_in "$USER_A" true
	expect_log 'swap_max can.t be enforced'
	policy_write '[default]' 'memory_max = 64M' 'swap_max = 32M'
	log_mark
	if [ -e "$(awk '$3 == "cgroup" && $4 ~ /memory/ { print $2 }' /proc/mounts)/memory.memsw.limit_in_bytes" ]; then
		session_start s in "$USER_A"
		expect_equal "$(held swap_max)" $((96 * 1024 * 1024)) "memory and swap"
		session_end s
	else
		expect_status 254 ssh_in "$USER_A" true
		expect_log 'swap_max can.t be enforced'
	fi
	;;
*)
	policy_write '[default]' 'swap_max = 64M'
	session_start s in "$USER_A"
	expect_equal "$(held swap_max)" 67108864 "swap_max"
	session_end s
	;;
esac

case_ "memory_high"
policy_write '[default]' 'memory_high = 32M'
log_mark
if [ "$MEMORY" = 1 ]; then
	expect_status 254 ssh_in "$USER_A" true
	expect_log 'memory_high can.t be enforced'
	expect_ok ssh_in root true
else
	session_start s in "$USER_A"
	expect_equal "$(held memory_high)" 33554432 "memory_high"
	session_do s "timeout 2 $STARVE memory 64" >/dev/null
	high=$(in_slice "$UID_A" memory.events | awk '$1 == "high" { print $2 }')
	[ "$high" -gt 0 ] || fail_ "memory.events: high is $high"
	session_end s
fi

case_ "sessions_max under 20 logins racing"
policy_write '[default]' 'sessions_max = 7'
: >"$SCRATCH/hold"
race_pids=()
for ((i = 0; i < 20; i++)); do
	ssh_in "$USER_A" "echo mine; while [ -e $SCRATCH/hold ]; do sleep 0.2; done" >"$SCRATCH/.race.$i" 2>&1 &
	race_pids+=($!)
done
settled()
{
	[ "$(cat "$SCRATCH"/.race.* | grep -c -E '^mine$|as many sessions')" = 20 ]
}
wait_until 30 settled || fail_ "20 logins: $(brief "$(sort "$SCRATCH"/.race.* | uniq -c)")"
expect_equal "$(cat "$SCRATCH"/.race.* | grep -c '^mine$')" 7 "logins that got in"
expect_equal "$(cat "$SCRATCH"/.race.* | grep -c 'as many sessions')" 13 "logins that were told why not"
# Another user is not counted; and one more of A is one too many.
expect_ok ssh_in "$USER_B" true
expect_status 254 ssh_in "$USER_A" true
rm "$SCRATCH/hold"
wait "${race_pids[@]}"
# Those that have logged out make room.
wait_until 5 ssh_in "$USER_A" true || fail_ "no login after the others have gone"

case_ "a policy change is applied to the live slice by the next login"
policy_write '[default]' 'memory_max = 64M' 'pids_max = 40' 'cpu_max = 50%' 'cpu_weight = 50'
session_start s in "$USER_A"
before="$(held memory_max) $(held pids_max) $(held cpu_max) $(held cpu_weight)"
expect_equal "$(held pids_max)" 40 "pids_max"
policy_write '[default]' 'memory_max = 96M' 'pids_max = 60' 'cpu_max = 70%' 'cpu_weight = 300'
expect_ok ssh_in "$USER_A" true
expect_equal "$(held memory_max) $(held pids_max)" "100663296 60" "memory_max, pids_max: raised"
grep -q -E '^70000' <<<"$(held cpu_max)" || fail_ "cpu_max: $(held cpu_max)"
policy_write '[default]' 'memory_max = 48M' 'pids_max = 30' 'cpu_max = 40%' 'cpu_weight = 20'
session_start again in "$USER_A"
expect_equal "$(held memory_max) $(held pids_max)" "50331648 30" "memory_max, pids_max: lowered"
# It holds for the session that was there before.
run_ session_do s "$STARVE bomb 100 1"
born=${OUT##*born: }
[ "$STATUS" = 1 ] && [ "$born" -lt 30 ] || fail_ "the earlier session: $(said)"
session_end again

case_ "a limit that is lifted, with another session open, is the kernel's default again"
policy_default
session_start again in "$USER_A"
for key in memory_max pids_max cpu_max cpu_weight; do
	case $key:$(cgroup_version "${key%%_*}") in
	memory_max:1) wanted=9223372036854771712 ;;
	cpu_max:1) wanted=-1 ;;
	cpu_max:*) wanted="max 100000" ;;
	cpu_weight:1) wanted=1024 ;;
	cpu_weight:*) wanted=100 ;;
	*) wanted=max ;;
	esac
	expect_equal "$(held "$key")" "$wanted" "$key"
done
expect_ok session_do s "$STARVE memory 200"
session_end again
session_end s
expect_differ "$before" "" "limits at first"

case_ "cpus that are lifted, with another session open"
if [ -n "$CPUSET" ] && [ "$(nproc)" -ge 2 ]; then
	policy_write '[default]' 'cpus = 1'
	session_start s in "$USER_A"
	expect_output "Cpus_allowed_list:	1" session_do s grep Cpus_allowed_list /proc/self/status
	policy_default
	expect_output "Cpus_allowed_list:	$(sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status)" \
		ssh_in "$USER_A" grep Cpus_allowed_list /proc/self/status
	expect_output "Cpus_allowed_list:	$(sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status)" \
		session_do s grep Cpus_allowed_list /proc/self/status
	session_end s
else
	skip_ "no cpuset controller, or one CPU only"
fi

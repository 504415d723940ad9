# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# timeout: 7200
# What takes too long for every day: `make endurance`. LOGINS (10000) logins and logouts, with kill -9 among
# them, then SANDBOXES (5000) that live at the same time. After each part there is nothing left, and the
# kernel's own counts are as they were. Each sandbox needs about 1 MB and, with its caller, three
# processes: fewer where kernel.pid_max is 32768 and the machine has others.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/fault_lib.sh"

LOGINS=${LOGINS:-10000}
SANDBOXES=${SANDBOXES:-5000}
ROUND=1000

faults_baseline
faults_policy
mkdir -p "$SCRATCH/mark/pids"
cp "$TESTS/fault_helper" "$SCRATCH/mark/"
ln -s "$LIBEXEC/carrel-session" "$SCRATCH/mark/real"
pam_write "$SERVICE" "$(pam_line timeout=60 helper="$SCRATCH/mark/fault_helper")"
pam_write "$SERVICE-held" "$(pam_line timeout=60)"

# What an endless leak would show in: kernel memory in MB, memory cgroups (also those that wait for
# their last page to go), mounts, open files, processes.
kernel_counts()
{
	awk '$1 == "SUnreclaim:" { printf "slab %d MB, ", $2 / 1024 }' /proc/meminfo
	awk '$1 == "memory" { printf "memory cgroups %d, ", $3 }' /proc/cgroups
	awk '{ printf "files %d, ", $1 }' /proc/sys/fs/file-nr
	printf 'mounts %d, processes %d' "$(wc -l </proc/self/mountinfo)" "$(ps -e --no-headers | wc -l)"
}

# Why logins were refused, most often first.
reasons()
{
	sed -n 's/.* refused: //p' "$CHECK_LOG" | sort | uniq -c | sort -rn | head -n 8
}

# Nothing of the wardens that were killed after CLOSE stays over the user's next logout.
login_once_each()
{
	local user
	for user in "$USER_A" "$USER_B"; do
		expect_grep 'open: PAM_SUCCESS' steps start="$SERVICE:$user" open close end
	done
}

case_ "$LOGINS logins and logouts of two users, with kill -9 among them"
note_ "before: $(kernel_counts)"
for ((done_ = 0; done_ < LOGINS; done_ += ROUND)); do
	started=$SECONDS
	run_ "$TESTS/fault_stress" -d "$SCRATCH/mark" -k 25 -w 10 -n "$ROUND" "$SERVICE" \
		"$USER_A:$UID_A" "$USER_B:$UID_B"
	[ "$STATUS" = 0 ] || fail_ "$(brief "$ERR") $(grep -m 1 '^wrong: ' <<<"$OUT"): $(reasons)"
	note_ "$(tail -n 1 <<<"$OUT") ($((SECONDS - started)) s)"
	login_once_each
	expect_nothing_left 20
	note_ "left over: ${OUT:-nothing}; $(kernel_counts)"
	: >"$CHECK_LOG"
done

# As warden_pids and init_pids, without a process for each that is looked at.
pids_of()
{
	find /proc/[0-9]* -maxdepth 1 -name exe -lname "$LIBEXEC/$1" -printf '%h\n' 2>/dev/null |
		sed 's,/proc/,,'
}

none_left()
{
	[ -z "$(pids_of 'carrel-*')" ]
}

# Of all sandboxes: 1 line each.
list_counts()
{
	local started=${EPOCHREALTIME/./} lines
	lines=$("$CARREL" list | grep -c -E "^(${UID_A}|${UID_B})-")
	echo "$lines listed in $(((${EPOCHREALTIME/./} - started) / 1000)) ms"
}

# Proportional memory of a warden and of a PID 1, in KB, from up to 100 of each.
memory_of()
{
	local pid
	for pid in $(shuf -n 100); do
		awk '$1 == "Pss:" { print $2 }' "/proc/$pid/smaps_rollup"
	done 2>/dev/null | awk '{ sum += $1 } END { printf "%.0f", NR ? sum / NR : 0 }'
}

kill_some()
{
	local pid
	for pid in $(shuf -n "$1"); do kill -9 "$pid"; done
}

case_ "$SANDBOXES live sandboxes of two users"
# The callers are in the slices: no limit may stand in the way of the one more login.
policy_write '[default]' 'namespaces = mount pid ipc uts' 'memory_max = 90%' 'cpu_max = 200%'
note_ "before: $(kernel_counts)"
mkfifo "$SCRATCH/hold"
started=$SECONDS
"$TESTS/hold_many" "$SANDBOXES" "$SERVICE-held" "$USER_A" "$USER_B" <"$SCRATCH/hold" \
	>"$SCRATCH/held" 2>"$SCRATCH/held.err" &
holder=$!
exec {hold}>"$SCRATCH/hold"
wait_until 3600 grep -q opened "$SCRATCH/held" || fail_ "not all are open after an hour"
note_ "$(cat "$SCRATCH/held") ($((SECONDS - started)) s)"
note_ "while they live: $(kernel_counts)"
expect_grep "opened $SANDBOXES of $SANDBOXES in $SANDBOXES mount and $SANDBOXES pid namespaces" \
	cat "$SCRATCH/held"
counts=$(list_counts)
note_ "carrel list: $counts"
expect_grep "^$SANDBOXES listed" echo "$counts"
note_ "a warden has $(pids_of carrel-session | memory_of) KB, a PID 1 $(pids_of carrel-init | memory_of) KB (PSS)"
started=${EPOCHREALTIME/./}
expect_output "$USER_A" ssh_in "$USER_A" id -un
note_ "one more ssh login: $(((${EPOCHREALTIME/./} - started) / 1000)) ms"
pids_of carrel-session | kill_some 50
pids_of carrel-init | kill_some 50
# The killed ones' callers live on, and close into nothing.
started=$SECONDS
exec {hold}>&-
wait "$holder" || fail_ "hold_many: $(brief "$(cat "$SCRATCH/held.err")")"
note_ "$(tail -n 1 "$SCRATCH/held") ($((SECONDS - started)) s)"
expect_grep '^closed [0-9]*, 0 callers killed' cat "$SCRATCH/held"
wait_until 600 none_left || fail_ "$(pids_of carrel-session | wc -l) wardens are left"
note_ "the last warden has gone after $((SECONDS - started)) s"
login_once_each
expect_nothing_left 60
note_ "left over: ${OUT:-nothing}; $(kernel_counts)"

#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The driver of `make bench`, as root: a table on stdout, $BUILD/bench.json beside it.
#
# All programs that are compared run at the same time and wait; one cycle of each is asked for in
# turn, 50 ms apart, in one order in odd rounds and in the other in even ones, so that whatever else
# the machine does meets all of them alike. Compare ratios, never times of two runs; and on a loaded
# machine not even those of p50: a login by several processes waits for the processor more often.
#
# carrel is built and installed under a prefix of its own, and gone at the end with everything else;
# what an aborted run left behind is removed at the start.
#
# Variables: BUILD, RUNS (100), BENCH_LIVE (200: how many sandboxes are "many"),
# BENCH_PARALLEL (64), BENCH_CHURN (1000: logins one after the other, then what is left), BENCH_ONLY (words of:
# cycles join ssh memory parallel churn; all by default).
# Exit status: 0; 1 when carrel could not be measured or left something over.

set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/bench/bench_setup.sh
. tests/bench/bench_report.sh

BUILD=${BUILD:-build}
RUNS=${RUNS:-100}
BENCH_LIVE=${BENCH_LIVE:-200}
BENCH_PARALLEL=${BENCH_PARALLEL:-64}
BENCH_CHURN=${BENCH_CHURN:-1000}
BENCH_ONLY=${BENCH_ONLY:-cycles join ssh memory parallel churn}
SPACING=0.05
stopped= # set by a signal
programs=$(realpath -m "$BUILD")/bench
work=$programs/work

declare -A to_fd from_fd child # of the running series
declare -a order=()            # their names

pause() { # SECONDS, without a process
	read -r -t "$1" -u "$pause_fd" || :
	stop_if_told
}

stop_if_told() {
	[ -z "$stopped" ] || exit 130
}

# Series: a program that does one cycle a line and answers with a line.
series_start() { # NAME COMMAND…
	local name=$1 fd
	shift
	rm -f "$work/$name.in" "$work/$name.out"
	mkfifo "$work/$name.in" "$work/$name.out"
	(
		# The other series' pipes: one more holder, and they would never see the end.
		for fd in "${to_fd[@]}" "${from_fd[@]}" "$pause_fd" "$lock_fd"; do
			exec {fd}>&-
		done
		exec "$@"
	) <"$work/$name.in" >"$work/$name.out" 2>>"$work/$name.err" &
	child[$name]=$!
	exec {fd}>"$work/$name.in"
	to_fd[$name]=$fd
	exec {fd}<"$work/$name.out"
	from_fd[$name]=$fd
	order+=("$name")
}

series_ask() { # NAME: the answer in $answer
	answer=
	echo go 1>&"${to_fd[$1]}" 2>/dev/null && read -r -t 120 -u "${from_fd[$1]}" answer || answer=fail
	stop_if_told
}

series_stop() { # NAME…, in any order
	local name fd kept=()
	for name in "$@"; do
		fd=${to_fd[$name]}
		exec {fd}>&-
		unset "to_fd[$name]"
	done
	for name in "$@"; do
		wait "${child[$name]}"
		fd=${from_fd[$name]}
		exec {fd}<&-
		unset "from_fd[$name]" "child[$name]"
	done
	for name in "${order[@]}"; do
		[ -n "${child[$name]:-}" ] && kept+=("$name")
	done
	order=("${kept[@]}")
}

rounds() { # COUNT KIND NAME…: into NAME.KIND; every other round the other way round
	local count=$1 kind=$2 round name list reversed=()
	shift 2
	for name in "$@"; do
		reversed=("$name" "${reversed[@]}")
	done
	for ((round = 0; round < count; round++)); do
		if ((round % 2)); then list=("${reversed[@]}"); else list=("$@"); fi
		for name in "${list[@]}"; do
			series_ask "$name"
			echo "$answer" >>"$work/$name.$kind"
			pause "$SPACING"
		done
	done
}

pam_cycle() { # SERVICE [ARGUMENT…]
	local service=$1
	shift
	echo "$programs/pam_cycle" -s "$service" -d "$PREFIX/pam.d" -u "$BENCH_USER" "$@"
}

# What is there to measure: NAME and command, one a line; no command where the tool is missing.
cycle_series() {
	local gone
	gone="-w $PREFIX/libexec/ $(slice_directories "$BENCH_USER" | sed 's/^/-g /' | tr '\n' ' ')"
	echo "floor $programs/floor"
	echo "pam_permit $(pam_cycle permit)"
	echo "pam_namespace$(namespace_installed && echo " $(in_own_mounts pam_cycle namespace)")"
	echo "pam_carrel$(carrel_installed && echo " $(pam_cycle carrel "$gone")")"
	echo "spawn_true $programs/spawn_time true"
	echo "spawn_floor $programs/spawn_time $programs/floor -x true"
	echo "spawn_carrel$(carrel_installed &&
		echo " $programs/spawn_time $PREFIX/bin/carrel run --user $BENCH_USER -- true")"
	echo "spawn_unshare$(peer unshare -fpim --mount-proc true)"
	echo "spawn_bwrap$(peer bwrap --unshare-pid --unshare-ipc --dev-bind / / --proc /proc \
		--tmpfs /tmp --tmpfs /var/tmp --tmpfs /dev/shm true)"
	echo "spawn_firejail$(peer firejail --quiet --noprofile --ipc-namespace --private-tmp true)"
	user_series
}

# Without root: bwrap as carrel-shell, and both with a shell.
user_series() {
	local as bwrap='--unshare-pid --unshare-ipc --dev-bind / / --proc /proc --tmpfs /tmp'
	as="setpriv --reuid $(id -u "$BENCH_USER") --regid $(id -g "$BENCH_USER") --clear-groups $PREFIX/spawn_time"
	cp "$programs/spawn_time" "$PREFIX/"
	echo "user_shell$(carrel_installed && echo " $as $PREFIX/bin/carrel-shell -c true")"
	echo "user_bwrap$(command -v bwrap >/dev/null && echo " $as bwrap $bwrap true")"
	echo "user_bwrap_bash$(command -v bwrap >/dev/null && echo " $as bwrap $bwrap bash -c true")"
}

peer() { # COMMAND…
	command -v "$1" >/dev/null && echo " $programs/spawn_time $*"
}

in_own_mounts() { # FUNCTION ARGUMENT…: its command, with our own namespace.conf in place
	echo "$PREFIX/with-namespace-conf $("$@")"
}

start_listed() { # reads "NAME COMMAND…" lines
	local name command
	while read -r name command; do
		[ -n "$command" ] || continue
		# Word splitting is meant: no word of these commands has a blank in it.
		# shellcheck disable=SC2086
		series_start "$name" $command
	done
}

# Another user is logged in all the while, as on any host in use; then once more with nobody: that login
# makes, and its logout removes, carrel.slice as well.
measure_cycles() {
	local other="$programs/pam_cycle -s carrel -d $PREFIX/pam.d -u $BENCH_OTHER hold 1"
	local gone held=()
	say "cycles: $RUNS rounds"
	if carrel_installed; then
		# shellcheck disable=SC2086
		series_start other $other
		held=(other)
		order=()
		read -r -t 60 -u "${from_fd[other]}" answer # ready
		series_ask other
	fi
	start_listed < <(cycle_series)
	rounds 3 cold "${order[@]}"
	rounds "$RUNS" samples "${order[@]}"
	series_stop "${order[@]}"
	carrel_installed || return
	series_ask other # closed
	series_stop "${held[@]}"
	pause 1
	gone="-w $PREFIX/libexec/ $(slice_directories "$BENCH_USER" | sed 's/^/-g /' | tr '\n' ' ')"
	start_listed < <(echo "first_floor $programs/floor"; echo "first_carrel $(pam_cycle carrel "$gone")")
	rounds 3 cold "${order[@]}"
	rounds "$RUNS" samples "${order[@]}"
	series_stop "${order[@]}"
}

# instance=user: into a sandbox that another login of the user holds.
measure_join() {
	say "join: $RUNS rounds"
	series_start join_floor "$programs/floor" -j
	if carrel_installed; then
		pause 2.5 # until the policy is old enough to be recognised by its files' times
		# shellcheck disable=SC2046
		series_start join_hold $(pam_cycle join) hold 1
		read -r -t 60 -u "${from_fd[join_hold]}" answer # ready
		series_ask join_hold
		# shellcheck disable=SC2046
		series_start join_carrel $(pam_cycle join)
		rounds 3 cold join_floor join_carrel
		rounds "$RUNS" samples join_floor join_carrel
		series_ask join_hold # closed
	fi
	series_stop "${order[@]}"
}

measure_ssh() {
	local name
	say "ssh: $RUNS rounds"
	command -v ssh >/dev/null && [ -x /usr/sbin/sshd ] || return
	# One sshd for both: two that are alike differ by more than what is measured.
	sshd_start sshd || return
	for name in plain carrel; do
		# shellcheck disable=SC2046
		[ $name = plain ] || carrel_installed &&
			series_start ssh_$name "$programs/spawn_time" -s carrel-bench-$name \
				/etc/pam.d/carrel-bench-sshd $(ssh_command sshd)
	done
	rounds 3 cold "${order[@]}"
	rounds "$RUNS" samples "${order[@]}"
	series_stop "${order[@]}"
}

# Kernel memory in kB that can belong to sandboxes.
kernel_memory() {
	awk '/^(Slab|KernelStack|PageTables|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo
}

# Beside what lives: `carrel list`, and a login that joins.
list_and_join() { # KIND
	# shellcheck disable=SC2046
	series_start pod $(pam_cycle join) hold 1
	read -r -t 60 -u "${from_fd[pod]}" answer # ready
	series_ask pod
	# shellcheck disable=SC2046
	series_start live_join $(pam_cycle join)
	series_start live_list "$programs/spawn_time" "$PREFIX/bin/carrel" list
	rounds 2 cold live_join live_list
	rounds 12 "$1" live_join live_list
	series_ask pod # closed
	series_stop live_join live_list pod
	pause 1
}

# Opens $BENCH_LIVE sandboxes, and measures a cycle without them and beside them.
hold_many() { # NAME "COMMAND of the held" "COMMAND of the cycles"
	local cycle=$1_cycle hold=$1_hold before after failed
	# shellcheck disable=SC2086
	series_start "$cycle" $3
	# shellcheck disable=SC2086
	series_start "$hold" $2 hold "$BENCH_LIVE"
	read -r -t 60 -u "${from_fd[$hold]}" answer # ready
	rounds 2 cold "$cycle"
	rounds 12 at1 "$cycle"
	[ "$1" != carrel ] || list_and_join at1
	pause 1
	before=$(kernel_memory)
	series_ask "$hold"
	read -r answer failed answer <<<"$answer"
	pause 1
	after=$(kernel_memory)
	echo "$before $after ${failed:-$BENCH_LIVE}" >>"$work/$1.kernel"
	rounds 2 cold "$cycle"
	rounds 12 many "$cycle"
	[ "$1" != carrel ] || list_and_join many
	series_ask "$hold" # closed
	series_stop "$cycle" "$hold"
	pause 1
}

# Rss, Pss, Private_Dirty (kB) and voluntary context switches a second, a process a line.
resident() { # PROGRAM
	local pid before=() pids
	pids=$(processes_of "$1")
	for pid in $pids; do
		before[pid]=$(awk '/^voluntary/ { print $2 }' "/proc/$pid/status")
	done
	pause 2
	for pid in $pids; do
		awk -v before="${before[pid]}" '/^Rss:/ { rss = $2 } /^Pss:/ { pss = $2 }
			/^Private_Dirty:/ { dirty = $2 } /^voluntary/ { woken = $2 - before }
			END { print rss, pss, dirty, woken / 2 }' \
			"/proc/$pid/smaps_rollup" "/proc/$pid/status"
	done
}

hold_few() { # NAME COMMAND…, then what to measure comes from stdin: KEY PROGRAM
	local name=$1 key program
	shift
	series_start "${name}_few" "$@" hold 8
	read -r -t 60 -u "${from_fd[${name}_few]}" answer
	series_ask "${name}_few"
	pause 1
	while read -r key program; do
		resident "$program" >"$work/$key.resident"
	done
	series_ask "${name}_few"
	series_stop "${name}_few"
}

measure_memory() {
	local round
	say "memory: 8 live sandboxes, then 3 times $BENCH_LIVE"
	hold_few floor "$programs/floor" <<<"floor_pid1 $programs/floor_init"
	# shellcheck disable=SC2046
	carrel_installed && hold_few carrel $(pam_cycle carrel) <<-END
		carrel_pid1 $PREFIX/libexec/carrel/carrel-init
		carrel_warden $PREFIX/libexec/carrel/carrel-session
	END
	for ((round = 0; round < 3; round++)); do
		hold_many floor "$programs/floor -s" "$programs/floor"
		hold_many floor_beside "$programs/floor -s -w" "$programs/floor"
		hold_many permit "$(pam_cycle permit)" "$(pam_cycle permit)"
		carrel_installed && hold_many carrel "$(pam_cycle carrel)" "$(pam_cycle carrel)"
	done
}

measure_parallel() {
	local round
	say "parallel: 3 times $BENCH_PARALLEL processes"
	for ((round = 0; round < 3; round++)); do
		"$programs/floor" parallel "$BENCH_PARALLEL" 3 >>"$work/floor.parallel"
		carrel_installed || continue
		# shellcheck disable=SC2046
		$(pam_cycle carrel -w "$PREFIX/libexec/") parallel "$BENCH_PARALLEL" 3 \
			>>"$work/carrel.parallel" 2>>"$work/carrel.parallel.err"
	done
}

# What a login could leave behind, a kind a line: NAME COUNT. The caller, which lives on, is PID.
census() { # PID
	echo "mounts $(wc -l </proc/self/mountinfo)"
	echo "processes $(processes_of "$PREFIX/libexec/" | wc -w)"
	# Those that are being taken apart included, which the kernel does in its own time.
	echo "cgroups $(awk 'NR > 1 { sum += $3 } END { print sum }' /proc/cgroups)"
	echo "cgroup directories $(slice_directories | while read -r directory; do
		[ ! -d "$directory" ] || echo "$directory"
	done | wc -l)"
	echo "unix sockets $(wc -l </proc/net/unix)"
	echo "files under $RUN/carrel $(find "$RUN/carrel" -mindepth 1 2>/dev/null | wc -l)"
	echo "files under $PREFIX/var $(find "$PREFIX/var" -mindepth 1 -type f 2>/dev/null | wc -l)"
	echo "descriptors of the caller $(find "/proc/$1/fd" -mindepth 1 | wc -l)"
	echo "memory of the caller, kB $(awk '/^VmRSS/ { print $2 }' "/proc/$1/status")"
}

measure_churn() {
	local i pid failed=0
	carrel_installed || return
	say "churn: $BENCH_CHURN logins"
	# shellcheck disable=SC2046
	series_start churn $(pam_cycle carrel -w "$PREFIX/libexec/")
	pid=${child[churn]}
	for ((i = 0; i < 50; i++)); do # what is made once is there
		series_ask churn
	done
	pause 2
	census "$pid" >"$work/churn.before"
	for ((i = 0; i < BENCH_CHURN; i++)); do
		series_ask churn
		[ "$answer" != fail ] || failed=$((failed + 1))
	done
	for ((i = 0; i < 30; i++)); do
		census "$pid" >"$work/churn.after"
		cmp -s "$work/churn.before" "$work/churn.after" && break
		pause 1
	done
	echo "$failed" >"$work/churn.failed"
	series_stop churn
}

wanted() { # SECTION
	[[ " $BENCH_ONLY " == *" $1 "* ]]
}

main() {
	local section load try status=0
	read -r load _ </proc/loadavg
	setup
	for section in cycles join ssh memory parallel churn; do
		wanted "$section" && "measure_$section"
		stop_if_told
	done
	# sshd ends a session when its client has gone already.
	for ((try = 0; try < 50; try++)); do
		leftovers >"$work/leftovers"
		[ -s "$work/leftovers" ] || break
		pause 0.1
	done
	report
	carrel_installed || status=1
	[ ! -s "$work/leftovers" ] || status=1
	exit $status
}

main

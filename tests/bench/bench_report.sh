# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by bench.sh: from the samples in $work to the table and the JSON.
# shellcheck disable=SC2154,SC2034 # its variables; `unused` is what it says

# COUNT FAILED P10 P50 of a column; nearest rank. "0 0 - -" without any.
stats() { # FILE COLUMN
	if [ ! -s "$1" ]; then
		echo '0 0 - -'
		return
	fi
	awk -v column="$2" '$1 != "fail" { print $column }' "$1" | sort -n |
		awk -v lines="$(wc -l <"$1")" '
			{ value[NR] = $1 }
			function at(q, rank) {
				rank = int(q * NR)
				if (rank < q * NR)
					rank++
				return value[rank < 1 ? 1 : rank]
			}
			END {
				if (NR)
					print NR, lines - NR, at(0.1), at(0.5)
				else
					print 0, lines, "-", "-"
			}'
}

ratio() { # A B
	awk -v a="$1" -v b="$2" 'BEGIN {
		if (a == "-" || b == "-" || !b)
			print "-"
		else
			printf "%.2f", a / b
	}'
}

heading() { # TEXT REFERENCE
	printf '\n%-34s %10s %10s %9s %9s\n' "$1" p10 p50 "x $2" 'of p10'
}

json_number() {
	if [ "$1" = - ]; then echo null; else echo "$1"; fi
}

# One line of the table, of a column of NAME.samples, and the same as JSON.
row() { # GROUP LABEL NAME COLUMN REFERENCE
	local count failed p10 p50 unused reference10 reference50 x10 x50 note=
	read -r count failed p10 p50 < <(stats "$work/$3.samples" "$4")
	read -r unused unused reference10 reference50 < <(stats "$work/$5.samples" "$4")
	x10=$(ratio "$p10" "$reference10")
	x50=$(ratio "$p50" "$reference50")
	[ "$failed" = 0 ] || note="  $failed failed"
	if [ "$count" = 0 ] && [ "$failed" = 0 ]; then
		printf '  %-32s not installed\n' "$2"
	else
		printf '  %-32s %10s %10s %9s %9s%s\n' "$2" "$p10" "$p50" "$x50" "$x10" "$note"
	fi
	{
		printf '{"group":"%s","name":"%s","samples":%s,"failed":%s,' "$1" "$3" "$count" "$failed"
		printf '"p10_us":%s,"p50_us":%s,' "$(json_number "$p10")" "$(json_number "$p50")"
		printf '"ratio":%s,"ratio_p10":%s}\n' "$(json_number "$x50")" "$(json_number "$x10")"
	} >>"$work/rows.json"
}

report_cycles() {
	local column group
	for group in open close gone settled; do
		case $group in
		open) column=1; heading 'open_session, us' floor ;;
		close) column=2; heading 'close_session returns, us' floor ;;
		# The same for both: PID 1, its namespaces and mounts, the cgroups.
		gone) column=3; heading 'then until the sandbox is gone, us' floor ;;
		# The warden as well, which has written the log and looked after what others left.
		settled) column=4; heading 'then until no process is left, us' floor ;;
		esac
		row $group 'floor' floor $column floor
		row $group 'pam_carrel' pam_carrel $column floor
		row $group 'the same, nobody else logged in' first_carrel $column first_floor
		[[ $group = [gs]* ]] && continue
		row $group 'pam_namespace' pam_namespace $column floor
		row $group 'pam_permit' pam_permit $column floor
	done
	heading 'whole process of true, us' floor
	row process 'floor' spawn_floor 1 spawn_floor
	row process 'carrel run' spawn_carrel 1 spawn_floor
	row process 'unshare -fpim --mount-proc' spawn_unshare 1 spawn_floor
	row process 'bwrap' spawn_bwrap 1 spawn_floor
	row process 'firejail' spawn_firejail 1 spawn_floor
	row process 'true alone' spawn_true 1 spawn_floor
	heading 'the same without root, us' bwrap
	row user 'bwrap true' user_bwrap 1 user_bwrap
	row user 'bwrap bash -c true' user_bwrap_bash 1 user_bwrap
	row user 'carrel-shell -c true (bash)' user_shell 1 user_bwrap
}

report_join() {
	heading 'open_session that joins, us' floor
	row join 'floor' join_floor 1 join_floor
	row join 'pam_carrel, instance=user' join_carrel 1 join_floor
	heading 'close_session after a join, us' floor
	row join_close 'floor' join_floor 2 join_floor
	row join_close 'pam_carrel, instance=user' join_carrel 2 join_floor
}

report_ssh() {
	heading 'ssh login, us' plain
	row ssh 'without the module' ssh_plain 1 ssh_plain
	row ssh 'with pam_carrel' ssh_carrel 1 ssh_plain
}

value() { # NAME TEXT VALUE: one more figure
	if [ "$3" = - ]; then
		printf '  %-46s not installed\n' "$2"
	else
		printf '  %-46s %10s\n' "$2" "$3"
	fi
	printf '"%s":%s\n' "$1" "$(json_number "$3")" >>"$work/values.json"
}

mean() { # FILE COLUMN
	if [ ! -s "$1" ]; then
		echo -
	else
		awk -v column="$2" '{ sum += $column } END { printf "%.1f", sum / NR }' "$1"
	fi
}

report_resident() { # KEY TEXT
	value "$1_rss_kb" "$2: Rss, kB" "$(mean "$work/$1.resident" 1)"
	value "$1_pss_kb" "$2: Pss, kB" "$(mean "$work/$1.resident" 2)"
	value "$1_private_dirty_kb" "$2: Private_Dirty, kB" "$(mean "$work/$1.resident" 3)"
	value "$1_wakeups_per_s" "$2: wake-ups a second" "$(mean "$work/$1.resident" 4)"
}

report_kernel() { # NAME TEXT
	local per_sandbox=- unused
	if [ -s "$work/$1.kernel" ]; then
		awk -v live="$BENCH_LIVE" '{ printf "%.1f\n", ($2 - $1) / live }' "$work/$1.kernel" \
			>"$work/$1.per_sandbox"
		read -r unused unused unused per_sandbox < <(stats "$work/$1.per_sandbox" 1)
	fi
	value "$1_kernel_kb" "$2: kernel memory a sandbox, kB" "$per_sandbox"
}

report_live() { # NAME TEXT
	local one many unused failed=-
	[ ! -s "$work/$1.kernel" ] ||
		failed=$(awk '{ sum += $3 } END { print sum + 0 }' "$work/$1.kernel")
	read -r unused unused unused one < <(stats "$work/$1_cycle.at1" 1)
	read -r unused unused unused many < <(stats "$work/$1_cycle.many" 1)
	report_kernel "$1" "$2"
	value "$1_open_at_1_us" "$2: open, none beside it, p50 us" "$one"
	value "$1_open_at_${BENCH_LIVE}_us" "$2: open, $BENCH_LIVE live, p50 us" "$many"
	value "$1_open_many_ratio" "$2: ratio of the two" "$(ratio "$many" "$one")"
	value "$1_hold_failed" "$2: of $BENCH_LIVE x 3, failed" "$failed"
}

report_live_beside() { # NAME TEXT
	local one many unused
	read -r unused unused unused one < <(stats "$work/$1.at1" 1)
	read -r unused unused unused many < <(stats "$work/$1.many" 1)
	value "$1_at_1_us" "$2, 1 live, p50 us" "$one"
	value "$1_at_${BENCH_LIVE}_us" "$2, $BENCH_LIVE live, p50 us" "$many"
	value "$1_ratio" "$2: ratio of the two" "$(ratio "$many" "$one")"
}

report_memory() {
	printf '\n%s\n' 'resident, mean of 8 live sandboxes'
	report_resident floor_pid1 'floor PID 1'
	report_resident carrel_pid1 'carrel-init'
	report_resident carrel_warden 'warden'
	printf '\n%s\n' "$BENCH_LIVE live sandboxes"
	report_live floor floor
	report_live floor_beside 'floor with the smallest process beside it'
	report_kernel permit 'pam_permit alone (the loaded PAM stack)'
	report_live carrel carrel
	report_live_beside live_join 'carrel: open that joins'
	report_live_beside live_list 'carrel list'
}

report_parallel() {
	local name unused rate failed floor_rate
	printf '\n%s\n' "$BENCH_PARALLEL processes at once"
	read -r unused unused unused floor_rate < <(stats "$work/floor.parallel" 1)
	for name in floor carrel; do
		read -r unused unused unused rate < <(stats "$work/$name.parallel" 1)
		failed=-
		[ "$rate" = - ] ||
			failed=$(awk '{ sum += $2 } END { print sum + 0 }' "$work/$name.parallel")
		value "${name}_parallel_per_s" "$name: cycles a second" "$rate"
		value "${name}_parallel_failed" "$name: failed" "$failed"
		value "${name}_parallel_ratio" "$name: x floor" "$(ratio "$rate" "$floor_rate")"
	done
}

report_churn() {
	local name
	printf '\n%s\n' "$BENCH_CHURN logins of one caller, one after the other: what there is more of than before"
	if [ ! -s "$work/churn.failed" ]; then
		value churn_failed 'failed' -
		return
	fi
	value churn_failed 'failed' "$(cat "$work/churn.failed")"
	while read -r name; do
		value "churn_${name//[^a-z]/_}" "$name" "$(awk -v name="$name" '
			{ count = $NF; sub(/ [^ ]*$/, "") }
			$0 == name { print FILENAME ~ /after$/ ? count - before : (before = count) * 0 }
			' "$work/churn.before" "$work/churn.after" | tail -n 1)"
	done < <(sed 's/ [^ ]*$//' "$work/churn.after")
}

# A failed cycle leaves its reason on stderr.
report_errors() {
	local file name
	for file in "$work"/*.err; do
		[ -s "$file" ] || continue
		name=$(basename "$file" .err)
		[[ $name == sshd_* ]] && continue # sshd -e logs every login there
		say "$name: $(wc -l <"$file") lines on stderr, the last: $(tail -n 1 "$file")"
	done
}

write_json() {
	{
		printf '{"kernel":"%s","cpus":%s,"rounds":%s,"live":%s,"parallel":%s,"load_before":%s,"carrel":%s,\n' \
			"$(uname -r)" "$(nproc)" "$RUNS" "$BENCH_LIVE" "$BENCH_PARALLEL" "$load" \
			"$(carrel_installed && echo true || echo false)"
		printf '"left_over":%s,\n"figures":{\n' "$(wc -l <"$work/leftovers")"
		[ -s "$work/values.json" ] && sed '$!s/$/,/' "$work/values.json"
		printf '},\n"rows":[\n'
		[ -s "$work/rows.json" ] && sed '$!s/$/,/' "$work/rows.json"
		printf ']}\n'
	} >"$BUILD/bench.json"
}

report() {
	local section
	printf 'carrel benchmark: Linux %s, %s processors, %s rounds, %s s apart; load before %s\n' \
		"$(uname -r)" "$(nproc)" "$RUNS" "$SPACING" "$load"
	for section in cycles join ssh memory parallel churn; do
		wanted "$section" && "report_$section"
	done
	if [ -s "$work/leftovers" ]; then
		printf '\nleft over:\n'
		sed 's/^/  /' "$work/leftovers"
	else
		printf '\nnothing left over\n'
	fi
	report_errors
	write_json
}

# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# What a test file must not leave behind. Sourced by run, on stage.

leftovers_mounts()
{
	# Mount point, root in its file system, type: what stays the same while nobody mounts.
	awk '{ for (i = 7; $i != "-"; i++); print $5, $4, $(i + 1) }' /proc/self/mountinfo | sort
}

# The machine's IPC objects are all runs': who is nobody here, and no uid of ours, is another one's.
leftovers_ipc()
{
	ipcs -m -q -s 2>/dev/null | awk -v low="$CHECK_UID" '
		$3 ~ /^[0-9]+$/ && ($3 < low || $3 > low + 9) { next }
		$2 ~ /^[0-9]+$/ { print "ipc " $1 " " $2 " of " $3 }'
}

leftovers_queues()
{
	find /dev/mqueue -mindepth 1 \( -uid 0 -o -uid "+$((CHECK_UID - 1))" -uid "-$((CHECK_UID + 10))" \) 2>/dev/null
}

leftovers_files()
{
	find /tmp /var/tmp /dev/shm /home "$CHECK_RUN/carrel" -mindepth 1 -not -path '/home/*/*' 2>/dev/null
	leftovers_queues
	[ ! -d "$STATE" ] || find "$STATE" -mindepth 1 -not -path "$STATE/policy" -not -path "$STATE/tmp"
}

# Everything below the stage but the runner's own part and the servers; users' processes; wardens.
leftovers_processes()
{
	local pid exe
	ps -eo pid=,ppid=,ruid=,stat=,args= | awk -v stage="$CHECK_STAGE_PID" -v runner="$CHECK_RUNNER_PID" \
		-v servers="$CHECK_BASELINE_PIDS" -v low="$CHECK_UID" '
		BEGIN { n = split(servers, s); for (i = 1; i <= n; i++) server[s[i]] = 1 }
		{ parent[$1] = $2; uid[$1] = $3; line[$1] = $0 }
		END {
			for (pid in parent) {
				below = 0
				for (up = pid; up in parent && up > 1; up = parent[up]) {
					if (up == runner) { below = 0; break }
					if (parent[up] == stage) below = 1
				}
				if (up == runner || pid in server) continue
				if (below || (uid[pid] >= low && uid[pid] < low + 10)) print "process " line[pid]
			}
		}'
	exes | while read -r pid exe; do
		case $exe in "$LIBEXEC"/*) echo "process $pid 0 0 - $exe" ;; esac
	done
}

leftovers_baseline()
{
	leftovers_mounts >"$CHECK_PREFIX/stage/mounts"
	leftovers_ipc | sort >"$CHECK_PREFIX/stage/ipc"
	stage_slices | sort >"$CHECK_PREFIX/stage/slices"
}

# carrel.slice itself may be in use by sandboxes that are not of this run.
leftovers_slices()
{
	local others='' exe _
	while read -r _ exe; do
		case $exe in
		"$LIBEXEC"/*) ;;
		*/carrel-session | */carrel-init) others='/carrel.slice$' ;;
		esac
	done < <(exes)
	stage_slices | sort | comm -13 "$CHECK_PREFIX/stage/slices" - | grep -v -e "${others:-^$}"
}

leftovers_list()
{
	leftovers_processes
	leftovers_mounts | comm -13 "$CHECK_PREFIX/stage/mounts" - | sed 's/^/mount /'
	leftovers_ipc | sort | comm -13 "$CHECK_PREFIX/stage/ipc" -
	leftovers_files | sed 's/^/file /'
	leftovers_slices | sed 's/^/cgroup /'
}

leftovers_clean()
{
	local pid _ dir
	leftovers_processes | while read -r _ pid _; do kill -9 "$pid" 2>/dev/null; done
	sleep 1
	stage_remove_slices
	leftovers_mounts | comm -13 "$CHECK_PREFIX/stage/mounts" - | cut -d' ' -f1 | sort -r |
		while read -r dir; do umount -l "$dir"; done
	leftovers_ipc | sort | comm -13 "$CHECK_PREFIX/stage/ipc" - | while read -r _ _ pid _; do
		ipcrm -m "$pid" 2>/dev/null || ipcrm -s "$pid" 2>/dev/null || ipcrm -q "$pid" 2>/dev/null
	done
	find /tmp /var/tmp /dev/shm "$CHECK_RUN/carrel" -mindepth 1 -delete 2>/dev/null
	leftovers_queues | xargs -r rm -f
	find /home -mindepth 1 -maxdepth 1 -not -name "$USER_A" -not -name "$USER_B" -exec rm -rf {} +
	[ ! -d "$STATE" ] || find "$STATE" -mindepth 1 -not -name policy -delete
}

# Teardown is allowed five seconds on an idle machine; what is left then fails the file, and goes.
leftovers_check()
{
	local list end=$((SECONDS + 1 + 5 * $(patience)))
	while [ $SECONDS -lt $end ]; do
		list=$(leftovers_list | grep -v -x -F -e "file /home/$USER_A" -e "file /home/$USER_B")
		[ -n "$list" ] || break
		sleep 0.2
	done
	if [ -z "$list" ]; then
		result ok "$1: nothing left over"
		return
	fi
	result "not ok" "$1: nothing left over" "$(wc -l <<<"$list") left"
	sed 's/^/    /' <<<"$list" | head -30
	leftovers_clean
}

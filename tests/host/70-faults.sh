# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# timeout: 900
# Whatever fails or dies, at whichever moment: a login is whole or refused, and nothing of it is left.
# FULL=1: a fault at each system call and each of the errors, instead of a sample.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/fault_lib.sh"

FULL=${FULL:-0}
faults_baseline
faults_policy 'oom_score_adj = 100' 'hide_homes = yes' 'hide = /root /usr/share/doc' 'read_only = /opt'
pam_write "$SERVICE" "$(pam_line timeout=3)"

# sweep OPTION...: see src/fault_sweep.c
sweep()
{
	local started=$SECONDS
	run_ "$TESTS/fault_sweep" "$@" "$SERVICE" "$USER_A" "$UID_A"
	note_ "$(tail -n 1 <<<"$OUT") ($((SECONDS - started)) s)"
	[ "$STATUS" = 0 ] && return
	fail_ "$(grep -c ' bad: ' <<<"$OUT") went wrong; $ERR $(grep -m 1 ' bad: ' <<<"$OUT")"
	head -n -1 <<<"$OUT" | head -n 60 | sed 's/^/    /'
}

# every N: the option for one in N, or for all.
every()
{
	[ "$FULL" = 1 ] && echo "-e 1 -f" || echo "-e $1"
}

if [ "$PLAIN" = 1 ]; then
	case_ "faults"
	skip_ "there is no product to fail"
	exit
fi

# --- at each system call

case_ "the sweep finds what is left when nobody sweeps"
printf '#!/bin/sh\n[ $# = 0 ] && exec %s\n' "$LIBEXEC/carrel-session" >"$SCRATCH/no-sweep"
chmod 755 "$SCRATCH/no-sweep"
pam_write "$SERVICE" "$(pam_line timeout=3 helper="$SCRATCH/no-sweep")"
sweep -x -w helper -a kill -p open -s sendmsg
pam_write "$SERVICE" "$(pam_line timeout=3)"

# shellcheck disable=SC2046
{
	case_ "the helper is killed at its system calls"
	sweep -w helper -a kill $(every 2)

	case_ "the helper's system calls fail"
	sweep -w helper -a errno $(every 3)

	case_ "the sandbox's PID 1 is killed at its system calls"
	sweep -w init -a kill $(every 2)

	case_ "the system calls of the sandbox's PID 1 fail"
	sweep -w init -a errno $(every 2)

	case_ "the caller is killed at its system calls"
	sweep -w caller -a kill $(every 3)

	case_ "the caller's system calls fail"
	sweep -w caller -a errno $(every 1)

	case_ "what starts the helper is killed, and fails"
	sweep -w between -a kill
	sweep -w between -a errno -f

	case_ "PID 1 is killed while the caller joins, and later"
	sweep -w caller -a kill-init -s setns
	sweep -w caller -a kill-init $(every 3)

	case_ "the helper is killed while the caller joins, and later"
	sweep -w caller -a kill-helper -s setns
	sweep -w caller -a kill-helper $(every 3)

	case_ "PID 1 and the caller are killed while the helper works"
	sweep -w helper -a kill-init $(every 5)
	sweep -w helper -a kill-caller $(every 5)
}

at_most()
{
	[ "$FULL" = 1 ] || echo "-n $1"
}
beside_kill()
{
	local call
	for call in sendmsg recvmsg; do
		[ "$FULL" = 1 ] || sweep -b "$@" -w helper -a kill -s $call
	done
	[ "$FULL" != 1 ] || sweep -b "$@" -w helper -a kill
}
# Another session of A's, which lives, and has a file that its runs show at the end.
hold_other()
{
	hold other start="$SERVICE:$USER_A" open "run=echo kept >/tmp/of-the-other" say=held "root=while [ ! -e $SCRATCH/enough ]; do sleep 0.2; done" \
		"run=cat /tmp/of-the-other; grep -c /carrel.slice/ /proc/self/cgroup" close end
	other=$HELD
}
end_other()
{
	touch "$SCRATCH/enough"
	wait "$other"
	expect_grep '^kept' cat "$SCRATCH/other"
	expect_grep 'close: PAM_SUCCESS' cat "$SCRATCH/other"
	expect_nothing_left
	rm "$SCRATCH/enough"
}

case_ "the same beside a session that shares its /tmp: PID 1 visits that one"
hold_other
# shellcheck disable=SC2046
{
	# The sweep after each kill takes its time where the user has another session.
	beside_kill
	sweep -b -w helper -a errno -p open $(every 25) $(at_most 40)
	sweep -b -w init -a kill $(every 12) $(at_most 40)
	sweep -b -w init -a errno $(every 12) $(at_most 40)
	sweep -b -w caller -a kill $(every 20)
}
end_other

case_ "the same into a shared sandbox (instance = user), by a helper and without one"
faults_policy 'oom_score_adj = 100' 'instance = user' 'sessions_max = 10'
hold_other
# shellcheck disable=SC2046
{
	beside_kill -y "$POLICY"
	sweep -b -y "$POLICY" -w helper -a errno -p open $(every 25) $(at_most 40)
	sweep -b -y "$POLICY" -w caller -a kill $(every 20)
	sleep 2.2
	sweep -b -w caller -a kill $(every 20)
	sweep -b -w caller -a errno $(every 20)
}
end_other
faults_policy 'oom_score_adj = 100' 'hide_homes = yes' 'hide = /root /usr/share/doc' 'read_only = /opt'

# --- the deadline

case_ "a login waits no longer than its timeout for a helper or PID 1 that hangs"
pam_write "$SERVICE" "$(pam_line timeout=1)"
sweep -t 1 -w helper -a hang -p open -e 60 -n 6
sweep -t 1 -w init -a hang -p open -e 60 -n 4

case_ "a helper that hangs does not outlive a caller that was killed"
printf '#!/bin/sh\n[ $# = 0 ] && exec sleep %s\n' "98$CHECK_UID" >"$SCRATCH/hangs"
chmod 755 "$SCRATCH/hangs"
pam_write "$SERVICE" "$(pam_line timeout=3 helper="$SCRATCH/hangs")"
hanging()
{
	pgrep -f "^sleep 98$CHECK_UID\$"
}
gone()
{
	! hanging
}
hold hanging start="$SERVICE:$USER_A" say=held open
wait_until 2 hanging || fail_ "the helper was not started: $(brief "$(cat "$SCRATCH/hanging")")"
kill -9 "$HELD"
wait "$HELD" 2>/dev/null
hanging >/dev/null || fail_ "the helper ended with the caller: nothing was tested"
wait_until 5 gone || fail_ "the helper hangs on"
log_mark
expect_grep 'open: PAM_SESSION_ERR [34][0-9]{3} ms' steps start="$SERVICE:$USER_A" open
expect_log "session of $USER_A refused: .*in time"
expect_fail hanging
expect_nothing_left
pam_write "$SERVICE" "$(pam_line timeout=3)"

# --- in a session

case_ "the warden is killed in a session"
hold held start="$SERVICE:$USER_A" open "run=sleep 1000 & exit 0" say=held sleep=1500 "run=true" close end
expect_equal "$(user_pids "$UID_A" | wc -l)" 1 "processes in the session"
kill -9 "$(wardens_of "$UID_A")"
wait_until 2 user_is_out || fail_ "the sandbox lives without its warden"
wait "$HELD"
expect_grep 'run: fork: Cannot allocate memory' cat "$SCRATCH/held"
expect_grep 'close: PAM_SUCCESS' cat "$SCRATCH/held"
expect_nothing_left

case_ "PID 1 is killed in a session"
hold held start="$SERVICE:$USER_A" open "run=sleep 1000 & exit 0" say=held sleep=1500 "run=true" close end
kill -9 "$(init_of "$(wardens_of "$UID_A")")"
wait_until 2 user_is_out || fail_ "the sandbox lives without its PID 1"
wait "$HELD"
expect_grep 'run: fork: Cannot allocate memory' cat "$SCRATCH/held"
expect_grep 'close: PAM_SUCCESS' cat "$SCRATCH/held"
expect_nothing_left

case_ "the same in ssh logins"
for victim in warden init monitor; do
	session_start one in "$USER_A" || continue
	session_start two in "$USER_B" || continue
	warden=$(wardens_of "$UID_A")
	case $victim in
	warden) kill -9 "$warden" ;;
	init) kill -9 "$(init_of "$warden")" ;;
	monitor) kill -9 "$(leader_of "$UID_A")" ;;
	esac
	wait_until 3 user_is_out || fail_ "killing the $victim does not end the sandbox"
	run_ session_do one echo alive
	expect_differ "$OUT" alive "the session whose $victim was killed"
	expect_output alive session_do two echo alive
	session_cut one
	session_end two
	expect_nothing_left
	expect_output "$USER_A" ssh_in "$USER_A" id -un
done

case_ "one of two wardens of a user is killed"
hold one start="$SERVICE:$USER_A" open say=held sleep=60000 run=true close
first=$HELD dead=$(wardens_of "$UID_A")
hold two start="$SERVICE:$USER_A" open say=held sleep=3000 'run=grep -q /carrel.slice/ /proc/self/cgroup' close end
kill -9 "$dead"
kill "$first"
wait "$first" 2>/dev/null
sleep 1
expect_equal "$(cat "$(slice_dir pids "$UID_A")/pids.max")" 500 "the limit of the session that lives"
# Lets a third one in and out beside it.
expect_grep 'run: exit 0' steps start="$SERVICE:$USER_A" open run=true close end
expect_equal "$(cat "$(slice_dir pids "$UID_A")/pids.max")" 500 "the limit of the session that lives"
wait "$HELD"
expect_grep 'run: exit 0' cat "$SCRATCH/two"
expect_nothing_left

# --- no room

# login_on NAME: one login, whole or refused, and nothing in the run directory after it.
login_on()
{
	steps start="$SERVICE:$USER_A" open run='grep -q /carrel.slice/ /proc/self/cgroup' close end \
		>"$SCRATCH/$1" 2>&1
	expect_whole_or_refused "$1"
	wait_until 3 no_run_files || fail_ "$1: left in the run directory: $(ls -A "$CARREL_RUN_DIR")"
}
no_run_files()
{
	[ -z "$(ls -A "$CARREL_RUN_DIR")" ]
}

case_ "the run directory is full"
install -d -m 700 "$CARREL_RUN_DIR"
refused=0 whole=0
for inodes in 1 2 3 4 5; do
	log_mark
	mount -t tmpfs -o "size=16k,nr_inodes=$inodes,mode=700" full "$CARREL_RUN_DIR"
	login_on "run-$inodes"
	grep -q 'open: PAM_SUCCESS' "$SCRATCH/run-$inodes" && whole=1 || refused=1
	umount "$CARREL_RUN_DIR"
done
expect_equal "$refused$whole" 11 "some were refused and some let in"
expect_nothing_left

case_ "the run directory is read-only"
log_mark
mount -t tmpfs -o ro,mode=700 full "$CARREL_RUN_DIR"
login_on run-ro
umount "$CARREL_RUN_DIR"
expect_grep 'open: PAM_SESSION_ERR' cat "$SCRATCH/run-ro"
expect_log "session of $USER_A refused: .*Read-only file system"

case_ "somebody else's run directory"
log_mark
mount -t tmpfs -o mode=777 open "$CARREL_RUN_DIR"
login_on run-open
umount "$CARREL_RUN_DIR"
expect_grep 'open: PAM_SESSION_ERR' cat "$SCRATCH/run-open"
expect_nothing_left

case_ "the state directory is full, read-only, away"
for how in size=4k,nr_inodes=1 size=4k,nr_inodes=2 size=4k ro; do
	log_mark
	mount -t tmpfs -o "$how,mode=700" full "$STATE"
	[ $how != size=4k ] || head -c 4096 /dev/zero >"$STATE/filler"
	login_on "state-$how"
	expect_grep 'open: PAM_SUCCESS' cat "$SCRATCH/state-$how"
	[ $how = size=4k,nr_inodes=2 ] || expect_log 'store the accepted policy .*(No space|Read-only)'
	expect_nofile "$STATE/policy.new"
	umount "$STATE"
done
rm -rf "$STATE"
login_on state-away
expect_grep 'open: PAM_SUCCESS' cat "$SCRATCH/state-away"
expect_file "$STATE/policy"
expect_nothing_left

# --- a hostile caller

# The warden has nothing of its caller: limits, signals, environment, descriptors, cwd, umask.
expect_clean_warden()
{
	local pid status limits link
	pid=$(wardens_of "$UID_A")
	[ -n "$pid" ] || return
	status=$(cat "/proc/$pid/status")
	limits=$(cat "/proc/$pid/limits")
	grep -q '^SigBlk:.*0000000000000000$' <<<"$status" || fail_ "$1: the warden blocks signals"
	grep -q '^SigIgn:.*0000000000001000$' <<<"$status" || fail_ "$1: the warden ignores signals"
	grep -q '^Umask:.*0022$' <<<"$status" || fail_ "$1: the warden's umask"
	grep -q '^CapBnd:.*0000000000000000$' <<<"$status" ||
		grep -q '^NoNewPrivs:.*1$' <<<"$status" || fail_ "$1: the warden can gain privileges"
	grep -q '^Max core file size  *0 ' <<<"$limits" || fail_ "$1: the warden may dump core"
	# What the caller's hard limits left the warden, and no less.
	expect_equal "$(awk '/^Max (stack|file) size|^Max (processes|address space|data size)/ {
		sub(/^Max [a-z]+( size| space)?  */, ""); if ($1 != $2 && $1 != 8388608) print }' <<<"$limits")" \
		"" "$1: the warden's soft limits"
	expect_equal "$(tr '\0' ' ' <"/proc/$pid/environ")" "" "$1: the warden's environment"
	expect_equal "$(readlink "/proc/$pid/cwd")" / "$1: the warden's cwd"
	for link in /proc/"$pid"/fd/*; do
		case $(readlink "$link") in
		/dev/null | socket:* | pipe:* | anon_inode:* | "$CARREL_RUN_DIR"*) ;;
		/sys/fs/cgroup/*.events) ;; # what notify = tty looks at
		/tmp) # the root of the private tmpfs, root's alone, from which later logins take theirs
			expect_equal "$(stat -Lc '%u %a' "$link") $(stat -Lfc %T "$link")" "0 700 tmpfs" "$1: the warden's /tmp" ;;
		*) fail_ "$1: the warden has $(readlink "$link")" ;;
		esac
	done
	[ "$(find "/proc/$pid/fd" -mindepth 1 | wc -l)" -le 12 ] || fail_ "$1: the warden has many descriptors"
}

# hostile NAME STEP...: a login of a caller who did these before. HOSTILE_RUN starts the caller.
HOSTILE_RUN=
mkfifo "$SCRATCH/go"
exec {go}<>"$SCRATCH/go"
hostile()
{
	local name=$1
	shift
	log_mark
	# Of a caller that did not get as far as reading it.
	while read -r -t 0.01 -u "$go"; do :; done
	# Through a pipe: the caller's own limit on the size of files is not to stop its output. With a
	# line logged before: a caller without a free descriptor can't start logging.
	$HOSTILE_RUN "$TESTS/pam_steps" start="$SERVICE:$USER_A" syslog "$@" open run=true \
		"root=read line <$SCRATCH/go" close end 2>&1 | cat >"$SCRATCH/$name" &
	HELD=$!
	wait_until 5 grep -q '^open' "$SCRATCH/$name" || fail_ "$name: $(brief "$(cat "$SCRATCH/$name")")"
	expect_clean_warden "$name"
	echo >&"$go"
	wait "$HELD"
	expect_whole_or_refused "$name"
	expect_nothing_left
}

ignore_all()
{
	(
		for signal in 1 2 3 4 5 6 7 8 {10..18} {20..31} {34..64}; do trap '' "$signal"; done
		exec "$@"
	)
}
no_stdio()
{
	"$@" </dev/null <&-
}
deleted_cwd()
{
	(
		mkdir "$SCRATCH/gone" && cd "$SCRATCH/gone" && rmdir "$SCRATCH/gone" && exec "$@"
	)
}

case_ "hostile limits"
for limit in nofile:10 nofile:6 nofile:3 fsize:0 nproc:1 stack:65536 core:1000000 as:60000000 data:8000000 memlock:0; do
	hostile "limit-$limit" rlimit="$limit"
done

case_ "hostile signals"
hostile block block ignore
HOSTILE_RUN=ignore_all hostile ignored

case_ "hostile descriptors"
HOSTILE_RUN=no_stdio hostile no-stdin
hostile no-stdout-after closefd=0 closefd=2
opens=()
for ((i = 0; i < 1000; i++)); do opens+=(openfd=/etc/passwd); done
soft=$(ulimit -S -n)
ulimit -S -n 4096
hostile many "${opens[@]}"
ulimit -S -n "$soft"
hostile directory openfd=/ openfd=/proc openfd=/home

case_ "hostile umask, cwd and environment"
hostile umask umask=0777
HOSTILE_RUN=deleted_cwd hostile cwd
hostile environment setenv=LD_PRELOAD:/tmp/evil.so setenv=LD_LIBRARY_PATH:/tmp setenv=LD_AUDIT:/tmp/evil.so \
	setenv=GLIBC_TUNABLES:glibc.malloc.check=3 setenv=PATH: setenv=IFS:/ setenv=TMPDIR:/nonexistent \
	setenv=XDG_RUNTIME_DIR:/tmp setenv=SHELL:/bin/false setenv=TZ:/tmp/zone setenv=LOCPATH:/tmp

# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What an attacker takes away from others: the attack cases "Starve". A takes as much as it gets, B logs in all
# the while, which must take less than 2 s (see b_measure). Outside, A gets more than the policy grants (bounded by the
# attack programs, so that this machine survives it); inside it does not.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/attack_lib.sh"
STARVE=$TESTS/attack_starve
PIDS=60

policy_write '[default]' "pids_max = $PIDS" 'memory_max = 96M' 'cpu_max = 150%' 'tmp_size = 16M' \
	'tmp_inodes = 1k' "[user $USER_B]" 'pids_max = max' 'memory_max = max' 'cpu_max = max'

# The highest number of A's processes in the slice and by uid, sampled while CMD of while_ runs.
sample_pids()
{
	local now
	most_in_slice=0 most_by_uid=0
	while kill -0 "$while_pid" 2>/dev/null; do
		now=$(slice_processes "$UID_A")
		[ "$now" -le "$most_in_slice" ] || most_in_slice=$now
		now=$(user_pids "$UID_A" | wc -l)
		[ "$now" -le "$most_by_uid" ] || most_by_uid=$now
	done
}

stopped_bomb()
{
	[ "$STATUS" -le 1 ] || note_ "log: $(log_since | grep -v useradd | tail -4)"
	local born=${OUT##*born: }
	born=${born%%[!0-9]*}
	[ "$STATUS" = 1 ] && [ "${born:-0}" -gt 10 ] && [ "$born" -lt "$PIDS" ] ||
		fail_ "inside: $(said)"
	note_ "born inside: $born; at most in the slice: $most_in_slice, with A's uid: $most_by_uid"
	[ "$most_in_slice" -gt $((PIDS / 2)) ] || fail_ "the slice never had more than $most_in_slice"
	[ "$most_in_slice" -le "$PIDS" ] && [ "$most_by_uid" -le "$PIDS" ] ||
		fail_ "more than $PIDS processes: $most_in_slice in the slice, $most_by_uid by uid"
}

b_measure

case_ "case 28: fork bomb"
log_mark
attack_out "$STARVE" bomb 200 2
# As long as B takes to log in, and some looks at it after that.
while_ "$STARVE" bomb 200 15
sleep 1
b_login
sample_pids
while_end
stopped_bomb

case_ "case 28: fork bomb, nested in pid namespaces"
if run_ ssh_out "$USER_A" unshare -Urpf true && [ "$STATUS" = 0 ]; then
	attack_out "$STARVE" nested 4 200 2
	while_ "$STARVE" nested 4 200 15
	sleep 1
	b_login
	sample_pids
	while_end
	stopped_bomb
else
	skip_ "this machine allows no unprivileged user namespaces: $(said)"
fi

case_ "case 29: memory hog"
attack_out "$STARVE" memory 200
while_ "$STARVE memory 200; echo status \$?"
b_login
while_end
# Killed alone: the shell that started it says so.
expect_equal "$STATUS" 0 "status of the hog's shell"
expect_grep '^status 137$' printf '%s' "$OUT"

case_ "case 29: tmpfs as memory"
# 400M of files would fit by tmp_size; memory_max, 96M, stops them first.
policy_write '[default]' 'memory_max = 96M' 'tmp_size = 1G' "[user $USER_B]" 'memory_max = max'
attack_out "$STARVE fill 204800 /dev/shm/f; s=\$?; rm -f /dev/shm/f; exit \$s"
while_ "$STARVE fill 204800 /dev/shm/f; echo status \$?"
b_login
while_end
# The kernel kills in the slice until it has no one left to kill, the session's shell perhaps as well.
case $STATUS:$OUT in
*"kb: 204800"*) fail_ "inside: $(said)" ;;
0:*"status 137"* | 255:* | 137:*) ;;
*) fail_ "inside: $(said)" ;;
esac
expect_output A ssh_in "$USER_A" echo A
policy_write '[default]' "pids_max = $PIDS" 'memory_max = 96M' 'cpu_max = 150%' 'tmp_size = 16M' \
	'tmp_inodes = 1k' "[user $USER_B]" 'pids_max = max' 'memory_max = max' 'cpu_max = max'

case_ "case 30: fill /tmp; the owner's next login still works"
attack_out "$STARVE fill 65536 /tmp/f; s=\$?; rm -f /tmp/f; exit \$s"
session_start full "$ATTACK_IN" "$USER_A"
expect_status 1 session_do full "$STARVE fill 65536 /tmp/f /var/tmp/f /dev/shm/f"
expect_grep 'No space left' printf '%s' "$OUT"
expect_output next ssh_in "$USER_A" 'echo next'
expect_denied ssh_in "$USER_A" 'head -c 100000 /dev/zero >/tmp/next'
expect_output next ssh_in "$USER_A" 'rm /tmp/f && echo next >/tmp/next && cat /tmp/next'
b_login
session_do full 'rm -f /tmp/f /var/tmp/f /dev/shm/f' >/dev/null
session_end full

case_ "case 30: the X11 directory is no way around it"
# The host's own /tmp/.X11-unix is let through, for its sockets: not for files, which would be on the
# host's /tmp, beyond every limit, and for all to see.
mkdir -m 1777 /tmp/.X11-unix && chmod 1777 /tmp/.X11-unix
attack_ "echo x >/tmp/.X11-unix/file || exit 1; rm /tmp/.X11-unix/file"
rm -rf /tmp/.X11-unix

case_ "case 31: inode flood with symlinks"
attack_out "$STARVE symlinks 3000 /dev/shm; s=\$?; find /dev/shm -name 'flood-*' -delete; exit \$s"
session_start flood "$ATTACK_IN" "$USER_A"
expect_status 1 session_do flood "$STARVE symlinks 3000 /tmp /dev/shm /var/tmp"
expect_grep 'No space left' printf '%s' "$OUT"
expect_output next ssh_in "$USER_A" 'echo next'
expect_denied ssh_in "$USER_A" ': >/tmp/next'
expect_output next ssh_in "$USER_A" 'find /tmp -name "flood-*" -delete; echo next >/tmp/next && cat /tmp/next'
b_login
session_do flood 'find /tmp /dev/shm /var/tmp -name "flood-*" -delete' >/dev/null
session_end flood

case_ "case 34: fds"
# As many as the processes may hold that A may have: with 60 of them and 1024 each not 100,000.
attack_out "$STARVE" fds 100000
while_ "$STARVE" fds 100000
sleep 0.5
b_login
while_end
[ "$STATUS" != 0 ] && ! grep -q 'files: [0-9]\{6\}' <<<"$OUT" || fail_ "inside: $(said)"
grep -q -E 'files: [1-9]' <<<"$OUT" || [ "$STATUS" = 137 ] || fail_ "inside it did not run: $(said)"

case_ "case 39: zombies"
attack_out "$STARVE" zombies 200
session_start zombies "$ATTACK_IN" "$USER_A"
expect_status 1 session_do zombies "$STARVE" zombies 200
# They go with who made them: the session has its processes back.
expect_output again session_do zombies 'for i in $(seq 50); do /bin/true || exit 1; done; echo again'
expect_output "" session_do zombies 'ps -o pid= --ppid 1; ps -eo stat= | sed -n s/^Z/zombie/p'
b_login
session_end zombies

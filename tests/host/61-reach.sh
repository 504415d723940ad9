# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What an attacker reaches of others: the attack cases "Reach". A attacks; the victims are B (a process, IPC
# objects that are open to everybody) and A itself in another login: what the uids alone would protect
# already can be seen there to be out of reach altogether.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/attack_lib.sh"
REACH=$TESTS/attack_reach

victim_start victimown out "$USER_A"
own=$VICTIM_PID own_addr=$VICTIM_ADDR own_size=$VICTIM_SIZE
victim_start victimb out "$USER_B"
b=$VICTIM_PID

case_ "case 13: kill B, kill -1"
# Outside the pid can be addressed (for B, EPERM says so), inside there is no such pid.
attack_ "$REACH" exists "$b"
attack_ "$REACH" exists "$own"
attack_ "$REACH" exists "$(sshd_pid out)"
# kill -1 outside hits A's other login; from inside it does not.
hits()
{
	session_do victimown 'grep -c hit $HOME/.victimown'
}
before=$(hits)
attack_out "$REACH" everybody
wait_until 3 eval '[ "$(hits)" -gt "$before" ]' || fail_ "outside: kill -1 does not reach A's other login"
before=$(hits)
run_ ssh_to "$ATTACK_IN" "$USER_A" "$REACH everybody"
[ "$STATUS" -le 1 ] || fail_ "inside: kill -1 did not run: $(said)"
sleep 0.2
expect_equal "$(hits)" "$before" "times that A's other login was hit from inside"
[ -e "/proc/$b" ] || fail_ "B's process is gone"

case_ "case 14: ptrace, process_vm_readv"
attack_ "$REACH" trace "$own"
attack_ "$REACH" read "$own" "$own_addr" "$own_size"
expect_grep "the victim's secret" ssh_out "$USER_A" "$REACH read $own $own_addr $own_size"
# B's are refused to A everywhere; inside because they don't exist (ESRCH), not because of the uid.
expect_grep 'ptrace: Operation not permitted' ssh_out "$USER_A" "$REACH" trace "$b"
expect_grep 'ptrace: No such process' ssh_to "$ATTACK_IN" "$USER_A" "$REACH" trace "$b"
expect_grep 'readv: Operation not permitted' ssh_out "$USER_A" "$REACH" read "$b" "$own_addr" 8
expect_grep 'readv: No such process' ssh_to "$ATTACK_IN" "$USER_A" "$REACH" read "$b" "$own_addr" 8

case_ "case 15: /proc/PID/root, fd, mem"
for entry in root/tmp fd/1 mem environ cwd/ ns/mnt; do
	attack_ "$REACH" open "$own" "$entry"
done
for entry in cmdline status cgroup mountinfo; do
	[ "$entry" = mountinfo ] || attack_ "$REACH" open "$b" "$entry"
	expect_grep 'No such file' ssh_to "$ATTACK_IN" "$USER_A" "$REACH" open "$b" "$entry"
done

case_ "case 17: SysV shm, sem, msg of B"
for kind in shm sem msg; do
	id=VICTIM_${kind^^}
	attack_ "$REACH" sysv "$kind" "$VICTIM_KEY"
	attack_ "$REACH" id "$kind" "${!id}"
done
attack_shell "ipcs | grep $USER_B"
attack_shell "grep -h -w $UID_B /proc/sysvipc/*"
# With an ipc namespace of the policy's choice only.
policy_write '[default]' 'namespaces = mount pid'
expect_ok ssh_in "$USER_A" "$REACH sysv shm $VICTIM_KEY"
policy_default

case_ "case 18: POSIX shm, sem, mqueue of B"
for kind in shm sem mq; do
	attack_ "$REACH" posix "$kind" victimb-posix
done

case_ "case 24: ssh localhost"
# From inside, a login by the same door leads into another sandbox: not out, and not out of the slice.
mkdir -p "/home/$USER_A/.ssh" && cp "$CHECK_PREFIX/keys/user" "/home/$USER_A/.ssh/" &&
	chown -R "$USER_A:" "/home/$USER_A/.ssh" && chmod 600 "/home/$USER_A/.ssh/user"
hop()
{
	echo "ssh -F $SSH_CONFIG -o IdentityFile=\$HOME/.ssh/user -o Port=$(sshd_port "$1") $1"
}
attack_out "$(hop out) $REACH exists $b"
attack_in "$(hop "$ATTACK_IN") $REACH exists $b"
policy_write '[default]' 'pids_max = 40'
session_start hop in "$USER_A"
expect_ok session_do hop "$(hop "$ATTACK_IN") 'cat /proc/self/cgroup' | grep -E ':pids:|^0:'"
expect_grep "/carrel.slice/user-$UID_A.slice" printf '%s' "$OUT"
expect_equal "$(in_slice "$UID_A" pids.max)" 40 "pids.max of the one slice"
session_end hop
policy_default
rm -rf "/home/$USER_A/.ssh"

victim_stop victimown
victim_stop victimb

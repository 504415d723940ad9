# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# timeout: 300
# The attacks of 60 to 64 against carrel-shell: outside, where they succeed, and in the sandbox that it
# makes, by itself. Then: who can make it believe that pam_carrel's sandbox is around it?
. "$CHECK_SOURCE/tests/host/lib.sh"
CARREL_CHECK_ATTACK_IN=${CARREL_CHECK_ATTACK_IN:-shell}
. "$CHECK_SOURCE/tests/host/attack_lib.sh"
. "$CHECK_SOURCE/tests/host/shell_lib.sh"
REACH=$TESTS/attack_reach STARVE=$TESTS/attack_starve
: >"$HOST_MARK"
# A's login shell is bash, which reads no file of A's here; `shell` forces carrel-shell on it.
sshd_start shell "$SERVICE_OUT" "ForceCommand $SHELL_PATH"
expect_confined ssh_to "$ATTACK_IN" "$USER_A"

victim_start victimown out "$USER_A"
own=$VICTIM_PID own_addr=$VICTIM_ADDR own_size=$VICTIM_SIZE
victim_start victimb out "$USER_B"
b=$VICTIM_PID

case_ "cases 1 and 2: /proc"
attack_shell "find /proc -mindepth 1 -maxdepth 1 -name '[0-9]*' ! -user $USER_A 2>/dev/null"
attack_shell "ls -d /proc/$own /proc/$b 2>/dev/null"
attack_shell "tr '\\0' ' ' 2>/dev/null </proc/1/cmdline"
run_ ssh_to "$ATTACK_IN" "$USER_A" "ls -d /proc/[0-9]* | wc -l"
[ "$OUT" -gt 0 ] && [ "$OUT" -le 5 ] || fail_ "processes seen inside: $OUT"

case_ "cases 3 and 4: /tmp, /var/tmp, /dev/shm, /dev/mqueue"
for dir in /tmp /var/tmp /dev/shm; do
	attack_shell "find $dir -name 'victim*' 2>/dev/null"
	attack_shell "cat $dir/victimb 2>/dev/null"
done
if mountpoint -q /dev/mqueue; then
	attack_shell "ls /dev/mqueue"
	expect_output own ssh_to "$ATTACK_IN" "$USER_A" ": >/dev/mqueue/own && ls /dev/mqueue"
fi

case_ "case 10: other homes"
policy_write '[default]' 'hide_homes = yes'
chmod 755 "/home/$USER_B" && echo secret >"/home/$USER_B/readable"
attack_shell "ls /home | grep -x $USER_B"
attack_shell "cat /home/$USER_B/readable 2>/dev/null"
rm -f "/home/$USER_B/readable" && chmod 700 "/home/$USER_B"
policy_default

case_ "cases 13 to 15: kill, ptrace, /proc/PID"
attack_ "$REACH" exists "$b"
attack_ "$REACH" exists "$own"
attack_ "$REACH" trace "$own"
attack_ "$REACH" read "$own" "$own_addr" "$own_size"
for entry in root/tmp fd/1 mem environ cwd/ ns/mnt; do
	attack_ "$REACH" open "$own" "$entry"
done
hits=$(session_do victimown 'grep -c hit $HOME/.victimown')
run_ ssh_to "$ATTACK_IN" "$USER_A" "$REACH everybody"
[ "$STATUS" -le 1 ] || fail_ "inside: kill -1 did not run: $(said)"
sleep 0.2
expect_equal "$(session_do victimown 'grep -c hit $HOME/.victimown')" "$hits" "times that A's other login was hit"

case_ "cases 17 and 18: SysV and POSIX IPC"
for kind in shm sem msg; do
	attack_ "$REACH" sysv "$kind" "$VICTIM_KEY"
done
attack_shell "ipcs | grep $USER_B"
for kind in shm sem mq; do
	attack_ "$REACH" posix "$kind" victimb-posix
done

case_ "case 21: the user's own manager and its services are out of reach"
# /run is the machine's. A mount goes with the stage, also when this is cut short.
made=no
[ -d /run/user ] || made=yes
mkdir -p /run/user && mount -t tmpfs tmpfs /run/user
mkdir -p "/run/user/$UID_A/systemd" && echo socket >"/run/user/$UID_A/systemd/private" && chown -R "$USER_A" "/run/user/$UID_A"
attack_shell "cat /run/user/$UID_A/systemd/private 2>/dev/null"
umount /run/user
[ $made = no ] || rmdir /run/user

case_ "cases 30 and 31: /tmp full of bytes, of names"
policy_write '[default]' 'tmp_size = 16M' 'tmp_inodes = 500'
attack_out "$STARVE fill 65536 /tmp/f; s=\$?; rm -f /tmp/f; exit \$s"
attack_in "$STARVE fill 65536 /tmp/f /var/tmp/f /dev/shm/f"
attack_out "$STARVE symlinks 3000 /dev/shm; s=\$?; find /dev/shm -name 'flood-*' -delete; exit \$s"
attack_in "$STARVE symlinks 3000 /tmp /dev/shm /var/tmp"
policy_default

mkdir -m 1777 "$SCRATCH/pub" && chmod 1777 "$SCRATCH/pub"
mkdir -m 755 "$SCRATCH/hidden" "$SCRATCH/fixed"
for dir in /tmp /var/tmp /dev/shm "$SCRATCH/pub" "$SCRATCH/hidden" "$SCRATCH"; do
	echo "the host's" >"$dir/secret" && chmod 644 "$dir/secret"
done
echo fixed >"$SCRATCH/fixed/file" && chmod 666 "$SCRATCH/fixed/file"
policy='[default]
private_tmp = /tmp /var/tmp /dev/shm '$SCRATCH/pub"
hide = $SCRATCH/hidden $SCRATCH/secret
read_only = $SCRATCH/fixed"
policy_write "$policy"

case_ "case 57: a user namespace inside, then umount, move, overlay, remount, proc"
for dir in "$SCRATCH/pub" /tmp /var/tmp /dev/shm "$SCRATCH/hidden" "$SCRATCH"; do
	attack_ "$TESTS/attack_mounts" see "$dir" secret
done
attack_out "$TESTS/attack_mounts" write "$SCRATCH/fixed/file"
echo fixed >"$SCRATCH/fixed/file"
attack_in "$TESTS/attack_mounts" write "$SCRATCH/fixed/file"
attack_ "$TESTS/attack_mounts" proc "$(sshd_pid out)"
policy_write "$policy" 'proc = own'
attack_in "$TESTS/attack_mounts" proc "$(sshd_pid out)"

case_ "case 58: setns to /proc/1/ns"
attack_in "$TESTS/attack_mounts" setns "$SCRATCH/pub" secret
policy_write "$policy"
attack_ "$TESTS/attack_mounts" setns "$SCRATCH/pub" secret

case_ "case 60: setuid programs, device nodes"
cp "$TESTS/attack_setuid" "$SCRATCH/careless" && chmod 4755 "$SCRATCH/careless"
expect_ok ssh_out "$USER_A" "$SCRATCH/careless" keep
run_ ssh_to "$ATTACK_IN" "$USER_A" "$SCRATCH/careless" keep
expect_equal "$STATUS" 1 "a setuid program inside"
run_ ssh_to "$ATTACK_IN" "$USER_A" 'grep -c -E " (/tmp|/var/tmp|/dev/shm) rw,nosuid,nodev.* tmpfs " /proc/self/mountinfo'
[ "$OUT" -ge 3 ] || fail_ "private directories with nosuid and nodev: $(said)"
expect_denied ssh_to "$ATTACK_IN" "$USER_A" 'unshare -Urm mknod /tmp/node c 1 5'
rm -f "$SCRATCH/careless"

case_ "case 64: PID 1"
for proc in invisible own; do
	policy_write "$policy" "proc = $proc"
	# PID 1 has the user's uid here: signals may be sent, which PID 1 does not get, and its niceness, affinity
	# and limits set, which does nothing to the sandbox. What it holds and what it does is out of reach.
	run_ ssh_to "$ATTACK_IN" "$USER_A" "$REACH init 1; $CONFINED"
	! grep '^succeeded' <<<"$OUT" | grep -q -E 'ptrace|/proc|vm_readv|getfd' || fail_ "proc = $proc: $(said)"
	[ "$(tail -n 1 <<<"$OUT")" = confined ] || fail_ "proc = $proc: afterwards: $(said)"
done
policy_write "$policy"

case_ "case 65: descriptors, working directory"
attack_ "exec $TESTS/attack_fds $SCRATCH/pub secret"
for dir in "$SCRATCH/pub" /tmp "$SCRATCH/hidden"; do
	run_ bash -c "cd $dir && exec setpriv --reuid $UID_A --regid $UID_A --init-groups env -i HOME=/home/$USER_A \
		$SHELL_PATH -c 'cat secret; cat ./secret; cat $dir/secret'"
	! grep -q "the host's" <<<"$OUT" || fail_ "from $dir: $(said)"
	[ "$STATUS" = 1 ] || fail_ "from $dir: $(said)"
done

case_ "case 66: TIOCSTI to root's terminal"
sti='perl -e "my \$c = qq(x); exit(ioctl(STDIN, 0x5412, \$c) ? 0 : 1)"; echo "status=$?"'
if [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1)" = 1 ]; then
	run_ script -qec "su $USER_B --session-command '$sti'" /dev/null </dev/null
	grep -q status=0 <<<"$OUT" || fail_ "outside it does not succeed: $(said)"
	usermod -s "$SHELL_PATH" "$USER_A"
	run_ script -qec "su $USER_A --session-command '$sti'" /dev/null </dev/null
	grep -q status=1 <<<"$OUT" || fail_ "inside: $(said)"
	usermod -s /bin/bash "$USER_A"
else
	skip_ "this kernel has no TIOCSTI (dev.tty.legacy_tiocsti)"
fi

case_ "case 67: bwrap and user namespaces still work inside"
for command in "unshare -Urpmf --mount-proc sh -c '[ -d /proc/1 ] && [ \$\$ = 1 ] && echo inside'" \
	"bwrap --unshare-all --die-with-parent --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp echo inside"; do
	expect_output inside ssh_out "$USER_A" "$command"
	expect_output inside ssh_to "$ATTACK_IN" "$USER_A" "$command"
done
policy_default
victim_stop victimown
victim_stop victimb

case_ "who believes to be inside of pam_carrel's sandbox"
probe=$TESTS/inside_probe
as()
{
	setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups "$@"
}
expect_output outside as "$probe"
expect_output inside ssh_in "$USER_A" "$probe"
for line in 'proc = own' 'namespaces = mount pid' 'private_tmp = no' 'hide_homes = yes'; do
	policy_write '[default]' "$line"
	expect_output inside ssh_in "$USER_A" "$probe"
done
# What has no /proc of its own can't be told: carrel-shell makes one more sandbox then.
policy_write '[default]' 'namespaces = mount ipc'
expect_output outside ssh_in "$USER_A" "$probe"
policy_default
# A container of root's, without carrel.
expect_output outside unshare -pmf --mount-proc setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups "$probe"
# All that a user can forge: the mark, a PID 1 of that name, root's uid.
forge='mount -t proc -o rw carrel /proc || exit 9; grep -q " - proc carrel " /proc/self/mountinfo || exit 8'
expect_output outside as unshare -Urpmf bash -c "$forge; $probe; exit"
expect_output outside as unshare -Urpmf bash -c "$forge; exec -a carrel-init bash -c '$probe; :'"
expect_output outside as unshare -Urpmf bash -c "$forge; unshare -U -c $probe; exit"
expect_output outside as unshare -Urpmf bash -c "mount -t tmpfs carrel /proc; mkdir -p /proc/self/ns; $probe; exit"
expect_output outside as unshare -Urmf bash -c "mount --rbind /proc /mnt; mount -t tmpfs carrel /proc; mkdir /proc/x;
	mount --rbind /mnt /proc; $probe; exit"
# From within a real one, too: what is nested in it is in it, but in a user namespace it is not believed.
expect_output outside ssh_in "$USER_A" "unshare -Urpmf bash -c '$forge; $probe; exit'"
expect_output outside ssh_in "$USER_A" "unshare -Ur $probe"
# carrel-shell itself, in the same places: refused, as root's files are nobody's there.
for namespaces in -Urpmf -Upmf -Um; do
	run_ as unshare $namespaces bash -c "[ \$UID != 0 ] || { $forge; }; $SHELL_PATH -c 'echo ran'; exit \$?"
	[ "$STATUS" = 126 ] && [ -z "$OUT" ] || fail_ "unshare $namespaces: $(said)"
done
# With a policy of one's own as well.
echo '[default]' >"$SCRATCH/forged" && echo 'sandbox = no' >>"$SCRATCH/forged" && chown -R "$USER_A" "$SCRATCH/forged"
run_ as unshare -Urpmf bash -c "mount -t tmpfs t ${POLICY%/*} && cat $SCRATCH/forged >$POLICY && chmod 644 $POLICY && $forge
	$SHELL_PATH -c 'echo ran'; exit \$?"
[ "$STATUS" = 126 ] && [ -z "$OUT" ] || fail_ "a forged policy: $(said)"

case_ "pam_carrel and carrel-shell together"
usermod -s "$SHELL_PATH" "$USER_A"
expect_output "$(readlink /proc/self/ns/user)" ssh_in "$USER_A" 'readlink /proc/self/ns/user'
expect_output "bash /bin/bash 0" ssh_in "$USER_A" 'echo $0 $SHELL $(awk "/^NoNewPrivs/ { print \$2 }" /proc/self/status)'
run_ ssh_in "$USER_A" "ls $HOST_MARK; exit 9"
expect_equal "$STATUS" 9 status
! grep -q of-the-host <<<"$OUT" || fail_ "$(said)"
policy_write '[default]' 'no_new_privs = yes' 'sessions_max = 3' 'pids_max = 50'
# What a user could not hold alone, the module does.
expect_output 1 ssh_in "$USER_A" 'awk "/^NoNewPrivs/ { print \$2 }" /proc/self/status'
run_ ssh_in "$USER_A" -tt <<<$'echo "login $0"\nexit 6'
expect_equal "$STATUS" 6 "status at a terminal"
policy_write '[default]' 'namespaces = mount ipc'
run_ ssh_in "$USER_A" "ls $HOST_MARK; id -u; exit 9"
expect_equal "$STATUS:$OUT" "9:$UID_A" "one sandbox in the other"
usermod -s /bin/bash "$USER_A"

for dir in /tmp /var/tmp /dev/shm; do rm -f "$dir/secret"; done
rm -f "$HOST_MARK"

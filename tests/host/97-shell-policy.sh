# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# timeout: 240
# What carrel-shell makes of the policy: what it carries out, and what it refuses. Without pam_carrel.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/shell_lib.sh"
shell_users
home=/home/$USER_A

case_ "the policy is carried out: hide, read_only, bind, hide_homes, hostname, tmp_size"
mkdir -m 755 "$SCRATCH/hidden" "$SCRATCH/fixed" "$SCRATCH/source" "$SCRATCH/target"
mkdir -m 700 "$SCRATCH/barred" && mkdir "$SCRATCH/barred/deep" && echo deep >"$SCRATCH/barred/deep/file"
echo secret >"$SCRATCH/hidden/file" && echo secret >"$SCRATCH/hidden-file" && echo bound >"$SCRATCH/source/file"
mkdir -m 1777 "$SCRATCH/fixed/open" && chmod 1777 "$SCRATCH/fixed/open" && chmod 755 "/home/$USER_B"
policy_write '[default]' "hide = $SCRATCH/hidden $SCRATCH/hidden-file $SCRATCH/barred/deep /nonexistent/file" \
	"read_only = $SCRATCH/fixed" "bind = $SCRATCH/source:$SCRATCH/target:ro" 'hide_homes = yes' \
	'namespaces = mount pid ipc uts cgroup' 'hostname = %u-inside' 'tmp_size = 4M' 'tmp_noexec = yes' 'oom_score_adj = 77'
expect_confined ssh_out "$USER_A"
expect_denied ssh_out "$USER_A" "cat $SCRATCH/hidden/file $SCRATCH/hidden-file"
expect_ok ssh_out "$USER_B" "cat $SCRATCH/hidden/file $SCRATCH/hidden-file; : >$SCRATCH/fixed/open/b"
expect_denied ssh_out "$USER_A" ": >$SCRATCH/fixed/open/a"
expect_output bound ssh_out "$USER_A" "cat $SCRATCH/target/file"
expect_output "$USER_A" ssh_out "$USER_A" 'ls /home'
expect_output "$home" ssh_out "$USER_A" ': >~/written && rm ~/written && pwd'
expect_output "$USER_A-inside" ssh_out "$USER_A" 'hostname'
expect_output 77 ssh_out "$USER_A" 'cat /proc/self/oom_score_adj'
expect_output 0::/ ssh_out "$USER_A" 'grep ^0:: /proc/self/cgroup || echo 0::/'
expect_denied ssh_out "$USER_A" 'head -c 5000000 /dev/zero >/tmp/big'
expect_denied ssh_out "$USER_A" 'cp /bin/true /tmp/true && /tmp/true'
# What bars the way now is what is hidden: root opening it later changes nothing.
session_start barred out "$USER_A"
chmod 755 "$SCRATCH/barred"
expect_denied session_do barred "cat $SCRATCH/barred/deep/file"
session_end barred
chmod 700 "$SCRATCH/barred" "/home/$USER_B"
policy_write '[default]' "read_only = $SCRATCH/barred/deep"
expect_refused 'read_only: open .*barred/deep: Permission denied' ssh_out "$USER_A" true

case_ "fewer namespaces"
for namespaces in 'mount' 'mount ipc' 'mount uts' 'mount pid'; do
	policy_write '[default]' "namespaces = $namespaces"
	expect_output 0 ssh_out "$USER_A" 'ls /tmp | wc -l'
	expect_status 12 ssh_out "$USER_A" 'exit 12'
done
policy_write '[default]' 'namespaces = ipc' 'private_tmp = no'
run_ ssh_out "$USER_A" 'readlink /proc/self/ns/ipc'
expect_differ "$OUT" "$(ns_of $$ ipc)" "ipc namespace"

case_ "left alone: sandbox = no, and root"
policy_write '[default]' "[service carrel-shell]" 'sandbox = no'
expect_output "$HOST_MARK /bin/bash" ssh_out "$USER_A" "echo \$(ls $HOST_MARK) \$SHELL"
policy_default
expect_output "$HOST_MARK" "$SHELL_PATH" -c "ls $HOST_MARK"

log_mark
case_ "what a user can't have is refused, with the key's name"
for line in 'sessions_max = 5' 'memory_max = 1G' 'pids_max = 100' 'cpu_max = 50%' 'cpu_weight = 50' 'cpus = 0' \
	'memory_nodes = 0' 'io_weight = 50' 'io_max = / rbps=1G' 'swap_max = 1G' 'memory_high = 1G' 'oom_score_adj = -100'; do
	policy_write '[default]' "$line"
	expect_refused "${line%% *} .*carrel.conf:2" ssh_out "$USER_A" "echo ran >$home/ran"
	expect_nofile "$home/ran"
done
policy_write '[default]' 'sessions_max = 5' 'memory_max = 1G' 'cpu_weight = 50' '[service carrel-shell]' 'sessions_max = max' \
	'memory_max = max' 'cpu_weight = 100'
expect_confined ssh_out "$USER_A"
expect_log 'authpriv.notice .*carrel-shell\[[0-9]*\]: login of .* refused: sessions_max'

case_ "no policy, a bad one, one that can't be read"
policy_write '[default]' 'memory_max = lots'
expect_refused 'carrel.conf:2: .*memory_max.*carrel check' ssh_out "$USER_A" 'echo ran'
rm -f "$POLICY"
expect_refused 'carrel.conf' ssh_out "$USER_A" 'echo ran'
policy_default
chmod 600 "$POLICY"
expect_refused 'carrel.conf.*Permission denied' ssh_out "$USER_A" 'echo ran'
policy_default
chmod 666 "$POLICY"
expect_refused 'carrel.conf' ssh_out "$USER_A" 'echo ran'
policy_default
# As it is installed, everybody can read it.
expect_equal "$(stat -c %a "${POLICY%/*}") $(stat -c %a "$POLICY")" "755 644" "modes of the policy"

case_ "the shell of the policy"
policy_write '[default]' 'shell = /bin/sh'
expect_output "sh /bin/sh" ssh_out "$USER_A" 'echo $0 $SHELL'
policy_write '[default]' 'shell = /bin/cat'
expect_refused 'shell .*conf:2.*: /bin/cat is not in /etc/shells' ssh_out "$USER_A" 'echo ran'
echo "$SHELL_PATH" >>/etc/shells
policy_write '[default]' "shell = $SHELL_PATH"
expect_refused 'carrel-shell itself' ssh_out "$USER_A" 'echo ran'
ln -s "$SHELL_PATH" "$SCRATCH/link" && echo "$SCRATCH/link" >>/etc/shells
policy_write '[default]' "shell = $SCRATCH/link"
expect_refused 'carrel-shell itself' ssh_out "$USER_A" 'echo ran'
echo /nonexistent/bash >>/etc/shells
policy_write '[default]' "shell = /nonexistent/bash"
run_ ssh_out "$USER_A" 'echo ran'
expect_equal "$STATUS:$OUT" 127: "a shell that is not there ($(said))"
policy_default

case_ "descriptors: a directory is refused, what is above 2 is closed, what is closed is opened"
run_ as_a -c 'ls -l /proc/self/fd' 5</ 9</tmp
! grep -q '[59] -> /' <<<"$OUT" || fail_ "$(said)"
expect_refused 'descriptor 0 is a directory' as_a -c 'ls' </
for closed in 0 1 2; do
	run_ bash -c '. "$0"; as_a -c "readlink /proc/self/fd/'$closed'; [ -e /proc/self/fd/'$closed' ]; exit 5" '"$closed>&-" \
		<(declare -f as_a; declare -p UID_A USER_A SHELL_PATH)
	expect_equal "$STATUS" 5 "with descriptor $closed closed: $(said)"
done

case_ "carrel check --shell, explain, doctor"
policy_write '[default]' 'sessions_max = 5' '[user carrel-b, service sshd]' 'pids_max = 10'
expect_ok "$CARREL" check
expect_fail "$CARREL" check --shell
expect_grep 'conf:2.*sessions_max|sessions_max .*conf:2' echo "$OUT$ERR"
expect_nogrep 'pids_max' echo "$OUT$ERR"
expect_grep 'refused: sessions_max' "$CARREL" explain "$USER_A" --service carrel-shell
expect_nogrep 'refused' "$CARREL" explain "$USER_A" --service sshd
expect_grep ': sandboxed' echo "$OUT"
policy_write '[default]' 'shell = /bin/cat'
expect_fail "$CARREL" check --shell
expect_grep '/bin/cat is not in /etc/shells' echo "$OUT$ERR"
policy_default
expect_ok "$CARREL" check --shell
expect_grep "carrel-shell" "$CARREL" doctor

case_ "user namespaces are off"
# In a user namespace of our own the limit is ours to set, and the machine's stays.
off()
{
	local pid
	# The namespace's root sets the limit, and then becomes A.
	unshare -U bash -c 'until grep -q . /proc/self/uid_map; do sleep 0.02; done
		exec bash -c "$0" "$@"' 'echo 0 >"/proc/sys/user/$0" || exit 99; exec "$@"' "$1" setpriv --reuid "$UID_A" --regid "$UID_A" \
		--clear-groups env -i "HOME=$home" "$SHELL_PATH" -c "$2" &
	pid=$!
	wait_until 5 eval '[ "$(readlink /proc/$pid/ns/user)" != "$(readlink /proc/self/ns/user)" ]'
	echo '0 0 4294967295' >"/proc/$pid/gid_map"
	echo '0 0 4294967295' >"/proc/$pid/uid_map"
	wait $pid
}
expect_refused 'user namespaces are off.*user.max_user_namespaces' off max_user_namespaces "echo ran; ls $HOST_MARK"
for kind in mnt pid ipc; do
	expect_refused 'namespace' off max_${kind}_namespaces "echo ran; ls $HOST_MARK"
done
rm -f "$HOST_MARK"

case_ "limits: a systemd manager that hangs refuses the login, within seconds"
policy_write '[default]' 'memory_max = 512M'
mkdir -p "/run/user/$UID_A/systemd"
# It takes the connection, and never says a word.
socat -u "UNIX-LISTEN:/run/user/$UID_A/systemd/private,mode=777" OPEN:/dev/null &
manager=$!
wait_until 5 test -S "/run/user/$UID_A/systemd/private"
chown -R "$USER_A" "/run/user/$UID_A"
before=$SECONDS
expect_refused 'systemd manager' ssh_out "$USER_A" true
[ $((SECONDS - before)) -le $((8 * $(patience))) ] || fail_ "it took $((SECONDS - before)) s"
kill "$manager" 2>/dev/null
wait "$manager" 2>/dev/null
rm -rf "/run/user/$UID_A"
policy_default

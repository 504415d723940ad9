# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# timeout: 300
# A login lands in its own sandbox: what it keeps of a login without one, and what is its own.
. "$CHECK_SOURCE/tests/host/lib.sh"

# Both ways in, for what must be the same: same_in_out WHAT CMD...
same_in_out()
{
	local outside
	run_ ssh_out "$USER_A" "${@:2}"
	outside="$STATUS $OUT"
	run_ ssh_in "$USER_A" "${@:2}"
	expect_equal "$STATUS $OUT" "$outside" "$1"
}

case_ "it is a sandbox: mount, pid and ipc namespaces of its own, no others"
for kind in mnt pid ipc uts net cgroup user; do
	host=$(ns_of $$ $kind)
	expect_output "$host" ssh_out "$USER_A" readlink /proc/self/ns/$kind
	expect_grep "^$kind:" ssh_in "$USER_A" readlink /proc/self/ns/$kind
	case $kind in
	mnt | pid | ipc) expect_differ "$OUT" "$host" "$kind namespace" ;;
	*) expect_equal "$OUT" "$host" "$kind namespace" ;;
	esac
done

case_ "two logins of one user have two sandboxes"
session_start one in "$USER_A"
session_start two in "$USER_A"
expect_differ "$(session_do one readlink /proc/self/ns/pid)" \
	"$(session_do two readlink /proc/self/ns/pid)" "pid namespaces"
expect_differ "$(session_do one readlink /proc/self/ns/mnt)" \
	"$(session_do two readlink /proc/self/ns/mnt)" "mount namespaces"
session_end one
expect_output "$UID_A" session_do two id -u
session_end two

case_ "pty"
expect_grep '^/dev/pts/[0-9]+' ssh_in "$USER_A" -tt tty
expect_grep 'says hello' ssh_in "$USER_A" -tt 'echo "says hello" >/dev/tty'
expect_grep '^pts/' ssh_in "$USER_A" -tt 'ps -o tty= -p $$'
expect_grep '^24 80' ssh_in "$USER_A" -tt 'stty rows 24 cols 80; stty size'
# Only once the trap stands: a shell that dies of the signal is 255 to ssh.
interrupt()
{
	local status
	rm -f "$SCRATCH/tty"
	{
		wait_until 10 grep -q ready "$SCRATCH/tty"
		printf '\003'
		sleep 0.5
	} | ssh_in "$USER_A" -tt 'trap "echo interrupted; exit 9" INT; echo ready; sleep 10; echo slept' >"$SCRATCH/tty"
	status=$?
	cat "$SCRATCH/tty"
	return $status
}
expect_status 9 interrupt
expect_grep interrupted echo "$OUT"

case_ "interactive shell with script(1)"
type_in()
{
	script -qec "ssh -F $SSH_CONFIG -tt $USER_A@in; echo status=\$?" "$SCRATCH/typescript" < <(
		sleep 1
		echo 'echo in-$((40 + 2)); exit 5'
		sleep 2
	)
}
expect_grep 'status=5' type_in
expect_grep 'in-42' echo "$OUT"

case_ "exit codes"
for code in 0 1 42 254 255; do
	expect_status $code ssh_in "$USER_A" exit $code
done

case_ "death by signal"
for signal in TERM KILL SEGV; do
	same_in_out "SIG$signal" "kill -$signal \$\$"
	[ "$STATUS" != 0 ] || fail_ "SIG$signal looks like success"
done

case_ "input and output byte for byte"
head -c 1048576 /dev/urandom >"$SCRATCH/random"
ssh_in "$USER_A" cat <"$SCRATCH/random" >"$SCRATCH/back"
expect_ok cmp "$SCRATCH/random" "$SCRATCH/back"
expect_output 1048576 ssh_in "$USER_A" 'head -c 1048576 /dev/zero | wc -c'
run_ ssh_in "$USER_A" 'echo to-stderr >&2; echo to-stdout'
expect_equal "$OUT/$ERR" "to-stdout/to-stderr" "streams"

case_ "environment, identity, limits and signals are those of a plain login"
same_in_out environment 'env | grep -v -e ^SSH_ -e ^_= | sort'
same_in_out id 'id; umask; ulimit -a; nice'
same_in_out signals 'grep -E "^(Sig|Cap|Groups|Uid|Gid|NoNew)" /proc/self/status | grep -v SigQ'
same_in_out descriptors 'echo /proc/self/fd/*'

case_ "the cwd is the home, and not a dangling one"
expect_output "$(getent passwd "$USER_A" | cut -d: -f6)" ssh_in "$USER_A" pwd -P
expect_output "/home/$USER_A" ssh_in "$USER_A" readlink /proc/self/cwd
expect_ok ssh_in "$USER_A" 'touch kept && cd .. && cd - && ls kept'
expect_file "/home/$USER_A/kept"
rm -f "/home/$USER_A/kept"

case_ "private /tmp, /var/tmp, /dev/shm"
for dir in /tmp /var/tmp /dev/shm; do
	touch "$dir/of-the-host"
	expect_blocked "$USER_A" ls "$dir/of-the-host"
	expect_ok ssh_in "$USER_A" "touch $dir/mine && ls $dir/mine"
	expect_nofile "$dir/mine"
	expect_output "1777 root root" ssh_in "$USER_A" "stat -c '%a %U %G' $dir"
	expect_output tmpfs ssh_in "$USER_A" "stat -f -c %T $dir"
	expect_grep "^[^ ]* $dir tmpfs [^ ]*nosuid,nodev" ssh_in "$USER_A" grep " $dir " /proc/mounts
	expect_output "" ssh_in "$USER_A" ls -A "$dir"
	rm -f "$dir/of-the-host"
done
expect_output 1 ssh_in "$USER_A" 'stat -c %d /tmp /var/tmp /dev/shm | sort -u | wc -l'

case_ "private_tmp names the directories; no means none"
policy_write '[default]' 'private_tmp = /var/tmp'
touch /tmp/of-the-host
expect_ok ssh_in "$USER_A" ls /tmp/of-the-host
expect_output tmpfs ssh_in "$USER_A" stat -f -c %T /var/tmp
policy_write '[default]' 'private_tmp = no'
expect_ok ssh_in "$USER_A" ls /tmp/of-the-host
expect_equal "$(ssh_in "$USER_A" stat -c %d:%i /var/tmp)" "$(stat -c %d:%i /var/tmp)" /var/tmp
rm -f /tmp/of-the-host
policy_default

case_ "own /proc: few processes, small pids, PID 1 is carrel-init"
count='ls /proc | grep -c "^[0-9]"'
[ "$(ssh_out "$USER_A" "$count")" -gt 15 ] || skip_ "the host has too few processes to tell"
run_ ssh_in "$USER_A" "$count"
[ "$OUT" -le 8 ] || fail_ "$OUT processes seen"
run_ ssh_in "$USER_A" 'echo $$'
[ "$OUT" -lt 50 ] || fail_ "pid $OUT"
expect_blocked "$USER_A" ls -d /proc/1
policy_write '[default]' 'proc = own'
expect_output carrel-init ssh_in "$USER_A" cat /proc/1/comm
expect_denied ssh_in "$USER_A" ls /proc/1/fd/
policy_default

case_ "own ipc: System V objects, queues, /dev/mqueue"
queue=$(ssh_out "$USER_A" ipcmk -Q | tr -dc 0-9)
expect_grep "^0x[0-9a-f]+ +$queue " ssh_out "$USER_A" ipcs -q
expect_nogrep "^0x[0-9a-f]+ +$queue " ssh_in "$USER_A" ipcs -q
expect_grep 'Message Queues' echo "$OUT"
ipcrm -q "$queue"
if [ -d /dev/mqueue ]; then
	touch /dev/mqueue/of-the-host
	expect_blocked "$USER_A" ls /dev/mqueue/of-the-host
	expect_ok ssh_in "$USER_A" touch /dev/mqueue/mine
	expect_nofile /dev/mqueue/mine
	rm -f /dev/mqueue/of-the-host
fi

case_ "uts namespace and hostname"
policy_write '[default]' 'namespaces = mount pid ipc uts' 'hostname = %u-on-%h'
run_ ssh_in "$USER_A" uname -n
expect_equal "$OUT" "$USER_A-on-$(uname -n)" "host name inside"
expect_grep '^uts:' ssh_in "$USER_A" readlink /proc/self/ns/uts
expect_differ "$OUT" "$(ns_of $$ uts)" "uts namespace"
expect_equal "$(uname -n)" "$(ssh_out "$USER_A" uname -n)" "host name outside"

case_ "cgroup namespace"
policy_write '[default]' 'namespaces = mount pid ipc cgroup' 'pids_max = 500'
expect_grep '^cgroup:' ssh_in "$USER_A" readlink /proc/self/ns/cgroup
expect_differ "$OUT" "$(ns_of $$ cgroup)" "namespace"
expect_grep ':/$' ssh_in "$USER_A" cat /proc/self/cgroup
expect_nogrep "user-$UID_A" ssh_in "$USER_A" cat /proc/self/cgroup
policy_default

case_ "the session is in the user's slice, in every hierarchy with a limit"
policy_write '[default]' 'memory_max = 512M' 'cpu_max = 150%' 'cpu_weight = 200' 'pids_max = 321' 'cpus = 0'
session_start one in "$USER_A"
for controller in memory cpu pids cpuset; do
	case $(cgroup_version $controller) in
	1) line="[:,]${controller}[,:].*" ;;
	2) line="^0::" ;;
	*) skip_ "no $controller controller" && continue ;;
	esac
	for pid in $(user_pids "$UID_A"); do
		grep -q "$line/carrel.slice/user-$UID_A.slice\$" "/proc/$pid/cgroup" ||
			fail_ "$controller: $pid is in $(grep "$line" "/proc/$pid/cgroup")"
	done
done
[ -n "$(user_pids "$UID_A")" ] || fail_ "no process of the user"

case_ "the kernel's limits are the policy's"
# value CONTROLLER V1FILE V1VALUE V2FILE V2VALUE
pids_max()
{
	cat "$(slice_dir pids "$1")/pids.max" 2>&1
}
value()
{
	local dir
	dir=$(slice_dir "$1" "$UID_A")
	case $(cgroup_version "$1") in
	1) expect_equal "$(cat "$dir/$2" 2>&1)" "$3" "$2" ;;
	2) expect_equal "$(cat "$dir/$4" 2>&1)" "$5" "$4" ;;
	esac
}
value memory memory.limit_in_bytes $((512 << 20)) memory.max $((512 << 20))
value pids pids.max 321 pids.max 321
value cpuset cpuset.cpus 0 cpuset.cpus 0
value cpu cpu.shares 2048 cpu.weight 200
value cpu cpu.cfs_quota_us 150000 cpu.max "150000 100000"
expect_output 0 session_do one 'grep Cpus_allowed_list /proc/self/status | tr -dc 0-9'
session_end one
wait_until 5 slice_gone pids "$UID_A" || fail_ "the slice outlives the session"

case_ "memory_high and swap_max hold, or refuse the login by name where the host can't"
# either KEY CONTROLLER_FILE VALUE: the file in the slice has this, or there is no session
either()
{
	policy_write '[default]' 'memory_max = 512M' "$1 = 64M"
	log_mark
	if session_start one in "$USER_A" 2>/dev/null; then
		expect_equal "$(cat "$(slice_dir memory "$UID_A")/$2" 2>&1)" "$3" "$2"
		session_end one
	else
		CASE_WHY=
		expect_log "$1"
		session_end one
	fi
}
if [ "$(cgroup_version memory)" = 2 ]; then
	either memory_high memory.high $((64 << 20))
	either swap_max memory.swap.max $((64 << 20))
else
	either memory_high memory.high none
	either swap_max memory.memsw.limit_in_bytes $(((512 + 64) << 20))
fi

case_ "two users have two slices; a user's logins share one"
policy_write '[default]' 'pids_max = 100' "[user $USER_B]" 'pids_max = 50'
session_start one in "$USER_A"
session_start two in "$USER_A"
session_start three in "$USER_B"
expect_equal "$(pids_max "$UID_A")" 100 "limit of $USER_A"
expect_equal "$(pids_max "$UID_B")" 50 "limit of $USER_B"
session_end one
expect_output "$UID_A" session_do two id -u
expect_equal "$(pids_max "$UID_A")" 100 "limit after the first logout"
session_end two
session_end three

case_ "cgroup = none: no slice"
policy_write '[host]' 'cgroup = none' '[default]'
session_start one in "$USER_A"
for controller in memory cpu cpuacct cpuset pids; do
	expect_equal "$(slice_dir $controller "$UID_A")" "" "slice of $controller"
done
expect_differ "$(session_do one readlink /proc/self/ns/pid)" "$(ns_of $$ pid)" "pid namespace"
session_end one
policy_default

case_ "the host's X11 sockets are kept reachable"
mkdir -m 1777 /tmp/.X11-unix
socat UNIX-LISTEN:/tmp/.X11-unix/X77,fork,mode=777 SYSTEM:'echo i am X' &
server=$!
wait_until 5 test -S /tmp/.X11-unix/X77
expect_output "i am X" ssh_out "$USER_A" socat -u UNIX-CONNECT:/tmp/.X11-unix/X77 -
expect_output "i am X" ssh_in "$USER_A" socat -u UNIX-CONNECT:/tmp/.X11-unix/X77 -
kill $server
rm -rf /tmp/.X11-unix

case_ "an X11 directory that is not root's is not trusted"
ssh_out "$USER_B" 'mkdir -m 1777 /tmp/.X11-unix; touch /tmp/.X11-unix/trap'
expect_ok ssh_in "$USER_A" true
expect_denied ssh_in "$USER_A" ls /tmp/.X11-unix/trap
rm -rf /tmp/.X11-unix

case_ "read_only"
mkdir -m 1777 "$SCRATCH/ro" "$SCRATCH/ro/below"
policy_write '[default]' "read_only = $SCRATCH/ro"
expect_blocked "$USER_A" "touch $SCRATCH/ro/file && rm $SCRATCH/ro/file"
expect_blocked "$USER_A" "touch $SCRATCH/ro/below/file && rm $SCRATCH/ro/below/file"
expect_ok ssh_in "$USER_A" ls "$SCRATCH/ro/below"
expect_ok touch "$SCRATCH/ro/host"

case_ "hide: directories and files, also below a hidden name"
mkdir -m 755 "$SCRATCH/secret"
echo secret >"$SCRATCH/secret/file"
echo secret >"$SCRATCH/single"
policy_write '[default]' "hide = $SCRATCH/secret $SCRATCH/single"
expect_blocked "$USER_A" cat "$SCRATCH/secret/file"
expect_blocked "$USER_A" ls "$SCRATCH/secret"
expect_blocked "$USER_A" cat "$SCRATCH/single"
expect_output secret cat "$SCRATCH/single"

case_ "bind"
mkdir -m 777 "$SCRATCH/from" "$SCRATCH/to" "$SCRATCH/to-ro"
echo bound >"$SCRATCH/from/file"
policy_write '[default]' "bind = $SCRATCH/from:$SCRATCH/to $SCRATCH/from:$SCRATCH/to-ro:ro"
expect_output bound ssh_in "$USER_A" cat "$SCRATCH/to/file"
expect_output bound ssh_in "$USER_A" cat "$SCRATCH/to-ro/file"
expect_ok ssh_in "$USER_A" touch "$SCRATCH/to/new"
expect_file "$SCRATCH/from/new"
expect_blocked "$USER_A" touch "$SCRATCH/to-ro/new"
expect_nofile "$SCRATCH/to/file"

case_ "hide_homes"
chmod 755 "/home/$USER_B"
echo private >"/home/$USER_B/readable"
policy_write '[default]' 'hide_homes = yes'
expect_blocked "$USER_A" cat "/home/$USER_B/readable"
expect_output "$USER_A" ssh_in "$USER_A" ls -A /home
expect_ok ssh_in "$USER_A" 'echo kept >of-mine'
expect_output kept cat "/home/$USER_A/of-mine"
expect_output "/home/$USER_A" ssh_in "$USER_A" pwd
expect_ok ls "/home/$USER_B/readable"
rm -f "/home/$USER_A/of-mine" "/home/$USER_B/readable"
chmod 700 "/home/$USER_B"

case_ "hide_homes with home_roots elsewhere"
mkdir -p "$SCRATCH/homes/other"
policy_write '[host]' "home_roots = /home $SCRATCH/homes" '[default]' 'hide_homes = yes'
expect_blocked "$USER_A" ls -d "$SCRATCH/homes/other"
expect_output "$USER_A" ssh_in "$USER_A" ls -A /home

case_ "hide_homes and a home that only a supplementary group reaches"
# Reached as the user, so with the user's groups: neither root's rights nor the primary group's are enough.
wing=$SCRATCH/homes/wing
groupadd -g $((CHECK_UID + 8)) carrel-wing && mkdir -p "$wing" && chgrp carrel-wing "$wing" &&
	chmod 710 "$wing" && install -d -o "$USER_A" -g "$USER_A" -m 700 "$wing/$USER_A"
usermod -d "$wing/$USER_A" "$USER_A"
expect_fail setpriv --reuid "$UID_A" --regid "$UID_A" --clear-groups ls "$wing/$USER_A"
expect_grep 'open: PAM_SESSION_ERR' steps start="$SERVICE_IN:$USER_A" open end
expect_log "reach the home .* as its user: Permission denied"
usermod -a -G carrel-wing "$USER_A"
expect_output "$wing/$USER_A" ssh_in "$USER_A" 'cd && /bin/pwd'
expect_output wing ssh_in "$USER_A" ls -A "$SCRATCH/homes"
# No group of the user's, nor of the caller's, stays with PID 1.
session_start wing in "$USER_A"
expect_grep "^Groups:[[:space:]]*$" cat "/proc/$(init_pids)/status"
session_end wing
usermod -G '' -d "/home/$USER_A" "$USER_A" && groupdel carrel-wing
rm -rf "$SCRATCH/homes"

case_ "tmp_noexec"
run_it="cp /bin/true /tmp/t && /tmp/t && rm /tmp/t"
policy_default
expect_ok ssh_in "$USER_A" "$run_it"
policy_write '[default]' 'tmp_noexec = yes'
expect_blocked "$USER_A" "$run_it"

case_ "no_new_privs"
cp "$(command -v id)" "$SCRATCH/suid-id" && chmod 4755 "$SCRATCH/suid-id"
policy_default
expect_output 0 ssh_in "$USER_A" "$SCRATCH/suid-id" -u
policy_write '[default]' 'no_new_privs = yes'
expect_output 'NoNewPrivs: 1' ssh_in "$USER_A" "grep NoNewPrivs /proc/self/status | tr '\t' ' '"
expect_output "$UID_A" ssh_in "$USER_A" "$SCRATCH/suid-id" -u

case_ "capabilities: the bounding set, and setuid programs still work in it"
policy_write '[default]' 'capabilities = setuid setgid setpcap chown'
# chown 0, setgid 6, setuid 7, setpcap 8
expect_output 00000000000001c1 ssh_in "$USER_A" 'sed -n "s/^CapBnd:.//p" /proc/self/status'
cp /etc/pam.d/su "$SCRATCH/su.pam"
pam_write su
expect_output "$USER_B" ssh_in "$USER_A" su "$USER_B" -c "'id -un'"
expect_output 0 ssh_in "$USER_A" su root -c "'id -u'"
expect_denied ssh_in "$USER_A" su root -c "'mount -t tmpfs x /mnt'"
cp "$SCRATCH/su.pam" /etc/pam.d/su
expect_equal "$(ssh_out "$USER_A" 'sed -n "s/^CapBnd:.//p" /proc/self/status')" \
	"$(sed -n 's/^CapBnd:.//p' /proc/self/status)" "bounding set outside"
policy_default

case_ "oom_score_adj"
expect_equal "$(ssh_in "$USER_A" cat /proc/self/oom_score_adj)" \
	"$(ssh_out "$USER_A" cat /proc/self/oom_score_adj)" "without a policy"
policy_write '[default]' 'oom_score_adj = 321'
expect_output 321 ssh_in "$USER_A" cat /proc/self/oom_score_adj

case_ "sessions_max, and the user is told"
policy_write '[default]' 'sessions_max = 2'
session_start one in "$USER_A"
session_start two in "$USER_A"
log_mark
expect_fail ssh_in "$USER_A" echo got in
expect_nogrep 'got in' echo "$OUT"
expect_log "sessions_max"
run_ ssh_in "$USER_A" -tt true
expect_grep '[Ss]essions' echo "$OUT$ERR"
expect_output ok ssh_in "$USER_B" echo ok
session_end one
wait_until 5 ssh_in "$USER_A" true || fail_ "no login after a logout"
session_end two
policy_default

case_ "sandbox = no, and root, are left alone"
policy_write '[default]' "[user $USER_A]" 'sandbox = no'
expect_output "$(ns_of $$ mnt)" ssh_in "$USER_A" readlink /proc/self/ns/mnt
expect_grep '^mnt:' ssh_in "$USER_B" readlink /proc/self/ns/mnt
expect_differ "$OUT" "$(ns_of $$ mnt)" "mount namespace of the other"
expect_output "$(ns_of $$ mnt)" ssh_in root readlink /proc/self/ns/mnt

case_ "sections by service, group, uid"
groupadd -g $((CHECK_UID + 9)) carrel-students && usermod -a -G carrel-students "$USER_A"
policy_write '[default]' 'oom_score_adj = 1' "[uid $UID_A-$UID_B]" 'oom_score_adj = 2' \
	'[group carrel-students]' 'oom_score_adj = 3' '[service elsewhere]' 'oom_score_adj = 5'
expect_output 3 ssh_in "$USER_A" cat /proc/self/oom_score_adj
expect_output 2 ssh_in "$USER_B" cat /proc/self/oom_score_adj
policy_write '[default]' 'oom_score_adj = 1' "[service $SERVICE_IN]" 'oom_score_adj = 4' \
	"[user $USER_A]" 'oom_score_adj = 6'
expect_output 4 ssh_in "$USER_A" cat /proc/self/oom_score_adj
usermod -G '' "$USER_A" && groupdel carrel-students
policy_default

case_ "mounts of the host come in, mounts made inside stay inside"
mkdir -p "$SCRATCH/later" "$SCRATCH/inner"
session_start one in "$USER_A"
mount -t tmpfs check-later "$SCRATCH/later"
expect_grep check-later session_do one cat /proc/mounts
umount "$SCRATCH/later"
expect_nogrep check-later session_do one cat /proc/mounts
init=$(init_pids)
expect_ok nsenter -t "${init:-none}" -m mount -t tmpfs check-inner "$SCRATCH/inner"
expect_grep check-inner session_do one cat /proc/mounts
expect_nogrep check-inner cat /proc/mounts
session_end one

case_ "mount_propagation = private: the host's later mounts stay out"
policy_write '[host]' 'mount_propagation = private' '[default]'
session_start one in "$USER_A"
mount -t tmpfs check-later "$SCRATCH/later"
expect_nogrep check-later session_do one cat /proc/mounts
umount "$SCRATCH/later"
session_end one
policy_default

# What carrel.conf(5) says of read_only, and does not have to say of hide.
case_ "... and what is mounted later where a path is read-only, or hidden"
mkdir -p "$SCRATCH/fixed/later" "$SCRATCH/hidden/later"
for propagation in slave private; do
	policy_write '[host]' "mount_propagation = $propagation" '[default]' "read_only = $SCRATCH/fixed" "hide = $SCRATCH/hidden"
	session_start one in "$USER_A"
	for dir in fixed/later hidden/later hidden; do mount -t tmpfs -o mode=1777 check-later "$SCRATCH/$dir"; done
	expect_denied session_do one ": >$SCRATCH/fixed/file"
	case $propagation in
	slave) expect_ok session_do one ": >$SCRATCH/fixed/later/file" ;;
	private) expect_denied session_do one ": >$SCRATCH/fixed/later/file" ;;
	esac
	expect_denied session_do one "ls $SCRATCH/hidden"
	expect_denied session_do one ": >$SCRATCH/hidden/file"
	umount "$SCRATCH/fixed/later" "$SCRATCH/hidden" "$SCRATCH/hidden/later"
	session_end one
done
policy_default

case_ "logout ends it: no sandbox, and one line in the log"
log_mark
expect_ok ssh_in "$USER_A" true
wait_until 5 no_sandbox || fail_ "still there: $(warden_pids) $(init_pids)"
expect_log "carrel.*$USER_A"
note_ "$(log_since | grep -i carrel-session | tail -1)"

# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Ways out of the sandbox: the attack cases "Escape". The aim is mostly a file of the host that the sandbox
# covers: outside it is simply there, inside no way may lead to it.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/attack_lib.sh"
REACH=$TESTS/attack_reach

# A directory on the root file system: overlays and binds of / can reveal what is in there.
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

can_userns=1
run_ ssh_out "$USER_A" unshare -Urm true
[ "$STATUS" = 0 ] || can_userns=0

case_ "case 57: unshare -Urm, then umount, bind, move, pivot_root, overlay"
if [ $can_userns = 1 ]; then
	for dir in "$SCRATCH/pub" /tmp /var/tmp /dev/shm "$SCRATCH/hidden"; do
		attack_ "$TESTS/attack_mounts" see "$dir" secret
	done
	# The file that is hidden by a mount of its own.
	attack_ "$TESTS/attack_mounts" see "$SCRATCH" secret
else
	skip_ "this machine allows no unprivileged user namespaces"
fi

case_ "case 57: remount read-write"
if [ $can_userns = 1 ]; then
	attack_out "$TESTS/attack_mounts" write "$SCRATCH/fixed/file"
	echo fixed >"$SCRATCH/fixed/file"
	attack_in "$TESTS/attack_mounts" write "$SCRATCH/fixed/file"
	expect_output fixed head -1 "$SCRATCH/fixed/file"
else
	skip_ "this machine allows no unprivileged user namespaces"
fi

case_ "case 57: mount proc of the sandbox, or of the host"
if [ $can_userns = 1 ]; then
	attack_ "$TESTS/attack_mounts" proc "$(sshd_pid out)"
	# Not hidden from it because it is hidden from everybody.
	policy_write "$policy" 'proc = own'
	attack_in "$TESTS/attack_mounts" proc "$(sshd_pid out)"
	policy_write "$policy"
else
	skip_ "this machine allows no unprivileged user namespaces"
fi

case_ "case 58: setns to /proc/1/ns"
if [ $can_userns = 1 ]; then
	attack_ "$TESTS/attack_mounts" setns "$SCRATCH/pub" secret
	policy_write "$policy" 'proc = own'
	attack_in "$TESTS/attack_mounts" setns "$SCRATCH/pub" secret
	policy_write "$policy"
else
	skip_ "this machine allows no unprivileged user namespaces"
fi

case_ "case 59: setuid program under a reduced bounding set"
# Outside: a session whose bounding set lacks CAP_SETUID. The careless program stays root in it.
careless=$SCRATCH/careless
cp "$TESTS/attack_setuid" "$careless" && chmod 4755 "$careless"
expect_status 1 ssh_out "$USER_A" "$careless" drop
expect_ok setpriv --bounding-set=-setuid,-setgid,-setpcap --reuid "$UID_A" --regid "$UID_A" --clear-groups \
	"$careless" drop
# Inside, whatever the policy leaves out; it may also refuse the login.
for capabilities in "setuid setgid setpcap" none "setgid setpcap net_raw" "setuid setgid" all; do
	policy_write '[default]' "capabilities = $capabilities"
	run_ ssh_to "$ATTACK_IN" "$USER_A" "$careless" drop
	case $STATUS in
	1) grep -q "uid $UID_A euid $UID_A" <<<"$OUT" || fail_ "inside: $capabilities: $(said)" ;;
	254) [ "$ATTACK_IN" = in ] && [ "$capabilities" != all ] || fail_ "inside: $capabilities: $(said)" ;;
	*) fail_ "inside: $capabilities: $(said)" ;;
	esac
done
policy_forget
# The reduced set is really there: what a setuid program becomes lacks the rest.
policy_write '[default]' 'capabilities = setuid setgid setpcap chown'
cp -p /etc/pam.d/su "$SCRATCH/su.pam" && pam_write su
expect_output "0000000000000000 00000000000001c1" ssh_in "$USER_A" \
	"awk '/^Cap(Eff|Bnd)/ { printf s \$2; s = \" \" }' /proc/self/status"
expect_output "$UID_B" ssh_in "$USER_A" "su $USER_B -c 'id -u' </dev/null"
cp -p "$SCRATCH/su.pam" /etc/pam.d/su
policy_write '[default]' 'capabilities = none' 'no_new_privs = yes'
expect_ok ssh_out "$USER_A" "$careless" keep
run_ ssh_to "$ATTACK_IN" "$USER_A" "$careless" keep
expect_equal "$STATUS" 1 "no_new_privs: setuid program"
policy_write "$policy"
rm -f "$careless"

case_ "case 60: setuid file or device node in /tmp"
# root puts them there: a restored backup, a careless admin. A runs and opens them.
session_start trap_out out "$USER_A"
session_start trap_in "$ATTACK_IN" "$USER_A"
for host in out in; do
	pid=$(ps -u "$USER_A" -o pid=,args= | awk '$2 == "bash" && $3 == "-s" { print $1 }' | while read -r pid; do
		if [ "$(ns_of "$pid" mnt)" = "$(ns_of $$ mnt)" ]; then echo "out $pid"; else echo "in $pid"; fi
	done | awk -v host="$([ "$ATTACK_IN" = in ] && echo "$host" || echo out)" '$1 == host { print $2; exit }')
	for dir in /tmp /var/tmp /dev/shm "$SCRATCH/pub"; do
		root=/proc/$pid/root$dir
		# Through the session's root, as root on the host: so that A can't have made them.
		cp "$TESTS/attack_setuid" "$root/suid" && chmod 4755 "$root/suid" && rm -f "$root/zero" &&
			mknod -m 666 "$root/zero" c 1 5 || fail_ "$host: planting in $root"
		wanted=0
		# The stage's own /dev/shm is nosuid and nodev, as most hosts have it.
		[ $host = in ] || [ $dir != /dev/shm ] || wanted=1
		[ $host = out ] || wanted=1
		expect_status $wanted session_do "trap_$host" "$dir/suid" keep
		expect_status $wanted session_do "trap_$host" "head -c1 $dir/zero >/dev/null"
		rm -f "$root/suid" "$root/zero"
	done
done
# Every private directory says so; A can't make a device node itself, not as root of a user namespace.
run_ session_do trap_in "grep -E ' (/tmp|/var/tmp|/dev/shm|$SCRATCH/pub) .* tmpfs carrel ' /proc/self/mountinfo"
[ "$(grep -c -E ' rw,nosuid,nodev' <<<"$OUT")" -ge 4 ] && ! grep -v -q -E ' rw,nosuid,nodev' <<<"$OUT" ||
	fail_ "flags of the private directories: $(said)"
[ $can_userns = 0 ] || expect_denied session_do trap_in 'unshare -Urm mknod /tmp/node c 1 5'
session_end trap_out
session_end trap_in

case_ "case 61: cgroup.procs of others, own cgroup writable, release_agent, leaked cgroup fd"
# Outside A is in no slice to begin with, which is what it wants.
policy_write '[default]' 'pids_max = 50' 'memory_max = 64M' "[user $USER_B]" 'pids_max = 51'
session_start other_b in "$USER_B"
attack_ "$TESTS/attack_cgroup" "$UID_A"
policy_write '[default]' 'pids_max = 50' 'memory_max = 64M' 'namespaces = mount pid ipc cgroup'
session_start own in "$USER_A"
run_ session_do own "$TESTS/attack_cgroup $UID_A"
# With a cgroup namespace the paths are "/": whether it moved is for the kernel's files to say.
! grep -q '^succeeded: \(opened\|moved\|mkdir\|chmod\|descriptor\|umount\)' <<<"$OUT" || fail_ "cgroup namespace: $(said)"
[ "$STATUS" != 254 ] && [ "$STATUS" != 2 ] || fail_ "cgroup namespace: it did not run: $(said)"
expect_equal "$(in_slice "$UID_A" pids.max)" 50 "pids.max afterwards"
for pid in $(user_pids "$UID_A"); do
	grep -q "/carrel.slice/user-$UID_A.slice" "/proc/$pid/cgroup" || fail_ "process $pid is in no slice"
done
session_end own
session_end other_b
policy_write "$policy"

case_ "case 63: /proc/sys, sysrq, /sys as user"
writable="for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname \
	/proc/sys/vm/overcommit_memory /proc/sys/fs/protected_symlinks /proc/sys/kernel/modprobe \
	/proc/sys/kernel/yama/ptrace_scope /sys/kernel/uevent_helper /sys/power/state /sys/kernel/mm/ksm/run \
	/sys/module/kernel/parameters/panic /proc/1/oom_score_adj /proc/kcore /proc/kmem /dev/mem; do
	[ ! -w \$f ] || echo \$f; done; find /proc/sys /sys -writable -type f ! -name ns_last_pid 2>/dev/null"
# ns_last_pid has mode 0666, and write(2) asks for a capability.
expect_denied ssh_to "$ATTACK_IN" "$USER_A" 'echo 7 >/proc/sys/kernel/ns_last_pid'
run_ ssh_to "$ATTACK_IN" "$USER_A" "out=\$($writable); echo \"ran:\$out\""
expect_equal "$STATUS:$OUT" "0:ran:" "files that A may write to"
if [ $can_userns = 1 ]; then
	run_ ssh_to "$ATTACK_IN" "$USER_A" "unshare -Urm sh -c 'echo x >/proc/sys/kernel/core_pattern || echo 1 \
		>/proc/sys/kernel/sysrq || echo h >/proc/sysrq-trigger || mount -t sysfs s /mnt || exit 9'"
	expect_equal "$STATUS" 9 "as root of a user namespace"
fi
run_ ssh_out "$USER_A" "out=\$($writable); echo \"ran:\$out\""
[ "$OUT" != ran: ] ||
	skip_ "refused inside; but outside as well: these files are root's, so the attack can't succeed anywhere"

case_ "case 64: ptrace, signals, prlimit on PID 1"
# Outside, a sandbox as simple tools make it: its PID 1 is the user's own process, and defenceless.
if [ $can_userns = 1 ]; then
	attack_out "unshare -Urpf --kill-child sleep 60 & u=\$!
		for i in \$(seq 300); do p=\$(pgrep -x -P \$u sleep) && break; sleep 0.1; done
		$REACH init \$p; s=\$?; kill \$u; exit \$s"
else
	attack_out "sleep 60 & $REACH init \$!; s=\$?; kill -9 \$!; exit \$s"
fi
for proc in invisible own; do
	policy_write "$policy" "proc = $proc"
	session_start target "$ATTACK_IN" "$USER_A"
	run_ session_do target "$REACH init 1"
	expect_equal "$STATUS" 1 "proc = $proc: attack on PID 1: $(grep succeeded <<<"$OUT")"
	[ $can_userns = 0 ] || expect_status 1 session_do target "unshare -Ur $REACH init 1"
	sleep 0.2
	expect_output alive session_do target echo alive
	# It is ours that was attacked, not the host's, which nobody can touch either.
	[ $proc = invisible ] || expect_output carrel-init session_do target cat /proc/1/comm
	session_end target
done
policy_write "$policy"

case_ "case 64: who ran su can't signal what keeps the other user's sandbox"
if [ "$ATTACK_IN" = in ]; then su_line=$(pam_line); else su_line=; fi
cp -p /etc/pam.d/su "$SCRATCH/su.pam" && pam_write su "$su_line"
policy_write '[default]' 'instance = user'
session_start su out "$USER_A"
session_do su "su $USER_B -c 'echo in; exec sleep 100' >~/su.log 2>&1 & echo \$! >~/su.pid; until [ -s ~/su.log ]; do sleep 0.1; done"
expect_equal "$(session_do su cat su.log)" in "what su ran"
# It is A's doing, and A may end it: su's own real uid is A's.
expect_ok ssh_out "$USER_A" 'kill -0 $(cat su.pid)'
keepers="$(warden_pids) $(init_pids)"
[ "$ATTACK_IN" = out ] || [ "$(wc -w <<<"$keepers")" = 2 ] || fail_ "keepers: $keepers"
for pid in $keepers; do
	expect_equal "$(awk '/^[UG]id:/ { printf "%s %s %s %s ", $2, $3, $4, $5 }' "/proc/$pid/status")" '0 0 0 0 0 0 0 0 ' \
		"uids and gids of $(cat "/proc/$pid/comm")"
	expect_equal "$(awk '/^Groups:/ { $1 = ""; print $0 }' "/proc/$pid/status")" '' "groups of $pid"
	expect_denied ssh_out "$USER_A" "kill -0 $pid"
done
session_do su 'kill $(cat su.pid)'
session_end su
cp -p "$SCRATCH/su.pam" /etc/pam.d/su
policy_write "$policy"

case_ "case 65: leaked directory fd, cwd"
# The login's first process has what it has in a plain login, and no descriptor or cwd leads out.
kinds()
{
	grep '^descriptor' <<<"$OUT" | sort
}
for login in plain tty; do
	options=()
	[ $login = plain ] || options=(-tt)
	run_ ssh_out "$USER_A" "${options[@]}" "exec $TESTS/attack_fds $SCRATCH/pub secret"
	expect_equal "$STATUS" 0 "outside: $(said): status"
	outside=$(kinds)
	run_ ssh_to "$ATTACK_IN" "$USER_A" "${options[@]}" "exec $TESTS/attack_fds $SCRATCH/pub secret"
	expect_equal "$STATUS" 1 "inside: $(said): status"
	expect_equal "$(kinds)" "$outside" "descriptors of the first process"
	[ -n "$outside" ] || fail_ "there were no descriptors at all"
done
# A caller that sits in a covered directory: su -c and cron jobs keep the cwd.
IN=$SERVICE_IN
[ "$ATTACK_IN" = in ] || IN=$SERVICE_OUT
for dir in "$SCRATCH/pub" /tmp "$SCRATCH/hidden"; do
	expect_grep '^here: exit 0' steps chdir="$dir" start="$SERVICE_OUT:$USER_A" open \
		here="$TESTS/attack_fds $SCRATCH/pub secret && cat secret" close end
	expect_grep '^here: exit 1' steps chdir="$dir" start="$IN:$USER_A" open \
		here="$TESTS/attack_fds $SCRATCH/pub secret" close end
	expect_nogrep "the host's" steps chdir="$dir" start="$IN:$USER_A" open here="cat secret" close end
done

case_ "case 67: rootless podman and bwrap still start inside"
starts()
{
	expect_output inside ssh_out "$USER_A" "$@"
	expect_output inside ssh_to "$ATTACK_IN" "$USER_A" "$@"
}
if [ $can_userns = 1 ]; then
	starts "unshare -Urpmf --mount-proc sh -c '[ -d /proc/1 ] && [ \$\$ = 1 ] && echo inside'"
	starts "unshare -Urpmf --mount-proc unshare -Urpmf --mount-proc echo inside"
else
	skip_ "this machine allows no unprivileged user namespaces"
fi

case_ "case 67: bwrap"
if ! command -v bwrap >/dev/null; then
	skip_ "bwrap is not installed"
else
	starts "bwrap --unshare-all --die-with-parent --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp \
		sh -c '[ -d /proc/self ] && echo inside'"
	starts "bwrap --bind / / --dev-bind /dev /dev --unshare-user --unshare-pid --proc /proc echo inside"
fi

case_ "case 67: podman"
if ! command -v podman >/dev/null || ! command -v newuidmap >/dev/null; then
	skip_ "podman or newuidmap (uidmap) is not installed"
else
	grep -q "^$USER_A:" /etc/subuid || echo "$USER_A:700000:65536" | tee -a /etc/subuid >>/etc/subgid
	# A root file system of a shell and its libraries; no image, no network.
	rootfs=/home/$USER_A/rootfs
	mkdir -p "$rootfs"/{bin,proc,sys,dev,tmp,etc,run}
	for file in /bin/sh /bin/echo $(ldd /bin/sh /bin/echo | grep -o '/[^ ]*' | grep -v ':$' | sort -u); do
		mkdir -p "$rootfs${file%/*}" && cp -L "$file" "$rootfs$file"
	done
	chown -R "$USER_A:" "$rootfs"
	works=
	for runtime in crun runc; do # crun refuses hosts with controllers in v1 and v2
		run_podman="mkdir -p /tmp/run; XDG_RUNTIME_DIR=/tmp/run podman --runtime $runtime \
			--cgroup-manager=cgroupfs --events-backend=none run --rm --network=none --log-driver=none \
			--security-opt seccomp=unconfined --rootfs $rootfs /bin/echo inside"
		run_ ssh_out "$USER_A" "$run_podman"
		[ "$STATUS:$OUT" = 0:inside ] || continue
		works=$runtime
		expect_output inside ssh_to "$ATTACK_IN" "$USER_A" "$run_podman"
		break
	done
	[ -n "$works" ] || skip_ "podman does not start outside either, with crun or runc: $(said)"
	ssh_out "$USER_A" 'XDG_RUNTIME_DIR=/tmp/run podman unshare rm -rf $HOME/.local $HOME/.config $HOME/.cache \
		$HOME/rootfs /tmp/run' >/dev/null 2>&1
	for pid in $(ps -u "$USER_A" -o pid=,comm= | awk '$2 ~ /^(catatonit|podman)/ { print $1 }'); do
		kill "$pid"
	done
	rm -rf "/home/$USER_A"/{rootfs,.local,.config,.cache} /tmp/run /tmp/podman-run-* /tmp/containers-user-* "/dev/shm/libpod_rootless_lock_$UID_A"
fi

for dir in /tmp /var/tmp /dev/shm; do rm -f "$dir/secret"; done

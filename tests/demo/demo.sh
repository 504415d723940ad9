#!/bin/bash
# SPDX-License-Identifier: MIT
# make demo: two throw-away users log in over a real sshd on loopback; what each sees, beside what the
# host sees. Everything is made under names of its own and removed at the end, also when interrupted.
set -u

prefix=/opt/carrel-demo
service=carrel-demo-sshd
alice=carrel-demo-alice
bob=carrel-demo-bob
port=
sshd_pid=
client_pids=

cleanup() {
	trap - EXIT INT TERM HUP
	for pid in $client_pids; do kill "$pid" 2>/dev/null; done
	if [ -n "$sshd_pid" ]; then kill "$sshd_pid" 2>/dev/null; fi
	# An aborted run's sshd is found by its pid file.
	if [ -f "$prefix/sshd.pid" ]; then
		pid=$(cat "$prefix/sshd.pid" 2>/dev/null)
		[ ! "/proc/$pid/exe" -ef "$prefix/$service" ] || kill "$pid"
	fi
	for user in "$alice" "$bob"; do
		id "$user" >/dev/null 2>&1 || continue
		for _ in $(seq 50); do
			[ -n "$(ps -o pid= -u "$user")" ] || break
			sleep 0.1
		done
		userdel -r "$user" >/dev/null 2>&1
	done
	rm -rf "$prefix" "/etc/pam.d/$service"
	rmdir /run/carrel-demo/carrel /run/carrel-demo 2>/dev/null
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

die() { echo "demo: $*" >&2; exit 1; }
title() {
	if [ -t 1 ]; then printf '\n\033[1m== %s\033[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi
}
show() { sed 's/^/    /'; }

# exec: run in the background, $! is then ssh's own pid.
ssh_as() {
	local user=$1
	shift
	exec ssh -p "$port" -i "$prefix/key" -o UserKnownHostsFile="$prefix/known_hosts" -o LogLevel=ERROR \
		-o StrictHostKeyChecking=no -o BatchMode=yes -F none "$user@127.0.0.1" "$@" </dev/null
}
log_in() { (ssh_as "$@"); }

install_all() {
	make -s install BUILD=build/demo PREFIX=$prefix SYSCONFDIR=$prefix/etc \
		LOCALSTATEDIR=$prefix/var RUNSTATEDIR=/run/carrel-demo PAMDIR=$prefix/security >/dev/null ||
		die "the installation into $prefix failed"
	mkdir -p /run/carrel-demo
	cat >$prefix/etc/carrel/carrel.conf <<-EOF
		[host]
		cgroup = cgroupfs
		[default]
		memory_max = 256M
		pids_max = 60
		cpu_max = 100%
		tmp_size = 32M
		sessions_max = 20
	EOF
}

start_sshd() {
	local sshd
	sshd=$(command -v sshd || echo /usr/sbin/sshd)
	# A copy under another name makes PAM use a service file of that name, so the host's is not touched.
	cp "$sshd" "$prefix/$service" || die "copy $sshd"
	cat >"/etc/pam.d/$service" <<-EOF
		account required pam_permit.so
		session required $prefix/security/pam_carrel.so
	EOF
	ssh-keygen -q -t ed25519 -N '' -f $prefix/host_key && ssh-keygen -q -t ed25519 -N '' -f $prefix/key
	chmod 644 $prefix/key.pub
	port=$((20000 + RANDOM % 20000))
	cat >$prefix/sshd_config <<-EOF
		ListenAddress 127.0.0.1
		Port $port
		HostKey $prefix/host_key
		AuthorizedKeysFile $prefix/key.pub
		StrictModes no
		UsePAM yes
		PidFile $prefix/sshd.pid
		AllowUsers $alice $bob
	EOF
	mkdir -p /run/sshd
	# From OpenSSH 9.8 on, sshd-session asks PAM, whatever the copy is called; the option is as old.
	if "$prefix/$service" -t -f $prefix/sshd_config -o "PAMServiceName $service" 2>/dev/null; then
		echo "PAMServiceName $service" >>$prefix/sshd_config
	fi
	"$prefix/$service" -D -e -f $prefix/sshd_config 2>$prefix/sshd.log &
	sshd_pid=$!
	for _ in $(seq 50); do
		if log_in "$alice" true 2>/dev/null; then return; fi
		kill -0 "$sshd_pid" 2>/dev/null || break
		sleep 0.1
	done
	cat $prefix/sshd.log >&2
	die "no login through the private sshd"
}

seconds_of() {
	local start end
	start=$(date +%s%N)
	"$@" >/dev/null || die "this login failed: $*"
	end=$(date +%s%N)
	printf '%d.%02d s' $(((end - start) / 1000000000)) $(((end - start) / 10000000 % 100))
}

# What follows would harm the host if a login were not confined.
check_confined() {
	local outside inside
	outside=$(readlink /proc/self/ns/pid)
	inside=$(log_in "$alice" readlink /proc/self/ns/pid)
	[ -n "$inside" ] && [ "$inside" != "$outside" ] || die "alice's login is not confined"
	[ -n "$("$prefix/bin/carrel" explain "$alice" | grep 'pids_max.* 60$')" ] || die "the policy is not in force"
	log_in "$alice" 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null' | grep -qx 60 ||
		die "alice's login has no limit on processes"
}

look_around() {
	title "alice and bob are logged in; each has a file in /tmp and a shared memory segment"
	for user in "$alice" "$bob"; do
		ssh_as "$user" "echo secret of $user >/tmp/$user.txt; ipcmk -M 4096 >/dev/null; exec sleep 60" &
		client_pids="$client_pids $!"
	done
	sleep 1
	title "ps: the host, then alice"
	echo "    the host has $(ps ax | wc -l) processes; alice's login sees:"
	log_in "$alice" ps ax -o pid,user,args | show
	title "/tmp: the host, then a login of alice's that leaves a file of its own"
	find /tmp -maxdepth 1 -name 'carrel-demo*' | wc -l | sed 's/^/    files of alice and bob in the host'"'"'s \/tmp: /'
	log_in "$alice" "touch /tmp/mine; ls -la /tmp; df -h /tmp" | show
	title "ipcs -m: nothing of bob's"
	log_in "$alice" ipcs -m | show
	title "the limits, as alice sees them in /sys/fs/cgroup"
	log_in "$alice" 'cd /sys/fs/cgroup; for f in memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us memory.max pids.max cpu.max; do [ -e $f ] && echo "$f: $(cat $f)"; done' | show
}

starve() {
	title "a fork bomb of alice's stops at pids_max = 60; meanwhile bob logs in"
	ssh_as "$alice" 'perl -e "while (defined(\$p = fork)) { if (!\$p) { sleep 20; exit } \$n++ } \$| = 1; print \"stopped after \$n forks: \$!\n\"; sleep 3; kill 9, -\$\$"' >$prefix/bomb.txt 2>&1 &
	local bomb=$!
	client_pids="$client_pids $bomb"
	for _ in $(seq 50); do
		[ ! -s $prefix/bomb.txt ] || break
		sleep 0.1
	done
	echo "    bob's login took $(seconds_of log_in "$bob" true)"
	wait "$bomb"
	show <$prefix/bomb.txt
	title "a memory hog dies alone at memory_max = 256M; the shell that started it lives on"
	log_in "$alice" 'perl -e "push @a, \"x\" x 1048576 while 1"; echo "the hog ended with status $?; this shell goes on"' 2>&1 | show
}

[ "$(id -u)" = 0 ] || die "needs root: it makes users, namespaces and cgroups"
cleanup # what an aborted run left
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
useradd -m -s /bin/bash "$alice" && useradd -m -s /bin/bash "$bob" || die "make the users"
install_all
start_sshd
check_confined
look_around
title "carrel list"
"$prefix/bin/carrel" list | show
title "carrel explain $alice (the lines that are not defaults)"
"$prefix/bin/carrel" explain "$alice" --service "$service" | grep -v '(default)' | show
starve
title "after logout"
for pid in $client_pids; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
client_pids=
for _ in $(seq 50); do
	[ "$("$prefix/bin/carrel" list | wc -l)" -gt 1 ] || break
	sleep 0.1
done
echo "    sandboxes: $(($("$prefix/bin/carrel" list | wc -l) - 1)), cgroups: $(find /sys/fs/cgroup -type d \( -name "user-$(id -u "$alice").slice" -o -name "user-$(id -u "$bob").slice" \) -path '*/carrel.slice/*' | wc -l), processes: $(ps -o pid= -u "$alice" -u "$bob" | wc -l)"
title "done; everything is removed again"

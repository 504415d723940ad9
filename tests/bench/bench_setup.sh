# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by bench.sh: what the benchmark puts on the machine, and takes off it again.
# shellcheck disable=SC2154 # its variables

PREFIX=/opt/carrel-bench
RUN=/run/carrel-bench
BENCH_USER=carrel-bench
BENCH_OTHER=carrel-bench-other # is logged in all the while
SERVICES='plain carrel sshd' # /etc/pam.d/carrel-bench-NAME; sshd's becomes one of the others

say() {
	echo "bench: $*" >&2
}

die() {
	say "$*"
	exit 1
}

carrel_installed() {
	[ -e "$PREFIX/security/pam_carrel.so" ]
}

namespace_installed() {
	local dir
	for dir in /lib/*/security /usr/lib/*/security /usr/lib64/security /usr/lib/security; do
		[ -e "$dir/pam_namespace.so" ] && return 0
	done
	return 1
}

# Processes that run PROGRAM, or a program below DIRECTORY/.
processes_of() {
	local link target
	for link in /proc/[0-9]*/exe; do
		target=$(readlink "$link" 2>/dev/null) || continue
		case $target in
		"$1" | "$1 (deleted)") ;;
		"$1"*) [[ $1 == */ ]] || continue ;;
		*) continue ;;
		esac
		link=${link#/proc/}
		echo "${link%/exe}"
	done
}

cgroup_mounts() {
	awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts
}

# Where the slice of the user is made, in each hierarchy.
# shellcheck disable=SC2120 # bench.sh calls it with a user
slice_directories() {
	local user uid mount
	for user in ${1:-"$BENCH_USER" "$BENCH_OTHER"}; do
		uid=$(id -u "$user" 2>/dev/null) || continue
		for mount in $(cgroup_mounts); do
			echo "$mount/carrel.slice/user-$uid.slice"
		done
	done
}

leftovers() {
	local pid directory
	for pid in $(processes_of "$PREFIX/libexec/"); do
		echo "process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
	done
	for directory in $(slice_directories); do
		[ -d "$directory" ] && echo "cgroup $directory"
	done
	[ -d "$RUN/carrel" ] && find "$RUN/carrel" -mindepth 1
}

# Those that an aborted run left: they name our configuration.
sshd_processes() {
	local file
	for file in /proc/[0-9]*/cmdline; do
		if { tr '\0' ' ' <"$file"; } 2>/dev/null | grep -q "sshd.* -f $PREFIX/ssh/"; then
			file=${file#/proc/}
			echo "${file%/cmdline}"
		fi
	done
}

# Safe on a machine where nothing of ours is: everything goes by a name that is only ours.
clean() {
	local pid directory service
	for pid in $(processes_of "$PREFIX/") $(sshd_processes); do
		kill -KILL "$pid" 2>/dev/null
	done
	sleep 0.2
	for directory in $(cgroup_mounts); do
		find "$directory" -maxdepth 1 -type d -name 'carrel-bench-*' -exec rmdir {} +
	done
	for directory in $(slice_directories); do
		# The slice above it only with the last of its users.
		[ -d "$directory" ] && rmdir "$directory" && rmdir "${directory%/*}" 2>/dev/null
	done
	for service in $SERVICES; do
		rm -f "/etc/pam.d/carrel-bench-$service"{,.new}
	done
	for user in "$BENCH_USER" "$BENCH_OTHER"; do
		id "$user" >/dev/null 2>&1 && userdel "$user"
	done
	! mountpoint -q "$RUN" || umount "$RUN"
	rm -rf --one-file-system "$PREFIX" "$RUN"
}

at_exit() {
	local pid try
	trap - EXIT INT TERM HUP
	for pid in "${child[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "${sshd_pids[@]}"; do
		kill "$pid" 2>/dev/null
	done
	wait
	# Held sessions close when their parent has gone, and wardens end in their own time.
	for ((try = 0; try < 50; try++)); do
		[ -n "$(processes_of "$programs/")$(processes_of "$PREFIX/libexec/")" ] || break
		sleep 0.1
	done
	clean
	[ -z "${made_run_sshd:-}" ] || rmdir /run/sshd 2>/dev/null
	rm -rf "$work" /run/carrel-bench.lock
}

install_carrel() {
	local log=$BUILD/bench-install.log
	# The paths are compiled in, so these objects are not those of the build beside them.
	if ! ${MAKE:-make} install BUILD="$BUILD/bench-prefix" PREFIX="$PREFIX" \
		SYSCONFDIR="$PREFIX/etc" LOCALSTATEDIR="$PREFIX/var" RUNSTATEDIR="$RUN" \
		PAMDIR="$PREFIX/security" DESTDIR= >"$log" 2>&1; then
		say "carrel can't be built and installed, see $log:"
		tail -n 3 "$log" >&2
		rm -f "$PREFIX/security/pam_carrel.so"
		return
	fi
	cat >"$PREFIX/etc/carrel/carrel.conf" <<-END
		[default]
		private_tmp = /tmp /var/tmp /dev/shm
		tmp_scope = session
		memory_max = 50%
		pids_max = 10000
		cpu_max = 10000%
		[service carrel-shell]
		memory_max = max
		pids_max = max
		cpu_max = max
		[service join]
		instance = user
	END
}

install_services() {
	local service
	mkdir -p "$PREFIX/pam.d"
	for service in permit namespace carrel join; do
		printf '%s\n' 'auth required pam_permit.so' 'account required pam_permit.so' \
			'session required pam_permit.so' >"$PREFIX/pam.d/$service"
	done
	cp "$PREFIX/pam.d/permit" /etc/pam.d/carrel-bench-plain
	sed -i '/^session/d' "$PREFIX/pam.d/namespace" "$PREFIX/pam.d/carrel" "$PREFIX/pam.d/join"
	echo 'session required pam_namespace.so' >>"$PREFIX/pam.d/namespace"
	echo "session required $PREFIX/security/pam_carrel.so" >>"$PREFIX/pam.d/carrel"
	echo "session required $PREFIX/security/pam_carrel.so" >>"$PREFIX/pam.d/join"
	cp "$PREFIX/pam.d/permit" /etc/pam.d/carrel-bench-carrel
	echo "session required $PREFIX/security/pam_carrel.so" >>/etc/pam.d/carrel-bench-carrel
	ln -sfn carrel-bench-plain /etc/pam.d/carrel-bench-sshd
}

# pam_namespace reads only /etc/security/namespace.conf: ours stands there in a mount namespace.
install_namespace() {
	local directory
	for directory in tmp vartmp shm; do
		mkdir -m 000 "$PREFIX/instances/$directory"
	done
	cat >"$PREFIX/namespace.conf" <<-END
		/tmp $PREFIX/instances/tmp/ user root
		/var/tmp $PREFIX/instances/vartmp/ user root
		/dev/shm $PREFIX/instances/shm/ user root
	END
	cat >"$PREFIX/with-namespace-conf" <<-END
		#!/bin/sh
		exec unshare -m sh -c 'mount --bind $PREFIX/namespace.conf \\
			/etc/security/namespace.conf && exec "\$@"' sh "\$@"
	END
	chmod 0755 "$PREFIX/with-namespace-conf"
}

# The service's name is that of sshd's program, or since OpenSSH 9.8 what PAMServiceName says.
sshd_config() { # NAME PORT
	cat <<-END
		ListenAddress 127.0.0.1
		Port $2
		HostKey $PREFIX/ssh/host_key
		AuthorizedKeysFile $PREFIX/ssh/user_key.pub
		StrictModes no
		UsePAM yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PidFile none
		MaxStartups 100
		PrintMotd no
		PrintLastLog no
	END
}

sshd_start() { # NAME: of its service
	local name=$1 port program=/usr/sbin/sshd config="$PREFIX/ssh/$1.conf" try
	mkdir -p "$PREFIX/ssh"
	chmod 0755 "$PREFIX/ssh"
	if [ ! -e "$PREFIX/ssh/host_key" ]; then
		ssh-keygen -q -t ed25519 -N '' -f "$PREFIX/ssh/host_key" &&
			ssh-keygen -q -t ed25519 -N '' -f "$PREFIX/ssh/user_key" || return 1
	fi
	if [ ! -d /run/sshd ]; then
		mkdir -m 0755 /run/sshd && made_run_sshd=1
	fi
	for try in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 10000))
		sshd_config "$name" $port >"$config"
		echo "PAMServiceName carrel-bench-$name" >>"$config"
		if ! "$program" -t -f "$config" 2>/dev/null; then
			sed -i '$d' "$config"
			program=$PREFIX/carrel-bench-$name
			cp /usr/sbin/sshd "$program"
		fi
		"$program" -D -e -f "$config" 2>>"$work/sshd_$name.err" \
			{lock_fd}>&- {pause_fd}>&- &
		sshd_pids+=($!)
		pause 0.5
		if kill -0 $! 2>/dev/null; then
			ssh_ports[$name]=$port
			return 0
		fi
	done
	say "sshd ($name) does not start: $(tail -n 1 "$work/sshd_$name.err")"
	return 1
}

ssh_command() { # NAME
	echo ssh -F none -p "${ssh_ports[$1]}" -i "$PREFIX/ssh/user_key" -o IdentitiesOnly=yes \
		-o IdentityAgent=none -o ControlMaster=no -o ControlPath=none -o BatchMode=yes \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
		"$BENCH_USER@127.0.0.1" true
}

setup() {
	[ "$(id -u)" = 0 ] || die 'root is needed'
	declare -gA ssh_ports=()
	declare -ga sshd_pids=()
	exec {lock_fd}>/run/carrel-bench.lock
	flock -w 10 "$lock_fd" || die 'another benchmark is running'
	rm -rf "$work"
	mkdir -p "$work" && mkfifo "$work/pause" || exit 1
	exec {pause_fd}<>"$work/pause"
	trap at_exit EXIT
	# Not `exit`: bash 5.2 smashes its stack when a trap leaves a read with a timeout that way.
	trap 'stopped=yes' INT TERM HUP
	trap : PIPE # a program that has ended is a failed cycle
	clean
	mkdir -p "$PREFIX/home" "$PREFIX/instances" "$RUN"
	# /run is memory on every distribution (FHS 3.0, 3.15); a machine without one gets it here.
	[ "$(stat -f -c %T /run)" = tmpfs ] ||
		mount -t tmpfs -o mode=755,nosuid,nodev carrel-bench "$RUN" || exit 1
	chmod 0755 "$PREFIX" "$PREFIX/home"
	useradd -M -d "$PREFIX/home" -s /bin/sh -p '*' "$BENCH_USER" || exit 1
	useradd -M -d /nonexistent -s /bin/sh -p '*' "$BENCH_OTHER" || exit 1
	chown "$BENCH_USER:" "$PREFIX/home"
	install_carrel
	install_services
	install_namespace
}

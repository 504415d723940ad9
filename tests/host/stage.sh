# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# The stage that the host tests play on. Sourced by run.

# What an aborted run of this name left on the machine. Its uids are nobody else's (run checks), and
# nobody else has the stage's mount among theirs, while all that was started on it has.
stage_sweep()
{
	local pid dir pass found
	for ((pass = 0; pass < 10; pass++)); do
		found=$(
			grep -l " $CHECK_PREFIX/stage " /proc/[0-9]*/mountinfo 2>/dev/null | cut -d/ -f3
			for dir in /proc/[0-9]*; do
				case $(readlink "$dir/exe" 2>/dev/null) in
				"$CHECK_PREFIX"/*) echo "${dir#/proc/}" ;;
				esac
			done
			ps -eo pid=,ruid=,stat= | awk -v low="$CHECK_UID" \
				'$2 >= low && $2 < low + 10 && $3 !~ /^Z/ { print $1 }'
		)
		[ -n "$found" ] || break
		for pid in $found; do kill -9 "$pid" 2>/dev/null; done
		sleep 0.3
	done
	stage_remove_slices
	rm -rf --one-file-system "$CHECK_RUN"
	[ "${1:-}" = keep ] || rm -rf --one-file-system "$CHECK_PREFIX"
}

# All slices that belong to our uids, wherever a controller lives; carrel.slice when it is empty then.
stage_slices()
{
	local uid slice
	find /sys/fs/cgroup -maxdepth 3 -type d -name carrel.slice 2>/dev/null | while read -r slice; do
		for ((uid = CHECK_UID; uid < CHECK_UID + 10; uid++)); do
			[ ! -d "$slice/user-$uid.slice" ] || echo "$slice/user-$uid.slice"
		done
		[ -n "$(find "$slice" -mindepth 1 -type d 2>/dev/null)" ] || echo "$slice"
	done
}

stage_remove_slices()
{
	local dir
	for dir in $(stage_slices); do
		find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null
		case $dir in */user-*) rmdir "${dir%/*}" 2>/dev/null ;; esac
	done
}

# $1: a directory of the machine, to be covered by an empty one of the stage's disk with mode $2.
stage_cover()
{
	local own=$CHECK_PREFIX/disk$1
	mkdir -p "$own" && chmod "$2" "$own" && mount --bind "$own" "$1"
}

# A /dev of our own, so that /dev/log can be made and nothing of it stays behind.
stage_dev()
{
	local new=$CHECK_PREFIX/stage/dev entry name
	mkdir -p "$new" && mount -t tmpfs -o mode=755,nosuid dev "$new" || return
	for entry in /dev/*; do
		name=${entry#/dev/}
		case $name in log | shm | mqueue) continue ;; esac
		if [ -d "$entry" ] && [ ! -L "$entry" ]; then
			mkdir "$new/$name" && mount --rbind "$entry" "$new/$name" || return
		else
			cp -a "$entry" "$new/$name" || return
		fi
	done
	mkdir "$new/shm" "$new/mqueue" && mount -t tmpfs -o mode=1777,nosuid,nodev shm "$new/shm" || return
	mount -t mqueue mqueue "$new/mqueue" || rmdir "$new/mqueue"
	mount --rbind "$new" /dev
}

stage_mounts()
{
	mkdir -p "$CHECK_PREFIX"/{stage,src,disk,keys,log,scratch,bin} "$CHECK_RUN" /run/sshd || return
	chmod 755 "$CHECK_PREFIX" "$CHECK_PREFIX"/* "$CHECK_RUN" /run/sshd
	# The tree may lie below /home or /tmp, which are covered in a moment.
	mount --bind "$repo" "$CHECK_SOURCE" || return
	mount -t tmpfs -o mode=755 stage "$CHECK_PREFIX/stage" || return
	cp -a /etc "$CHECK_PREFIX/stage/etc" && mount --bind "$CHECK_PREFIX/stage/etc" /etc || return
	stage_dev || return
	cd "$CHECK_PREFIX" || return
	stage_cover /home 755 && stage_cover /tmp 1777 && stage_cover /var/tmp 1777 &&
		stage_cover /var/log 755 || return
	touch /var/log/wtmp /var/log/lastlog
	# As on a systemd host: what a sandbox does not cut off shows up here.
	mount --make-rshared /
}

stage_users()
{
	local name uid=$CHECK_UID
	export USER_A=carrel-a USER_B=carrel-b UID_A=$CHECK_UID UID_B=$((CHECK_UID + 1))
	for name in "$USER_A" "$USER_B"; do
		useradd -m -k /dev/null -K UMASK=077 -u "$uid" -U -s /bin/bash -p '*' "$name" || return
		uid=$((uid + 1))
	done
}

stage_keys()
{
	local keys=$CHECK_PREFIX/keys
	ssh-keygen -q -t ed25519 -N '' -C check -f "$keys/host" &&
		ssh-keygen -q -t ed25519 -N '' -C check -f "$keys/user" || return
	cp "$keys/user.pub" "$keys/authorized_keys" && chmod 644 "$keys/authorized_keys" || return
	printf '* %s\n' "$(cut -d' ' -f1,2 "$keys/host.pub")" >"$keys/known_hosts"
	cat >"$CHECK_PREFIX/ssh_config" <<-END
		IdentityFile $keys/user
		IdentitiesOnly yes
		IdentityAgent none
		UserKnownHostsFile $keys/known_hosts
		GlobalKnownHostsFile /dev/null
		StrictHostKeyChecking yes
		BatchMode yes
		ControlMaster no
		ControlPath none
		ConnectTimeout 10
		LogLevel ERROR
		Include $CHECK_PREFIX/ssh_hosts
	END
	: >"$CHECK_PREFIX/ssh_hosts"
}

stage_setup()
{
	export SERVICE_IN=carrel-$CHECK_NAME-sshd SERVICE_OUT=carrel-$CHECK_NAME-plain
	stage_mounts || die "setting up the stage's mounts"
	export CHECK_LOG=$CHECK_PREFIX/log/syslog
	: >"$CHECK_LOG"
	"$CHECK_PREFIX/tests/log_sink" /dev/log "$CHECK_LOG" </dev/null &
	CHECK_BASELINE_PIDS=$!
	stage_users || die "making the users"
	stage_keys || die "making the keys"
	mkdir "$CHECK_PREFIX/stage/saved" && cp -a /etc/{passwd,group,shadow,gshadow,pam.d} "$CHECK_PREFIX/stage/saved/" ||
		die "saving the stage's /etc"
	cp -a /etc/sub[ug]id "$CHECK_PREFIX/stage/saved/" 2>/dev/null
	. "$CHECK_SOURCE/tests/host/lib.sh"
	pam_reset
	sshd_start in "$SERVICE_IN" || die "sshd with the module does not start"
	sshd_start out "$SERVICE_OUT" || die "sshd without the module does not start"
	CHECK_BASELINE_PIDS="$CHECK_BASELINE_PIDS $(cat "$CHECK_PREFIX"/log/*.pid | tr '\n' ' ')"
}

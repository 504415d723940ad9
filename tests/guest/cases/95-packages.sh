#!/bin/bash
# SPDX-License-Identifier: MIT
# The payload's ./run in a guest (see tests/packaging/guest): the packages installed, chosen, upgraded with a
# user logged in, removed and purged. old/ and new/ hold the packages; the new ones speak another protocol.
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
passed=0
failed=0
work=/guest/work
host_pid_ns=$(readlink /proc/self/ns/pid)

check() { # NAME, command that is to succeed
	local name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok $name"
	else
		failed=$((failed + 1))
		echo "not ok $name"
	fi
}
not() { ! "$@"; }
quietly() { "$@" >>"$work/log" 2>&1; }
apt() { quietly apt-get -y -o Dpkg::Use-Pty=0 "$@"; }

ssh_as() { # USER COMMAND
	ssh -i "$work/key" -F none -o UserKnownHostsFile="$work/known_hosts" -o StrictHostKeyChecking=accept-new \
		-o BatchMode=yes -o LogLevel=ERROR "$1@127.0.0.1" "$2" </dev/null
}
pid_ns_of() { ssh_as "$1" 'readlink /proc/self/ns/pid'; }
is_open() { [ "$(pid_ns_of "$1")" = "$host_pid_ns" ]; }
is_confined() {
	local ns
	ns=$(pid_ns_of "$1")
	[ -n "$ns" ] && [ "$ns" != "$host_pid_ns" ]
}
await() { # SECONDS COMMAND
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}

# What an administrator would find, were it left: everything on the disk and in /run but logs, caches, the
# package manager's own books, and directories of apparmor's that dh_apparmor's scripts make or remove.
list_files() {
	find / /run -xdev \( -path /proc -o -path /guest -o -path /var/log -o -path /var/cache -o -path /var/lib/apt \
		-o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /run/systemd -o -path /run/udev \
		-o -path /run/user -o -path /root -o -path /home -o -path /tmp -o -path /var/lib/private \
		-o -path /run/dbus -o -path /etc/ld.so.cache -o -path /run/log -o -path /run/motd.dynamic \) -prune -o -print |
		grep -vE -- '-old$|^/run/apparmor|^/etc/apparmor.d/(local|disable)$' | sort
}
no_sandbox() { ! pgrep -f '/?carrel-(session|init)' >/dev/null; }
wardens() { pgrep -x carrel-session; }

# The users and their keys; a file on the host's /tmp.
prepare() {
	mkdir -p "$work" && chmod 755 "$work"
	useradd -m -s /bin/bash -p '*' alice && useradd -m -s /bin/bash -p '*' bob || return 1
	ssh-keygen -q -t ed25519 -N '' -f "$work/key" || return 1
	local home user
	for user in root alice bob; do
		home=$(getent passwd "$user" | cut -d: -f6)
		install -d -o "$user" -m 700 "$home/.ssh" && install -o "$user" -m 600 "$work/key.pub" "$home/.ssh/authorized_keys"
	done
	touch /tmp/of-the-host
	# Debian's own profile with something to do after pam_systemd: carrel's must still be behind it.
	pam-auth-update --enable mkhomedir
}

# Where systemd owns the cgroups, and this version can't ask it for limits, the policy says so.
write_policy() {
	carrel check >/dev/null 2>&1 && return
	printf '[host]\ncgroup = cgroupfs\n[service systemd-user]\nsandbox = no\n' \
		>/etc/carrel/carrel.conf.d/50-guest.conf
}

install_old() {
	list_files >"$work/before"
	sha256sum /etc/pam.d/* >"$work/pam-before"
	check "apt installs the packages" apt install ./old/*.deb
	write_policy
	check "the policy is good" quietly carrel check
	check "no PAM stack has changed" quietly sha256sum -c "$work/pam-before"
	check "as installed, a login is not confined" is_open alice
	limits_out=$(ssh_as alice 'ulimit -Ha')
}

lines() { grep -v '^#' "/etc/pam.d/$1" | grep . | tr -s ' \t' ' '; }
is_last() { [ "$(lines "$1" | tail -n 1)" = 'session required pam_carrel.so ' ]; }
same_limits() {
	local inside
	inside=$(ssh_as alice 'ulimit -Ha')
	diff <(echo "$limits_out") <(echo "$inside")
}

choose() {
	check "pam-auth-update --enable carrel" quietly pam-auth-update --enable carrel
	check "the line is the last of common-session, behind pam_systemd and pam_mkhomedir" is_last common-session
	check "the line is the last of common-session-noninteractive" is_last common-session-noninteractive
	check "the next login is confined" is_confined alice
	check "and has the resource limits that it had" same_limits
	check "it does not see the host's /tmp" not ssh_as alice 'test -e /tmp/of-the-host'
	check "root is left alone" is_open root
	check "su is confined" not test "$(su - bob -c 'readlink /proc/self/ns/pid')" = "$host_pid_ns"
}

# A session that writes its pid namespace to a file once a second, until told to stop.
start_session() {
	rm -f /home/alice/beat /home/alice/stop
	# shellcheck disable=SC2016 # for the shell of the login
	ssh_as alice 'until [ -e stop ]; do readlink /proc/self/ns/pid >>beat; sleep 1; done; echo ended' \
		>"$work/session" &
	session=$!
	await 20 test -s /home/alice/beat
}
beats() { wc -l </home/alice/beat; }
beats_more_than() { [ "$(beats)" -gt "$1" ]; }
goes_on() { await 20 beats_more_than $(($(beats) + 1)) && [ "$(sort -u /home/alice/beat | wc -l)" = 1 ]; }
ends_well() {
	touch /home/alice/stop
	wait "$session" && grep -qx ended "$work/session"
}

label_of() { tr -d '\0' <"/proc/$1/attr/current"; }
init_of() { pgrep -P "$(wardens | head -n 1)"; }
apparmor() {
	if ! [ -d /sys/kernel/security/apparmor ]; then
		echo "skip this kernel has no AppArmor"
		return
	fi
	start_session
	check "aa-status: both profiles are enforced" [ "$(aa-status | sed -n '/enforce mode/,/complain mode/p' |
		grep -cxE ' *carrel-(session|init)')" = 2 ]
	check "the warden runs under its profile" [ "$(label_of "$(wardens | head -n 1)")" = 'carrel-session (enforce)' ]
	check "PID 1 runs under its own" [ "$(label_of "$(init_of)")" = 'carrel-init//&carrel-session (enforce)' ]
	check "the user's processes run under neither" [ "$(ssh_as alice 'cat /proc/self/attr/current')" = unconfined ]
	check "a session under the profiles ends well" ends_well
	check "nothing is left of it" await 20 no_sandbox
}

runs() { # PID PATTERN: of its program's path
	readlink "/proc/$1/exe" >"$work/exe"
	grep -q "$2" "$work/exe" || { echo "pid $1 runs $(cat "$work/exe"); wardens: $(pgrep -ax carrel-session)"; return 1; }
}
two_wardens() { [ "$(wardens | wc -l)" = 2 ]; }
upgrade() {
	start_session
	old=$(wardens)
	sha256sum /etc/pam.d/* >"$work/pam-chosen"
	check "apt upgrades the packages while alice is logged in" apt install ./new/*.deb
	check "the version is the new one" [ "$(dpkg-query -W -f '${Version}' libpam-carrel)" = "$(cat new/version)" ]
	check "the choice has stayed" quietly sha256sum -c "$work/pam-chosen"
	check "her session goes on" goes_on
	check "her warden is the old program" runs "$old" deleted
	check "a new login is confined" is_confined bob
	ssh_as bob 'until [ -e stop ]; do sleep 1; done' &
	local bobs=$!
	await 20 two_wardens
	check "by the new program" runs "$(wardens | grep -vx "$old")" '^/usr/libexec/carrel/carrel-session$'
	check "carrel list works beside a warden of the old version" grep -q bob <(carrel list)
	touch /home/bob/stop
	wait "$bobs"
	check "her session ends well" ends_well
	check "nothing is left of either" await 40 no_sandbox
	check "carrel list is empty" [ "$(carrel list | wc -l)" = 1 ]
	check "no directory of either is left" [ -z "$(ls -A /run/carrel 2>/dev/null)" ]
}

remove() {
	echo 'session required pam_carrel.so' >>/etc/pam.d/su
	check "a line by hand in a PAM file stops the removal, which would lock everybody out" not apt remove libpam-carrel
	check "and says where it is" grep -q '/etc/pam.d/su$' "$work/log"
	check "root still gets in" is_open root
	sed -i '/pam_carrel/d' /etc/pam.d/su
	# The refused removal has taken the profile out already.
	quietly dpkg --configure -a
	pam-auth-update --enable carrel
	check "chosen again, a login is confined" is_confined alice
	start_session
	check "apt removes the packages while alice is logged in" apt remove libpam-carrel carrel
	check "no PAM stack has the line" not grep -rq pam_carrel /etc/pam.d
	check "her session goes on" goes_on
	check "the next login is not confined" is_open bob
	check "the policy stays" test -s /etc/carrel/carrel.conf
	check "her session ends well" ends_well
	check "nothing is left of it" await 40 no_sandbox
	check "apt purges the packages" apt purge libpam-carrel carrel
	list_files >"$work/after"
	check "purge leaves nothing" diff "$work/before" "$work/after"
	check "the PAM stacks are as before" quietly sha256sum -c "$work/pam-before"
	check "root still gets in, and so does alice" eval 'is_open root && is_open alice'
}

# Only where the kernel logs it (CARREL_GUEST_AUDIT=1).
denials() { dmesg | grep 'apparmor="DENIED"' | grep -E 'profile="[^"]*carrel|carrel-(session|init|systemd)"'; }

prepare || exit 2
install_old
check "the packages' own test (DEP-8) passes" ./dep8-login
choose
apparmor
upgrade
remove
check "AppArmor has denied nothing" not denials
[ "$failed" = 0 ] || { tail -n 60 "$work/log"; journalctl -b --no-pager -p warning | tail -n 40; }
echo "$passed $failed" >"$RESULTS/count"
[ "$failed" = 0 ]

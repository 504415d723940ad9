# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2016,SC2154
# timeout: 900
# The packages from `apt install` to `apt purge`, by the shipped policy, with users logged in. What this run
# itself was installed from goes first. The new packages speak another protocol.
. "$CHECK_SOURCE/tests/guest/lib.sh"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
packages=$CHECK_SOURCE/packages
host_pid_ns=$(readlink /proc/self/ns/pid)

check() # NAME, command that is to succeed
{
	case_ "$1"
	shift
	expect_ok "$@"
}
not() { ! "$@"; }
apt()
{
	apt-get -y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@"
}

pid_ns_of() { ssh_in "$1" 'readlink /proc/self/ns/pid'; }
is_open() { [ "$(pid_ns_of "$1")" = "$host_pid_ns" ]; }
is_confined()
{
	local ns
	ns=$(pid_ns_of "$1")
	[ -n "$ns" ] && [ "$ns" != "$host_pid_ns" ]
}
# wait_until's result must be a case's own.
await()
{
	wait_until "$@"
}

# Emulation takes more than the five seconds of a login; pam-auth-update keeps what is added to a line.
options='timeout=30'
give_time()
{
	sed -i "s/pam_carrel\.so.*/pam_carrel.so $options/" /etc/pam.d/common-session /etc/pam.d/common-session-noninteractive
}

# What an administrator would find, were it left: everything on the disk and in /run but logs, caches, the
# package manager's own books, and directories of apparmor's that dh_apparmor's scripts make or remove.
list_files()
{
	find / /run -xdev \( -path /proc -o -path /guest -o -path /var/log -o -path /var/cache -o -path /var/lib/apt \
		-o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /run/systemd -o -path /run/udev \
		-o -path /run/user -o -path /root -o -path /home -o -path /tmp -o -path /var/lib/private \
		-o -path /run/dbus -o -path /etc/ld.so.cache -o -path /run/log -o -path /run/motd.dynamic \) -prune -o -print |
		grep -vE -- '-old$|^/run/apparmor|^/etc/apparmor.d/(local|disable)$' | sort
}

lines() { grep -v '^#' "/etc/pam.d/$1" | grep . | tr -s ' \t' ' '; }
is_last() { [ "$(lines "$1" | tail -n 1)" = 'session required pam_carrel.so ' ]; }
same_limits() { [ "$limits_out" = "$(ssh_in "$USER_A" 'ulimit -Ha')" ]; }

# A session that writes its pid namespace to a file once a second, until told to stop.
beating()
{
	rm -f /home/alice/beat /home/alice/stop
	ssh_in "$USER_A" 'until [ -e stop ]; do readlink /proc/self/ns/pid >>beat; sleep 1; done; echo ended' \
		>/guest/beating 2>&1 &
	beating=$!
	wait_until 20 test -s /home/alice/beat
}
beats_more_than() { [ "$(wc -l </home/alice/beat)" -gt "$1" ]; }
goes_on()
{
	wait_until 20 beats_more_than $(($(wc -l </home/alice/beat) + 1)) && [ "$(sort -u /home/alice/beat | wc -l)" = 1 ]
}
ends_well()
{
	touch /home/alice/stop
	wait "$beating" && grep -qx ended /guest/beating
}
# The warden of the sandbox of that user's ssh login (a user manager has one of its own).
warden_of() { "$CARREL" list --json | jq_user "$1" warden_pid; }
jq_user()
{
	awk -v user="$1" -v key="$2" '
		/^  {/ { delete item }
		{ split($0, pair, /": /); name = pair[1]; value = pair[2]
		  gsub(/[" ]/, "", name); gsub(/[",]/, "", value); item[name] = value }
		/^  }/ && item["service"] == "sshd" && item["user"] == user { print item[key]; exit }'
}
program_of() { readlink "/proc/$1/exe"; }
has_no_trace() { [ -z "$(pgrep -f '/?carrel-(session|init)')" ]; }

case_ "what this run was installed from is purged"
cp -a /guest/pam.orig/runuser /etc/pam.d/runuser
expect_ok apt purge libpam-carrel carrel
expect_nogrep pam_carrel grep -r '^[^#]*pam_carrel' /etc/pam.d
for path in /etc/carrel /var/lib/carrel /run/carrel; do expect_nofile $path; done
expect_equal "$(find /run/systemd/system.control -name "50-*" 2>/dev/null)" "" "properties of slices"
expect_ok pam-auth-update --enable mkhomedir
touch /tmp/of-the-host
list_files >/guest/files-before
sha256sum /etc/pam.d/* >/guest/pam-before

check "apt installs the packages" apt install "$packages"/old/*.deb
check "the shipped policy is good here" "$CARREL" check
check "no PAM stack has changed" sha256sum -c --quiet /guest/pam-before
check "as installed, a login is not confined" is_open "$USER_A"
limits_out=$(ssh_in "$USER_A" 'ulimit -Ha')
check "the packages' own test (DEP-8) passes" env CARREL_OPTIONS="$options" "$CHECK_SOURCE/dep8-login"

check "pam-auth-update --enable carrel" pam-auth-update --enable carrel
check "the line is the last of common-session, behind pam_systemd and pam_mkhomedir" is_last common-session
check "the line is the last of common-session-noninteractive" is_last common-session-noninteractive
give_time
check "the next login is confined" is_confined "$USER_A"
check "and has the resource limits that it had" same_limits
check "it does not see the host's /tmp" not ssh_in "$USER_A" 'test -e /tmp/of-the-host'
check "root is left alone" is_open root
case_ "su is confined"
expect_ok su - "$USER_B" -c 'readlink /proc/self/ns/pid'
expect_differ "$OUT" "$host_pid_ns" "pid namespaces"

beating
old=$(warden_of "$USER_A")
sha256sum /etc/pam.d/* >/guest/pam-chosen
echo '# an administrator was here' >>"$POLICY"
check "apt upgrades the packages while alice is logged in" apt install "$packages"/new/*.deb
check "the version is the new one" test "$(dpkg-query -W -f '${Version}' libpam-carrel)" = "$(cat "$packages/new/version")"
check "the choice has stayed" sha256sum -c --quiet /guest/pam-chosen
check "an edited policy stays, the new one lies beside it" \
	eval 'tail -n 1 "$POLICY" | grep -q administrator && tail -n 1 "$POLICY.dpkg-dist" | grep -q new'
check "her session goes on" goes_on
check "her warden is the old program" grep -q deleted <(program_of "$old")
case_ "a new login is confined, by the new program"
session_start b in "$USER_B"
expect_differ "$(session_do b 'readlink /proc/self/ns/pid')" "$host_pid_ns" "pid namespaces"
expect_equal "$(program_of "$(warden_of "$USER_B")")" "$LIBEXEC"/carrel-session "the program of the new warden"
expect_grep bob "$CARREL" list
session_end b
check "her session ends well" ends_well
check "nothing is left of either" await 40 has_no_trace
check "carrel list is empty" test "$("$CARREL" list | wc -l)" = 1
check "no directory of either is left" test -z "$(find /run/carrel -mindepth 1 -not -path '*/limits*')"

echo 'session required pam_carrel.so' >>/etc/pam.d/su
case_ "a line by hand in a PAM file stops the removal, which would lock everybody out, and says where it is"
expect_fail apt remove libpam-carrel
grep -q '/etc/pam.d/su$' <<<"$OUT$ERR" || fail_ "$(said)"
check "root still gets in" is_open root
sed -i '/pam_carrel/d' /etc/pam.d/su
case_ "the refused removal has left the profile chosen: a login is confined"
expect_ok dpkg --configure -a
give_time
expect_ok is_confined "$USER_A"

beating
check "apt removes the packages while alice is logged in" apt remove libpam-carrel carrel
check "no PAM stack has the line" not grep -rq pam_carrel /etc/pam.d
check "her session goes on" goes_on
check "the next login is not confined" is_open "$USER_B"
check "the policy stays" test -s "$POLICY"
check "her session ends well" ends_well
check "nothing is left of it" await 40 has_no_trace
check "apt purges the packages" apt purge libpam-carrel carrel
list_files >/guest/files-after
check "purge leaves nothing" diff /guest/files-before /guest/files-after
check "nor limits on slices" test -z "$(find /run/systemd/system.control -name "50-*" 2>/dev/null)"
check "the PAM stacks are as before" sha256sum -c --quiet /guest/pam-before
check "root still gets in, and so does alice" eval 'is_open root && is_open "$USER_A"'
pam-auth-update --disable mkhomedir
rm -f /tmp/of-the-host

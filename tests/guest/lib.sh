# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC1091
# What the guest tests are written with: the host tests' lib.sh (cases, expectations, logins), on a real
# Debian with the product at its real paths. A test file is tests/guest/cases/NN-name.sh and starts with
#	. "$CHECK_SOURCE/tests/guest/lib.sh"
# It runs as root in the guest. Logins take two or three seconds under emulation: do much in few.
#   USER_A UID_A USER_B UID_B    two users, homes in /home, key logins; ssh_in goes through our line,
#                                ssh_out through an sshd without it (both with pam_systemd)
#   slice UID FILE               a file of the user's slice
#   place_of PID                 its cgroup, as the host has it
#   unit_of PID                  the unit that it is in
#   user_settled UID             true when nothing of the user's is left: processes, session, slice, units
#   pam_service NAME             where SERVICE's PAM file is to be edited
#   sandbox SERVICE KEY          of the first sandbox of that service, e.g. sandbox sshd leader_pid
#   prop UNIT NAME               systemctl show -P
CHECK_PREFIX='' CHECK_RUN=/run CHECK_PLAIN=0
. "$CHECK_SOURCE/tests/host/lib.sh"
LIBEXEC=/usr/libexec/carrel CARREL=/usr/bin/carrel
MODULE=$(echo /usr/lib/*-linux-gnu/security/pam_carrel.so)
SESSION_WAIT=120 # the machine that emulates may have other things to do
SCRATCH=/guest/scratch SSH_CONFIG=/guest/ssh/config TESTS=$CHECK_SOURCE/programs
# A guest's own load says nothing of the machine that emulates it, where another guest runs at the same time.
patience()
{
	echo 4
}
USER_A=alice UID_A=2001 USER_B=bob UID_B=2002

slice()
{
	cat "/sys/fs/cgroup/user.slice/user-$1.slice/$2"
}

place_of()
{
	sed -n 's/^0:://p' "/proc/$1/cgroup"
}

unit_of()
{
	local place
	place=$(place_of "$1")
	echo "${place##*/}"
}

# sandbox SERVICE KEY: of the first sandbox of that service, from carrel list --json.
sandbox()
{
	"$CARREL" list --json | awk -v service="$1" -v key="$2" '
		/^  {/ { delete item }
		{ split($0, pair, /": /); name = pair[1]; value = pair[2]
		  gsub(/[" ]/, "", name); gsub(/[",]/, "", value); item[name] = value }
		/^  }/ && item["service"] == service { print item[key]; exit }'
}

prop()
{
	systemctl show -P "$2" "$1"
}

user_settled()
{
	[ -z "$(user_pids "$1")" ] && [ ! -d "/sys/fs/cgroup/user.slice/user-$1.slice" ] &&
		! loginctl show-user "$1" >/dev/null 2>&1 &&
		! systemctl list-units --state=active,activating,deactivating,failed --plain --no-legend \
			"*-$1-*" "user-$1.slice" | grep -q . # a dead slice may stay loaded in systemd's memory
}

# typed CMD LINE...: CMD on a terminal of its own, at which these lines are typed, each at the next prompt of a
# shell or for a password; what it said. login(1) of util-linux hangs the terminal up before it opens it again:
# so its other end must outlive that.
typed()
{
	local command=$1 line size=0 keeper job input
	shift
	rm -f /guest/tty /guest/typed.in
	: >/guest/typed
	mkfifo /guest/typed.in
	socat STDIO PTY,link=/guest/tty,ignoreeof </guest/typed.in >/guest/typed &
	keeper=$!
	exec {input}>/guest/typed.in
	wait_until 10 test -e /guest/tty
	# shellcheck disable=SC2086
	timeout -k 5 120 setsid --ctty --wait $command <>/guest/tty >&0 2>&0 {input}>&- &
	job=$!
	for line; do
		wait_until 60 typed_prompt $size $job
		kill -0 $job 2>/dev/null || break
		size=$(stat -c %s /guest/typed)
		printf '%s\n' "$line" >&$input
	done
	wait $job
	exec {input}>&-
	sleep 1
	kill $keeper 2>/dev/null
	wait $keeper 2>/dev/null
	cat /guest/typed
}

# More than SIZE bytes were said, and a prompt is the last of it; or the command has ended.
typed_prompt() # SIZE PID
{
	! kill -0 "$2" 2>/dev/null ||
		{ [ "$(stat -c %s /guest/typed)" -gt "$1" ] && tail -n 1 /guest/typed | grep -qE '([#$] |assword: ?)$'; }
}

# All that a test file leaves must go before the next begins.
settle()
{
	local uid
	for uid in "$UID_A" "$UID_B"; do
		wait_until 30 user_settled "$uid" ||
			fail_ "uid $uid: left over: $(ps -u "$uid" -o pid=,args= | tr '\n' ';') $(
				systemctl list-units --all --plain --no-legend "*-$uid-*" "user-$uid.slice" | tr '\n' ';')"
	done
	wait_until 10 no_sandbox || fail_ "wardens are left: $(warden_pids)"
}

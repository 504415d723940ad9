# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# A virtual console, on which a program can paste what it has written into the caller's input (TIOCLINUX): the
# kernel asks for CAP_SYS_ADMIN from 6.7 on. Kernels before, bookworm's among them, let everybody who has the
# console as controlling terminal.
. "$CHECK_SOURCE/tests/guest/lib.sh"

console=/dev/tty1
chmod 1777 /guest/scratch
# Selects the word it has written, and pastes it; its errors go to a file.
cat >/guest/paste <<'END'
#!/usr/bin/perl
use strict;
$| = 1;
print "\e[2J\e[Hpushed";
my $select = pack("C S5", 2, 1, 1, 6, 1, 0);
my @said = map { my $argument = $_; ioctl(STDIN, 0x541c, $argument) ? 0 : int $! } $select, pack("C", 3);
open(my $file, ">", "/guest/scratch/said") or die;
print $file "@said\n";
END
# The one who calls: a program at the console that runs the command, and then reads what was typed.
cat >/guest/caller <<'END'
: >/guest/scratch/started
stty -icanon -echo min 1
"$@" </dev/tty >/dev/tty 2>/guest/scratch/errors
read -r -t 3 -N 6 typed </dev/tty
printf '%s' "$typed" >/guest/scratch/typed
END
chmod 755 /guest/paste /guest/caller

# at_console CMD...: what the caller has got typed, and what the calls said.
at_console()
{
	local status attempt
	rm -f /guest/scratch/{said,typed,errors,started}
	# Once more when the console, not what is tested, has failed.
	for attempt in 1 2 3; do
		timeout -k 5 90 setsid --ctty --wait bash /guest/caller "$@" <>$console >&0 2>&0
		status=$?
		[ ! -e /guest/scratch/started ] || break
		echo "    $console: status $status, attempt $attempt" >&2
	done
	stty -F $console sane
	echo "said=$(cat /guest/scratch/said 2>/dev/null) typed=$(cat /guest/scratch/typed 2>/dev/null)"
	# Else what has gone wrong.
	[ -e /guest/scratch/said ] || echo "status $status: $(cat /guest/scratch/errors 2>&1)"
}
as_bob() { at_console setpriv --reuid "$UID_B" --regid "$UID_B" --init-groups "$@"; }
policy_default

case_ "outside, what a user runs on a virtual console types into the caller's shell"
run_ as_bob /guest/paste
if [ "$OUT" = 'said=1 1 typed=' ] && printf '6.7\n%s\n' "$(uname -r)" | sort -CV; then
	skip_ "this kernel ($(uname -r)) asks for CAP_SYS_ADMIN"
	pastes=0
else
	expect_equal "$OUT" 'said=0 0 typed=pushed' "what came ($(cat /guest/scratch/errors 2>/dev/null))"
	pastes=1
fi
expect_equal "$(at_console /guest/paste)" 'said=0 0 typed=pushed' "as root, whom every kernel lets"

case_ "carrel-shell: it does not, with an error and nothing typed"
usermod -s /usr/bin/carrel-shell "$USER_A"
policy_write '[default]' '[service su]' 'sandbox = no' '[service su-l]' 'sandbox = no'
expect_output 'said=1 1 typed=' at_console su "$USER_A" --session-command /guest/paste
expect_output 'said=1 1 typed=' at_console su - "$USER_A" --session-command /guest/paste

case_ "carrel-shell in a sandbox of the module's: nor does it with no_new_privs, without which a user may have no filter"
policy_write '[default]' 'no_new_privs = yes'
expect_output 'said=1 1 typed=' at_console su - "$USER_A" --session-command /guest/paste
policy_default
if [ $pastes = 1 ]; then
	expect_output 'said=0 0 typed=pushed' at_console su - "$USER_A" --session-command /guest/paste
fi
usermod -s /bin/bash "$USER_A"

case_ "carrel run: nor does it"
expect_output 'said=1 1 typed=' at_console "$CARREL" run -u "$USER_A" -- /guest/paste

case_ "su -c and su -P: the console is not the command's, so nothing is typed, whatever the kernel"
expect_output 'said=1 1 typed=' at_console su - "$USER_A" -c /guest/paste
# A pseudo-terminal has no such call (ENOTTY).
expect_output 'said=25 25 typed=' at_console su - "$USER_A" -P -c /guest/paste

case_ "su without either is no barrier, as pam_carrel(8) says"
run_ at_console su - "$USER_A" --session-command /guest/paste
if [ $pastes = 1 ]; then expect_equal "$OUT" 'said=0 0 typed=pushed' "through su"; else expect_equal "$OUT" 'said=1 1 typed=' "through su"; fi
rm -f /guest/scratch/{said,typed,errors,started}

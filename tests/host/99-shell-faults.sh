# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# timeout: 600
# carrel-shell killed, or failing, at each system call of its setup: either a confined shell or none. And
# arguments and environments of all kinds.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/shell_lib.sh"
: >"$HOST_MARK"
# dash has fewer system calls of its own.
policy_write '[default]' 'shell = /bin/sh' 'namespaces = mount pid ipc uts' 'hostname = x' 'hide_homes = yes' \
	"hide = $CHECK_PREFIX/log" "read_only = $CHECK_PREFIX/keys" 'oom_score_adj = 5'
probe="exec $TESTS/shell_probe $HOST_MARK $$"

sweep()
{
	run_ "$TESTS/shell_sweep" "$@" "$UID_A" "$SHELL_PATH" -c "$probe"
	note_ "${OUT//$'\n'/$'\n    '}"
	[ "$STATUS" = 0 ] || fail_ "$(said)"
}

case_ "the probe tells a sandbox from the host"
run_ setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups "$TESTS/shell_probe" "$HOST_MARK" $$
expect_equal "$(grep -c '^LEAK' <<<"$OUT")" 4 "leaks on the host ($(brief "$OUT"))"
# And the sweep tells one that is not: a shell that makes no sandbox.
run_ "$TESTS/shell_sweep" -a kill "$UID_A" /bin/sh -c "$probe"
grep -q 'without any fault: .*LEAK' <<<"$ERR" || fail_ "$(said)"

case_ "the calls of the setup, of each of its processes"
run_ "$TESTS/shell_sweep" -l "$UID_A" "$SHELL_PATH" -c "$probe"
for site in 'shell unshare #1' 'shell seccomp\|shell prctl #1' 'init move_mount #1' 'init execveat #1' 'init capset #1' 'command execve #2'; do
	grep -q "^$site" <<<"$OUT" || fail_ "no $site among $(wc -l <<<"$OUT") calls"
done

case_ "each process killed at each system call, its own and the others'"
sweep -a kill

case_ "PID 1 hangs in its setup: refused after a while, and nothing is left of it"
sweep -a hang -w init -s move_mount -e 10000

case_ "each system call fails"
sweep -a errno

case_ "where carrel-init can't be run: no shell, and the reason is said"
mv "$LIBEXEC/carrel-init" "$SCRATCH/carrel-init"
install -m 755 /dev/null "$LIBEXEC/carrel-init"
echo 'no program' >"$LIBEXEC/carrel-init"
for try in {1..20}; do
	run_ setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups "$SHELL_PATH" -c 'echo ran'
	[[ $STATUS != 0 && -z $OUT && $ERR == *"run carrel-init: Exec format error"* ]] || fail_ "try $try: $(said)"
done
mv "$SCRATCH/carrel-init" "$LIBEXEC/carrel-init"

case_ "PID 1 killed, the supervisor killed"
session_start killed out "$USER_B" >/dev/null 2>&1 && session_end killed
usermod -s "$SHELL_PATH" "$USER_A"
policy_default
for victim in carrel-init carrel-shell; do
	ssh -F "$SSH_CONFIG" "$USER_A@out" 'echo up; sleep 88' >"$SCRATCH/up" 2>&1 &
	client=$!
	wait_until 5 grep -q up "$SCRATCH/up" || fail_ "no login"
	for pid in $(user_pids "$UID_A"); do
		case $(readlink "/proc/$pid/exe") in */"$victim") kill -9 "$pid" && killed=$pid ;; esac
	done
	[ -n "${killed:-}" ] || fail_ "there is no $victim"
	killed=
	wait_until 5 a_gone || fail_ "$victim killed: left over: $(ps -u "$USER_A" -o pid=,args=)"
	kill "$client" 2>/dev/null
	wait "$client"
done

case_ "arguments and environments of all kinds"
run_ timeout 120 perl -e '
	my ($shell, $probe, $uid) = @ARGV;
	my @names = qw(LD_PRELOAD LD_AUDIT LD_DEBUG GLIBC_TUNABLES BASH_ENV ENV SHELL SHELLOPTS PATH HOME USER IFS PS4
		SSH_ORIGINAL_COMMAND LANG TERM BASH_FUNC_id%% MALLOC_CHECK_ LOCPATH XDG_RUNTIME_DIR CDPATH);
	my $random = sub { join "", map { chr(1 + int rand 255) } 1 .. int rand shift };
	srand 5;
	$( = $uid; $) = "$uid $uid"; $< = $uid; $> = $uid;
	for my $round (1 .. 300) {
		my %env = map { ($names[rand @names] => rand() < 0.3 ? "/nonexistent.so" : &$random(rand() < 0.02 ? 100000 : 40)) } 1 .. rand 12;
		$env{&$random(12) . "x"} = &$random(30) for 1 .. rand 4;
		my @argv = (rand() < 0.5 ? "-" . &$random(8) : (&$random(8) =~ tr{/}{}dr), "-c", $probe, map { &$random(30) } 1 .. rand 5);
		pipe my $out, my $in;
		my $pid = fork // die;
		if (!$pid) {
			%ENV = %env;
			open STDOUT, ">&", $in; open STDERR, ">/dev/null";
			exec { $shell } @argv;
			exit 99;
		}
		close $in;
		my $said = join "", <$out>;
		waitpid $pid, 0;
		if ($said ne "confined\n" || $? != 0) { print "round $round: status $?: $said\n"; exit 1 }
	}
	print "all confined\n"' "$SHELL_PATH" "$probe" "$UID_A"
expect_equal "$OUT" "all confined" "result ($ERR)"

usermod -s /bin/bash "$USER_A"
rm -f "$HOST_MARK"

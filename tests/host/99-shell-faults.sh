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

# traced OPTION...: carrel-shell as A under strace
traced()
{
	timeout 20 strace -f -qq -u "$USER_A" -o "$SCRATCH/trace" "$@" env -i HOME="/home/$USER_A" "$SHELL_PATH" -c "$probe"
}

case_ "the probe tells a sandbox from the host"
expect_output confined traced -e trace=none
run_ setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups "$TESTS/shell_probe" "$HOST_MARK" $$
expect_equal "$(grep -c '^LEAK' <<<"$OUT")" 4 "leaks on the host ($(brief "$OUT"))"

# Every call with the most times that one process makes it; before and after carrel-shell there is env's and
# dash's own, where a fault proves little and costs little.
sites()
{
	traced -e trace=all >/dev/null || return 1
	awk '$2 ~ /^[a-z0-9_]+\(/ { sub(/\(.*/, "", $2); n[$1 " " $2]++ }
		END { for (k in n) { split(k, p, " "); if (n[k] > m[p[2]]) m[p[2]] = n[k] } for (c in m) print c, m[c] }' \
		"$SCRATCH/trace" | grep -v -E '^(exit|exit_group|rt_sigreturn|restart_syscall) ' | sort
}

# sweep ACTION STEP: inject it at every STEP-th call
sweep()
{
	local call most n runs=0 confined=0 none=0
	while read -r call most; do
		for ((n = 1; n <= most; n += $2)); do
			run_ traced -e "trace=$call" -e "inject=$call:$1:when=$n"
			runs=$((runs + 1))
			case $OUT in
			confined) confined=$((confined + 1)) ;;
			'') none=$((none + 1)) ;;
			*) fail_ "$1 at $call #$n: $(said)" ;;
			esac
			[ "$STATUS" != 124 ] || fail_ "$1 at $call #$n: it hangs"
		done
	done <"$SCRATCH/sites"
	note_ "$1: $runs runs, $confined confined, $none without a shell"
	[ $none -gt 20 ] && [ $confined -gt 0 ] || fail_ "$1: nothing was hit: $runs runs"
	wait_until 5 a_gone || fail_ "$1: left over: $(user_pids "$UID_A")"
}

case_ "killed at each system call"
sites >"$SCRATCH/sites"
[ "$(awk '{ n += $2 } END { print n }' "$SCRATCH/sites")" -gt 100 ] || fail_ "sites: $(brief "$(cat "$SCRATCH/sites")")"
sweep signal=KILL 1

case_ "each system call fails"
sweep error=EPERM 1
sweep error=ENOMEM 3

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
	wait $client
	wait_until 5 a_gone || fail_ "$victim killed: left over: $(ps -u "$USER_A" -o pid=,args=)"
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

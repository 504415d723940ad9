# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# timeout: 180
# What a hostile caller hands on to carrel-shell: limits, signals, descriptors, names, directories, variables. Whatever
# it is, the shell is confined, or there is none.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/shell_lib.sh"
shell_users
home=/home/$USER_A

# either CMD...: confined with status 0, or nothing with another
confined=0 none=0
either()
{
	run_ "$@"
	case $STATUS:$OUT in
	0:confined) confined=$((confined + 1)) ;;
	0:* | 124:* | 137:* | *:?*) fail_ "$(brief "$@"): $(said)" ;;
	*) none=$((none + 1)) ;;
	esac
}

# with SETUP ARG...: as_a after a bash has done SETUP, in place of that bash: carrel-shell has its children
with()
{
	timeout -k 1 20 bash -c '. "$0"; eval "$1"; shift; as_a "$@"' <(declare -f as_a | sed "s/setpriv/exec setpriv/"; declare -p UID_A USER_A SHELL_PATH) "$@"
}

case_ "limits of all kinds"
for n in 4 5 6 7 8 9 10 11 12 14 16 18 20 24 28 32 48 64 100; do either with "ulimit -n $n" -c "$CONFINED"; done
for n in 1 2 3 4 5 8 20; do either with "ulimit -u $n" -c "$CONFINED"; done
for n in 2000 4000 8000 16000 64000; do either with "ulimit -v $n" -c "$CONFINED"; done
for limit in '-f 0' '-c 0' '-l 0' '-i 0' '-q 0' '-x 0' '-s 64' '-s unlimited' '-t 1' '-d 0' '-d 200' '-e 0'; do
	either with "ulimit $limit" -c "$CONFINED"
done
note_ "$confined confined, $none without a shell"
[ $confined -gt 10 ] && [ $none -gt 5 ] || fail_ "$confined confined, $none without a shell"

case_ "umask: kept for the shell, and none of the sandbox's"
for mask in 0000 0077 0777; do
	expect_output "1777 1777 1777 $mask" with "umask $mask" -c 'echo $(stat -c %a /tmp /var/tmp /dev/shm) $(umask)'
done

case_ "signals blocked and ignored: the shell gets them as they came, and ends as it would"
state='grep -E "^Sig(Blk|Ign)" /proc/self/status'
for how in 'sigprocmask(SIG_BLOCK, POSIX::SigSet->new(1 .. 31))' '$SIG{$_} = "IGNORE" for grep { !/KILL|STOP|NUM|CLD|IOT|RT/ } keys %SIG' \
	'$SIG{CHLD} = "IGNORE"' 'alarm 1000'; do
	hostile=(setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups perl -MPOSIX -e "$how; exec { shift } @ARGV")
	run_ timeout 20 "${hostile[@]}" /bin/bash bash -c "$state; exit 7"
	wanted=$STATUS:$OUT
	run_ timeout 20 "${hostile[@]}" "$SHELL_PATH" bash -c "$state; exit 7"
	expect_equal "$STATUS:$OUT" "$wanted" "$how"
	either timeout -k 1 20 "${hostile[@]}" "$SHELL_PATH" bash -c "$CONFINED"
done

case_ "children that it did not start, dead and alive"
expect_status 9 with 'sleep 0.1 & sleep 3 & sleep 0.2' -c 'sleep 0.3; exit 9'
expect_status 143 with 'false & sleep 0.1' -c 'kill -TERM $$'

case_ "a directory that is gone, barred, another's"
mkdir "$SCRATCH/gone" "$SCRATCH/barred" && chmod 700 "$SCRATCH/barred" && chmod 711 "$SCRATCH"
for dir in "cd $SCRATCH/gone && rmdir $SCRATCH/gone" "cd $SCRATCH/barred" "cd /root"; do
	run_ with "$dir" -c "pwd; $CONFINED"
	expect_equal "$STATUS:$OUT" "0:$home"$'\n'confined "from '$dir' ($ERR)"
done
run_ with "cd /tmp" -c "ls; pwd; $CONFINED"
expect_equal "$STATUS:$OUT" $'0:/tmp\nconfined' "from /tmp ($ERR)"

case_ "by other names: links, a descriptor, a script, no argument at all"
ln -s "$SHELL_PATH" "$SCRATCH/bash" && cp "$SHELL_PATH" "$SCRATCH/copy"
chmod 755 "$SCRATCH" && printf '#!%s\n%s\n' "$SHELL_PATH" "$CONFINED" >"$SCRATCH/script" && chmod 755 "$SCRATCH/script"
drop=(setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups env -i "HOME=$home" "PATH=$PATH")
for name in "$SCRATCH/bash" "$SCRATCH/copy" "$LIBEXEC/carrel-shell" /proc/self/fd/9; do
	expect_output confined "${drop[@]}" "$name" -c "$CONFINED" 9<"$SHELL_PATH"
done
expect_output confined "${drop[@]}" "$SCRATCH/script"
# execve(2) with an empty list; kernels before 5.18 don't put a "" there.
nothing='my ($path, $call) = ("$ARGV[0]\0", `uname -m` =~ /x86_64/ ? 59 : 221);
	my ($home, $argv) = ("HOME=/\0", pack("J", 0)); my $env = pack("PJ", $home, 0); syscall($call, $path, $argv, $env); die $!'
expect_output confined "${drop[@]}" perl -e "$nothing" "$SHELL_PATH" <<<"$CONFINED"
chmod 711 "$SCRATCH"

case_ "a file system that never answers: the login ends all the same"
# After the shell carrel-shell looks for who holds its output still, and so at every descriptor inside.
[ ! -c /dev/fuse ] || chmod 666 /dev/fuse # the stage's own, as udev has it
run_ ssh_out "$USER_B" "timeout 3 $TESTS/attack_hang 1"
if [ "$OUT" != held ]; then
	skip_ "no FUSE for users: $(said)"
else
	before=$SECONDS
	expect_output held timeout -k 1 40 ssh -F "$SSH_CONFIG" "$USER_A@out" "$TESTS/attack_hang 77 >~/held 2>&1 </dev/null &
		sleep 1; cat ~/held; rm ~/held"
	[ $((SECONDS - before)) -lt 20 ] || fail_ "it took $((SECONDS - before)) s"
	# Someone who holds the output is waited for, also then.
	expect_output $'held\nlate' timeout -k 1 40 ssh -F "$SSH_CONFIG" "$USER_A@out" "$TESTS/attack_hang 77 >~/held 2>&1 </dev/null &
		sleep 1; cat ~/held; rm ~/held; (sleep 1; echo late) &"
	wait_until 5 a_gone || fail_ "left over: $(user_pids "$UID_A")"
fi

case_ "case 43: the loader's variables through su"
loader() { env LD_PRELOAD=/nonexistent.so GLIBC_TUNABLES=glibc.malloc.check=3 XDG_RUNTIME_DIR="/run/user/$2" "$1" "${@:3}"; }
run_ loader su "$UID_B" "$USER_B" -c '/bin/true; echo $XDG_RUNTIME_DIR $LD_PRELOAD $GLIBC_TUNABLES'
expect_equal "$(grep -c 'ld.so: object' <<<"$ERR"):$OUT" \
	"3:/run/user/$UID_B /nonexistent.so glibc.malloc.check=3" "outside: su's, the shell's and true's"
run_ loader su "$UID_A" "$USER_A" -c '/bin/true; echo $XDG_RUNTIME_DIR $LD_PRELOAD $GLIBC_TUNABLES'
expect_equal "$(grep -c 'ld.so: object' <<<"$ERR"):$OUT" 1: "inside: su's own"

case_ "case 66: TIOCSTI and TIOCLINUX, also where the terminal can't be asked for"
# EPERM is the filter's: without it TIOCLINUX says ENOTTY of a pty, and TIOCSTI succeeds or, switched off, says EIO.
sti='perl -e "for (0x5412, 0x541c) { my \$c = q(x); print ioctl(STDIN, \$_, \$c) ? 0 : int \$!, q( ) } print qq(\n)"'
run_ script -qec "su $USER_B --session-command '$sti'" /dev/null </dev/null
grep -q -E 'x?(0|5) 25' <<<"$OUT" || fail_ "outside: $(said)"
run_ script -qec "su $USER_A --session-command '$sti'" /dev/null </dev/null
grep -q -E '(^|[^0-9])1 1 ' <<<"$OUT" || fail_ "inside: $(said)"
run_ script -qec "strace -f -qq -o /dev/null -u $USER_A -e trace=openat -P /dev/tty -e inject=openat:error=ENOMEM \
	$SHELL_PATH -c '$sti'" /dev/null </dev/null
grep -q -E '(^|[^0-9])1 1 ' <<<"$OUT" || fail_ "without /dev/tty: $(said)"
rm -f "$HOST_MARK"

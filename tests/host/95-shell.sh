# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# timeout: 240
# carrel-shell as a shell: under sshd, su, cron and as a forced command, without pam_carrel.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/shell_lib.sh"
shell_users
home=/home/$USER_A

case_ "a command runs in namespaces of its own, as the user"
run_ ssh_out "$USER_A" 'readlink /proc/self/ns/user /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/ipc; id -u; pwd'
expect_equal "$(tail -n 2 <<<"$OUT" | tr '\n' ' ')" "$UID_A $home " "uid and directory"
for kind in user mnt pid ipc; do
	grep -q "^$kind:" <<<"$OUT" && ! grep -qxF "$(readlink /proc/self/ns/$kind)" <<<"$OUT" ||
		fail_ "the $kind namespace is the host's: $(said)"
done
expect_confined ssh_out "$USER_A"
expect_output "/tmp tmpfs" ssh_out "$USER_A" 'stat -f -c "/tmp %T" /tmp'
expect_output 0 ssh_out "$USER_A" 'find /tmp /var/tmp /dev/shm -mindepth 1 | wc -l'

case_ "no output of its own"
expect_output "" ssh_out "$USER_A" true
expect_equal "$ERR" "" stderr
expect_output "" ssh_out "$USER_A" ""

case_ "exit statuses and signals are those of the command"
for code in 0 1 2 77 126 127 128 200 255; do both "exit $code"; done
for signal in TERM KILL HUP INT SEGV PIPE USR1; do both "kill -$signal \$\$; sleep 5"; done
both 'no-such-program'
both '(kill -STOP $$; sleep 0.2; kill -CONT $$) & wait; echo went on'

case_ "a login shell, and no login shell"
run_ ssh_out "$USER_A" -tt <<<$'echo "0=$0 SHELL=$SHELL $(shopt login_shell | tr -s "\\t" " ")"\nexit 5'
expect_equal "$STATUS" 5 "status of a login shell"
grep -q '0=-bash SHELL=/bin/bash login_shell on' <<<"$OUT" || fail_ "login shell: $(said)"
both 'echo "$0 $- $SHELL"; shopt login_shell'
expect_output 'bash /bin/bash' ssh_out "$USER_A" 'echo $0 $SHELL'

case_ "bytes go through untouched"
head -c 3000000 /dev/urandom >"$SCRATCH/data"
ssh_out "$USER_A" cat <"$SCRATCH/data" >"$SCRATCH/back" && cmp -s "$SCRATCH/data" "$SCRATCH/back" ||
	fail_ "3 MB through cat"
ssh_out "$USER_A" 'cat >&2' <"$SCRATCH/data" 2>"$SCRATCH/back" >/dev/null && cmp -s "$SCRATCH/data" "$SCRATCH/back" ||
	fail_ "3 MB through stderr"
tar -C "$SCRATCH" -cf - data | ssh_out "$USER_A" 'tar -C ~ -xf - && tar -C ~ -cf - data' |
	tar -xOf - data | cmp -s - "$SCRATCH/data" || fail_ "tar through pipes"
printf 'a\0b\r\n\xff\x03\x1a\x04' | ssh_out "$USER_A" 'od -An -c' >"$SCRATCH/back"
printf 'a\0b\r\n\xff\x03\x1a\x04' | od -An -c | cmp -s - "$SCRATCH/back" || fail_ "control characters"
both 'exec >&-; echo gone; sleep 0.1; exit 3'
rm -f "$home/data"

case_ "output that comes after the shell"
both 'exec > >(sleep 0.5; cat); echo late'
both '(sleep 0.5; echo later) & echo first'
# Who holds no output does not keep the login, and ends with it.
before=$SECONDS
expect_ok ssh_out "$USER_A" 'sleep 77 >/dev/null 2>&1 </dev/null & true'
[ $((SECONDS - before)) -lt 20 ] || fail_ "the login waits for a job in the background"
wait_until 3 a_gone || fail_ "left over: $(user_pids "$UID_A")"

case_ "... also when the window's size changes meanwhile"
as_a -c '(sleep 2; echo late) & exit 0' 2>&1 | cat >"$SCRATCH/late" &
shell_pids() { exe_pids "$LIBEXEC/carrel-shell"; }
has_ended() { [ -n "$(shell_pids)" ] && ! ps -o args= --ppid "$(shell_pids)" | grep -q bash; }
wait_until 5 has_ended || fail_ "the shell does not end: $(shell_pids)"
# shellcheck disable=SC2046 # one pid a word
kill -WINCH $(shell_pids)
wait $!
expect_output late cat "$SCRATCH/late"

case_ "interactive: job control, ^C and ^Z"
talk 'ready> ' 'sleep 61\n' 'sleep 61' '\032' 'Stopped' 'jobs; echo "have "jobs\n' 'have jobs' 'fg\n' \
	'fg' '\003' 'fg' 'echo "st$?atus"\n' 'st130atus' 'sleep 62 &\n' 'sleep 62' 'kill %1; wait; echo wai"ted"\n' \
	'waited' 'exit 9\n'
talk_end
expect_equal "$TALK_STATUS" 9 "status"
! grep -q -a -i 'no job control\|cannot set terminal' "$SCRATCH/talk" || fail_ "$(brief "$(cat "$SCRATCH/talk")")"
# The foreground job alone gets ^C.
talk 'ready> ' 'trap "echo shell-int" INT; sleep 63; echo af"ter"\n' 'sleep 63' '\003' 'ready> ' 'exit\n'
talk_end

case_ "-t with a command: ^C and ^Z"
rm -f "$SCRATCH/int" "$SCRATCH/stop"
ssh_out "$USER_A" -tt 'trap "echo got-int; exit 42" INT; echo started; while :; do sleep 0.1; done' \
	< <(wait_until 20 grep -q started "$SCRATCH/int"; printf '\003'; sleep 3) >"$SCRATCH/int" 2>&1
expect_equal "$?" 42 "status after ^C ($(brief "$(cat "$SCRATCH/int")"))"
# No shell is there that could continue what ^Z stops: it does not stop.
ssh_out "$USER_A" -tt 'echo started; sleep 3; echo done' \
	< <(wait_until 20 grep -q started "$SCRATCH/stop"; printf '\032'; sleep 3) >"$SCRATCH/stop" 2>&1
expect_grep done cat "$SCRATCH/stop"

case_ "window size, and its changes"
script -qec "stty rows 33 cols 77; (sleep 2; stty rows 44 cols 88 </dev/tty) & ssh -F $SSH_CONFIG -tt $USER_A@out \
	'trap \"stty size\" WINCH; stty size; sleep 4 & wait; wait'" /dev/null >"$SCRATCH/size" 2>&1 </dev/null
grep -q '33 77' "$SCRATCH/size" && grep -q '44 88' "$SCRATCH/size" || fail_ "$(brief "$(cat "$SCRATCH/size")")"

case_ "the line drops: SIGHUP, and nothing is left"
rm -f "$home/hup"
mkfifo "$SCRATCH/line" # nobody writes, and there is no end: it is held open for both
ssh -F "$SSH_CONFIG" "$USER_A@out" -tt "trap 'echo hup >$home/hup; exit' HUP; echo started; while :; do sleep 0.1; done" \
	<>"$SCRATCH/line" >"$SCRATCH/hup" 2>&1 &
pid=$!
wait_until 5 grep -q started "$SCRATCH/hup"
kill -9 $pid
wait $pid 2>/dev/null
wait_until 5 test -s "$home/hup" || fail_ "no SIGHUP"
wait_until 5 a_gone || fail_ "left over: $(user_pids "$UID_A")"
rm -f "$home/hup"
talk 'ready> ' "trap 'echo hup >$home/hup' EXIT; sleep 64\n"
wait_until 5 grep -q -a 'sleep 64' "$SCRATCH/talk"
kill -9 "$talk_pid"
talk_end
wait_until 5 test -s "$home/hup" || fail_ "no SIGHUP for an interactive shell"
wait_until 5 a_gone || fail_ "left over: $(user_pids "$UID_A")"
rm -f "$home/hup"

case_ "the environment: what is kept, what is dropped"
sshd_start env "$SERVICE_OUT" 'AcceptEnv *'
echo 'echo "BASH_ENV was read"' >"$SCRATCH/bash_env"
expect_output 'BASH_ENV was read' env "BASH_ENV=$SCRATCH/bash_env" su "$USER_B" -c true
expect_output '' env "BASH_ENV=$SCRATCH/bash_env" su "$USER_A" -c true
vars="LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH GLIBC_TUNABLES BASH_ENV ENV SHELLOPTS GCONV_PATH MALLOC_TRACE LANG TERMX"
# ssh itself must not see the loader's variables: SetEnv says them to sshd alone.
setenv=(-o "SetEnv=LD_PRELOAD=/nonexistent.so LD_AUDIT=/nonexistent.so GLIBC_TUNABLES=glibc.malloc.check=3
	BASH_ENV=$SCRATCH/bash_env ENV=$SCRATCH/bash_env GCONV_PATH=/nonexistent MALLOC_TRACE=/tmp/trace IFS=x
	LANG=C.UTF-8 TEST_KEPT=kept")
setenv[1]=$(tr -s '\n\t' '  ' <<<"${setenv[1]}")
expect_grep 'ld.so: object' ssh_to env "$USER_B" "${setenv[@]}" true
expect_output "" ssh_to env "$USER_A" "${setenv[@]}" true
expect_equal "$ERR" "" "stderr"
expect_output "LANG=C.UTF-8 TEST_KEPT=kept " ssh_to env "$USER_A" "${setenv[@]}" \
	"env | grep -E '^($(tr ' ' '|' <<<"$vars")|IFS|TEST_KEPT)=' | sort | tr '\n' ' '"
run_ ssh_out "$USER_A" -tt 'echo $TERM'
[ -n "${OUT//[$'\r\n']/}" ] || fail_ "no TERM"
expect_output /home/"$USER_A" ssh_out "$USER_A" 'echo $HOME'
run_ ssh_to env "$USER_A" -o "SetEnv=XDG_RUNTIME_DIR=/run/user/$UID_A" 'echo "${XDG_RUNTIME_DIR-none}"'
expect_equal "$OUT" none "XDG_RUNTIME_DIR"
rm -f "$HOST_MARK"

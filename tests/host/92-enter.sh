# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# timeout: 300
# carrel enter: in all of the sandbox, as the user, with a terminal of its own, and out again.
. "$CHECK_SOURCE/tests/host/lib.sh"

TMUX_TMPDIR=$SCRATCH
export TMUX_TMPDIR

screen()
{
	tmux -L enter capture-pane -p -t "$1"
}

shows()
{
	screen "$1" | grep -q -E -e "$2"
}

type_()
{
	tmux -L enter send-keys -t main "$1" Enter
}

usermod -a -G games "$USER_A"
policy_write '[default]' 'no_new_privs = yes' 'capabilities = chown kill' 'pids_max = 100'
session_start s in "$USER_A"
init=$("$CARREL" list --json | jq '.[0].init_pid')

case_ "in all of its namespaces"
for kind in mnt pid ipc; do
	expect_output "$(ns_of "$init" $kind)" "$CARREL" enter "$USER_A" -- readlink /proc/self/ns/$kind
done
expect_output "$(ns_of $$ net)" "$CARREL" enter "$USER_A" -- readlink /proc/self/ns/net
session_do s 'echo mine >/tmp/file' >/dev/null
expect_output mine "$CARREL" enter "$USER_A" -- cat /tmp/file
expect_output mine "$CARREL" enter --root "$USER_A" cat /tmp/file

case_ "in its cgroups"
slice_count() { wc -l <"$(slice_dir pids "$UID_A")/cgroup.procs"; }
members=$(slice_count)
expect_ok "$CARREL" enter "$USER_A" -- cat /proc/self/cgroup
grep -q ":pids:.*/carrel.slice/user-$UID_A.slice$\|^0::.*user-$UID_A.slice" <<<"$OUT" || fail_ "$(brief "$OUT")"
expect_equal "$(grep -c "user-$UID_A.slice" <<<"$OUT")" \
	"$(session_do s 'grep -c user- /proc/self/cgroup')" "hierarchies, as the login has them"
alone() { [ "$(slice_count)" -le "$members" ]; }
wait_until 3 alone || fail_ "processes are left: $(slice_count), before there were $members"

case_ "... also when its leader is elsewhere; never without limits"
session_start b in "$USER_B"
# to_b PID…: into B's slices, as if the pid were another process's now.
to_b()
{
	local dir pid
	for dir in /sys/fs/cgroup/carrel.slice/user-"$UID_B".slice /sys/fs/cgroup/*/carrel.slice/user-"$UID_B".slice; do
		for pid; do [ ! -d "$dir" ] || echo "$pid" >"$dir/cgroup.procs" || fail_ "move $pid to $dir"; done
	done
}
places=$(session_do s cat /proc/self/cgroup)
to_b "$("$CARREL" list --json | jq -r --arg user "$USER_A" '.[] | select(.user == $user).leader_pid')"
expect_output "$places" "$CARREL" enter "$USER_A" -- cat /proc/self/cgroup
mapfile -t pids <"$(slice_dir pids "$UID_A")/cgroup.procs"
to_b "${pids[@]}"
expect_status 1 "$CARREL" enter "$USER_A" -- true
grep -q "^carrel: enter: no process of .* is in the user's cgroups" <<<"$ERR" || fail_ "$(brief "$ERR")"
expect_ok "$CARREL" kill "$USER_A"
session_cut s
session_end b
wait_until 5 no_sandbox || fail_ "a sandbox is left"
policy_write '[host]' 'cgroup = none' '[default]'
session_start s in "$USER_A"
expect_output "$(session_do s cat /proc/self/cgroup)" "$CARREL" enter "$USER_A" -- cat /proc/self/cgroup
session_end s
wait_until 5 no_sandbox || fail_ "a sandbox is left"
policy_write '[default]' 'no_new_privs = yes' 'capabilities = chown kill' 'pids_max = 100'
session_start s in "$USER_A"

case_ "as the user, with the policy's rights"
expect_output "$(session_do s id)" "$CARREL" enter "$USER_A" -- id
for line in NoNewPrivs CapBnd CapEff CapPrm CapInh CapAmb; do
	expect_equal "$("$CARREL" enter "$USER_A" -- grep "^$line" /proc/self/status)" \
		"$(session_do s grep "^$line" /proc/self/status)" $line
done
expect_output 1 "$CARREL" enter "$USER_A" -- sed -n 's/NoNewPrivs:.//p' /proc/self/status
SECRET=x expect_nogrep 'SECRET|SSH_|SUDO' "$CARREL" enter "$USER_A" -- env
expect_output "/home/$USER_A" "$CARREL" enter "$USER_A" -- pwd
expect_output "0" "$CARREL" enter --root "$USER_A" -- id -u
expect_output "0" "$CARREL" enter --root "$USER_A" -- sed -n 's/NoNewPrivs:.//p' /proc/self/status
# carrel itself needs more descriptors, to ask many wardens.
expect_output 900 sh -c "ulimit -Sn 900; exec '$CARREL' enter '$USER_A' -- sh -c 'ulimit -Sn'"
# No descriptor but the standard ones (and what ls itself has open).
expect_output "0 1 2 3" "$CARREL" enter "$USER_A" -- sh -c 'echo $(ls /proc/self/fd)'

case_ "the way in is held up by what holds the user's processes: the admin is not"
before=$SECONDS
expect_grep '^carrel: enter: the process on its way in was held' timeout 60 \
	strace -f -o /dev/null -e trace=setns -e inject=setns:signal=STOP "$CARREL" enter "$USER_A" -- true
[ $((SECONDS - before)) -lt 30 ] || fail_ "it took $((SECONDS - before)) s"

# The freeze finds the process on its way in already in the user's cgroups; on v1 it can't even be killed then.
case_ "... and neither is by a freeze that comes between"
wait_until 3 alone || fail_ "the one before is still there"
timeout -k 5 60 strace -D -f -o /dev/null -e trace=setns -e inject=setns:delay_exit=4000000 \
	"$CARREL" enter "$USER_A" -- true 2>"$SCRATCH/said" &
entering=$!
on_its_way() { [ "$(slice_count)" -gt "$members" ]; }
wait_until 3 on_its_way || fail_ "nobody is on the way in"
"$CARREL" freeze "$USER_A" 2>"$SCRATCH/freeze" &
freezing=$!
before=$SECONDS
wait $entering
expect_equal $? 1 "status of enter"
[ $((SECONDS - before)) -lt 30 ] || fail_ "it took $((SECONDS - before)) s"
expect_grep '^carrel: enter: the process on its way in was held' cat "$SCRATCH/said"
expect_ok "$CARREL" thaw "$USER_A"
wait $freezing
expect_ok "$CARREL" enter "$USER_A" -- true

case_ "from a script: pipes are passed untouched, the status comes back"
head -c 300000 /dev/urandom >"$SCRATCH/bytes"
"$CARREL" enter "$USER_A" -- cat <"$SCRATCH/bytes" >"$SCRATCH/back" || fail_ "status $?"
cmp -s "$SCRATCH/bytes" "$SCRATCH/back" || fail_ "the bytes are not the same"
expect_status 7 "$CARREL" enter "$USER_A" -- sh -c 'exit 7'
expect_status 143 "$CARREL" enter "$USER_A" -- sh -c 'kill -TERM $$'
expect_status 127 "$CARREL" enter "$USER_A" -- no-such-command
expect_status 126 "$CARREL" enter "$USER_A" -- /etc/passwd
run_ "$CARREL" enter "$USER_A" -- sh -c 'echo out; echo err >&2'
expect_equal "$OUT/$ERR" "out/err" "stdout/stderr"
expect_fail "$CARREL" enter "$USER_A" -- sh -c ': </dev/tty'
expect_output "hello" bash -c "echo 'echo hello' | '$CARREL' enter '$USER_A'"
"$CARREL" enter "$USER_A" -- sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done' >"$SCRATCH/ready" &
pid=$!
wait_until 5 grep -q ready "$SCRATCH/ready"
kill -TERM $pid
wait $pid
expect_equal $? 9 "status after SIGTERM was passed on"

case_ "who can't be entered"
expect_status 1 "$CARREL" enter "$USER_B" -- true
expect_equal "$ERR" "carrel: enter: $USER_B: no sandbox of that user or id lives" message
session_start t in "$USER_A"
expect_status 1 "$CARREL" enter "$USER_A" -- true
grep -q 'has 2 sandboxes; name one of: ' <<<"$ERR" || fail_ "$ERR"
for id in $("$CARREL" list --json | jq -r '.[].id'); do
	expect_ok "$CARREL" enter "$id" -- true
done
session_end t
wait_until 5 "$CARREL" enter "$USER_A" -- true
expect_ok "$CARREL" freeze "$USER_A"
expect_status 1 "$CARREL" enter "$USER_A" -- true
expect_ok "$CARREL" thaw "$USER_A"
expect_status 1 runuser -u "$USER_A" -- "$CARREL" enter "$USER_A" -- true
expect_status 2 "$CARREL" enter

# Not a case each, to save time: one terminal for all.
case_ "on a terminal: it gets one of its own, of the right size, and ours is as it was"
tmux -L enter -f /dev/null new-session -d -s main -x 100 -y 30 "env PS1='outer> ' bash --norc"
wait_until 5 shows main 'outer>'
type_ 'stty -g >'"$SCRATCH/before; tty >$SCRATCH/outer-tty"
type_ "$CARREL enter $USER_A"
wait_until 5 shows main '\$ ?$' || fail_ "no prompt: $(brief "$(screen main)")"
# shellcheck disable=SC2016 # for the shell inside
type_ 'tty >~/tty; stty size >~/size; ps -o tty= -p $$ >~/ctty; echo "it is" done'
wait_until 5 shows main '^it is done'
expect_differ "$(cat "/home/$USER_A/tty")" "$(cat "$SCRATCH/outer-tty")" "terminals inside and outside"
expect_equal "$(cat "/home/$USER_A/size")" "30 100" size
expect_equal "/dev/$(tr -d ' ' <"/home/$USER_A/ctty")" "$(cat "/home/$USER_A/tty")" "controlling terminal"

case_ "on a terminal: resize, ^C, job control"
tmux -L enter resize-window -t main -x 91 -y 25
sized() { type_ 'stty size >~/size'; sleep 0.3; [ "$(cat "/home/$USER_A/size")" = "25 91" ]; }
wait_until 5 sized || fail_ "size: $(cat "/home/$USER_A/size")"
# Does A run that?
inside() { pgrep -U "$UID_A" -x -f "$1" >/dev/null; }
type_ 'sleep 600'
wait_until 5 inside 'sleep 600' || fail_ "it does not run: $(brief "$(screen main)")"
tmux -L enter send-keys -t main C-c
# shellcheck disable=SC2016
type_ 'echo "status $?"'
wait_until 5 shows main '^status 130' || fail_ "^C: $(brief "$(screen main)")"
type_ 'sleep 601'
wait_until 5 inside 'sleep 601' || fail_ "it does not run: $(brief "$(screen main)")"
tmux -L enter send-keys -t main C-z
type_ 'jobs; kill -9 %1'
wait_until 5 shows main 'Stopped.*sleep 601' || fail_ "^Z: $(brief "$(screen main)")"

case_ "TIOCSTI does not reach the admin's shell"
# What is pushed waits in the terminal for who reads next. The shell that it was done in must not be the one.
# shellcheck disable=SC2016 # perl's
printf 'perl -e '\''ioctl(STDIN, 0x5412, $_) for split //, "echo pu" . "shed\\n"'\''; exit 5\n' >"/home/$USER_A/push"
if [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1)" = 1 ]; then
	tmux -L enter new-session -d -s control -x 100 -y 30 "env PS1='outer> ' bash --norc"
	tmux -L enter send-keys -t control "bash /home/$USER_A/push" Enter
	wait_until 5 shows control '^pushed' || fail_ "outside it does not succeed: $(brief "$(screen control)")"
	tmux -L enter kill-session -t control
else
	note_ "this kernel has no TIOCSTI (dev.tty.legacy_tiocsti)"
fi
type_ '. ~/push'
wait_until 5 shows main '^outer>' || fail_ "no outer prompt: $(brief "$(screen main)")"
# shellcheck disable=SC2016
type_ 'echo "left with $?"; stty -g >'"$SCRATCH/after"
wait_until 5 shows main 'left with 5' || fail_ "status: $(brief "$(screen main)")"
wait_until 5 test -s "$SCRATCH/after"
expect_equal "$(cat "$SCRATCH/after")" "$(cat "$SCRATCH/before")" "the terminal's settings"
! shows main '^pushed' || fail_ "it reached the outer shell: $(brief "$(screen main)")"

case_ "the terminal is put back when the sandbox is killed, or carrel is"
for how in kill signal; do
	type_ "clear; $CARREL enter $USER_A"
	wait_until 5 shows main '^[^o].*\$ ?$' || fail_ "no prompt: $(brief "$(screen main)")"
	if [ $how = kill ]; then
		expect_ok "$CARREL" kill "$USER_A"
		session_cut s
		session_start s in "$USER_A"
	else
		kill -TERM "$(pgrep -x -f "$CARREL enter $USER_A")"
		type_ exit
	fi
	wait_until 5 shows main 'outer>$' || fail_ "$how: no outer prompt: $(brief "$(screen main)")"
	rm -f "$SCRATCH/after"
	type_ "stty -g >$SCRATCH/after"
	wait_until 5 test -s "$SCRATCH/after"
	expect_equal "$(cat "$SCRATCH/after")" "$(cat "$SCRATCH/before")" "settings after $how"
done

case_ "the terminal is closed: the shell inside ends"
type_ "$CARREL enter $USER_A -- sleep 777"
wait_until 5 inside 'sleep 777' || fail_ "it does not run"
tmux -L enter kill-server
gone() { ! inside 'sleep 777'; }
wait_until 5 gone || fail_ "it runs on"
session_end s
wait_until 5 no_sandbox || fail_ "a sandbox is left"

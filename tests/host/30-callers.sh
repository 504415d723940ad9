# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# timeout: 300
# Callers other than sshd: su, runuser, cron's way, callers that live on, careless ones.
. "$CHECK_SOURCE/tests/host/lib.sh"

host_pid=$(ns_of $$ pid)
policy_write '[default]' 'pids_max = 200' 'memory_max = 256M' 'oom_score_adj = 55'
for service in su su-l runuser runuser-l carrel-cron; do
	pam_write $service "session required pam_env.so" "$(pam_line)"
done

# confined TEXT: is this `readlink /proc/self/ns/pid` of a sandbox?
confined()
{
	case $1 in
	"pid:["*) [ "$1" != "$host_pid" ] ;;
	*) false ;;
	esac
}
expect_confined()
{
	run_ "$@"
	confined "$(tail -n1 <<<"$OUT")" || fail_ "$(brief "$@"): not confined, $(said)"
}
ns='readlink /proc/self/ns/pid'

case_ "su - user"
expect_confined su - "$USER_A" -c "$ns"
expect_output "/home/$USER_A" su - "$USER_A" -c pwd
expect_output "$UID_A" su - "$USER_A" -c 'id -u'
expect_status 42 su - "$USER_A" -c 'exit 42'
expect_output 55 su - "$USER_A" -c 'cat /proc/self/oom_score_adj'
expect_output "in a shell" su - "$USER_A" <<<'echo in a shell'

case_ "sudo -u, and sudo runs nothing when the session is refused"
pam_write sudo "$(pam_line)"
expect_confined sudo -n -u "$USER_A" readlink /proc/self/ns/pid
policy_write '[default]' 'no_such_key = 1'
policy_forget
expect_fail sudo -n -u "$USER_A" echo ran
[ -z "$OUT" ] || fail_ "$(said)"
expect_grep 'open: PAM_SYSTEM_ERR' steps start="sudo:$USER_A" open end
expect_ok sudo -n -u root true
# Nor under another service, which is the admin's choice, and another argv[0], which is the user's.
pam_write carrel-other "$(pam_line)"
printf 'Defaults pam_service=carrel-other\nroot ALL=(ALL:ALL) ALL\n' >"$SCRATCH/sudoers"
chmod 440 "$SCRATCH/sudoers"
mount --bind "$SCRATCH/sudoers" /etc/sudoers
expect_fail bash -c "exec -a other sudo -n -u $USER_A echo ran"
[ -z "$OUT" ] || fail_ "$(said)"
policy_write '[default]' 'pids_max = 200' 'memory_max = 256M' 'oom_score_adj = 55'
expect_confined bash -c "exec -a other sudo -n -u $USER_A readlink /proc/self/ns/pid"
umount /etc/sudoers

case_ "su -c keeps the cwd and the environment"
mkdir -m 755 "$SCRATCH/here"
cd "$SCRATCH/here" || exit
expect_confined su "$USER_A" -c "$ns"
expect_output "$SCRATCH/here $SCRATCH/here" su "$USER_A" -c 'echo $(pwd -P) $(readlink /proc/self/cwd)'
MARK=kept expect_output kept su "$USER_A" -c 'echo $MARK'
cd / || exit

case_ "a cwd in the host's /tmp does not come along"
mkdir -m 777 /tmp/outside && touch /tmp/outside/secret
cd /tmp/outside || exit
pam_write su
expect_grep secret su "$USER_A" -c 'ls .'
pam_write su "$(pam_line)"
expect_nogrep secret su "$USER_A" -c 'ls . ; ls ..; ls /proc/self/cwd/'
expect_confined su "$USER_A" -c "$ns"
cd / || exit
rm -rf /tmp/outside

case_ "su from root to root is left alone"
expect_output "$host_pid" su root -c "$ns"

case_ "su in a pty"
expect_grep '^pid:' script -qec "su - $USER_A -c '$ns; tty'" "$SCRATCH/typescript"
expect_nogrep "${host_pid//[][]/.}" echo "$OUT"
expect_grep '/dev/pts/' echo "$OUT"

case_ "runuser, runuser -l"
expect_confined runuser -u "$USER_A" -- readlink /proc/self/ns/pid
expect_confined runuser -l "$USER_A" -c "$ns"
expect_output "/home/$USER_A" runuser -l "$USER_A" -c pwd

case_ "su is killed: the session ends"
su - "$USER_A" -c 'setsid -f sleep 3456 >/dev/null 2>&1; sleep 3456' &
client=$!
has_job()
{
	pgrep -u "$USER_A" -f '^sleep 3456' >/dev/null
}
wait_until 5 has_job || fail_ "no job"
kill -9 $client
wait $client 2>/dev/null
wait_until 5 no_sandbox || fail_ "sandbox left"
! has_job || fail_ "job left"

case_ "cron's way: open, a child becomes the user and runs the job, close"
expect_grep '^pid:' steps start=carrel-cron:"$USER_A" open "run=$ns" close end
confined "$(grep '^pid:' <<<"$OUT")" || fail_ "the job was not confined"
expect_grep '^run: exit 7$' steps start=carrel-cron:"$USER_A" open "run=exit 7" close end
expect_grep '^run: signal 15$' steps start=carrel-cron:"$USER_A" open 'run=kill $$' close end
expect_grep '^close: PAM_SUCCESS' echo "$OUT"

# The first line logged opens libc's syslog socket for good: a syslog step before `state` where
# something is going to be logged.
# same_state BEFORE AFTER WHAT
same_state()
{
	cmp -s "$SCRATCH/$1" "$SCRATCH/$2" ||
		fail_ "$3: $(brief "$(diff "$SCRATCH/$1" "$SCRATCH/$2" | grep '^[<>]')")"
}

case_ "a caller that lives on is what it was, after close"
expect_grep '^close: PAM_SUCCESS' steps chdir="$SCRATCH/here" umask=027 setenv=KEPT:yes oom=10 \
	start=carrel-cron:"$USER_A" state="$SCRATCH/before" open "run=$ns" state="$SCRATCH/during" \
	close state="$SCRATCH/after" end state="$SCRATCH/end"
same_state before after "after close"
same_state before end "after pam_end"
! cmp -s <(grep '^ns: mnt' "$SCRATCH/before") <(grep '^ns: mnt' "$SCRATCH/during") ||
	fail_ "the state taken meanwhile shows no namespace"
for what in status env: limits: prctl: ids: comm; do
	expect_equal "$(grep "^$what" "$SCRATCH/during" | grep -v -e CapBnd)" \
		"$(grep "^$what" "$SCRATCH/before" | grep -v -e CapBnd)" "$what while the session is open"
done

case_ "no child, no descriptor that a program would inherit"
list='ls -l /proc/self/fd | sed -n "s/.* \([0-9]* ->.*\)/\1/p" | grep -v -e "^[012] " -e /proc/'
expect_grep 'reapchild: No child processes' steps start=carrel-cron:"$USER_A" "root=$list" open \
	reapchild "run=$list" "root=$list" close reapchild end
expect_nogrep '^[0-9]+ ->' echo "$OUT"
expect_equal "$(grep -c 'No child' <<<"$OUT")" 2 "reapchild"

case_ "two users, one after the other, in one process"
steps state="$SCRATCH/before" start=carrel-cron:"$USER_A" open "run=id -u; $ns" close end state="$SCRATCH/middle" \
	start=carrel-cron:"$USER_B" open "run=id -u; $ns" close end state="$SCRATCH/after" >"$SCRATCH/out"
same_state before middle "after the first"
same_state before after "after the second"
expect_equal "$(grep -c '^pid:' "$SCRATCH/out")" 2 sessions
expect_equal "$(grep '^pid:' "$SCRATCH/out" | sort -u | grep -c -v -x -F "$host_pid")" 2 "own namespaces"
expect_equal "$(grep -x -e "$UID_A" -e "$UID_B" "$SCRATCH/out" | tr '\n' ' ')" "$UID_A $UID_B " users

case_ "fifty sessions in one process leave nothing in it"
loop=()
for _ in {1..50}; do loop+=("start=carrel-cron:$USER_A" open close end); [ ${#loop[@]} -lt 60 ] || break; done
steps state="$SCRATCH/before" "${loop[@]}" state="$SCRATCH/after" >"$SCRATCH/out"
expect_equal "$(grep -c '^open: PAM_SUCCESS' "$SCRATCH/out")" $((${#loop[@]} / 4)) "sessions opened"
same_state before after "after $((${#loop[@]} / 4)) sessions"

case_ "hostile signal mask, dispositions, umask and closed descriptors change nothing"
expect_grep '^pid:' steps block ignore umask=0777 start=carrel-cron:"$USER_A" state="$SCRATCH/before" open \
	"run=$ns" state="$SCRATCH/during" close state="$SCRATCH/after" end
confined "$(grep '^pid:' <<<"$OUT")" || fail_ "not confined"
same_state before after "after close"
expect_equal "$(grep '^status: \(Sig\|Umask\)' "$SCRATCH/during")" "$(grep '^status: \(Sig\|Umask\)' "$SCRATCH/before")" \
	"signals and umask"
# Descriptors 0 and 2 closed: what the module opens lands there, and must not be taken for stdio.
expect_grep '^close: PAM_SUCCESS' steps closefd=0 closefd=2 start=carrel-cron:"$USER_A" \
	state="$SCRATCH/before" open "run=$ns >$SCRATCH/ns-closed" close state="$SCRATCH/after" end
same_state before after "after close, with 0 and 2 closed"

case_ "where pidfds do not tell of namespaces, as before Linux 6.11"
old_steps()
{
	"$TESTS/old_pidfd" "$TESTS/pam_steps" "$@"
}
joined=$SCRATCH/joined
expect_grep '^close: PAM_SUCCESS' old_steps start=carrel-cron:"$USER_A" state="$SCRATCH/before" open "run=$ns" \
	state="$SCRATCH/during" close state="$SCRATCH/after" "root=$ns" end
confined "$(grep -m 1 '^pid:' <<<"$OUT")" || fail_ "not confined"
expect_equal "$(grep '^pid:' <<<"$OUT" | tail -n 1)" "$host_pid" "where the caller is in the end"
same_state before after "after close"
# Two helpers' and a warden's logins, and the way in for root.
policy_write '[default]' 'instance = user' 'namespaces = mount pid ipc uts cgroup'
for ((i = 0; i < 3; i++)); do
	old_steps start=carrel-cron:"$USER_A" open "run=$ns; until [ -e $joined ]; do sleep 0.1; done" \
		close end >"$SCRATCH/old.$i" 2>&1 &
	wait_until 10 grep -q '^pid:' "$SCRATCH/old.$i" || fail_ "$(brief "$(cat "$SCRATCH/old.$i")")"
done
confined "$(grep '^pid:' "$SCRATCH/old.0")" || fail_ "not confined"
expect_output "$(grep '^pid:' "$SCRATCH/old.0")" "$TESTS/old_pidfd" "$CARREL" enter "$USER_A" -- readlink /proc/self/ns/pid
touch "$joined"
wait
for ((i = 0; i < 3; i++)); do
	expect_grep '^close: PAM_SUCCESS' cat "$SCRATCH/old.$i"
	expect_equal "$(grep '^pid:' "$SCRATCH/old.$i")" "$(grep '^pid:' "$SCRATCH/old.0")" "the pid namespace"
done
policy_write '[default]' 'pids_max = 200' 'memory_max = 256M' 'oom_score_adj = 55'

case_ "a caller with threads is refused, and stays outside"
log_mark
expect_grep '^open: PAM_SESSION_ERR' steps start=carrel-cron:"$USER_A" thread syslog state="$SCRATCH/before" open \
	state="$SCRATCH/after" "root=$ns"
expect_grep "${host_pid//[][]/.}" echo "$OUT"
expect_grep '^conv: ' echo "$OUT"
same_state before after "after the refusal"
expect_log 'thread'

case_ "a caller that is not root is refused"
log_mark
chmod 755 "$SCRATCH"
expect_grep '^open: PAM_(SESSION_ERR|SYSTEM_ERR)' steps become="$UID_A" start=carrel-cron:"$USER_A" open end
expect_log 'carrel'

case_ "pam_exec after us runs inside, as root"
cat >"$SCRATCH/hook" <<END
#!/bin/sh
{ id -u; $ns; ls -A /tmp; } >"$SCRATCH/hook.\$PAM_TYPE" 2>&1
END
chmod 755 "$SCRATCH/hook"
touch /tmp/of-the-host
pam_write carrel-hook "$(pam_line)" "session required pam_exec.so $SCRATCH/hook"
expect_grep '^open: PAM_SUCCESS' steps start=carrel-hook:"$USER_A" open "run=$ns" close end
expect_equal "$(head -1 "$SCRATCH/hook.open_session")" 0 "uid of the hook"
expect_equal "$(sed -n 2p "$SCRATCH/hook.open_session")" "$(grep '^pid:' <<<"$OUT")" "its pid namespace"
expect_nogrep of-the-host cat "$SCRATCH/hook.open_session"
rm -f /tmp/of-the-host

case_ "pam_mkhomedir after us makes the home on the host"
useradd -M -u $((CHECK_UID + 2)) -U -s /bin/bash -p '*' carrel-c
pam_write carrel-hook "$(pam_line)" "session required pam_mkhomedir.so skel=/etc/skel umask=0077"
expect_grep '^run: exit 0' steps start=carrel-hook:carrel-c open 'run=touch made-inside' close end
expect_file /home/carrel-c/made-inside
rm -rf /home/carrel-c

case_ "a module after us fails: the sandbox goes with the login"
pam_write carrel-hook "$(pam_line)" "session required pam_deny.so"
expect_grep '^open: PAM_' steps start=carrel-hook:"$USER_A" state="$SCRATCH/before" open end
expect_nogrep 'open: PAM_SUCCESS' echo "$OUT"
wait_until 5 no_sandbox || fail_ "sandbox left"
userdel carrel-c 2>/dev/null

case_ "pam_end without pam_close_session"
expect_grep '^end: PAM_SUCCESS' steps start=carrel-cron:"$USER_A" open "run=true" end
wait_until 5 no_sandbox || fail_ "sandbox left"
expect_ok steps start=carrel-cron:"$USER_A" open exit=0
wait_until 5 no_sandbox || fail_ "sandbox left after an exit without pam_end"
run_ steps start=carrel-cron:"$USER_A" open suicide
wait_until 5 no_sandbox || fail_ "sandbox left after SIGKILL"

case_ "a child ends PAM silently while the parent's session goes on"
for child in silent_child exit_child; do
	expect_grep '^run: exit 0' steps start=carrel-cron:"$USER_A" open $child sleep=300 "run=$ns" close end
	confined "$(grep '^pid:' <<<"$OUT")" || fail_ "$child: not confined any more"
	expect_grep '^close: PAM_SUCCESS' echo "$OUT"
done

case_ "close_session twice"
expect_grep '^end: PAM_' steps start=carrel-cron:"$USER_A" state="$SCRATCH/before" open close close \
	state="$SCRATCH/after" end
same_state before after "after the second close"

case_ "close_session without open_session"
expect_grep '^end: PAM_' steps start=carrel-cron:"$USER_A" state="$SCRATCH/before" close state="$SCRATCH/after" end
same_state before after "after close"

case_ "two opens on one handle"
expect_grep '^end: PAM_' steps start=carrel-cron:"$USER_A" syslog state="$SCRATCH/before" open open "run=$ns" close close \
	state="$SCRATCH/after" end
confined "$(grep '^pid:' <<<"$OUT")" || fail_ "not confined"
same_state before after "after both closes"
wait_until 5 no_sandbox || fail_ "sandbox left"

case_ "two handles open at once in one process, closed in either order"
for order in "use=1 close use=0 close" "use=0 close use=1 close"; do
	# shellcheck disable=SC2086
	run_ steps state="$SCRATCH/before" start=carrel-cron:"$USER_A" open start=carrel-cron:"$USER_B" open $order \
		use=0 end use=1 end
	expect_equal "$STATUS" 0 "status with $order"
	wait_until 5 no_sandbox || fail_ "sandbox left with $order"
done

case_ "pamtester"
expect_grep 'sucessfully opened|successfully opened' pamtester carrel-cron "$USER_A" open_session close_session
expect_grep 'closed' echo "$OUT$ERR"
expect_ok pamtester carrel-cron root open_session close_session

case_ "the other service functions ignore"
pam_write carrel-other
sed -i "/^auth/a auth required $MODULE
/^account/a account required $MODULE
/^auth/a auth required pam_permit.so" /etc/pam.d/carrel-other
[ "$PLAIN" = 1 ] || expect_ok pamtester carrel-other "$USER_A" authenticate acct_mgmt

# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# timeout: 600
# instance = user: the logins of a user share one sandbox, whatever happens at its beginning and end.
. "$CHECK_SOURCE/tests/host/lib.sh"

if [ "$PLAIN" = 1 ]; then
	case_ "instance = user"
	skip_ "there is no product"
	exit
fi

pod_policy()
{
	policy_write '[default]' 'instance = user' "$@"
	# Younger than that, a change may have left no trace in the files' times.
	sleep 2.2
}

pod=$CARREL_RUN_DIR/$UID_A/pod
wardens()
{
	warden_pids | wc -l
}
is_gone()
{
	no_sandbox && [ ! -e "$CARREL_RUN_DIR/$UID_A" ]
}
expect_end()
{
	wait_until 5 is_gone || fail_ "the sandbox is still there: $(warden_pids; ls "$CARREL_RUN_DIR/$UID_A")"
	wait_until 5 slice_gone memory "$UID_A" || fail_ "the slice is still there"
}
sessions()
{
	"$CARREL" list --json | python3 -c 'import json, sys
print(*(row["sessions"] for row in json.load(sys.stdin)))'
}
# How many helpers were started since the last call.
expect_helpers()
{
	expect_equal "$(wc -l <"$SCRATCH/started")" "$1" "helpers $2"
	: >"$SCRATCH/started"
}

case_ "later logins join the first one's sandbox; the last logout ends it"
pod_policy
session_start one in "$USER_A"
session_start two in "$USER_A"
for kind in mnt pid ipc; do
	expect_equal "$(session_do one readlink /proc/self/ns/$kind)" \
		"$(session_do two readlink /proc/self/ns/$kind)" "$kind namespaces"
	expect_differ "$(session_do one readlink /proc/self/ns/$kind)" "$(ns_of $$ $kind)" "the host's $kind"
done
session_do one 'echo shared >/tmp/file; nohup sleep 300 >/dev/null 2>&1 & echo $! >/tmp/pid'
expect_equal "$(session_do two 'cat /tmp/file; kill -0 $(cat /tmp/pid) && echo seen')" $'shared\nseen' "the other's"
expect_equal "$(wardens)" 1 "wardens"
expect_equal "$(sessions)" 2 "sessions in carrel list"
session_end one
expect_equal "$(session_do two 'cat /tmp/file; kill -0 $(cat /tmp/pid) && echo seen')" $'shared\nseen' "after a logout"
wait_until 3 eval '[ "$(sessions)" = 1 ]' || fail_ "sessions: $(sessions)"
expect_log "session of $USER_A in sandbox $UID_A-[0-9]* ended: service=$SERVICE_IN length="
session_end two
expect_end
expect_log "sandbox $UID_A-[0-9]* of $USER_A ended: service="

case_ "scp to /tmp, then ssh, while another login holds the sandbox"
session_start hold in "$USER_A"
echo copied >"$SCRATCH/file"
expect_ok scp -F "$SSH_CONFIG" "$SCRATCH/file" "$USER_A@in:/tmp/copied"
expect_output copied ssh_in "$USER_A" cat /tmp/copied
expect_nofile /tmp/copied
session_end hold
expect_end

case_ "two users have two sandboxes"
session_start a in "$USER_A"
session_start b in "$USER_B"
expect_differ "$(session_do a readlink /proc/self/ns/pid)" "$(session_do b readlink /proc/self/ns/pid)" "pid namespaces"
expect_equal "$(wardens)" 2 "wardens"
session_end a
session_end b
expect_end

case_ "a join starts no helper as long as the policy's files and the login are the same"
cat >"$SCRATCH/helper" <<-END
	#!/bin/sh
	echo x >>$SCRATCH/started
	exec $LIBEXEC/carrel-session "\$@"
END
chmod 755 "$SCRATCH/helper"
: >"$SCRATCH/started"
pam_write joins "$(pam_line helper="$SCRATCH/helper")"
pam_write joins2 "$(pam_line helper="$SCRATCH/helper")"
join_once()
{
	expect_grep '^open: PAM_SUCCESS' steps start="${1:-joins}:$USER_A" open run='readlink /proc/self/ns/pid' close end
	expect_equal "$(grep -o 'pid:.*' <<<"$OUT")" "$held" "the pid namespace"
}
# hold_open SERVICE [now]: a login that stays until let_go; with now, whether it is refused is not waited for.
held_pids=()
hold_open()
{
	local n=${#held_pids[@]}
	: >"$SCRATCH/hold"
	steps start="$1:$USER_A" open "root=while [ -e $SCRATCH/hold ]; do sleep 0.1; done" close end \
		>"$SCRATCH/held.$n" 2>&1 &
	held_pids+=($!)
	[ -n "${2:-}" ] || wait_until 10 grep -q '^open: PAM_SUCCESS' "$SCRATCH/held.$n" ||
		fail_ "$1: $(brief "$(cat "$SCRATCH/held.$n")")"
}
let_go()
{
	rm -f "$SCRATCH/hold"
	wait "${held_pids[@]}"
	rm -f "$SCRATCH"/held.*
	held_pids=()
}
# A sandbox that stays, and logins that join it: the first of its service by a helper, those after it without.
first_joins()
{
	session_start hold in "$USER_A"
	held=$(session_do hold readlink /proc/self/ns/pid)
	join_once
	expect_helpers 1 "at the first of its service"
	join_once
	join_once
}
first_joins
expect_helpers 0 "at the next"
join_once joins2
expect_helpers 1 "of another service"
touch "$POLICY"
join_once
expect_helpers 1 "after the policy was touched"
sleep 2.2
join_once
join_once
expect_helpers 1 "once that is long ago"
echo '[default]' >"${POLICY%/*}/carrel.conf.d/x.conf"
join_once
expect_helpers 1 "after a drop-in came"
sleep 2.2
join_once
join_once
expect_helpers 1 "once that is long ago"
echo 'pids_max = 500' >>"${POLICY%/*}/carrel.conf.d/x.conf"
join_once
expect_helpers 1 "after a drop-in was written in place"
expect_equal "$(cat "$(slice_dir pids "$UID_A")/pids.max")" 500 "pids.max"
session_end hold
rm "${POLICY%/*}/carrel.conf.d/x.conf"
expect_end

case_ "a policy change: limits at once, namespaces with the next fresh sandbox"
pod_policy 'pids_max = 300'
session_start hold in "$USER_A"
expect_equal "$(cat "$(slice_dir pids "$UID_A")/pids.max")" 300 "pids.max"
log_mark
policy_write '[default]' 'instance = user' 'pids_max = 200' 'namespaces = mount pid ipc uts'
expect_output "$(session_do hold readlink /proc/self/ns/pid)" ssh_in "$USER_A" readlink /proc/self/ns/pid
expect_equal "$(cat "$(slice_dir pids "$UID_A")/pids.max")" 200 "pids.max"
expect_log "joins sandbox .* made before the policy changed"
expect_output "$(ns_of $$ uts)" ssh_in "$USER_A" readlink /proc/self/ns/uts
session_end hold
expect_end
expect_grep '^uts:' ssh_in "$USER_A" readlink /proc/self/ns/uts
expect_differ "$OUT" "$(ns_of $$ uts)" "the uts namespace of a fresh one"
expect_end

case_ "limits that differ by service: each login sets its own, and needs a helper for it only then"
pod_policy 'pids_max = 300' '[service joins2]' 'pids_max = 200' '[service apart]' 'pids_max = 100' 'instance = session'
first_joins
expect_helpers 0 "at the next"
pids_max() { cat "$(slice_dir pids "$UID_A")/pids.max"; }
join_once joins2
expect_helpers 1 "of the other service"
expect_equal "$(pids_max)" 200 "pids.max of the other service"
join_once
expect_helpers 1 "of the first again, whose limits are not in force"
expect_equal "$(pids_max)" 300 "pids.max of the first"
join_once
expect_helpers 0 "once they are"
# One that is beside the sandbox.
pam_write apart "$(pam_line)"
expect_ok steps start="apart:$USER_A" open close end
expect_equal "$(pids_max)" 100 "pids.max of a login in a sandbox of its own"
join_once
expect_helpers 1 "after it"
expect_equal "$(pids_max)" 300 "pids.max after it"
session_end hold
expect_end

case_ "limits that cross: what a helper says last is not taken for what was set last"
pod_policy 'pids_max = 300' '[service joins2]' 'pids_max = 200'
cat >"$SCRATCH/slow-helper" <<-END
	#!/bin/sh
	# ADOPT, that the limits are set, the reply, GO: and here the other login comes in between.
	exec strace -D -qq -o /dev/null -e trace=sendmsg -e inject=sendmsg:delay_enter=6000000:when=4 \\
		$LIBEXEC/carrel-session "\$@"
END
chmod 755 "$SCRATCH/slow-helper"
pam_write slow "$(pam_line timeout=30 helper="$SCRATCH/slow-helper")"
first_joins
join_once joins2
expect_equal "$(pids_max)" 200 "pids.max of the other service"
: >"$SCRATCH/started"
steps start="slow:$USER_A" open close end >"$SCRATCH/slow" 2>&1 &
slow=$!
wait_until 10 eval '[ "$(pids_max)" = 300 ]' || fail_ "pids.max of the slow one: $(pids_max)"
join_once joins2
expect_ok kill -0 $slow
expect_equal "$(pids_max)" 200 "pids.max of who came in between"
wait $slow
expect_grep '^open: PAM_SUCCESS' cat "$SCRATCH/slow"
expect_helpers 1 "of who came in between"
join_once
expect_helpers 1 "of one whose limits the slow one had set, and which are not in force"
expect_equal "$(pids_max)" 300 "pids.max of that one"
join_once
expect_helpers 0 "once they are"
session_end hold
expect_end

case_ "two first logins at once, with different limits: those of one of them, as a whole"
policy_write '[default]' 'pids_max = 300' 'cpu_max = 200%' '[service joins2]' 'pids_max = 200' 'cpu_max = 50%'
if [ "$(cgroup_version cpu)" = 1 ]; then quota=cpu.cfs_quota_us; else quota=cpu.max; fi
session_start b in "$USER_B"
quota=$(slice_dir cpu "$UID_B")/$quota quota=${quota/user-$UID_B./user-$UID_A.}
cat >"$SCRATCH/slow-helper" <<-END
	#!/bin/sh
	exec strace -D -qq -o /dev/null -P "$quota" -e trace=write -e inject=write:delay_enter=6000000:when=1 \\
		$LIBEXEC/carrel-session "\$@"
END
hold_open slow now
# Made, and not limited yet.
wait_until 10 test -e "$quota" || fail_ "the slow one has made no slice"
hold_open joins2
expect_equal "$(pids_max) $(sed 's/ .*//' "$quota")" '200 50000' "pids.max and the quota of who came in between"
wait_until 20 grep -q "^open: PAM_SUCCESS" "$SCRATCH/held.0" || fail_ "the slow one: $(brief "$(cat "$SCRATCH/held.0")")"
expect_equal "$(pids_max) $(sed 's/ .*//' "$quota")" '300 200000' "pids.max and the quota in the end"
let_go
session_end b
expect_end
: >"$SCRATCH/started"

case_ "limits that can't be set are not taken for set: nobody comes in without a helper, until they are"
if [ "$(cgroup_version memory)" = 1 ] && [ "$(swapon --noheadings | wc -l)" = 0 ]; then
	pod_policy 'memory_max = 300M' '[service joins2]' 'memory_max = 30M'
	first_joins
	join_once joins2
	join_once
	: >"$SCRATCH/started"
	session_do hold 'head -c 60M /dev/zero >/tmp/large'
	for i in 1 2; do
		expect_grep '^open: PAM_SESSION_ERR' steps start="joins2:$USER_A" open end
		expect_helpers 1 "that refuses, $i"
	done
	expect_equal "$(cat "$(slice_dir memory "$UID_A")/memory.limit_in_bytes")" 314572800 "memory_max"
	join_once
	expect_helpers 1 "of one whose limits are in force, which nobody knows"
	join_once
	expect_helpers 0 "once that is known"
	session_end hold
	expect_end
else
	skip_ "memory that can be given back: no limit is refused"
fi

case_ "a service that is to have other namespaces gets a sandbox of its own"
pod_policy '[service apart]' 'namespaces = mount ipc'
pam_write apart "$(pam_line)"
session_start hold in "$USER_A"
expect_grep '^open: PAM_SUCCESS' steps start="apart:$USER_A" open run='readlink /proc/self/ns/pid' close end
expect_equal "$(grep -o 'pid:.*' <<<"$OUT")" "$(ns_of $$ pid)" "the pid namespace of a service without one"
session_end hold
expect_end

case_ "a changed group is seen at the next login"
pod_policy '[group later]' 'sandbox = no'
groupadd later
session_start hold in "$USER_A"
expect_grep '^open: PAM_SUCCESS' steps start="joins:$USER_A" open close end
usermod -aG later "$USER_A"
expect_grep '^pid:' steps start="joins:$USER_A" open run='readlink /proc/self/ns/pid' end
expect_equal "$(grep -o 'pid:.*' <<<"$OUT")" "$(ns_of $$ pid)" "the pid namespace of who is left alone"
session_end hold
groupdel later
expect_end

case_ "sessions_max counts those of a shared sandbox"
pod_policy 'sessions_max = 2'
session_start one in "$USER_A"
session_start two in "$USER_A"
expect_status 254 ssh_in "$USER_A" true
expect_grep '^open: PAM_SESSION_ERR' steps start="joins:$USER_A" open end
session_end one
wait_until 3 eval '[ "$(sessions)" = 1 ]' || fail_ "sessions: $(sessions)"
expect_ok ssh_in "$USER_A" true
session_end two
expect_end

case_ "where sessions_max is set, a join needs no helper either, up to the limit"
pod_policy 'sessions_max = 3' '[service apart]' 'namespaces = mount ipc'
: >"$SCRATCH/started"
first_joins
expect_helpers 0 "below the limit"
# One in a sandbox of its own counts as well: two are two of three, three are all.
hold_open apart
join_once
expect_helpers 0 "below the limit, one of them apart"
session_start more in "$USER_A"
expect_grep '^open: PAM_SESSION_ERR' steps start="joins:$USER_A" open end
expect_helpers 1 "at the limit, to look closely and to say why"
expect_log "$USER_A has 3 sessions, and sessions_max is 3"
let_go
session_end more
session_end hold
expect_end

case_ "sessions_max under 20 logins racing into a shared sandbox and beside it"
pod_policy 'sessions_max = 7' '[service apart]' 'namespaces = mount ipc'
for round in 1 2 3; do
	hold_open joins
	held=$(ns_of "$(init_pids)" pid)
	join_once
	: >"$SCRATCH/started"
	for ((i = 1; i < 20; i++)); do
		hold_open "$([ $((i % 4)) = 0 ] && echo apart || echo joins)" now
	done
	settled() { [ "$(cat "$SCRATCH"/held.* | grep -c '^open: ')" = 20 ]; }
	wait_until 30 settled || fail_ "20 logins: $(brief "$(cat "$SCRATCH"/held.*)")"
	expect_equal "$(cat "$SCRATCH"/held.* | grep -c '^open: PAM_SUCCESS')" 7 "logins that got in"
	[ "$(wc -l <"$SCRATCH/started")" -lt 18 ] || fail_ "all went by a helper: nothing was tested"
	let_go
	expect_end
done

case_ "capabilities and OOM score are each login's own"
pod_policy 'no_new_privs = yes' 'oom_score_adj = 300' '[service joins]' 'oom_score_adj = 400'
session_start hold in "$USER_A"
for i in 1 2; do
	expect_grep '^NoNewPrivs:.*1' ssh_in "$USER_A" cat /proc/self/status
	expect_output 300 ssh_in "$USER_A" cat /proc/self/oom_score_adj
	expect_grep '^400' steps start="joins:$USER_A" open run='cat /proc/self/oom_score_adj' close end
done
session_end hold
expect_end

case_ "the caller is back where it was after close_session"
pod_policy
session_start hold in "$USER_A"
for i in 1 2; do
	expect_grep '^open: PAM_SUCCESS' steps start="joins:$USER_A" state="$SCRATCH/before" open close state="$SCRATCH/after" end
	expect_ok diff "$SCRATCH/before" "$SCRATCH/after"
done
session_end hold
expect_end

case_ "what lingers keeps the sandbox, is found again, and ends it"
pod_policy 'on_logout = linger'
first=$(ssh_in "$USER_A" 'nohup sleep 4 >/dev/null 2>&1 & readlink /proc/self/ns/pid')
sleep 0.5
expect_equal "$(wardens)" 1 "wardens after the logout"
expect_equal "$(sessions)" 0 "sessions"
expect_output "$first" ssh_in "$USER_A" 'pgrep -x sleep >/dev/null && readlink /proc/self/ns/pid'
expect_end

case_ "nothing that lingers: the sandbox ends with the last logout"
expect_ok ssh_in "$USER_A" true
expect_end

# A terminal of the client's, with a program in it; what it shows.
export TMUX_TMPDIR=$SCRATCH
client()
{
	tmux -L client -f /dev/null new-session -d -s main -x 80 -y 24 "$*"
}
type_()
{
	tmux -L client send-keys -t main "$@"
}
shows()
{
	tmux -L client capture-pane -p -t main | grep -q -E -e "$1"
}
expect_shows()
{
	wait_until 10 shows "$1" || fail_ "no '$1' on: $(brief "$(tmux -L client capture-pane -p -t main)")"
}
client_gone()
{
	! tmux -L client has-session -t main 2>/dev/null
}

case_ "tmux: detach, log out, attach from the next login; lose the connection, attach again"
login="exec ssh -F $SSH_CONFIG -tt $USER_A@in"
client "$login 'exec tmux -L t new-session -s work'"
expect_shows '\[work\]'
type_ 'readlink /proc/self/ns/pid | tee ~/work-ns; echo written-$((40 + 2))' Enter
expect_shows '^written-42'
held=$(cat "/home/$USER_A/work-ns")
type_ C-b d
wait_until 10 client_gone || fail_ "detached, and still logged in"
wait_until 5 eval '[ "$(sessions)" = 0 ]' || fail_ "sessions: $(sessions)"
client "$login 'exec tmux -L t attach'"
expect_shows '^written-42'
expect_equal "$(sessions)" 1 "sessions"
kill -9 "$(pgrep -f "^ssh -F $SSH_CONFIG .*$USER_A@in exec tmux -L t attach")"
wait_until 5 eval '[ "$(sessions)" = 0 ]' || fail_ "sessions: $(sessions)"
expect_output "$held" ssh_in "$USER_A" readlink /proc/self/ns/pid
client "$login 'exec tmux -L t attach'"
expect_shows '^written-42'
type_ 'exit' Enter
wait_until 10 client_gone || fail_ "the shell has ended, the login has not"
expect_end

case_ "screen: the same"
if command -v screen >/dev/null; then
	client "$login 'export SCREENDIR=~/.screen; mkdir -m 700 ~/.screen; exec screen -S work'"
	expect_shows '.'
	type_ Space
	sleep 0.3
	type_ 'echo written-$((40 + 3))' Enter
	expect_shows '^written-43'
	type_ C-a d
	wait_until 10 client_gone || fail_ "detached, and still logged in"
	wait_until 5 eval '[ "$(sessions)" = 0 ]' || fail_ "sessions: $(sessions)"
	client "$login 'export SCREENDIR=~/.screen; exec screen -r work'"
	expect_shows '^written-43'
	type_ 'exit' Enter
	wait_until 10 client_gone || fail_ "the shell has ended, the login has not"
	expect_end
else
	skip_ "no screen"
fi

case_ "mosh: the server outlives the login that started it, and ends the sandbox"
if command -v mosh-server >/dev/null; then
	port=$(free_port)
	expect_ok ssh_in "$USER_A" "LANG=C.UTF-8 mosh-server new -i 127.0.0.1 -p $port -- bash --norc"
	key=$(sed -n "s/^MOSH CONNECT $port //p" <<<"$OUT" | tr -d '\r')
	wait_until 5 eval '[ "$(sessions)" = 0 ]' || fail_ "sessions: $(sessions)"
	client "LANG=C.UTF-8 MOSH_KEY=$key MOSH_ESCAPE_KEY= exec mosh-client 127.0.0.1 $port"
	type_ 'echo in-$(readlink /proc/self/ns/pid)' Enter
	expect_shows "^in-$(ssh_in "$USER_A" readlink /proc/self/ns/pid | sed 's/[][]/./g')"
	type_ 'exit' Enter
	wait_until 10 client_gone || fail_ "the shell has ended, mosh-client has not"
	expect_end
else
	skip_ "no mosh"
fi

case_ "on_logout = kill ends what was left running"
pod_policy
expect_ok ssh_in "$USER_A" 'nohup sleep 300 >/dev/null 2>&1 &'
expect_end
expect_equal "$(user_pids "$UID_A")" "" "processes"

case_ "a lingering sandbox whose warden is killed ends, PID 1 waiting for its child or not"
pod_policy 'on_logout = linger'
expect_ok ssh_in "$USER_A" 'nohup sleep 300 >/dev/null 2>&1 &'
sleep 0.5
kill -9 "$(warden_pids)"
wait_until 3 user_gone "$UID_A" || fail_ "a process survived its warden"
expect_ok ssh_in "$USER_A" true
expect_end

case_ "the warden is killed with two logins in: both end, the next one is whole"
pod_policy
session_start one in "$USER_A"
session_start two in "$USER_A"
kill -9 "$(warden_pids)"
wait_until 3 user_gone "$UID_A" || fail_ "a process survived its warden"
expect_ok ssh_in "$USER_A" true
session_cut one
session_cut two
expect_end

case_ "PID 1 is killed with two logins in: both end, the next one is whole"
session_start one in "$USER_A"
session_start two in "$USER_A"
kill -9 "$(init_pids)"
wait_until 3 user_gone "$UID_A" || fail_ "a process survived its PID 1"
expect_ok ssh_in "$USER_A" true
session_cut one
session_cut two
expect_end

case_ "case 49: sshd's monitor is killed: its session ends, the other's does not"
session_start one in "$USER_A"
session_start two in "$USER_A"
leader=$("$CARREL" list --json | grep -o '"leader_pid": [0-9]*' | grep -o '[0-9]*$')
kill -9 "$leader"
wait_until 3 eval '[ "$(sessions)" = 1 ]' || fail_ "sessions: $(sessions)"
expect_output "$UID_A" session_do two id -u
session_cut one
session_end two
expect_end

case_ "a warden that hangs keeps nobody out"
session_start one in "$USER_A"
hung=$(warden_pids)
kill -STOP "$hung"
before=$SECONDS
expect_ok ssh_in "$USER_A" true
expect_grep '^open: PAM_SUCCESS' steps start="joins:$USER_A" open run='id -u' close end
[ $((SECONDS - before)) -lt $((12 * $(patience))) ] || fail_ "it took $((SECONDS - before)) s"
# Also where half of the time has gone before it is asked.
expect_grep '^open: PAM_SUCCESS' slow_nss 1500 start="joins:$USER_A" open run='id -u' close end
kill -CONT "$hung"
expect_output "$UID_A" session_do one id -u
expect_equal "$(sessions)" 1 "sessions, of those that gave up as well"
session_end one
expect_end

case_ "the pod's socket is root's"
session_start one in "$USER_A"
expect_equal "$(stat -c '%U %a' "$CARREL_RUN_DIR" "$CARREL_RUN_DIR/$UID_A")" $'root 700\nroot 700' "directories"
expect_ok test -S "$pod"
session_end one
expect_end
expect_nofile "$pod"

case_ "join at the moment of the end, ${RACES:-2000} times"
expect_ok "$TESTS/pod_race" "$SERVICE_IN" "$USER_A" "${RACES:-2000}"
note_ "$OUT"
expect_nogrep ' 0 of them' echo "$OUT"
expect_end

case_ "50 parallel logins and logouts, twice"
for _ in 1 2; do
	pids=()
	for ((i = 0; i < 50; i++)); do
		(steps start="joins:$USER_A" open run='test -w /tmp && id -u' close end >"$SCRATCH/p.$i" 2>&1) &
		pids+=($!)
	done
	wait "${pids[@]}"
	expect_equal "$(cat "$SCRATCH"/p.* | grep -c '^open: PAM_SUCCESS')" 50 "logins"
	expect_equal "$(cat "$SCRATCH"/p.* | grep -c "^$UID_A")" 50 "that worked"
	expect_end
done

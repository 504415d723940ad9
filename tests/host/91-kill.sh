# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# timeout: 240
# kill, where something is in its way: a warden that takes no more clients, few descriptors, SIGCHLD ignored.
. "$CHECK_SOURCE/tests/host/lib.sh"

# of USER FIELD: of each of the user's sandboxes that answer.
of()
{
	"$CARREL" list --json | jq -r --arg user "$1" ".[] | select(.user == \$user).$2"
}

# fill ID: leave it clients that have gone, until it takes no more.
fill()
{
	# shellcheck disable=SC2016 # perl's
	perl -MSocket -MErrno -e 'for (1 .. 200) {
		socket(my $s, AF_UNIX, SOCK_SEQPACKET | 04000, 0) or die "socket: $!";
		exit !$!{EAGAIN} unless connect($s, pack_sockaddr_un($ARGV[0])); } die "it takes any number"' \
		"$CARREL_RUN_DIR/${1%%-*}/$1" || fail_ "the backlog of $1 is not full"
}

# hold PID, let_go: no signal but SIGKILL moves it meanwhile.
hold()
{
	rm -f "$SCRATCH/held"
	"$TESTS/hold_stopped" "$1" >"$SCRATCH/held" 2>&1 &
	held=$!
	wait_until 5 grep -q '^held' "$SCRATCH/held" || fail_ "$(cat "$SCRATCH/held")"
}

let_go()
{
	kill "$held"
	wait "$held" 2>/dev/null
}

case_ "a warden that was stopped and takes no more clients: it ends, and the user's others with it"
session_start s in "$USER_A"
session_start t in "$USER_A"
session_start b in "$USER_B"
id=$(of "$USER_A" id | head -1)
warden=$(of "$USER_A" warden_pid | head -1)
kill -STOP "$warden"
fill "$id"
before=$SECONDS
expect_output '' "$CARREL" kill "$USER_A"
[ $((SECONDS - before)) -le $((10 * $(patience))) ] || fail_ "it took $((SECONDS - before)) s"
expect_nofile "/proc/$warden"
user_gone "$UID_A" || fail_ "processes are left"
expect_equal "$(echo "$CARREL_RUN_DIR/$UID_A/$UID_A-"*)" "" "sandboxes left"
expect_output still session_do b echo still
session_cut s
session_cut t

case_ "... one that nothing moves is killed, by its id too, and swept up after"
session_start s in "$USER_A"
session_start t in "$USER_A"
id=$(of "$USER_A" id | head -1)
warden=$(of "$USER_A" warden_pid | head -1)
hold "$warden"
fill "$id"
expect_output '' "$CARREL" kill "$id"
let_go
expect_nofile "/proc/$warden"
expect_equal "$(of "$USER_A" id | wc -l)" 1 "sandboxes left"
expect_ok "$CARREL" kill "$USER_A"
user_gone "$UID_A" || fail_ "processes are left"
session_cut s
session_cut t
session_end b

case_ "one whose warden can't be told from here is named, and the others end all the same"
pam_write su "$(pam_line)"
session_start outer in "$USER_A"
session_do outer "su $USER_B -c 'echo in; sleep 300' >/tmp/inner 2>&1 & until grep -q in /tmp/inner; do sleep 0.1; done"
id=$(of "$USER_B" id)
warden=$(of "$USER_B" warden_pid)
[ -n "$id" ] && [ "${id#*-"$warden"}" = "$id" ] || fail_ "the id has the pid: $id"
session_start b in "$USER_B"
other=$(of "$USER_B" warden_pid | grep -v -x "$warden")
kill -STOP "$warden"
fill "$id"
expect_status 1 "$CARREL" kill "$USER_B"
grep -q "^carrel: kill: the warden of $id does not answer, and which process it is can't be told" <<<"$ERR" ||
	fail_ "$(brief "$ERR")"
expect_nofile "/proc/$other"
session_cut b
kill -CONT "$warden"
goes_on() { [ "$(of "$USER_B" id)" = "$id" ]; }
wait_until 5 goes_on || fail_ "it does not go on"
expect_ok "$CARREL" kill "$USER_B"
expect_ok "$CARREL" kill "$USER_A"
session_cut outer

case_ "more sandboxes than the soft limit has descriptors"
names='s t u v w x'
for name in $names; do session_start "$name" in "$USER_A"; done
expect_output '' sh -c "ulimit -Sn 7; exec '$CARREL' kill '$USER_A'"
no_sandbox || fail_ "a sandbox is left"
for name in $names; do session_cut "$name"; done

case_ "SIGCHLD ignored by who started it: a sweep that fails is told all the same"
session_start s in "$USER_A"
hold "$(of "$USER_A" warden_pid)"
mv "$LIBEXEC/carrel-session" "$LIBEXEC/carrel-session.away"
ln -s /bin/false "$LIBEXEC/carrel-session"
run_ env --ignore-signal=CHLD "$CARREL" kill "$USER_A"
mv "$LIBEXEC/carrel-session.away" "$LIBEXEC/carrel-session"
let_go
expect_equal "$STATUS" 1 status
grep -q 'sweep could not remove everything' <<<"$ERR" || fail_ "$(brief "$ERR")"
expect_ok env --ignore-signal=CHLD "$LIBEXEC/carrel-session" --sweep
session_cut s
wait_until 5 no_sandbox || fail_ "a sandbox is left"
user_gone "$UID_A" || fail_ "processes are left"

# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# timeout: 600
# Many logins at once, with kill -9 among them: those that were left in peace are whole, and at the end
# nothing is left.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/fault_lib.sh"

faults_baseline
faults_policy
LOGINS=${LOGINS:-1000}

if [ "$PLAIN" = 1 ]; then
	case_ "stress"
	skip_ "there is no product to stress"
	exit
fi

# The helper behind one that writes down whose it is.
mkdir -p "$SCRATCH/mark/pids"
cp "$TESTS/fault_helper" "$SCRATCH/mark/"
ln -s "$LIBEXEC/carrel-session" "$SCRATCH/mark/real"
pam_write "$SERVICE" "$(pam_line timeout=60 helper="$SCRATCH/mark/fault_helper")"

# stress OPTION... SERVICE USER:UID...: see src/fault_stress.c
stress()
{
	local started=$SECONDS
	run_ "$TESTS/fault_stress" -d "$SCRATCH/mark" "$@"
	note_ "$(tail -n 1 <<<"$OUT") ($((SECONDS - started)) s)"
	[ "$STATUS" = 0 ] || fail_ "$(brief "$ERR") $(grep -m 1 '^wrong: ' <<<"$OUT")"
}

# A warden that was killed after it was told to close has nobody left who knows: the next logout of
# this user, or another, cleans up.
login_once_each()
{
	local user
	for user in "$USER_A" "$USER_B"; do
		expect_grep 'open: PAM_SUCCESS' steps start="$SERVICE:$user" open close end
	done
}

case_ "a login that goes wrong is found"
policy_write '[default]' 'namespaces = mount pid ipc uts' '[user '"$USER_B"']' 'sessions_max = 1'
run_ "$TESTS/fault_stress" -w 6 -n 24 -s 50 "$SERVICE" "$USER_A:$UID_A" "$USER_B:$UID_B"
expect_equal "$STATUS" 1 "status"
expect_grep 'killed nobody, login refused' echo "$OUT"
run_ "$TESTS/fault_stress" -w 2 -n 8 "$SERVICE_OUT" "$USER_A:$UID_A"
expect_equal "$STATUS" 1 "status"
expect_grep 'UNCONFINED' echo "$OUT"
faults_policy
expect_nothing_left 10

case_ "case 45: 50 parallel logins and logouts of one user"
stress -w 50 -n 200 -s 20 "$SERVICE" "$USER_A:$UID_A"
expect_nothing_left 10

case_ "$LOGINS logins of two users, with kill -9 among them"
# The default, 5 s, is not for a machine under stress; that it is fast enough otherwise is tested elsewhere.
pam_in timeout=60
(
	failed=0
	for ((i = 0; i < 20; i++)); do
		[ "$(ssh_in "$USER_B" 'id -un; exit 3' 2>&1)" = "$USER_B" ] || failed=$((failed + 1))
		sleep 0.2
	done
	echo "$failed" >"$SCRATCH/ssh-failed"
) &
ssh_pid=$!
stress -k 40 -w 10 -n "$LOGINS" "$SERVICE" "$USER_A:$UID_A" "$USER_B:$UID_B"
for kind in caller helper init; do
	expect_nogrep " 0 $kind" echo "$OUT"
done
wait "$ssh_pid"
expect_equal "$(cat "$SCRATCH/ssh-failed")" 0 "ssh logins that failed beside it"
pam_in
login_once_each
expect_nothing_left 10

case_ "ssh logins whose monitor, warden or PID 1 is killed"
for ((i = 0; i < 12; i++)); do
	ssh_in "$USER_A" sleep 60 >/dev/null 2>&1 &
	client=$!
	wait_until 10 user_is_in || fail_ "no login"
	warden=$(wardens_of "$UID_A")
	case $((i % 3)) in
	0) kill -9 "$(leader_of "$UID_A")" ;;
	1) kill -9 "$warden" ;;
	2) kill -9 "$(init_of "$warden")" ;;
	esac
	wait_until 5 user_is_out || fail_ "round $i: a process of the user is still there"
	kill "$client" 2>/dev/null
	wait "$client"
	login_once_each
	expect_nothing_left 10
done

case_ "what a warden that was killed leaves, another user's logout takes away"
# Its caller is killed too: nobody is left who knows.
hold killed start="$SERVICE:$USER_A" open say=held sleep=60000
warden=$(wardens_of "$UID_A")
kill -9 "$warden" "$HELD"
wait "$HELD" 2>/dev/null
sleep 0.3
[ -S "$CARREL_RUN_DIR/$UID_A/$UID_A-$warden" ] || fail_ "there is no socket: nothing was tested"
expect_grep 'open: PAM_SUCCESS' steps start="$SERVICE:$USER_B" open close end
expect_nothing_left 3

case_ "also where the dead warden's pid is that of a live one"
# A socket proves itself, not a pid: those are used again.
hold killed start="$SERVICE:$USER_A" open say=held sleep=60000
killed=$HELD warden=$(wardens_of "$UID_A")
hold living start="$SERVICE:$USER_B" open say=held sleep=60000
living=$HELD other=$(wardens_of "$UID_B")
kill -9 "$warden" "$killed"
wait "$killed" 2>/dev/null
sleep 0.3
mv "$CARREL_RUN_DIR/$UID_A/$UID_A-$warden" "$CARREL_RUN_DIR/$UID_A/$UID_A-$other"
expect_grep 'open: PAM_SUCCESS' steps start="$SERVICE:$USER_B" open close end
wait_until 3 [ ! -e "$CARREL_RUN_DIR/$UID_A" ] || fail_ "it is left"
[ -S "$CARREL_RUN_DIR/$UID_B/$UID_B-$other" ] || fail_ "the live one's socket has gone as well"
kill "$living"
wait "$living" 2>/dev/null
expect_nothing_left 3

case_ "case 41: a user who exchanges path components of what root mounts"
# Root follows the policy into the user's own home. Where the path leads elsewhere for a moment, the
# login may be refused; nothing elsewhere may be covered, and the host's files stay what they are.
home=/home/$USER_A
install -d -m 755 "$SCRATCH/elsewhere/inside"
echo untouched >"$SCRATCH/elsewhere/inside/file"
install -d -o "$USER_A" "$home/door" "$home/door/inside" /tmp/.X11-real
ln -s "$SCRATCH/elsewhere" "$home/link"
ln -s "$SCRATCH/elsewhere" /tmp/.X11-unix
chown -h "$USER_A" "$home/link" /tmp/.X11-unix
chown "$USER_A" /tmp/.X11-real
policy_write '[default]' 'namespaces = mount pid ipc uts' "hide = $home/door/inside" 'hide_homes = yes'
"$TESTS/attack_rename" "$home/door" "$home/link" 3000 >"$SCRATCH/rename-1" 2>&1 &
renamers=($!)
chmod +t /tmp
setpriv --reuid "$UID_A" --regid "$UID_A" --clear-groups \
	"$TESTS/attack_rename" /tmp/.X11-unix /tmp/.X11-real 3000 >"$SCRATCH/rename-2" 2>&1 &
renamers+=($!)
refused=0 whole=0 wrong=
for ((i = 0; i < 200; i++)); do
	run_ steps start="$SERVICE:$USER_A" open \
		"root=cat $SCRATCH/elsewhere/inside/file; ls -A /tmp; grep -c ' /tmp/.X11' /proc/self/mountinfo" close end
	case $OUT in
	*"open: PAM_SESSION_ERR"*) refused=$((refused + 1)) ;;
	*"open: PAM_SUCCESS"*untouched$'\n'0*) whole=$((whole + 1)) ;;
	*) wrong=$OUT ;;
	esac
done
for pid in "${renamers[@]}"; do
	kill -0 "$pid" || fail_ "nobody renamed: $(cat "$SCRATCH/rename-1" "$SCRATCH/rename-2")"
	kill "$pid"
	wait "$pid" 2>/dev/null
done
note_ "$whole whole, $refused refused"
[ -z "$wrong" ] || fail_ "$(brief "$wrong")"
[ "$whole" -gt 0 ] || fail_ "no login got in: nothing was tested"
expect_output untouched cat "$SCRATCH/elsewhere/inside/file"
rm -rf "$home/door" "$home/link" /tmp/.X11-unix /tmp/.X11-real
faults_policy
login_once_each
expect_nothing_left 10

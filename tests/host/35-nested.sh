# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# A login from inside a sandbox (su to another user), and sandboxes without a pid namespace.
. "$CHECK_SOURCE/tests/host/lib.sh"

policy_write '[default]' 'pids_max = 200' 'memory_max = 256M' "[user $USER_B]" 'pids_max = 100'
pam_write su "$(pam_line)"

# All slices of the two users, also those below another slice.
slices()
{
	find /sys/fs/cgroup -type d -path "*/carrel.slice/*" \
		\( -name "user-$UID_A.slice" -o -name "user-$UID_B.slice" \)
}
no_slices() { [ -z "$(slices)" ]; }

case_ "su from inside: a sandbox within, limits within limits"
session_start outer in "$USER_A"
outer_ns=$(session_do outer readlink /proc/self/ns/pid)
inner=$(session_do outer "su $USER_B -c 'id -un; readlink /proc/self/ns/pid; cat /proc/self/cgroup; ls -A /tmp | wc -l'")
expect_equal "$(sed -n 1p <<<"$inner")" "$USER_B" "the user inside"
expect_differ "$(sed -n 2p <<<"$inner")" "$outer_ns" "the inner pid namespace"
expect_differ "$(sed -n 2p <<<"$inner")" "$(ns_of $$ pid)" "the host's pid namespace"
grep -q "user-$UID_A.slice/carrel.slice/user-$UID_B.slice" <<<"$inner" ||
	fail_ "B's slice is not below A's: $inner"

case_ "case 25: B inside A's sandbox shares B's private directories, not A's"
session_do outer "echo of-a >/tmp/of-a"
session_start of_b in "$USER_B"
session_do of_b "echo of-b >/tmp/of-b"
expect_output of-b session_do outer "su $USER_B -c 'ls -A /tmp && touch /tmp/from-inside'"
expect_output "$(printf 'from-inside\nof-b')" session_do of_b ls -A /tmp
expect_output of-a session_do outer ls -A /tmp

# B's slices in A's, and those outside.
inner_slices() { slices | grep "user-$UID_A.slice/carrel.slice/user-$UID_B.slice\$"; }
outer_slices() { slices | grep -v "user-$UID_A.slice/" | grep "user-$UID_B.slice\$"; }
none() { [ -z "$("$1")" ]; }

case_ "B inside A's sandbox and outside at once: each end takes its own slice, and leaves the other's"
wait_until 5 none inner_slices || fail_ "left by the inner logout: $(inner_slices)"
expect_equal "$(cat "$(slice_dir pids "$UID_B")/pids.max")" 100 "pids.max of the outer one"
expect_equal "$(session_do of_b echo alive)" alive "the outer login of B"
session_do outer "su $USER_B -c 'echo in; sleep 300' >/tmp/inner 2>&1 & until grep -q in /tmp/inner; do sleep 0.1; done"
[ -n "$(inner_slices)" ] || fail_ "no slice in A's: nothing is tested"
session_end of_b
wait_until 5 none outer_slices || fail_ "left by the outer logout: $(outer_slices)"
[ -n "$(inner_slices)" ] || fail_ "the outer logout took the inner slice"
expect_ok "$CARREL" show "$USER_B"

case_ "carrel finds B's sandbox in A's, with the pids that are true here"
session_start of_b in "$USER_B"
inner_id=$("$CARREL" list | awk -v u="$USER_B" '$2 == u && $1 ~ /[.].*[.]/ { print $1 }')
job=$(pgrep -u "$UID_B" -x sleep)
inner_ns=$(ns_of "$job" pid)
expect_output "$inner_ns" "$CARREL" enter "$inner_id" -- readlink /proc/self/ns/pid
expect_grep "user-$UID_A.slice/carrel.slice/user-$UID_B.slice" "$CARREL" enter "$inner_id" -- cat /proc/self/cgroup
expect_ok "$CARREL" show --json "$inner_id"
expect_equal "$(jq -r ".sandboxes[0].processes[] | select(.pid == $job).command" <<<"$OUT")" "sleep 300" "the job"
expect_equal "$(readlink "/proc/$(jq ".sandboxes[0].init_pid" <<<"$OUT")/ns/pid")" "$inner_ns" "PID 1"
expect_equal "$(cat "/proc/$(jq ".sandboxes[0].sessions[0].leader_pid" <<<"$OUT")/comm")" su "the leader"
policy_write '[default]' 'pids_max = 200' 'memory_max = 256M' "[user $USER_B]" 'pids_max = 90'
expect_output "policy accepted; 2 users logged in" "$CARREL" reload
expect_equal "$(cat "$(slice_dir pids "$UID_B")/pids.max")" 90 "pids.max of the outer one"

case_ "freeze and kill of B, inside A's sandbox and outside"
expect_fail "$CARREL" freeze "$USER_B"
grep -q "^carrel: freeze: $inner_id is in another user's sandbox, and runs on" <<<"$ERR" || fail_ "$ERR"
expect_ok "$CARREL" kill "$inner_id"
wait_until 5 none inner_slices || fail_ "left by the inner kill: $(inner_slices)"
"$CARREL" show --json "$USER_B" | jq -e .frozen >/dev/null || fail_ "the inner end has thawed the outer login"
expect_ok "$CARREL" thaw "$USER_B"
expect_equal "$(session_do of_b echo alive)" alive "the outer login of B"
session_end of_b
wait_until 5 eval '[ ! -e "$CARREL_RUN_DIR/$UID_B" ]' || fail_ "B is still there"

case_ "after the inner logout its slice is gone, the outer session goes on"
wait_until 5 eval '! slices | grep -q "user-$UID_B.slice"' || fail_ "left: $(slices)"
expect_equal "$(session_do outer echo alive)" alive "the outer session"

case_ "the outer session is cut with the inner one open: nothing is left"
session_do outer "su $USER_B -c 'sleep 300' >/dev/null 2>&1 &" >/dev/null
wait_until 5 eval 'slices | grep -q "user-$UID_B.slice"' || fail_ "the inner login did not start"
session_cut outer
wait_until 15 no_sandbox || fail_ "wardens: $(warden_pids)"
wait_until 15 no_slices || fail_ "left: $(slices)"

case_ "the same, by kill -9 of the outer warden"
session_start again in "$USER_A"
session_do again "su $USER_B -c 'sleep 300' >/dev/null 2>&1 &" >/dev/null
wait_until 5 eval 'slices | grep -q "user-$UID_B.slice"' || fail_ "the inner login did not start"
for pid in $(warden_pids); do kill -9 "$pid"; done
wait_until 15 no_sandbox || fail_ "wardens: $(warden_pids)"
# The logout of this very session may have found the warden not quite dead yet, on a busy machine: then the next
# logout of anybody's removes what is left.
wait_until 5 no_slices || session_end again
wait_until 5 no_slices || ssh_in "$USER_B" true
wait_until 15 no_slices || fail_ "left: $(slices)"
session_end again

case_ "without a pid namespace the last logout ends what is left, not an earlier one"
policy_write '[default]' 'namespaces = mount ipc'
session_start stays in "$USER_A"
expect_ok ssh_in "$USER_A" 'setsid sleep 333 >/dev/null 2>&1 </dev/null & sleep 0.3'
left() { [ -n "$(pgrep -u "$UID_A" -f 'sleep 333')" ]; }
gone() { ! left; }
wait_until 2 left || fail_ "the job did not outlive its own login"
session_end stays
wait_until 10 gone || fail_ "the job outlived the last login"
wait_until 10 no_slices || fail_ "left: $(slices)"

case_ "... also of a user in so many groups that /proc/PID/status is long"
for ((i = CHECK_UID * 100; i < CHECK_UID * 100 + 1000; i++)); do echo "carrel-g$i:x:$i:$USER_A"; done >>/etc/group
session_start stays in "$USER_A"
[ "$(session_do stays "id -G | wc -w")" -gt 1000 ] || fail_ "the session does not have the groups"
expect_ok session_do stays 'setsid sleep 333 >/dev/null 2>&1 </dev/null & sleep 0.3'
wait_until 2 left || fail_ "there is no job"
session_end stays
wait_until 10 gone || fail_ "the job outlived the last login"
wait_until 10 no_slices || fail_ "left: $(slices)"
wait_until 10 no_sandbox

case_ "the next warden to end sweeps up what one has left whose pid is somebody else's here"
mkdir -m 0700 "$CARREL_RUN_DIR/$UID_B"
socat "UNIX-LISTEN:$CARREL_RUN_DIR/$UID_B/$UID_B-$$,type=5" STDOUT &
wait_until 5 test -S "$CARREL_RUN_DIR/$UID_B/$UID_B-$$"
kill -9 $!
wait $! 2>/dev/null
expect_ok ssh_in "$USER_A" true
wait_until 5 test ! -e "$CARREL_RUN_DIR/$UID_B" || fail_ "left: $(ls "$CARREL_RUN_DIR/$UID_B")"

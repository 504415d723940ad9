# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# timeout: 600
# tmp_scope and tmp_store: who shares the private directories, how long they are there, what they hold.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/fault_lib.sh"

case_ "tmp_scope = user is the default: a user's sessions share the private directories, nobody else does"
session_start one in "$USER_A"
session_start two in "$USER_A"
session_start other in "$USER_B"
for dir in /tmp /var/tmp /dev/shm; do
	session_do one "echo from-one >$dir/one"
	expect_output from-one session_do two cat "$dir/one"
	expect_denied session_do other ls "$dir/one"
	expect_output "" session_do other ls -A "$dir"
	expect_nofile "$dir/one"
	expect_output "1777 root root" session_do two stat -c "'%a %U %G'" "$dir"
	expect_grep "^[^ ]* $dir tmpfs [^ ]*nosuid,nodev" session_do two grep "' $dir '" /proc/mounts
done
expect_output 1 session_do one "stat -c %d /tmp /var/tmp /dev/shm | sort -u | wc -l"
session_end other

case_ "they go with the last session, not with the first"
session_end one
expect_output from-one session_do two cat /tmp/one
session_start three in "$USER_A"
expect_output from-one session_do three cat /tmp/one
session_end two
session_end three
wait_until 5 no_sandbox || fail_ "still there: $(warden_pids) $(init_pids)"
expect_output 0 ssh_in "$USER_A" "find /tmp /var/tmp /dev/shm -mindepth 1 | wc -l"

case_ "scp, then ssh"
session_start holder in "$USER_A"
echo copied >"$SCRATCH/copy"
expect_ok scp -q -F "$SSH_CONFIG" "$SCRATCH/copy" "$USER_A@in:/tmp/copy"
expect_output copied ssh_in "$USER_A" cat /tmp/copy
for ((i = 0; i < 20; i++)); do
	expect_output copied "$CARREL" run --user "$USER_A" -- cat /tmp/copy
done
session_end holder

case_ "nothing of it is in the host's mount table, however many sessions there are"
before=$(wc -l </proc/self/mountinfo)
for i in 1 2 3 4; do session_start "s$i" in "$USER_A"; done
session_start other in "$USER_B"
expect_equal "$(wc -l </proc/self/mountinfo)" "$before" "mounts of the host"
for i in 1 2 3 4; do session_end "s$i"; done
session_end other

case_ "tmp_scope = session: each has its own"
policy_write '[default]' 'tmp_scope = session'
session_start one in "$USER_A"
session_start two in "$USER_A"
expect_equal "$(session_do one touch /tmp/one /dev/shm/one)$(session_do two ls -A /tmp /dev/shm | grep one)" "" \
	"the other's"
policy_default

case_ "a session with a scope of its own is no source for one that shares, and what comes later shares"
session_start three in "$USER_A"
expect_output "" session_do three ls -A /tmp
session_do three touch /tmp/three
session_start four in "$USER_A"
expect_output three session_do four ls -A /tmp
session_end one
session_end two
session_end three
session_end four

case_ "sessions with other private directories share those that both have"
mkdir -m 1777 "$SCRATCH/a-b" "$SCRATCH/a"
mkdir -m 1777 "$SCRATCH/a/b"
policy_write '[default]' "private_tmp = /tmp $SCRATCH/a-b"
session_start one in "$USER_A"
session_do one "echo one >/tmp/one; echo one >$SCRATCH/a-b/one"
policy_write '[default]' "private_tmp = $SCRATCH/a/b /tmp /dev/shm"
session_start two in "$USER_A"
expect_output one session_do two cat /tmp/one
expect_output 0 session_do two "find $SCRATCH/a/b /dev/shm -mindepth 1 | wc -l"
expect_output "" session_do two ls -A "$SCRATCH/a-b"
session_do two "echo two >$SCRATCH/a/b/two"
policy_write '[default]' "private_tmp = /dev/shm $SCRATCH/a/b $SCRATCH/a-b"
session_start three in "$USER_A"
expect_output two session_do three cat "$SCRATCH/a/b/two"
expect_output one session_do three cat "$SCRATCH/a-b/one"
expect_nofile "$SCRATCH/a-b/one"
session_end one
session_end three
expect_output one session_do two cat /tmp/one
session_end two
policy_default

case_ "tmp_size and tmp_inodes are for all sessions together, and the last login sets them"
policy_write '[default]' 'tmp_size = 8M' 'tmp_inodes = 100'
session_start one in "$USER_A"
session_start two in "$USER_A"
session_do one "head -c 6M /dev/zero >/tmp/six"
expect_denied session_do two "head -c 4M /dev/zero >/dev/shm/four"
session_do two "rm /dev/shm/four"
policy_write '[default]' 'tmp_size = 16M' 'tmp_inodes = 200'
session_start three in "$USER_A"
expect_output "16384 200" session_do one "echo \$(df --output=size /tmp | tail -1) \$(df --output=itotal /tmp | tail -1)"
expect_ok session_do one "head -c 4M /dev/zero >/dev/shm/four"

case_ "less than what is in use is not taken, and does not refuse the login"
log_mark
policy_write '[default]' 'tmp_size = 1M' 'tmp_inodes = 150'
expect_ok ssh_in "$USER_A" true
expect_log "uid $UID_A keep their size"
expect_output "16384 150" session_do one "echo \$(df --output=size /tmp | tail -1) \$(df --output=itotal /tmp | tail -1)"
session_do one "rm -f /tmp/six /dev/shm/four"
expect_ok ssh_in "$USER_A" true
expect_output 1024 session_do one "echo \$(df --output=size /tmp | tail -1)"

case_ "tmp_noexec is each session's own"
policy_write '[default]' 'tmp_noexec = yes'
session_start four in "$USER_A"
session_do one "cp /bin/true /tmp/t"
expect_ok session_do one /tmp/t
expect_denied session_do four /tmp/t
policy_default
expect_ok ssh_in "$USER_A" /tmp/t
for i in one two three four; do session_end $i; done

case_ "the X11 directory is there for later sessions as well"
mkdir -m 1777 /tmp/.X11-unix
touch /tmp/.X11-unix/X79
session_start one in "$USER_A"
session_start two in "$USER_A"
expect_output X79 session_do two ls /tmp/.X11-unix
expect_denied session_do one rm -rf /tmp/.X11-unix
expect_output X79 ssh_in "$USER_A" ls /tmp/.X11-unix
session_end one
session_end two
rm -rf /tmp/.X11-unix

case_ "what a user puts in the place of the X11 directory is the user's own affair"
for plant in "ln -s $SCRATCH /tmp/.X11-unix" "mkdir /tmp/.X11-unix" "mkfifo /tmp/.X11-unix"; do
	session_start one in "$USER_A"
	session_do one "$plant"
	mkdir -m 1777 /tmp/.X11-unix
	touch /tmp/.X11-unix/X79
	expect_output "" ssh_in "$USER_A" "ls /tmp/.X11-unix/X79 2>/dev/null; true"
	rm -rf /tmp/.X11-unix
	session_end one
	wait_until 5 no_sandbox
done

case_ "mounts that a user makes in a session do not reach the others"
session_start one in "$USER_A"
session_do one "mkdir /tmp/mine && echo visible >/tmp/mine/file && unshare -Urm sh -c 'mount -t tmpfs x /tmp/mine && touch /tmp/mine/made && sleep 20' >/dev/null 2>&1 & sleep 1"
expect_output file ssh_in "$USER_A" ls /tmp/mine
init=$(init_pids)
expect_ok nsenter -t "${init:-none}" -m mount -t tmpfs check-inner /tmp
expect_output visible ssh_in "$USER_A" cat /tmp/mine/file
expect_ok nsenter -t "${init:-none}" -m umount /tmp
session_end one

if [ "$PLAIN" != 1 ]; then
	case_ "killed: PID 1, then the warden, of the session that had them first"
	session_start one in "$USER_A"
	session_start two in "$USER_A"
	session_do one touch /tmp/one
	for pid in $(init_pids); do
		[ "$(readlink "/proc/$pid/ns/mnt")" = "$(session_do one readlink /proc/self/ns/mnt)" ] && kill -9 "$pid"
	done
	expect_output one ssh_in "$USER_A" ls -A /tmp
	expect_output one session_do two ls -A /tmp
	session_start three in "$USER_A"
	warden=
	for pid in $(warden_pids); do
		for child in $(pgrep -P "$pid"); do
			[ "$(readlink "/proc/$child/ns/mnt")" != "$(session_do two readlink /proc/self/ns/mnt)" ] || warden=$pid
		done
	done
	kill -9 "${warden:-none}" || fail_ "no warden found"
	expect_output one session_do three ls -A /tmp
	expect_output one ssh_in "$USER_A" ls -A /tmp
	session_end one
	session_end two
	session_end three
	wait_until 5 no_sandbox
	expect_output "" ssh_in "$USER_A" ls -A /tmp
fi

case_ "case 45: 50 parallel logins and logouts of one user: whenever two overlap, they see the same /tmp"
# Each line: begin and end of a time in which the session was there for sure, and its /tmp.
overlap()
{
	local i round
	for ((i = 0; i < 50; i++)); do
		for ((round = 0; round < ${1:-6}; round++)); do
			"$CARREL" run --user "$USER_A" -- bash -c 'begin=$(date +%s%N); tmp=$(stat -c %d /tmp)
				sleep 0.0$((RANDOM % 10)); echo "$begin $(date +%s%N) $tmp $(stat -c %d /dev/shm)"' ||
				echo failed
		done >"$SCRATCH/overlap.$i" 2>&1 &
	done
	wait
	cat "$SCRATCH"/overlap.*
}
overlap 4 >"$SCRATCH/overlaps"
rm -f "$SCRATCH"/overlap.*
expect_equal "$(grep -c failed "$SCRATCH/overlaps")" 0 "logins that failed"
expect_equal "$(wc -l <"$SCRATCH/overlaps")" 200 "logins"
apart=$(awk '{ begin[NR] = $1; end[NR] = $2; tmp[NR] = $3 "," $4 }
	END { for (a = 1; a <= NR; a++) for (b = a + 1; b <= NR; b++)
		if (begin[a] < end[b] && begin[b] < end[a]) { pairs++; if (tmp[a] != tmp[b]) apart++ }
		print pairs + 0, apart + 0 }' "$SCRATCH/overlaps")
note_ "pairs that overlap, and those that see different ones: $apart"
expect_equal "${apart#* }" 0 "pairs with different directories"
[ "${apart% *}" -gt 1000 ] || fail_ "hardly any two overlapped: $apart"
wait_until 10 no_sandbox || fail_ "still there: $(warden_pids) $(init_pids)"

# held_login WHEN MS: like a login on a machine that is too busy: its helper stands still before it sends what
# WHEN says (strace(1)), the first of which is its question to the warden that has /tmp.
held_login()
{
	cat >"$SCRATCH/held-helper" <<-END
		#!/bin/sh
		exec strace -D -qq -o "$SCRATCH/held" -e trace=connect,sendmsg \\
			-e "inject=sendmsg:delay_enter=$(($2 * 1000))$1" $LIBEXEC/carrel-session "\$@"
	END
	chmod 755 "$SCRATCH/held-helper"
	pam_write held "$(pam_line timeout=6 helper="$SCRATCH/held-helper")"
	log_mark
	steps start="held:$USER_A" open 'run=cat /tmp/held' close end
}

case_ "a login whose helper is held while it asks for the private directories gets them all the same"
session_start one in "$USER_A"
session_do one "echo mine >/tmp/held"
expect_grep '^mine$' held_login :when=1 300
grep -q 'sendmsg.* EPIPE' "$SCRATCH/held" || fail_ "it was not held where it matters: $(brief "$(cat "$SCRATCH/held")")"
expect_nolog "not shared"

case_ "... held again and again, it gets others, and the log says so"
expect_grep '^open: PAM_SUCCESS' held_login "" 300
! grep -q '^mine$' <<<"$OUT" || fail_ "it was not held"
expect_log "warning .*ask the warden of $UID_A-[0-9]+ for the private directories: .*: its directories are not shared"

case_ "... and one that is asked and ends in this moment is none"
rm "$SCRATCH/held"
log_mark
held_login :when=1 2000 >"$SCRATCH/held.out" 2>&1 &
asks=$!
wait_until 5 grep -q "^connect.*/$UID_A-.*= 0" "$SCRATCH/held" || fail_ "it does not ask"
session_end one
wait $asks
expect_grep '^open: PAM_SUCCESS' cat "$SCRATCH/held.out"
expect_nogrep '^mine$' cat "$SCRATCH/held.out"
expect_nolog "not shared"
wait_until 5 no_sandbox || fail_ "still there: $(warden_pids) $(init_pids)"

disk_policy()
{
	policy_write '[default]' 'tmp_store = disk' 'tmp_size = max' 'tmp_inodes = max' "$@"
}
disk_root=$STATE/tmp
disk_empty()
{
	[ -z "$(ls -A "$disk_root")" ]
}

case_ "tmp_store = disk: the directories are on disk, /dev/shm is memory; shared, and removed with the last session"
disk_policy
session_start one in "$USER_A"
session_start two in "$USER_A"
session_start other in "$USER_B"
expect_equal "$(session_do one stat -c %d /tmp /var/tmp | sort -u | tr -d '\n')" "$(stat -c %d "$STATE")" "file system"
expect_output tmpfs session_do one stat -f -c %T /dev/shm
for dir in /tmp /var/tmp /dev/shm; do
	session_do one "echo from-one >$dir/one"
	expect_output from-one session_do two cat "$dir/one"
	expect_output "" session_do other ls -A "$dir"
	expect_nofile "$dir/one"
	expect_output "1777 root root" session_do two stat -c "'%a %U %G'" "$dir"
	expect_grep "nosuid,nodev" session_do two grep "' $dir '" /proc/mounts
done
expect_denied session_do one ls "$disk_root"
expect_denied session_do one ls "$disk_root/$UID_A/shared"
expect_output from-one cat "$disk_root/$UID_A/shared/tmp/one"
expect_equal "$(stat -c '%a %U' "$disk_root/$UID_A" "$disk_root/$UID_A/shared" | tr '\n' ' ')" "700 root 700 root " modes
expect_output from-one "$CARREL" run --user "$USER_A" -- cat /var/tmp/one
session_end one
expect_output from-one session_do two cat /tmp/one
session_end two
session_end other
wait_until 5 disk_empty || fail_ "left: $(find "$disk_root" | head -5)"

case_ "mounts that are made in it stay inside"
session_start one in "$USER_A"
init=$(init_pids)
expect_ok nsenter -t "${init:-none}" -m sh -c 'mkdir /tmp/m && mount -t tmpfs check-inner /tmp/m'
expect_nogrep check-inner cat /proc/self/mountinfo
session_end one
wait_until 5 disk_empty || fail_ "left: $(find "$disk_root" | head -5)"

case_ "tmp_store = disk with tmp_scope = session: each its own"
disk_policy 'tmp_scope = session'
session_start one in "$USER_A"
session_start two in "$USER_A"
session_do one touch /tmp/one
expect_output "" session_do two ls -A /tmp
session_end one
session_end two
wait_until 5 disk_empty || fail_ "left: $(find "$disk_root" | head -5)"

case_ "a size that nothing can hold refuses the login"
mkdir "$SCRATCH/small"
expect_ok mount -t tmpfs -o mode=755 check-root "$SCRATCH/small"
for limit in 'tmp_size = 1G' 'tmp_inodes = 1000'; do
	policy_write '[host]' "tmp_root = $SCRATCH/small/tmp" '[default]' 'tmp_store = disk' 'tmp_size = max' \
		'tmp_inodes = max' "[user $USER_A]" "$limit"
	log_mark
	run_ ssh_in "$USER_A" echo got in
	expect_nogrep 'got in' echo "$OUT"
	expect_log "project quotas.*tmp_size"
	expect_output ok ssh_in "$USER_B" echo ok
done
wait_until 5 no_sandbox
umount "$SCRATCH/small"

case_ "case 40: nothing but root's own directories are opened below tmp_root, and on the way there"
disk_policy
mkdir -m 755 "$SCRATCH/victim" && echo victim >"$SCRATCH/victim/file"
plant()
{
	rm -rf "${disk_root:?}/$UID_A"
	case $1 in
	link) ln -s "$SCRATCH/victim" "$disk_root/$UID_A" ;;
	fifo) mkfifo "$disk_root/$UID_A" ;;
	hardlink) echo victim >"$STATE/policy.victim" && ln "$STATE/policy.victim" "$disk_root/$UID_A" ;;
	users) install -d -o "$USER_A" -m 755 "$disk_root/$UID_A" ;;
	open) install -d -m 777 "$disk_root/$UID_A" ;;
	below) install -d -m 700 "$disk_root/$UID_A" && ln -s "$SCRATCH/victim" "$disk_root/$UID_A/shared" ;;
	mount) install -d -m 700 "$disk_root/$UID_A" && mount --bind "$SCRATCH/victim" "$disk_root/$UID_A" ;;
	esac
}
for kind in link fifo hardlink users open below mount; do
	wait_until 5 no_sandbox
	plant $kind || fail_ "plant $kind"
	run_ ssh_in "$USER_A" echo got in
	expect_nogrep 'got in' echo "$kind: $OUT"
	umount "$disk_root/$UID_A" 2>/dev/null
	expect_output victim cat "$SCRATCH/victim/file"
	expect_equal "$(ls -A "$SCRATCH/victim")" file "$kind: in the victim's directory"
done
expect_output victim cat "$STATE/policy.victim"
rm -rf "${disk_root:?}/$UID_A" "$STATE/policy.victim"
install -d -o "$USER_A" -m 755 "$SCRATCH/users" && install -d -m 700 "$SCRATCH/users/root"
policy_write '[host]' "tmp_root = $SCRATCH/users/root" '[default]' 'tmp_store = disk' 'tmp_size = max' 'tmp_inodes = max'
log_mark
run_ ssh_in "$USER_A" echo got in
expect_nogrep 'got in' echo "$OUT"
expect_log "tmp_root: .* belongs to uid"
disk_policy

case_ "removal follows no link, whatever is there: links, deep trees, sticky and closed directories, odd names"
ln "$SCRATCH/victim/file" "$SCRATCH/victim/hard" 2>/dev/null
session_start one in "$USER_A"
session_do one "ln -s $SCRATCH/victim /tmp/link; ln -s /etc /tmp/dir-link; mkfifo /tmp/fifo; mkdir -m 1777 /tmp/sticky
	touch /tmp/sticky/f; mkdir -m 0 /tmp/closed; mkdir -p /tmp/closed2/x && touch /tmp/closed2/x/y && chmod 0 /tmp/closed2
	perl -e 'chdir \"/tmp\"; for (1..3000) { mkdir \"d\" x 16; chdir \"d\" x 16 } mkdir \"bottom\"'
	mkdir -p /var/tmp/w/{a,b,c}/{a,b,c}/{a,b,c}; touch /var/tmp/w/{a,b,c}/{a,b,c}/{1,2,3}; touch \$'/tmp/new\\nline' '/tmp/ -rf'
	ln -s / /var/tmp/w/a/root; touch /tmp/trash /tmp/shared" >/dev/null
[ "$(find "$disk_root" -maxdepth 100 | wc -l)" -gt 100 ] || fail_ "nothing was made: nothing is tested"
session_end one
wait_until 10 disk_empty || fail_ "left: $(find "$disk_root" -maxdepth 4 | head -5)"
expect_output victim cat "$SCRATCH/victim/file"
expect_ok test -d /etc/pam.d

case_ "what a crash has left is removed by the next login, and by --sweep"
crash()
{
	session_start one in "$USER_A"
	session_do one "echo old >/tmp/old; mkdir -p /tmp/a/b && touch /tmp/a/b/c"
	# The leader as well: it would have the wreck swept up at once.
	# shellcheck disable=SC2046 # pids
	kill -9 $(leader_of "$UID_A") $(warden_pids)
	wait_until 5 no_sandbox || fail_ "the sandbox outlives its warden"
	session_end one
	expect_output old cat "$disk_root/$UID_A/shared/tmp/old"
}
crash
expect_output "" ssh_in "$USER_A" ls -A /tmp
wait_until 5 disk_empty || fail_ "left: $(find "$disk_root" | head -5)"
crash
expect_ok "$LIBEXEC/carrel-session" --sweep
expect_ok disk_empty
crash
session_start other in "$USER_B"
session_do other touch /tmp/other
expect_ok "$LIBEXEC/carrel-session" --sweep
expect_equal "$(ls -A "$disk_root")" "$UID_B" "after the sweep"
expect_output other session_do other ls -A /tmp
session_end other
wait_until 5 disk_empty || fail_ "left: $(find "$disk_root" | head -5)"

case_ "case 45 on disk"
overlap 2 >"$SCRATCH/overlaps"
expect_equal "$(grep -c failed "$SCRATCH/overlaps")" 0 "logins that failed"
expect_equal "$(wc -l <"$SCRATCH/overlaps")" 100 "logins"
wait_until 10 disk_empty || fail_ "left: $(find "$disk_root" | head -5)"
policy_default
rmdir "$disk_root"

# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# timeout: 300
# tmp_scope and tmp_store: who shares the private directories, how long they are there, what they hold.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/fault_lib.sh"

tmp_gone()
{
	[ -z "$(warden_pids)" ]
}

case_ "tmp_scope = user is the default: a user's sessions share the private directories, nobody else does"
session_start one in "$USER_A"
session_start two in "$USER_A"
session_start other in "$USER_B"
for dir in /tmp /var/tmp /dev/shm; do
	session_do one "echo from-one >$dir/one"
	expect_output from-one session_do two cat "$dir/one"
	expect_fail session_do other ls "$dir/one"
	expect_output "" session_do other ls -A "$dir"
	expect_nofile "$dir/one"
	expect_output "1777 root root" session_do two stat -c "'%a %U %G'" "$dir"
	expect_grep "^[^ ]* $dir tmpfs [^ ]*nosuid,nodev" session_do two grep "' $dir '" /proc/mounts
done
expect_equal "$(session_do one stat -c %d /tmp /var/tmp /dev/shm | sort -u | wc -l)" 1 "file systems"
session_end other

case_ "they go with the last session, not with the first"
session_end one
expect_output from-one session_do two cat /tmp/one
session_start three in "$USER_A"
expect_output from-one session_do three cat /tmp/one
session_end two
session_end three
wait_until 5 no_sandbox || fail_ "still there: $(warden_pids) $(init_pids)"
expect_output "" ssh_in "$USER_A" ls -A /tmp /var/tmp /dev/shm 2>/dev/null ||
	expect_nogrep one echo "$OUT"

case_ "scp, then ssh"
session_start holder in "$USER_A"
echo copied >"$SCRATCH/copy"
expect_ok scp -q -F "$SSH_CONFIG" "$SCRATCH/copy" "$USER_A@in:/tmp/copy"
expect_output copied ssh_in "$USER_A" cat /tmp/copy
expect_output copied "$CARREL" run --user "$USER_A" -- cat /tmp/copy
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
expect_output "" session_do two ls -A "$SCRATCH/a/b" /dev/shm/ "| grep one"
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
expect_fail session_do two "head -c 4M /dev/zero >/dev/shm/four"
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
expect_fail session_do four /tmp/t
policy_default
expect_ok ssh_in "$USER_A" /tmp/t
for i in one two three four; do session_end $i; done

case_ "the X11 directory is there for later sessions as well"
mkdir -m 1777 /tmp/.X11-unix
touch /tmp/.X11-unix/X79
session_start one in "$USER_A"
session_start two in "$USER_A"
expect_output X79 session_do two ls /tmp/.X11-unix
expect_fail session_do one rm -rf /tmp/.X11-unix
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
	first=$(readlink "/proc/$(session_do one 'echo $PPID')/ns/pid" 2>/dev/null)
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

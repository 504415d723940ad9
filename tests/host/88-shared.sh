# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# timeout: 180
# Attack cases for sandboxes that logins share (instance = user); 85-instance has 45 and 48 to 50.
. "$CHECK_SOURCE/tests/host/lib.sh"

if [ "$PLAIN" = 1 ]; then
	case_ "shared sandboxes"
	skip_ "there is no product"
	exit
fi

policy_write '[default]' 'instance = user' 'pids_max = 100'
is_gone()
{
	no_sandbox && [ ! -e "$CARREL_RUN_DIR/$UID_A" ]
}

case_ "case 24: ssh localhost from inside comes back into the same sandbox, and counts as a login"
mkdir -p "/home/$USER_A/.ssh" && cp "$CHECK_PREFIX/keys/user" "/home/$USER_A/.ssh/" &&
	chown -R "$USER_A:" "/home/$USER_A/.ssh" && chmod 600 "/home/$USER_A/.ssh/user"
hop()
{
	echo "ssh -F $SSH_CONFIG -o IdentityFile=\$HOME/.ssh/user -o Port=$(sshd_port "$1") $1"
}
session_start s in "$USER_A"
held=$(session_do s readlink /proc/self/ns/pid)
expect_output "$(ns_of $$ pid)" session_do s "$(hop out) readlink /proc/self/ns/pid"
expect_output "$held" session_do s "$(hop in) readlink /proc/self/ns/pid"
session_do s "$(hop in) sleep 2 >/dev/null 2>&1 &"
two() { [ "$("$CARREL" list --json | jq '.[0].sessions')" = 2 ]; }
wait_until 5 two || fail_ "sessions: $("$CARREL" list)"
grep -q ":pids:.*/carrel.slice/user-$UID_A.slice\|^0::.*user-$UID_A.slice" <<<"$(session_do s "$(hop in) cat /proc/self/cgroup")" ||
	fail_ "it is out of the slice"
rm -rf "/home/$USER_A/.ssh"

case_ "case 26: a tmux server that runs outside from before, at its usual socket in /tmp"
expect_ok ssh_out "$USER_A" 'tmux -f /dev/null new-session -d -s before'
expect_blocked "$USER_A" 'tmux list-sessions | grep before'
expect_ok ssh_out "$USER_A" 'tmux kill-server; rm -r /tmp/tmux-$(id -u)'

case_ "another user's processes and files: nothing of a shared sandbox is seen from another one"
session_do s 'sleep 4711 >/dev/null 2>&1 & echo secret >/tmp/secret' >/dev/null
expect_blocked "$USER_B" "pgrep -f 'sleep [4]711'"
expect_denied ssh_in "$USER_B" cat /tmp/secret
session_end s
wait_until 5 is_gone || fail_ "it is still there"

case_ "case 56: first logins that race make one sandbox, last logouts that race end it"
for round in 1 2 3 4 5; do
	pids=()
	for ((i = 0; i < 10; i++)); do
		steps start="$SERVICE_IN:$USER_A" open 'run=readlink /proc/self/ns/pid; stat -c %d /tmp' sleep=1500 close end \
			>"$SCRATCH/race.$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	expect_equal "$(cat "$SCRATCH"/race.* | grep -c '^open: PAM_SUCCESS')" 10 "logins"
	expect_equal "$(cat "$SCRATCH"/race.* | grep '^pid:' | sort -u | wc -l)" 1 "pid namespaces"
	expect_equal "$(cat "$SCRATCH"/race.* | grep -x '[0-9]*' | sort -u | wc -l)" 1 "private /tmp"
	wait_until 5 is_gone || fail_ "it is still there"
done

# other_version KIND: a warden of a later version, or one that makes no sense, on the pod's socket.
other_version()
{
	install -d -m 700 "$CARREL_RUN_DIR" "$CARREL_RUN_DIR/$UID_A"
	rm -f "$SCRATCH/fake"
	python3 - "$CARREL_RUN_DIR/$UID_A" "$1" "$UID_A" >"$SCRATCH/fake" <<-'END' &
		import os, select, socket, struct, sys
		where, kind, uid = sys.argv[1:]
		def listen(name):
		    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		    s.bind(where + "/" + name)
		    s.listen(50)
		    return s
		sockets = [listen("pod"), listen("%s-%d" % (uid, os.getpid()))]
		print("ready", flush=True)
		while True:
		    for s in select.select(sockets, [], [])[0]:
		        c = s.accept()[0]
		        try:
		            c.settimeout(0.5)
		            c.recv(200000)
		            if kind == "later": c.send(struct.pack("=IHHI", 0x4c524143, 99, 3, 12))
		            if kind == "junk": c.send(os.urandom(700))
		        except OSError: pass
		        c.close()
	END
	fake=$!
	wait_until 5 grep -q ready "$SCRATCH/fake" || fail_ "no fake"
}

case_ "case 55: a warden of another version: who logs in gets a sandbox of this one, and list does not hang"
for kind in later junk; do
	other_version $kind
	session_start s in "$USER_A"
	expect_differ "$(session_do s readlink /proc/self/ns/pid)" "$(ns_of $$ pid)" "the pid namespace"
	expect_output whole session_do s 'echo whole >/tmp/f; cat /tmp/f'
	expect_grep "^$UID_A-[0-9]+ +$USER_A +1 " "$CARREL" list
	session_end s
	kill "$fake"
	wait "$fake" 2>/dev/null
	# Its sockets are as those of any warden that was killed.
	expect_ok ssh_in "$USER_A" true
	wait_until 5 is_gone || fail_ "left: $(ls "$CARREL_RUN_DIR/$UID_A")"
done

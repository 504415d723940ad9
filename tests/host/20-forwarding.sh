# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# timeout: 300
# What people do with sshd besides a shell: copies, forwardings, many sessions, jobs left behind.
. "$CHECK_SOURCE/tests/host/lib.sh"

home=/home/$USER_A
head -c 300000 /dev/urandom >"$SCRATCH/data"

# A login through which nothing was confined would pass most of this file.
case_ "the logins of this file are confined"
run_ ssh_in "$USER_A" readlink /proc/self/ns/pid
expect_differ "$OUT" "$(ns_of $$ pid)" "pid namespace"

case_ "scp, both ways, new and old protocol"
for old in "" -O; do
	expect_ok scp $old -q -F "$SSH_CONFIG" "$SCRATCH/data" "$USER_A@in:copied"
	expect_ok cmp "$SCRATCH/data" "$home/copied"
	expect_ok scp $old -q -F "$SSH_CONFIG" "$USER_A@in:copied" "$SCRATCH/back"
	expect_ok cmp "$SCRATCH/data" "$SCRATCH/back"
	rm -f "$home/copied" "$SCRATCH/back"
done

case_ "what scp puts into /tmp is not on the host's"
expect_ok scp -q -F "$SSH_CONFIG" "$SCRATCH/data" "$USER_A@in:/tmp/scp-data"
expect_nofile /tmp/scp-data

# sftp_trip HOST: put, list, rename, get, remove
sftp_trip()
{
	sftp -q -F "$SSH_CONFIG" -b - "$USER_A@$1" <<-END
		mkdir sftp
		put $SCRATCH/data sftp/data
		rename sftp/data sftp/renamed
		ls -l sftp
		get sftp/renamed $SCRATCH/sftp-back
		rm sftp/renamed
		rmdir sftp
		ls -la /tmp
	END
}

case_ "sftp, internal-sftp"
touch /tmp/of-the-host
expect_ok sftp_trip out
expect_grep of-the-host echo "$OUT"
expect_ok sftp_trip in
expect_nogrep of-the-host echo "$OUT"
expect_ok cmp "$SCRATCH/data" "$SCRATCH/sftp-back"

case_ "sftp, external sftp-server"
server=$(command -v /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server)
if [ -n "$server" ]; then
	sshd_start external "$SERVICE_IN" "Subsystem sftp $server"
	rm -f "$SCRATCH/sftp-back"
	expect_ok sftp_trip external
	expect_nogrep of-the-host echo "$OUT"
	expect_ok cmp "$SCRATCH/data" "$SCRATCH/sftp-back"
else
	skip_ "no sftp-server"
fi
rm -f /tmp/of-the-host

case_ "sftp in a chroot"
mkdir -m 755 "$SCRATCH/chroot" "$SCRATCH/chroot/only"
chmod 755 "$SCRATCH"
sshd_start chroot "$SERVICE_IN" "ChrootDirectory $SCRATCH/chroot" "ForceCommand internal-sftp"
expect_grep '/only' sftp -q -F "$SSH_CONFIG" -b - "$USER_A@chroot" <<<"ls /"

case_ "forced command"
sshd_start forced "$SERVICE_IN" 'ForceCommand echo "forced, asked for $SSH_ORIGINAL_COMMAND"'
expect_output "forced, asked for id -u" ssh_to forced "$USER_A" id -u

case_ "rsync"
mkdir "$SCRATCH/tree" && cp "$SCRATCH/data" "$SCRATCH/tree/a" && ln -s a "$SCRATCH/tree/link"
expect_ok rsync -a -e "ssh -F $SSH_CONFIG" "$SCRATCH/tree/" "$USER_A@in:tree/"
expect_ok cmp "$SCRATCH/data" "$home/tree/a"
expect_ok rsync -a -e "ssh -F $SSH_CONFIG" "$USER_A@in:tree/" "$SCRATCH/tree2/"
expect_ok diff -r "$SCRATCH/tree" "$SCRATCH/tree2"
rm -rf "$home/tree"

case_ "multiplexing: two sessions of one connection share one sandbox"
control=$SCRATCH/control
expect_ok ssh -F "$SSH_CONFIG" -o ControlMaster=yes -o ControlPersist=yes -o ControlPath="$control" \
	"$USER_A@in" true
mux()
{
	ssh -F "$SSH_CONFIG" -o ControlPath="$control" "$USER_A@in" "$@"
}
one=$(mux readlink /proc/self/ns/pid)
two=$(mux readlink /proc/self/ns/pid)
expect_equal "$two" "$one" "pid namespace of the second session"
expect_differ "$two" "$(ns_of $$ pid)" "pid namespace"
expect_ok mux touch /tmp/shared
expect_ok mux ls /tmp/shared
mux sleep 2 &
expect_output hello mux echo hello
expect_ok scp -q -F "$SSH_CONFIG" -o ControlPath="$control" "$SCRATCH/data" "$USER_A@in:/tmp/by-scp"
expect_ok mux ls /tmp/by-scp
wait $!
expect_status 7 mux exit 7
expect_ok ssh -F "$SSH_CONFIG" -o ControlPath="$control" -O exit "$USER_A@in"
wait_until 5 no_sandbox || fail_ "the sandbox outlives the master"

echo_port=$(free_port)
socat "TCP-LISTEN:$echo_port,bind=127.0.0.1,reuseaddr,fork" EXEC:cat &
echo_server=$!
# ask PORT: what comes back through it
ask()
{
	socat -t 3 - "TCP:127.0.0.1:$1,retry=30,interval=0.1" <<<"marco $1"
}

case_ "-L"
port=$(free_port)
ssh -F "$SSH_CONFIG" -N -L "127.0.0.1:$port:127.0.0.1:$echo_port" "$USER_A@in" &
client=$!
expect_output "marco $port" ask "$port"
kill $client
wait $client

case_ "-L with a command beside it, and to a socket made inside"
port=$(free_port)
ssh -F "$SSH_CONFIG" -L "127.0.0.1:$port:/tmp/inner.sock" "$USER_A@in" \
	'timeout 20 socat UNIX-LISTEN:/tmp/inner.sock,fork SYSTEM:"echo i am inside" & sleep 8' &
client=$!
answer()
{
	socat -u "TCP:127.0.0.1:$port,retry=30,interval=0.1" - | grep 'i am inside'
}
wait_until 6 answer || fail_ "no answer from a socket in the private /tmp"
kill $client
wait $client

case_ "-R"
port=$(free_port)
ssh -F "$SSH_CONFIG" -N -R "127.0.0.1:$port:127.0.0.1:$echo_port" "$USER_A@in" &
client=$!
expect_output "marco $port" ask "$port"
kill $client
wait $client

case_ "-D"
port=$(free_port)
ssh -F "$SSH_CONFIG" -N -D "127.0.0.1:$port" "$USER_A@in" &
client=$!
wait_until 5 socat -u OPEN:/dev/null "TCP:127.0.0.1:$port" || fail_ "the SOCKS port does not open"
socks()
{
	socat -t 3 - "SOCKS4A:127.0.0.1:127.0.0.1:$echo_port,socksport=$port" <<<"marco socks"
}
expect_output "marco socks" socks
kill $client
wait $client
kill $echo_server

case_ "-A: the agent's socket is in the sandbox's /tmp and works there"
eval "$(ssh-agent -a "$SCRATCH/agent")" >/dev/null
SSH_AUTH_SOCK=$SCRATCH/agent ssh-add -q "$CHECK_PREFIX/keys/user"
with_agent()
{
	SSH_AUTH_SOCK=$SCRATCH/agent ssh -F "$SSH_CONFIG" -o IdentityAgent=SSH_AUTH_SOCK -A "$USER_A@in" "$@"
}
expect_grep ' check ' with_agent ssh-add -l
expect_grep '^/tmp/ssh-' with_agent 'echo $SSH_AUTH_SOCK'
expect_fail ssh_in "$USER_A" ssh-add -l
expect_output "$USER_B" with_agent "ssh -p $(sshd_port out) -o StrictHostKeyChecking=no \
	-o UserKnownHostsFile=/dev/null -o BatchMode=yes -o LogLevel=ERROR $USER_B@127.0.0.1 id -un"
# From the inside, another login is a sandbox of its own, made from the host's view.
expect_output "$USER_B" with_agent "ssh -p $(sshd_port in) -o StrictHostKeyChecking=no \
	-o UserKnownHostsFile=/dev/null -o BatchMode=yes -o LogLevel=ERROR $USER_B@127.0.0.1 id -un"
kill "$SSH_AGENT_PID"
rm -rf "$home/.ssh" "/home/$USER_B/.ssh"

case_ "-X: a display that reaches the client"
if command -v xauth >/dev/null; then
	mkdir -m 1777 /tmp/.X11-unix
	socat UNIX-LISTEN:/tmp/.X11-unix/X78,fork,mode=777 SYSTEM:'echo the display' 2>/dev/null &
	display=$!
	wait_until 5 test -S /tmp/.X11-unix/X78
	with_display()
	{
		DISPLAY=:78 ssh -F "$SSH_CONFIG" -o ForwardX11Trusted=yes -Y "$USER_A@in" "$@"
	}
	export XAUTHORITY=$SCRATCH/xauthority
	touch "$XAUTHORITY" && xauth -q add :78 . 0123456789abcdef0123456789abcdef
	expect_grep '^localhost:1[0-9]\.0' with_display 'echo $DISPLAY'
	expect_grep MIT-MAGIC with_display 'xauth list'
	# The X protocol's greeting is beyond socat: that the port is open on loopback must do.
	expect_ok with_display 'd=${DISPLAY#*:}; (exec 3<>/dev/tcp/127.0.0.1/$((6000 + ${d%.*})))'
	kill $display
	rm -rf /tmp/.X11-unix "$home/.Xauthority"
else
	skip_ "no xauth"
fi

case_ "20 logins at once"
policy_write '[default]' 'tmp_scope = session'
pids=
mkdir -m 1777 "$SCRATCH/arrived"
# Each stays until all are in: an ended namespace's number may be given to the next.
together="echo \$(ls -A /tmp | wc -l) \$(readlink /proc/self/ns/pid); touch /tmp/mine $SCRATCH/arrived/\$SSH_I
for try in {1..200}; do [ \$(ls $SCRATCH/arrived | wc -l) = 20 ] && break; sleep 0.1; done"
for i in {1..20}; do
	user=$([ $((i % 2)) = 0 ] && echo "$USER_A" || echo "$USER_B")
	ssh_in "$user" "SSH_I=$i; $together" \
		>"$SCRATCH/many.$i" 2>&1 &
	pids="$pids $!"
done
for pid in $pids; do
	wait "$pid" || fail_ "a login failed: $(brief "$(tail -n1 "$SCRATCH"/many.* | grep -v '^0 pid:')")"
done
expect_equal "$(cat "$SCRATCH"/many.* | cut -d' ' -f1 | sort -u)" 0 "files in /tmp at login"
expect_equal "$(cat "$SCRATCH"/many.* | cut -d' ' -f2 | sort -u | wc -l)" 20 "different pid namespaces"
policy_default
wait_until 10 no_sandbox || fail_ "sandboxes left: $(warden_pids | wc -w)"

case_ "a job left behind is gone after logout"
leave='nohup sleep 3456 >/dev/null 2>&1 & setsid -f sleep 3456 >/dev/null 2>&1'
job_lives()
{
	pgrep -u "$1" -f '^sleep 3456' >/dev/null
}
ssh_out "$USER_B" "$leave"
# The shell may be gone before the job is a sleep.
wait_until 5 job_lives "$USER_B" || fail_ "outside it does not survive"
for pid in $(user_pids "$UID_B"); do kill "$pid"; done
# Both, the shell's child and the one in a session of its own, once they are a sleep.
count="n=0; until [ \$n -ge 50 ] || [ \$(pgrep -cf '^sleep 3456') -ge 2 ]; do sleep 0.1; n=\$((n + 1)); done; pgrep -cf '^sleep 3456'"
ssh_in "$USER_A" "$leave; $count" >"$SCRATCH/jobs"
[ "$(cat "$SCRATCH/jobs")" -ge 2 ] || fail_ "the jobs did not start: $(cat "$SCRATCH/jobs")"
gone()
{
	! job_lives "$USER_A"
}
wait_until 5 gone || fail_ "it survives the logout"

case_ "the client is killed: everything ends"
session_start cut in "$USER_A"
session_do cut 'setsid -f sleep 3456 >/dev/null 2>&1; nohup sleep 3456 >/dev/null 2>&1 &' >/dev/null
wait_until 5 job_lives "$USER_A" || fail_ "the job did not start"
session_cut cut
wait_until 5 no_sandbox || fail_ "sandbox left"
gone || fail_ "the job survives"

# The monitor is the root process of a connection: a child of the listener. (OpenSSH from 9.8 on
# calls it sshd-session.)
monitor_of()
{
	pgrep -P "$(sshd_pid in)" -u 0 | tail -1
}

case_ "the sshd monitor is killed with SIGKILL: close_session never runs, everything ends"
session_start cut in "$USER_A"
session_do cut 'setsid -f sleep 3456 >/dev/null 2>&1' >/dev/null
wait_until 5 job_lives "$USER_A" || fail_ "the job did not start"
kill -9 "$(monitor_of)"
wait_until 5 no_sandbox || fail_ "sandbox left"
gone || fail_ "the job survives"
expect_equal "$(user_pids "$UID_A")" "" "processes of the user"
session_cut cut

case_ "the sshd monitor ends on SIGTERM"
session_start cut in "$USER_A"
kill -TERM "$(monitor_of)"
wait_until 5 no_sandbox || fail_ "sandbox left"
session_cut cut

case_ "a connection without a session: forwarding alone ends as well"
port=$(free_port)
ssh -F "$SSH_CONFIG" -N -L "127.0.0.1:$port:127.0.0.1:9" "$USER_A@in" &
client=$!
has_sandbox()
{
	[ -n "$(init_pids)" ]
}
wait_until 5 has_sandbox || fail_ "no sandbox"
{ kill -9 $client && wait $client; } 2>/dev/null
wait_until 5 no_sandbox || fail_ "sandbox left"

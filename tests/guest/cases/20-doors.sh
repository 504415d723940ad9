# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# Every door into the machine, each with the distribution's own stack in its own order, our line last.
. "$CHECK_SOURCE/tests/guest/lib.sh"

policy_write '[default]' 'memory_max = 500M' 'pids_max = 300' '[group staffers]' 'sandbox = no'
probe=/guest/probe
cp "$CHECK_SOURCE/tests/guest/cases/probe" $probe && chmod 755 $probe
readlink /proc/self/ns/mnt >/guest/host.mnt
readlink /proc/self/ns/pid >/guest/host.pid
: >/tmp/guest.of-the-host
chmod 1777 /guest/scratch
sleep 1000 & stranger=$!

# door NAME USER UNIT-ERE CMD...: what the probe says there, which unit it is in, and the limits.
door()
{
	local name=$1 user=$2 unit=$3 uid place
	shift 3
	uid=$(id -u "$user")
	case_ "$name: a sandbox, in the user's slice"
	run_ "$@"
	OUT=$(grep '^user=' <<<"$OUT")
	place=${OUT#*cgroup=} place=${place%% *}
	[[ $OUT == "user=$user mnt=own pid=own tmp=own others=0 "* ]] || fail_ "$(said)"
	[[ $place =~ ^/user.slice/user-$uid.slice/$unit$ ]] || fail_ "it is in $place, not in a $unit"
	# Read in the session: a cron job is over by now, and so may be the slice.
	expect_equal "$(sed -n 's/.* max=\([0-9]*\) .*/\1/p' <<<"$OUT")" $((500 << 20)) "memory.max"
}

echo "$USER_A soft nofile 777" >/etc/security/limits.d/guest.conf
# So that her manager need not start at each door.
session_start keep out "$USER_A"
# without SERVICE USER: for that user the stack has no line. Not in the common file, which is pam-auth-update's.
without()
{
	sed "/pam_carrel/i session [success=1 default=ignore] pam_succeed_if.so quiet user = $2" \
		/etc/pam.d/common-session-noninteractive >/guest/stack
	sed -i -e '/^@include common-session-noninteractive/{r /guest/stack' -e 'd}' "/etc/pam.d/$1"
}
# Jobs take up to a minute to begin: they do meanwhile. B's cron jobs and A's at jobs are outside.
without cron "$USER_B"
without atd "$USER_A"
# cron_job UID FILE: what the probe says, and in FILE.61 what comes of an attack on the limits.
cron_job()
{
	printf '* * * * * { %s; %s %s; echo "ran: $?"; } >%s 2>&1; mv %s %s\n' "$probe $2" \
		"$TESTS/attack_cgroup" "$1" "$2.new" "$2.new" "$2.61" | crontab -u "$(id -nu "$1")" -
}
cron_job "$UID_A" /guest/scratch/cron
cron_job "$UID_B" /guest/scratch/cron.out
# Not from inside a sandbox: there at(1) can't reach the daemon, which then looks only once an hour.
at_now()
{
	setpriv --reuid "$1" --regid "$1" --init-groups sh -c "echo $probe $2 | at now 2>&1"
}
at_said=$(at_now "$UID_B" /guest/scratch/at; at_now "$UID_A" /guest/scratch/at.out)
# A user whose home is made by the login; a directory of pam_namespace's beside ours.
mkdir -p /guest/poly && chmod 000 /guest/poly && mkdir -p /srv/poly && chmod 1777 /srv/poly
echo "/srv/poly /guest/poly/ user root" >/etc/security/namespace.d/guest.conf 2>/dev/null ||
	echo "/srv/poly /guest/poly/ user root" >/etc/security/namespace.conf
sed -i '/^@include common-session/i session required pam_namespace.so' /etc/pam.d/sshd
pam-auth-update --enable mkhomedir
echo host >/srv/poly/of-the-host
door sshd "$USER_A" 'session-[0-9]+.scope' ssh_in "$USER_A" "$probe; ls /srv/poly"
grep -q ' nofile=777$' <<<"$OUT" || fail_ "pam_limits' limit is not there: $OUT"
case_ "sshd: pam_namespace before us keeps its directory private inside"
expect_nogrep of-the-host ssh_in "$USER_A" 'ls /srv/poly'
expect_grep of-the-host ssh_out "$USER_A" 'ls /srv/poly'
case_ "sshd: pam_mkhomedir before us makes the home that is seen inside"
expect_grep '^/home/carol$' ssh_in carol 'cd ~ && pwd && : >~/mine'
expect_file /home/carol/mine
pam-auth-update --disable mkhomedir
cp /guest/pam.set/sshd /etc/pam.d/sshd

session='(session-c?[0-9]+|login-[0-9a-z.-]+).scope'
door su "$USER_A" "$session" su "$USER_A" -c $probe
door 'su -l' "$USER_A" "$session" su - "$USER_A" -c $probe
door 'sudo -u' "$USER_A" "$session" sudo -u "$USER_A" $probe
door 'sudo -i' "$USER_A" "$session" sudo -i -u "$USER_A" $probe
door 'runuser -l' "$USER_A" "$session" runuser -l "$USER_A" -c $probe
door login "$USER_A" 'session-[0-9]+.scope' \
	typed "login -f $USER_A" "$probe" exit

wait_until 100 test -s /guest/scratch/at || note_ "no at job ran: $at_said"
door at "$USER_B" "$session" cat /guest/scratch/at
wait_until 100 test -s /guest/scratch/cron.61 || note_ "no cron job ran"
wait_until 100 test -s /guest/scratch/cron.out.61 || note_ "no cron job of the other user's ran"
crontab -u "$USER_A" -r
crontab -u "$USER_B" -r
door cron "$USER_A" "$session" cat /guest/scratch/cron
case_ "case 23: outside, where the stack has no line, cron and at jobs see the host"
expect_grep "user=$USER_B mnt=host pid=host tmp=host" cat /guest/scratch/cron.out
wait_until 20 test -s /guest/scratch/at.out
expect_grep "user=$USER_A mnt=host pid=host tmp=host" cat /guest/scratch/at.out
case_ "case 61: a job is not outside of the user's limits, and can't get there; without the line it is from the start"
expect_grep '^succeeded: not in the slice' cat /guest/scratch/cron.out.61
expect_grep '^ran: [01]$' cat /guest/scratch/cron.61
# The manager's subtree is the user's own, below the limits.
! grep '^succeeded: ' /guest/scratch/cron.61 | grep -vF "/user@$UID_A.service" >/guest/scratch/written ||
	fail_ "$(cat /guest/scratch/written)"

case_ "an admin group is left alone"
expect_grep 'user=dave mnt=host pid=host tmp=host' ssh_in dave $probe

case_ "case 25: su from inside a sandbox: the inner one stays in the outer user's slice; outside, it sees the host"
printf 'bob:guest-secret\n' | chpasswd
# su-l is su without our line.
sed -E 's/^(@include common-session)[[:space:]]*$/\1-out/' /etc/pam.d/su >/etc/pam.d/su-l
cat >/guest/scratch/su.sh <<-END
	rm -f ~/asked
	{ until grep -qs assword ~/asked; do sleep 0.2; done; sleep 0.5; echo guest-secret; sleep 1; } |
		script -qefc "su \$1 bob -c '$probe /guest/scratch/nested; ls /tmp'" ~/asked
END
expect_grep '^of-alice' session_do keep ": >/tmp/of-alice; sh /guest/scratch/su.sh -; rm /tmp/of-alice"
expect_grep 'user=bob mnt=host pid=host tmp=host' cat /guest/scratch/nested
rm /guest/scratch/nested
cp /guest/pam.set/su-l /etc/pam.d/su-l
expect_ok ssh_in "$USER_A" ": >/tmp/of-alice; sh /guest/scratch/su.sh"
grep -q 'of-alice' <<<"$OUT" && fail_ "the inner user sees the outer one's /tmp"
OUT=$(cat /guest/scratch/nested 2>/dev/null)
[[ $OUT == "user=bob mnt=own pid=own tmp=own others=0 max= cgroup=/user.slice/user-$UID_A.slice/session-"* ]] ||
	fail_ "$(said)"

case_ "sftp alone, with ChrootDirectory"
mkdir -p /srv/jail/incoming && chown bob /srv/jail/incoming && chmod 755 /srv /srv/jail
cat >/etc/ssh/sshd_config.d/jail.conf <<-END
	Subsystem sftp internal-sftp
	Match User bob
		ChrootDirectory /srv/jail
		ForceCommand internal-sftp
END
sed -i '/^Subsystem/d' /etc/ssh/sshd_config
# Not reload, which does not wait until it has been done.
systemctl restart ssh.service
log_mark
echo payload >/guest/scratch/file
expect_ok sftp -F "$SSH_CONFIG" -b - bob@in <<<"put /guest/scratch/file incoming/file"
expect_equal "$(cat /srv/jail/incoming/file 2>/dev/null)" payload "what sftp has put"
expect_log 'sandbox 2002-[0-9]* of bob via sshd'
expect_fail ssh_in bob true
rm -f /etc/ssh/sshd_config.d/jail.conf
systemctl restart ssh.service
session_end keep
kill $stranger
rm -f /tmp/guest.of-the-host

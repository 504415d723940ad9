# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Attacks on the login itself: the attack cases "Attack the login", those that need no fault injection.
# Where there is no attack without something that sets sandboxes up, "outside" is a naive one: what a
# script of twenty lines in place of ours would do.
# timeout: 180
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/attack_lib.sh"

OPEN=$SCRATCH/open VICTIM=$SCRATCH/victim
mkdir -m 755 "$OPEN" "$VICTIM" "$VICTIM/inst"
chown "$USER_A:" "$OPEN"
echo secret >"$VICTIM/inst/secret"
IN=$SERVICE_IN
[ "$ATTACK_IN" = in ] || IN=$SERVICE_OUT

# What the victim directory looks like, to see that nobody touched it.
victim_state()
{
	find "$VICTIM" -printf '%p %u %g %m %y %s %T@\n' && cat "$VICTIM/inst/secret"
}

no_trace()
{
	wait_until 6 no_sandbox || fail_ "left over: $(brief "$(ps -o pid,args -p "$(warden_pids | tr '\n' ',')$(init_pids | tr '\n' ',')1")")"
	wait_until 2 eval '[ -z "$(slice_dir pids "$UID_A")" ]' || fail_ "the slice is left over"
}

# Sessions of pam_steps live until let_go: openfd=$GATE waits for it.
GATE=$SCRATCH/.gate
mkfifo "$GATE"

# let_go PID
let_go()
{
	local fd
	exec {fd}<>"$GATE"
	wait "$1"
	exec {fd}>&-
}

case_ "case 40: symlink, FIFO, hardlink at an instance path"
cat >"$SCRATCH/naive" <<END
#!/bin/sh
mkdir -p $OPEN/inst; chown \$PAM_USER $OPEN/inst; chmod 700 $OPEN/inst
END
chmod 755 "$SCRATCH/naive"
pam_write carrel-naive "session required pam_exec.so quiet $SCRATCH/naive"
plant()
{
	rm -rf "$OPEN/inst"
	case $1 in
	symlink) ln -s "$VICTIM/inst" "$OPEN/inst" ;;
	hardlink) ln "$VICTIM/inst/secret" "$OPEN/inst" ;; # A may do so without fs.protected_hardlinks
	fifo) mkfifo "$OPEN/inst" ;;
	dangling) ln -s "$VICTIM/new" "$OPEN/inst" ;;
	esac
	chown -h "$USER_A:" "$OPEN/inst"
	[ "$1" != hardlink ] || chown root: "$VICTIM/inst/secret"
}
policy_write '[default]' "private_tmp = /tmp $OPEN/inst"
for kind in symlink hardlink fifo dangling; do
	plant "$kind"
	state=$(victim_state)
	run_ steps start=carrel-naive:"$USER_A" open close end
	case $kind in symlink | hardlink)
		[ "$(victim_state)" != "$state" ] || fail_ "outside: $kind: the naive script did no harm"
		chown -R root: "$VICTIM" && chmod 755 "$VICTIM/inst" && chmod 644 "$VICTIM/inst/secret"
		plant "$kind"
		;;
	esac
	state=$(victim_state)
	# Refused, or whole and elsewhere; at once, and the victim is as it was.
	run_ timeout 10 "$TESTS/pam_steps" start="$IN":"$USER_A" open run="cat $VICTIM/inst/secret" close end
	grep -q -E '^open: (PAM_SESSION_ERR|PAM_SUCCESS)' <<<"$OUT" || fail_ "$kind: $(said)"
	grep -q -x secret <<<"$OUT" || fail_ "$kind: the victim is covered: $(said)"
	[ -n "$(find "$OPEN" -maxdepth 1 -name inst)" ] || fail_ "$kind: it was removed"
	expect_equal "$(victim_state)" "$state" "inside: $kind: the victim directory"
done
grep -q 'open: PAM_SESSION_ERR' <<<"$OUT" || fail_ "a dangling link was accepted: $(brief "$OUT")"
rm -f "$OPEN/inst"
policy_default
# And what A leaves in the host's /tmp in place of the X server's directory.
for kind in symlink fifo; do
	plant "$kind" && mv "$OPEN/inst" /tmp/.X11-unix
	expect_output "" ssh_to "$ATTACK_IN" "$USER_A" 'ls -A /tmp'
	rm -f /tmp/.X11-unix
done

case_ "case 41: rename loops on path components through 1000 logins"
mkdir -p "$OPEN/x/inst" && ln -s "$VICTIM" "$OPEN/y" && chown -hR "$USER_A:" "$OPEN"
policy_write '[default]' "private_tmp = /tmp $OPEN/x/inst"
session_start renamer out "$USER_A"
session_do renamer "$TESTS/attack_rename $OPEN/x $OPEN/y 3000 >/dev/null 2>&1 & disown" >/dev/null
covered=0
for ((i = 0; i < 200 && covered == 0; i++)); do
	# Looks before it mounts, as careful scripts do.
	unshare -m sh -c "[ ! -L $OPEN/x ] && mount -t tmpfs naive $OPEN/x/inst && [ ! -e $VICTIM/inst/secret ]" \
		2>/dev/null && covered=1
done
[ "$covered" = 1 ] || fail_ "outside: 200 naive mounts never hit the victim"
note_ "a naive mount hits the victim at try $i"
args=()
for ((i = 0; i < 10; i++)); do
	args+=(start="$IN":"$USER_A" open run="test -e $VICTIM/inst/secret" close end)
done
log_mark
state=$(victim_state)
logins()
{
	local i
	for ((i = 0; i < 50; i++)); do steps "${args[@]}"; done
}
logins >"$SCRATCH/.logins.1" 2>&1 &
first=$!
logins >"$SCRATCH/.logins.2" 2>&1
wait "$first"
OUT=$(cat "$SCRATCH"/.logins.?)
good=$(grep -c '^open: PAM_SUCCESS' <<<"$OUT") refused=$(grep -c '^open: PAM_SESSION_ERR' <<<"$OUT")
hit=$(grep -c '^run: exit 1' <<<"$OUT")
note_ "1000 logins: $good confined, $refused refused, $hit with the victim covered"
expect_equal "$((good + refused))" 1000 "logins"
[ "$good" -gt 50 ] && [ "$refused" -gt 50 ] || fail_ "the race was not on: $good good, $refused refused"
expect_equal "$hit" 0 "logins in which the victim was covered"
expect_equal "$(grep -c '^run: exit 0' <<<"$OUT")" 1000 "logins that saw the victim"
expect_equal "$(victim_state)" "$state" "the victim directory"
session_do renamer 'kill %1 2>/dev/null; kill $(ps -o pid= -C attack_rename) 2>/dev/null' >/dev/null
session_end renamer
policy_default
no_trace

case_ "case 43: LD_PRELOAD, GLIBC_TUNABLES, XDG_* through su"
cat >"$SCRATCH/evil.c" <<'END'
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void)
{
	FILE *file = geteuid() == 0 ? fopen(PWNED, "a") : NULL;

	if (file) {
		fprintf(file, "root ran it\n");
		fclose(file);
	}
}
END
"${CC:-cc}" -shared -fPIC -DPWNED="\"$SCRATCH/pwned\"" -o "$SCRATCH/evil.so" "$SCRATCH/evil.c" ||
	fail_ "the library does not build"
hostile=(setenv=LD_PRELOAD:"$SCRATCH/evil.so" setenv=BASH_ENV:/tmp/evil
	setenv=GLIBC_TUNABLES:glibc.malloc.check=3 setenv=XDG_RUNTIME_DIR:/tmp/evil setenv=TMPDIR:/tmp/evil
	setenv=LD_LIBRARY_PATH:/tmp setenv=NSS_WRAPPER_PASSWD:/tmp/evil setenv=PATH:/tmp)
# A root program that keeps its caller's environment and starts another one: outside, the library runs.
steps "${hostile[@]}" root=: >/dev/null
expect_file "$SCRATCH/pwned"
rm -f "$SCRATCH/pwned"
# Of the warden and of PID 1; WHO: whose they are.
environments_empty()
{
	local pids pid
	# shellcheck disable=SC2207 # one pid a word
	pids=($(warden_pids) $(init_pids))
	[ ${#pids[@]} -ge 2 ] || fail_ "$1: warden and PID 1 are not there: ${pids[*]}"
	for pid in "${pids[@]}"; do
		expect_equal "$(tr '\0' ' ' <"/proc/$pid/environ" || echo gone)" "" "$1: environment of the process $pid"
	done
}
steps "${hostile[@]}" start="$IN":"$USER_A" open say=ready openfd="$GATE" close end >"$SCRATCH/.steps" 2>&1 &
steps_pid=$!
wait_until 3 grep -q ready "$SCRATCH/.steps" || fail_ "no sandbox: $(brief "$(cat "$SCRATCH/.steps")")"
environments_empty "pam_steps"
let_go "$steps_pid"
grep -q '^close: PAM_SUCCESS' "$SCRATCH/.steps" || fail_ "$(brief "$(cat "$SCRATCH/.steps")")"
expect_nofile "$SCRATCH/pwned"
# su itself, setuid root, with A's environment.
cp -p /etc/pam.d/su "$SCRATCH/su.pam"
pam_write su "$([ "$ATTACK_IN" != in ] || pam_line)"
session_start su out "$USER_A"
session_do su "LD_PRELOAD=$SCRATCH/evil.so GLIBC_TUNABLES=glibc.malloc.check=3 XDG_RUNTIME_DIR=/tmp/evil \
	BASH_ENV=/tmp/evil su $USER_B -c 'id -un; readlink /proc/self/ns/pid; until [ -e $SCRATCH/go ]; do sleep 0.1; done' \
	>\$HOME/.su & disown" >/dev/null
wait_until 5 grep -q '^pid:' "/home/$USER_A/.su" || fail_ "su: no sandbox"
environments_empty "su"
: >"$SCRATCH/go"
wait_until 5 no_sandbox
expect_output "$USER_B" head -1 "/home/$USER_A/.su"
expect_differ "$(sed -n 2p "/home/$USER_A/.su")" "$(ns_of $$ pid)" "su: pid namespace"
expect_nofile "$SCRATCH/pwned"
rm -f "/home/$USER_A/.su"
session_end su
cp -p "$SCRATCH/su.pam" /etc/pam.d/su

case_ "case 44: odd user names"
cp -p /etc/passwd "$SCRATCH/passwd"
long=a123456789b123456789c123456789d123456789
odd=("0x0:2:52" "Bob:4:54" "bob:5:55" "$long:6:56" "twin-a:7:57" "twin-b:7:58" "1e3:8:59")
{
	echo '[default]'
	echo 'pids_max = 99'
	for entry in "${odd[@]}"; do
		IFS=: read -r name offset limit <<<"$entry"
		echo "$name:x:$((CHECK_UID + offset)):$(id -g "$USER_A")::/:/bin/bash" >>/etc/passwd
		printf '[user %s]\npids_max = %s\nsessions_max = 1\n' "$name" "$limit"
	done
} | policy_write
host_pid_ns=$(ns_of $$ pid)
show='readlink /proc/self/ns/pid; id -u'
for entry in "${odd[@]}"; do
	IFS=: read -r name offset limit <<<"$entry"
	uid=$((CHECK_UID + offset))
	run_ steps start="$SERVICE_OUT:$name" open run="$show" close end
	grep -q -F -x "$host_pid_ns" <<<"$OUT" || fail_ "outside: $name: $(said)"
	# Nothing else starts a second of a name that has one already: sessions_max is 1.
	rm -f "$SCRATCH/.odd"
	steps start="$IN:$name" open run="$show" say=ready openfd="$GATE" close end >"$SCRATCH/.odd" 2>&1 &
	steps_pid=$!
	wait_until 3 grep -q ready "$SCRATCH/.odd" || fail_ "inside: $name: no session"
	OUT=$(cat "$SCRATCH/.odd")
	grep -q '^open: PAM_SUCCESS' <<<"$OUT" && grep -q '^pid:\[' <<<"$OUT" && grep -q -x "$uid" <<<"$OUT" &&
		! grep -q -F -x "$host_pid_ns" <<<"$OUT" || fail_ "inside: $name: $(brief "$OUT")"
	expect_equal "$(in_slice "$uid" pids.max)" "$limit" "pids.max of $name"
	if [ "$name" = twin-a ]; then
		# One uid, one slice, one count.
		expect_grep '^open: PAM_SESSION_ERR' steps start="$IN:twin-b" open close end
	fi
	let_go "$steps_pid"
done
# Names that no user has (-x and a:b can't be in passwd at all) are not taken for somebody, or for an option.
for name in a:b -x "$CHECK_UID" BOB "${long:0:32}" --sweep "$USER_A " ''; do
	expect_grep '^open: PAM_SUCCESS' steps start="$SERVICE_OUT:$name" open close end
	expect_grep '^open: PAM_SESSION_ERR' steps start="$IN:$name" open close end
done
cp -p "$SCRATCH/passwd" /etc/passwd
policy_default

case_ "case 45: 50 parallel logins and logouts of one user"
# Each makes the same name in /tmp. Outside they collide, inside each has its own place, whole. (Where the
# user's sessions share theirs: 55-tmp.sh.)
policy_write '[default]' 'tmp_scope = session'
parallel()
{
	local host=$1 i
	rm -f "$SCRATCH"/.parallel.*
	for ((i = 0; i < 50; i++)); do
		ssh_to "$host" "$USER_A" -o ConnectTimeout=60 'mkdir /tmp/only-one /dev/shm/only-one && sleep 1 &&
			[ "$(ls -d /proc/[0-9]* | wc -l)" -lt 12 ] && cut -d: -f3 /proc/self/cgroup' \
			>"$SCRATCH/.parallel.$i" 2>&1 &
		parallel_pids+=($!)
	done
	wait "${parallel_pids[@]}"
	parallel_pids=()
	whole=$(grep -l "/carrel.slice/user-$UID_A.slice" "$SCRATCH"/.parallel.* | wc -l)
	collided=$(grep -l 'File exists' "$SCRATCH"/.parallel.* | wc -l)
}
parallel_pids=()
parallel out
[ "$collided" -ge 40 ] || fail_ "outside: $collided of 50 collided"
rm -rf /tmp/only-one /dev/shm/only-one
# The default, 5 s, is for a login or a few: fifty at once want to be whole here, however long it takes.
[ "$ATTACK_IN" != in ] || pam_in timeout=60
start=$(milliseconds)
parallel "$ATTACK_IN"
note_ "50 parallel logins took $(($(milliseconds) - start)) ms"
pam_in
expect_equal "$whole whole, $collided collided" "50 whole, 0 collided" "logins"
policy_default
rm -rf /tmp/only-one /dev/shm/only-one
no_trace

# A job that wants to outlive its login, in a session that stays.
job_start()
{
	session_start job "$1" "$USER_A"
	session_do job 'setsid sleep 4711 </dev/null >/dev/null 2>&1 & disown' >/dev/null
	wait_until 3 job_running || fail_ "$1: the job does not run"
}

job_running()
{
	ps -u "$USER_A" -o args= | grep -q -x 'sleep 4711'
}

job_stop()
{
	local pid
	for pid in $(ps -u "$USER_A" -o pid=,args= | awk '$2 == "sleep" && $3 == 4711 { print $1 }'); do
		kill "$pid"
	done
	session_end job
}

# job_ended KILLED: the session is over and its job with it; the next login works.
job_ended()
{
	wait_until 5 eval '! job_running' || fail_ "the job lives on after $1 was killed"
	wait_until 5 user_gone "$UID_A" || fail_ "A has processes after $1 was killed"
	session_end job
	no_trace
	expect_output again ssh_to "$ATTACK_IN" "$USER_A" echo again
}

case_ "case 49: sshd's monitor killed: close_session never runs"
monitor()
{
	local pid
	for pid in $(ps -u "$USER_A" -o ppid=); do
		[ "$(stat -c %u "/proc/$pid")" = 0 ] || continue
		case $(readlink "/proc/$pid/exe") in "$CHECK_PREFIX"/bin/*) echo "$pid" && return ;; esac
	done
}
for half in outside inside; do
	[ $half = inside ] || job_start out
	[ $half = outside ] || job_start "$ATTACK_IN"
	pid=$(monitor)
	[ -n "$pid" ] && kill -9 "$pid" || fail_ "$half: no monitor"
	if [ $half = outside ]; then
		sleep 0.5
		job_running || fail_ "outside: the job ends with the monitor"
		job_stop
		wait_until 5 user_gone "$UID_A" || fail_ "outside: A has processes: $(brief "$(ps -u "$USER_A" -o args=)")"
	else
		job_ended "the monitor"
	fi
done

case_ "case 48: PID 1 killed in the middle of a session"
job_start "$ATTACK_IN"
pid=$(init_pids)
[ -n "$pid" ] && kill -9 $pid || fail_ "no PID 1"
job_ended "PID 1"

case_ "case 50: warden killed"
job_start "$ATTACK_IN"
pid=$(warden_pids)
[ -n "$pid" ] && kill -9 $pid || fail_ "no warden"
job_ended "the warden"

# Logins while PROGRAM is killed wherever it shows up: each is whole, refused, or ended, none hangs.
under_fire()
{
	local killer i
	"$TESTS/attack_kill" "$1" 12 "$2" >"$SCRATCH/.killer" 2>&1 &
	killer=$!
	args=()
	for ((i = 0; i < 10; i++)); do
		args+=(start="$IN":"$USER_A" open sleep=1 run="[ -e /tmp/of-the-host ] && echo escaped" close end)
	done
	: >/tmp/of-the-host
	for ((i = 0; i < 8; i++)); do timeout $((60 * $(patience))) "$TESTS/pam_steps" "${args[@]}" || echo "status $?"; done >"$SCRATCH/.steps" 2>&1
	# It ends by itself, and says whether there was anybody to kill.
	wait "$killer" || fail_ "nobody was killed: $(brief "$(cat "$SCRATCH/.killer")")"
	note_ "$(cat "$SCRATCH/.killer")"
	rm -f /tmp/of-the-host
	good=$(grep -c '^open: PAM_SUCCESS' "$SCRATCH/.steps")
	refused=$(grep -c '^open: PAM_SESSION_ERR' "$SCRATCH/.steps")
	note_ "80 logins under fire: $good opened, $refused refused"
	expect_equal "$((good + refused))" 80 "logins that were answered"
	! grep '^status' "$SCRATCH/.steps" || fail_ "a caller was hurt"
	slowest=$(sed -n 's/^open: .* \([0-9]*\) ms$/\1/p' "$SCRATCH/.steps" | sort -n | tail -1)
	[ "${slowest:-99999}" -lt $((5500 + 1000 * $(patience))) ] || fail_ "a login took $slowest ms"
	# When it was refused, `run` runs on the host: only what a whole sandbox said counts.
	awk '/^open:/ { open = $2 } /^escaped/ && open == "PAM_SUCCESS" { found = 1 } END { exit found }' \
		"$SCRATCH/.steps" || fail_ "a confined login saw the host's /tmp"
}

case_ "case 48: PID 1 killed in the middle of a join"
under_fire "$LIBEXEC/carrel-init" 500
no_trace
expect_output again ssh_to "$ATTACK_IN" "$USER_A" echo again
no_trace

case_ "case 50: helper or warden killed in the middle of a join"
under_fire "$LIBEXEC/carrel-session" 6000
expect_output again ssh_to "$ATTACK_IN" "$USER_A" echo again
no_trace

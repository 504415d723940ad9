# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# timeout: 400
# Bad policies, bad PAM options, bad helpers, odd users: refused with a reason, and root still logs in.
. "$CHECK_SOURCE/tests/host/lib.sh"

host_pid=$(ns_of $$ pid)
bad=$SCRATCH/bad.conf

# bad_policy LINE KEY ERE: the policy in $bad is refused, naming its line, the key, and what was expected.
bad_policy()
{
	expect_status 1 "$CARREL" check "$bad"
	grep -E -e "bad\.conf:$1: " <<<"$OUT$ERR" | grep -q -E -e "$2.*$3" ||
		fail_ "no 'bad.conf:$1: $2 ... $3' in: $(said)"
}
# wrong NAME LINE KEY ERE LINES...: a case of it
wrong()
{
	case_ "check: $1"
	printf '%s\n' "${@:5}" >"$bad"
	bad_policy "$2" "$3" "$4"
}

case_ "check: a good policy"
printf '%s\n' '# comment' '[host]' 'cgroup = auto' '[default]' 'pids_max = 100 ; comment' \
	'[user carrel-a, service sshd]' 'memory_max = 25%' >"$bad"
expect_ok "$CARREL" check "$bad"
policy_default
expect_ok "$CARREL" check

wrong "unknown section" 3 students 'expected|unknown' '[default]' 'pids_max = 10' '[students]' 'pids_max = 10'
wrong "unknown matcher" 1 host 'expected|unknown' '[host x]' 'cgroup = auto'
wrong "section name in capitals" 1 Default 'expected|unknown' '[Default]' 'pids_max = 10'
wrong "unknown key" 2 pids_maximum 'unknown' '[default]' 'pids_maximum = 10'
wrong "key in capitals" 2 Pids_max 'unknown' '[default]' 'Pids_max = 10'
wrong "a key twice in one section" 4 pids_max 'twice|already|line 2' '[default]' 'pids_max = 10' 'cpu_weight = 5' 'pids_max = 11'
wrong "a section twice in one file" 3 '' 'twice|already|line 1' '[user x]' 'pids_max = 10' '[user x]' 'cpu_weight = 5'
wrong "value out of range" 2 cpu_weight '10000' '[default]' 'cpu_weight = 10001'
wrong "value below range" 2 oom_score_adj '-1000' '[default]' 'oom_score_adj = -1001'
wrong "number with trailing text" 2 pids_max 'expected' '[default]' 'pids_max = 10x'
wrong "number with a leading zero" 2 pids_max 'expected' '[default]' 'pids_max = 010'
wrong "empty number" 2 pids_max 'expected' '[default]' 'pids_max ='
wrong "overflow" 2 pids_max 'expected' '[default]' 'pids_max = 99999999999999999999'
wrong "bad size" 2 memory_max '512M' '[default]' 'memory_max = 10Q'
wrong "size of nothing" 2 memory_max 'expected' '[default]' 'memory_max = M'
wrong "bad percentage" 2 cpu_max '150%' '[default]' 'cpu_max = lots'
wrong "boolean that only starts like one" 2 sandbox 'yes' '[default]' 'sandbox = tomorrow'
wrong "bad choice" 2 proc 'invisible' '[default]' 'proc = none'
wrong "bad list" 2 namespaces 'mount' '[default]' 'namespaces = mount pid elsewhere'
wrong "relative path" 2 hide 'path' '[default]' 'hide = secret'
wrong "path with dots" 2 hide 'path' '[default]' 'hide = /etc/../root'
wrong "bad bind" 2 bind 'SRC:DST' '[default]' 'bind = /srv'
wrong "bad cpu list" 2 cpus '0-3' '[default]' 'cpus = 3-'
wrong "unknown capability" 2 capabilities 'expected|unknown' '[default]' 'capabilities = setuid setgid setpcap flying'
wrong "uid range upside down" 1 'uid' 'expected|range' '[uid 2000-1000]' 'pids_max = 10'
wrong "rule key in [host]" 2 pids_max 'host' '[host]' 'pids_max = 10'
wrong "host key in a rule" 2 home_roots 'host' '[default]' 'home_roots = /home'
wrong "key before any section" 1 pids_max 'section' 'pids_max = 10' '[default]'
wrong "line that is neither" 2 '' 'expected' '[default]' 'just words'
wrong "unterminated header" 1 '' 'expected|\]' '[default' 'pids_max = 10'
wrong "a line over 1000 characters" 2 '' '1000' '[default]' "hide = /$(printf '%01200d' 0)"
wrong "key of a later version" 2 net 'not supported by this version' '[default]' 'net = none'
wrong "choice of a later version" 2 namespaces 'not supported by this version' '[default]' 'namespaces = net'
wrong "limits with cgroup = none" '[0-9]+' 'pids_max|cgroup' '' '[host]' 'cgroup = none' '[default]' 'pids_max = 10'

case_ "check: every error is listed"
printf '%s\n' '[default]' 'pids_max = x' 'nonsense = 1' '[group a]' 'cpu_weight = 0' >"$bad"
bad_policy 2 pids_max ''
bad_policy 3 nonsense ''
bad_policy 5 cpu_weight ''

case_ "check: NUL byte"
printf '[default]\npids_max = 1\0000\n' >"$bad"
bad_policy 2 '' NUL

case_ "check: directory"
mkdir "$SCRATCH/dir.conf"
expect_status 1 "$CARREL" check "$SCRATCH/dir.conf"
expect_grep 'dir\.conf.*(directory|regular)' echo "$OUT$ERR"

case_ "check: not root's, or writable by others"
echo '[default]' >"$bad"
chown "$USER_A" "$bad"
expect_status 1 "$CARREL" check "$bad"
expect_grep 'bad\.conf.*(root|owne)' echo "$OUT$ERR"
chown root "$bad"
for mode in 666 664; do
	chmod $mode "$bad"
	expect_status 1 "$CARREL" check "$bad"
	expect_grep 'bad\.conf.*writ' echo "$OUT$ERR"
done
chmod 644 "$bad"
expect_ok "$CARREL" check "$bad"

case_ "check: missing file, FIFO, symbolic link"
expect_status 1 "$CARREL" check "$SCRATCH/missing.conf"
mkfifo "$SCRATCH/fifo.conf"
expect_status 1 timeout 5 "$CARREL" check "$SCRATCH/fifo.conf"
ln -s bad.conf "$SCRATCH/link.conf"
expect_status 1 "$CARREL" check "$SCRATCH/link.conf"

case_ "check: 20,000 keys, and endless input, end soon"
{
	echo '[default]'
	for i in {1..20000}; do echo "key$i = 1"; done
} >"$bad"
expect_status 1 timeout 10 "$CARREL" check "$bad"
head -c 5000000 /dev/zero >"$bad"
expect_status 1 timeout 10 "$CARREL" check "$bad"

case_ "wrong usage of check is 2"
expect_status 2 "$CARREL" check --no-such-option

# --- what logins do then

good='oom_score_adj = 77'
adj='cat /proc/self/oom_score_adj'
# A confined login under the last accepted policy, and the log says so.
still_accepted()
{
	log_mark
	expect_output 77 ssh_in "$USER_A" "$adj"
	run_ ssh_in "$USER_A" readlink /proc/self/ns/pid
	expect_differ "$OUT" "$host_pid" "pid namespace"
	expect_log "carrel.*$1"
	expect_log 'last accepted'
}

case_ "logins stay on the last accepted policy"
policy_write '[default]' "$good"
expect_output 77 ssh_in "$USER_A" "$adj"
policy_write '[default]' 'oom_score_adj = 78' 'pids_max = ten'
still_accepted 'carrel\.conf:3'

case_ "the same for a file with a wrong mode, owner, type, a missing one, and NUL"
policy_write '[default]' 'oom_score_adj = 78'
chmod 666 "$POLICY"
still_accepted 'carrel\.conf.*0666'
chmod 644 "$POLICY" && chown "$USER_B" "$POLICY"
still_accepted 'carrel.conf'
rm -f "$POLICY"
still_accepted 'carrel.conf'
mkdir "$POLICY"
still_accepted 'carrel.conf'
rmdir "$POLICY"
printf '[default]\nsandbox = no\0\n' >"$POLICY"
still_accepted 'carrel.conf:2'

case_ "a bad drop-in refuses the whole policy and is named"
policy_write '[default]' 'oom_score_adj = 78'
echo 'nonsense' >"${POLICY%/*}/carrel.conf.d/50-bad.conf"
still_accepted '50-bad\.conf:1'
expect_status 1 "$CARREL" check
expect_grep '50-bad\.conf:1' echo "$OUT$ERR"
rm "${POLICY%/*}/carrel.conf.d/50-bad.conf"

case_ "a mended policy is taken at the next login"
expect_output 78 ssh_in "$USER_A" "$adj"

case_ "drop-ins are read in the order of their names; what does not end in .conf is not"
printf '[default]\noom_score_adj = 80\n' >"${POLICY%/*}/carrel.conf.d/20-b.conf"
printf '[default]\noom_score_adj = 79\n' >"${POLICY%/*}/carrel.conf.d/10-a.conf"
echo nonsense >"${POLICY%/*}/carrel.conf.d/30-c.conf.old"
expect_output 80 ssh_in "$USER_A" "$adj"
rm -f "${POLICY%/*}"/carrel.conf.d/*

# refused USER: no session, the user is told something, nothing of the reason; root is let in.
refused()
{
	log_mark
	run_ ssh_in "$USER_A" echo "got in"
	[ "$STATUS" != 0 ] || fail_ "the login succeeds"
	expect_nogrep 'got in' echo "$OUT$ERR"
	expect_grep '[a-z]' echo "$OUT"
	expect_nogrep 'carrel|/opt|\.conf|helper' echo "$OUT"
	expect_log "${1:-carrel}"
	expect_output "0 $host_pid" ssh_in root 'echo $(id -u) $(readlink /proc/self/ns/pid)'
}
# permitted ERE: the login goes on unconfined, with exactly one critical line.
permitted()
{
	log_mark
	expect_output "$host_pid" ssh_in "$USER_A" readlink /proc/self/ns/pid
	expect_log "\.crit .*$1"
	expect_equal "$(log_since | grep -c '\.crit ')" 1 "critical lines"
}

case_ "no policy accepted yet: refused"
policy_forget
policy_write '[default]' 'pids_max = ten'
refused 'carrel\.conf:2'

case_ "no policy accepted yet, on_failure=permit: unconfined, one critical line"
pam_in on_failure=permit
permitted 'carrel\.conf'

case_ "no policy accepted yet, none there: refused"
pam_in
rm -f "$POLICY"
refused 'carrel\.conf'
policy_default

for option in frobnicate on_failure=maybe on_failure timeout=abc timeout=0 timeout=-1 timeout=5x \
	timeout=99999999999 helper=relative helper= debug=yes Debug; do
	case_ "PAM option $option: refused and logged"
	pam_in "$option"
	refused "${option%%=*}"
done
pam_in

case_ "PAM option debug says more, and works"
pam_in debug
log_mark
expect_ok ssh_in "$USER_A" true
expect_log 'carrel'
pam_in

case_ "missing helper"
pam_in helper=/nonexistent/helper
refused '/nonexistent/helper'
pam_in helper=/nonexistent/helper on_failure=permit
permitted '/nonexistent/helper'

case_ "helper that is not executable"
cp "$LIBEXEC/carrel-session" "$SCRATCH/helper" && chmod 644 "$SCRATCH/helper"
pam_in "helper=$SCRATCH/helper"
refused "$SCRATCH/helper"

# helper_script NAME LINES...: a helper made of these lines
helper_script()
{
	printf '%s\n' '#!/bin/bash' "${@:2}" >"$SCRATCH/$1"
	chmod 755 "$SCRATCH/$1"
}

case_ "hanging helper: the deadline, then refusal, and no process left"
helper_script hang 'echo $$ >>'"$SCRATCH/hang.pid" 'exec sleep 3456'
pam_in "helper=$SCRATCH/hang" timeout=2
start=$(date +%s%N)
run_ ssh_in "$USER_A" echo "got in"
ms=$((($(date +%s%N) - start) / 1000000))
[ $ms -ge 1900 ] && [ $ms -le 4500 ] || fail_ "took $ms ms with timeout=2"
expect_nogrep 'got in' echo "$OUT"
refused 'hang|time|answer'
hung()
{
	local pid
	for pid in $(cat "$SCRATCH/hang.pid"); do [ -d "/proc/$pid" ] && return 0; done
	return 1
}
none_hangs()
{
	! hung
}
[ -s "$SCRATCH/hang.pid" ] || fail_ "the helper was not run"
wait_until 3 none_hangs || fail_ "the helper lives on"

case_ "a helper that ignores signals and hangs"
# What the module starts besides is bounded by an alarm alone, as a root's helper may be.
helper_script deaf 'trap "" TERM INT HUP CHLD PIPE' 'echo $$ >>'"$SCRATCH/hang.pid" 'while :; do sleep 1; done'
pam_in "helper=$SCRATCH/deaf" timeout=1
refused
wait_until 6 none_hangs || fail_ "the helper lives on"

case_ "helper that says nothing and ends"
helper_script silent 'exit 0'
pam_in "helper=$SCRATCH/silent"
refused
pam_in helper=/bin/true
refused

case_ "helpers that answer garbage"
helper_script garbage 'head -c 100 /dev/urandom >&3' 'sleep 5'
pam_in "helper=$SCRATCH/garbage"
refused
helper_script zeros 'head -c 8000 /dev/zero >&3' 'sleep 5'
pam_in "helper=$SCRATCH/zeros"
refused
# It hangs up without reading the request.
helper_script hangup 'exec 3>&-' 'sleep 5'
pam_in "helper=$SCRATCH/hangup"
refused
pam_in

case_ "the helper killed while the module waits"
helper_script late "sleep 1" 'kill -9 $$'
pam_in "helper=$SCRATCH/late" timeout=5
refused
pam_in

# --- users

pam_write carrel-steps "$(pam_line)"
# refused_user NAME: no session for it, without a crash, and the reason is logged
refused_user()
{
	log_mark
	expect_grep '^open: PAM_(SESSION_ERR|USER_UNKNOWN)' steps "start=carrel-steps:$1" open end
	expect_equal "$STATUS" 0 "status of the caller"
	expect_log "carrel"
}

case_ "users that NSS does not know"
refused_user nobody-here
refused_user 0x0
refused_user -x
refused_user a:b
refused_user "../$USER_A"
refused_user "$USER_A "
refused_user "${USER_A^^}"
refused_user "$(printf '%0300d' 1)"
refused_user $'new\nline'
expect_nolog '^line'

case_ "a carrel-init that can't run: each login is refused with the reason"
mv "$LIBEXEC/carrel-init" "$SCRATCH/carrel-init"
log_mark
expect_grep '^open: PAM_SESSION_ERR' steps start="carrel-steps:$USER_A" open end
expect_log 'refused: .*open .*/carrel-init: No such file'
install -m 755 /dev/null "$LIBEXEC/carrel-init"
echo 'no program' >"$LIBEXEC/carrel-init"
log_mark
for i in $(seq 40); do
	expect_grep '^open: PAM_SESSION_ERR' steps start="carrel-steps:$USER_A" open end
done
expect_equal "$(log_since | grep -c 'refused: .*in the new sandbox: run carrel-init: Exec format error')" 40 \
	"refusals that say why; another: $(log_since | grep 'refused: ' | grep -v 'Exec format' | head -1)"
mv "$SCRATCH/carrel-init" "$LIBEXEC/carrel-init"
expect_grep '^open: PAM_SUCCESS' steps start="carrel-steps:$USER_A" open close end

case_ "an NSS that takes its time: timeout= is for that as well"
pam_write carrel-slow "$(pam_line timeout=30)"
expect_grep '^open: PAM_SUCCESS 6[0-9]*' slow_nss 6000 start="carrel-slow:$USER_A" open run='id -u' close end
pam_write carrel-slow "$(pam_line timeout=2)"
expect_grep '^open: PAM_SESSION_ERR' slow_nss 3000 start="carrel-slow:$USER_A" open end
rm /etc/pam.d/carrel-slow

case_ "names that look like numbers, options or uids of root"
# useradd refuses some of them even with --badname: the stage's own files take anything.
odd=$((CHECK_UID + 3))
long=l$(printf '%031d' 1)
longer=l$(printf '%0199d' 1)
for name in 0x0 0 -x "$long" "$longer"; do
	printf '%s:x:%s:%s::/home/odd:/bin/bash\n' "$name" "$odd" "$UID_A" >>/etc/passwd
done
mkdir -m 755 /home/odd
for name in 0x0 0 -x "$long" "$longer"; do
	log_mark
	run_ steps "start=carrel-steps:$name" open 'root=readlink /proc/self/ns/pid' close end
	# Whole or refused with a reason, never open and outside.
	if ! grep -q '^open: PAM_SUCCESS' <<<"$OUT"; then
		expect_grep '^open: PAM_SESSION_ERR' echo "$OUT"
		expect_log "carrel.*refused"
		note_ "$(brief "$name"): $(log_since | grep -o 'refused.*' | cut -c1-120)"
	else
		expect_grep '^pid:' echo "$OUT"
		expect_nogrep "^${host_pid//[][]/.}\$" echo "$OUT"
	fi
done
rmdir /home/odd

case_ "Bob beside bob"
useradd --badname -M -d / -u $((CHECK_UID + 4)) -U Bob
useradd -M -d / -u $((CHECK_UID + 5)) -U bob
policy_write '[default]' '[user bob]' 'oom_score_adj = 11' '[user Bob]' 'oom_score_adj = 12' '[user BOB]' 'oom_score_adj = 13'
expect_grep '^11$' steps start=carrel-steps:bob open "root=$adj" close end
expect_grep '^12$' steps start=carrel-steps:Bob open "root=$adj" close end

case_ "two names with one uid: each its own section, one slice, counted together"
useradd -o -M -d / -u "$UID_A" -g "$UID_A" carrel-alias
policy_write '[default]' 'sessions_max = 1' 'pids_max = 100' '[user carrel-alias]' 'oom_score_adj = 14'
expect_grep '^14$' steps start=carrel-steps:carrel-alias open "root=$adj" close end
session_start one in "$USER_A"
expect_grep '^open: PAM_SESSION_ERR' steps start=carrel-steps:carrel-alias open end
session_end one

case_ "an alias of root is root"
useradd -o -M -d / -u 0 -g 0 toor 2>/dev/null
expect_grep "^${host_pid//[][]/.}\$" steps start=carrel-steps:toor open 'root=readlink /proc/self/ns/pid' close end
policy_default

case_ "hostile texts for tty and host: no line of their own in the log"
log_mark
expect_grep '^open: PAM_SUCCESS' steps start=carrel-steps:"$USER_A" tty=$'pts/1\nauth.crit forged' \
	rhost=$'x\nforged' open close end
wait_until 5 no_sandbox
expect_nolog '^[^ ]* *forged'

case_ "on_failure=permit is for who is outside: one that can't get out of the sandbox again is refused"
pam_write carrel-half "$(pam_line on_failure=permit)"
half() { strace -qq -o "$SCRATCH/half" "$@" "$TESTS/pam_steps" start="carrel-half:$USER_A" open run=true end; }
expect_grep '^open: PAM_SUCCESS' half -e trace=newfstatat,setns
# The comparison fails, which is the first of these calls after it has joined; then so does going back.
looks=$(($(sed -n '/setns(/q; /newfstatat(/p' "$SCRATCH/half" | wc -l) + 1))
wait_until 5 no_sandbox
log_mark
# Not PAM_SESSION_ERR: its /proc/self is nobody, so it can't be told from sudo.
expect_grep '^open: PAM_SYSTEM_ERR' half -e trace=newfstatat,setns \
	-e inject=newfstatat:error=EIO:when=$looks -e inject=setns:error=EPERM:when=2+
expect_log 'refused: .*and then: undo namespaces'
expect_nolog 'NOT CONFINED'
# The comparison alone fails: it is back outside, and goes on.
expect_grep '^open: PAM_SUCCESS' half -e trace=newfstatat,setns -e inject=newfstatat:error=EIO:when=$looks
expect_log 'NOT CONFINED'
wait_until 5 no_sandbox

#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# What the man pages promise to the letter, where other tests do not come by.
. "$CHECK_SOURCE/tests/host/lib.sh"

# $1: the policy's lines below [default]; the rest runs as the user in a sandbox.
inside()
{
	printf '[default]\n%b\n' "$1" | policy_write
	shift
	"$CARREL" run -u "$USER_A" -- "$@"
}

check_text()
{
	printf '%b' "$1" >"$SCRATCH/p.conf"
	"$CARREL" check "$SCRATCH/p.conf"
}

case_ "errors of a whole file begin with FILE:1"
: >"$SCRATCH/p.conf"
chmod 666 "$SCRATCH/p.conf"
expect_grep "^$SCRATCH/p.conf:1: mode 0666" "$CARREL" check "$SCRATCH/p.conf"
chmod 644 "$SCRATCH/p.conf"
chown "$UID_A" "$SCRATCH/p.conf"
expect_grep "^$SCRATCH/p.conf:1: owned by uid $UID_A" "$CARREL" check "$SCRATCH/p.conf"
rm "$SCRATCH/p.conf"
expect_grep "^$SCRATCH:1: a directory" "$CARREL" check "$SCRATCH"
expect_grep "^$SCRATCH/p.conf:1: open: No such file" "$CARREL" check "$SCRATCH/p.conf"

case_ "check: what no section is needed for is looked at, too"
expect_grep "p.conf:2: cgroup = systemd" check_text '[host]\ncgroup = systemd\n'
[ -d /run/systemd/system ] || expect_equal "$STATUS" 1 "the exit code"
expect_grep "p.conf:2: cgroup = systemd" check_text '[host]\ncgroup = systemd\n[group nobody]\nsandbox = no\n'
[ -d /run/systemd/system ] || expect_equal "$STATUS" 1 "the exit code"
expect_ok check_text ''

case_ "tmp_root: the directory that is wrong is named"
expect_grep "tmp_root: /home/$USER_A belongs to uid $UID_A" \
	check_text "[host]\ntmp_root = /home/$USER_A/x\n[default]\ntmp_store = disk\ntmp_size = max\ntmp_inodes = max\n"

case_ "a sandbox that fails while it is being joined: the reason is said"
mkdir -p "$SCRATCH/real/sub" && ln -s real "$SCRATCH/link"
printf '[default]\nhide = %s\n' "$SCRATCH/link/sub" | policy_write
for ((i = 0; i < 25; i++)); do
	expect_grep "symbolic link: the policy must have the real path" "$CARREL" run -u "$USER_A" true
done

case_ "hide reaches the cgroups"

expect_grep "^ls: .*Permission denied" inside 'hide = /sys/fs/cgroup' ls /sys/fs/cgroup
expect_grep "^ls: .*Permission denied" inside 'hide = /sys' ls /sys
pids=/sys/fs/cgroup
[ "$(cgroup_version pids)" != 1 ] || pids=/sys/fs/cgroup/pids
expect_grep "^ls: .*Permission denied" inside "hide = $pids\npids_max = 50" ls "$pids"
expect_grep "^ls: .*Permission denied" inside "hide = $pids\nnamespaces = mount pid cgroup" ls "$pids"
expect_output 50 inside "hide = /sys/kernel\npids_max = 50" cat "$pids/pids.max"

case_ "read_only and bind have the view of the cgroups"
expect_output ro inside "read_only = /sys\npids_max = 51" \
	sh -c "findmnt -n -o OPTIONS --target $pids | tail -n1 | cut -d, -f1"
mkdir -p "$SCRATCH/view"
expect_output 52 inside "bind = $pids:$SCRATCH/view\npids_max = 52" cat "$SCRATCH/view/pids.max"

case_ "no mount inside is the peer of one outside"
expect_output 0 inside 'pids_max = 50' sh -c 'grep -c " shared:" /proc/self/mountinfo; true'

case_ "errors of paths name the key and what was expected"
expect_grep "private_tmp: open $SCRATCH/none: No such file" inside "private_tmp = $SCRATCH/none" true
expect_grep "private_tmp: .*expected a directory there" inside 'private_tmp = /etc/passwd' true
expect_grep "bind: .*expected a file there" inside "bind = /etc/passwd:$SCRATCH/view" true

case_ "a uid will do for a user"
policy_default
expect_output "$UID_A" "$CARREL" run -u "$UID_A" id -u
expect_grep "^$USER_A, uid $UID_A, " "$CARREL" explain "$UID_A"
expect_grep "^root, uid 0, .*left alone" "$CARREL" explain 0
expect_status 1 "$CARREL" run -u 0 true
expect_status 1 "$CARREL" explain $((CHECK_UID + 9))
# A name comes first.
useradd -M -u $((CHECK_UID + 4)) -U --badname "$UID_A" 2>/dev/null
expect_output $((CHECK_UID + 4)) "$CARREL" run -u "$UID_A" id -u

case_ "explain --json: times in microseconds"
policy_write '[default]' 'runtime_max = 90s'
expect_grep '"value": 90000000,' "$CARREL" explain --json "$USER_A"

case_ "cpus = max lifts a list"
policy_write '[default]' 'cpus = 0' "[user $USER_B]" 'cpus = max' '[service carrel-shell]' 'cpus = max'
expect_output 1 "$CARREL" run -u "$USER_A" nproc
expect_output "$(nproc)" "$CARREL" run -u "$USER_B" nproc
expect_ok "$CARREL" check --shell

case_ "check --shell and explain know of an oom_score_adj that carrel-shell can't have"
policy_write '[default]' 'oom_score_adj = -5'
expect_grep 'carrel.conf:2.: only pam_carrel can lower it to -5; set oom_score_adj = 0 under' "$CARREL" check --shell
expect_equal "$STATUS" 1 "the exit code"
expect_grep '^refused: oom_score_adj' "$CARREL" explain --service carrel-shell "$USER_A"
policy_write '[default]' 'oom_score_adj = -5' '[service carrel-shell]' 'oom_score_adj = 0'
expect_ok "$CARREL" check --shell

case_ "kill from inside, where pids mean somebody else: refused, and the sandbox lives"
policy_default
session_start s in "$USER_B"
expect_grep 'outside of this sandbox' "$CARREL" enter --root "$USER_B" -- "$CARREL" kill "$USER_B"
expect_equal "$STATUS" 1 "the exit code"
expect_output alive session_do s echo alive
session_end s

case_ "a helper that ends at once: the log says so, whichever side was first"
for ((i = 0; i < 5; i++)); do
	pam_in helper=/bin/true
	log_mark
	expect_fail ssh_in "$USER_A" true
	expect_log 'refused: /bin/true ended without an answer'
done
pam_in

case_ "doctor: a directory with another mode"
chmod 755 "$STATE"
expect_grep "^fail files: $STATE: owned by uid 0, mode 0755; expected" "$CARREL" doctor
chmod 700 "$STATE"

case_ "standard output that is full: one line, and a failure"
for verb in 'doctor --json' 'doctor' "explain --json $USER_A" 'list' 'metrics'; do
	# shellcheck disable=SC2086
	expect_status 1 bash -c '"$@" >/dev/full' - "$CARREL" $verb
	expect_equal "$(wc -l <<<"$ERR")" 1 "lines of $verb"
done

case_ "make install brings the completion"
expect_file "$CHECK_PREFIX/share/bash-completion/completions/carrel"

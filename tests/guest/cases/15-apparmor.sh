# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2016,SC2154
# AppArmor's profiles of the package, enforced: on whom, and that all which needs a right of its own works under
# them. That nothing was denied is looked at when all files have run.
. "$CHECK_SOURCE/tests/guest/lib.sh"

# The user's manager has its share, and ten seconds more.
no_tmp() { [ -z "$(ls -A /var/lib/carrel/tmp 2>/dev/null)" ]; }
label_of() { tr -d '\0' <"/proc/$1/attr/current"; }

case_ "both profiles are enforced; warden and PID 1 run under them, the user's processes under neither"
expect_equal "$(aa-status | sed -n '/enforce mode/,/complain mode/p' | grep -cxE ' *carrel-(session|init)')" 2 "enforced profiles"
session_start a in "$USER_A"
expect_equal "$(label_of "$(sandbox sshd warden_pid)")" 'carrel-session (enforce)' "the warden's"
expect_equal "$(label_of "$(sandbox sshd init_pid)")" 'carrel-init//&carrel-session (enforce)' "PID 1's"
expect_output unconfined session_do a 'cat /proc/self/attr/current'

case_ "it holds: what runs under carrel-session's profile reads no file that is none of carrel's business"
expect_ok aa-exec -p unconfined -- cat /etc/shadow
expect_fail aa-exec -p carrel-session -- cat /etc/shadow
session_end a

case_ "private directories on disk, shared and not, and those of a user who comes back"
policy_write '[default]' 'tmp_store = disk' 'tmp_size = max' 'tmp_inodes = max'
session_start a in "$USER_A"
session_do a 'mkdir -p /tmp/d/e && echo one >/tmp/d/e/f' >/dev/null
expect_output one ssh_in "$USER_A" 'cat /tmp/d/e/f'
session_end a
wait_until 60 no_tmp || fail_ "left: $(find /var/lib/carrel/tmp | head -n 3)"
policy_write '[default]' 'tmp_store = disk' 'tmp_size = max' 'tmp_inodes = max' 'tmp_scope = session'
expect_ok ssh_in "$USER_A" 'mkdir /tmp/mine'

case_ "hide_homes, hide, read_only, bind, a hostname, dropped capabilities"
mkdir -p /srv/tools && echo tool >/srv/tools/tool
policy_write '[default]' 'hide_homes = yes' 'hide = /etc/apt' 'read_only = /srv/tools' 'bind = /srv/tools:/opt' \
	'namespaces = mount pid ipc uts' 'hostname = %u-%h' 'capabilities = none' 'no_new_privs = yes' 'oom_score_adj = 100'
expect_output "$USER_A alice-carrel-guest tool 100" ssh_in "$USER_A" \
	'echo $(ls /home) $(hostname) $(cat /opt/tool) $(cat /proc/self/oom_score_adj)'

case_ "instance = user: later logins join, one lingers, runtime_max ends it with a word to the terminal"
policy_write '[default]' 'instance = user' 'on_logout = linger' 'notify = tty'
session_start a in "$USER_A"
expect_output "$(session_do a 'readlink /proc/self/ns/pid')" ssh_in "$USER_A" 'readlink /proc/self/ns/pid'
session_end a
expect_ok ssh_in "$USER_A" true
wait_until 20 user_settled "$UID_A"
policy_write '[default]' 'runtime_max = 20s'
ssh -tt -F "$SSH_CONFIG" "$USER_A@in" 'echo begun; sleep 120' </dev/null >/guest/said 2>&1 &
client=$!
wait_until 100 grep -q 'this session ends in' /guest/said || fail_ "it was not told: $(brief "$(cat /guest/said)")"
wait_until 100 test ! -e "/proc/$client" || fail_ "runtime_max did not end it"
wait "$client" 2>/dev/null

case_ "carrel run, freeze, thaw, enter and kill"
policy_default
session_start a in "$USER_A"
expect_ok "$CARREL" run -u "$USER_B" -- true
expect_ok "$CARREL" enter "$USER_A" -- true
expect_ok "$CARREL" freeze "$USER_A"
expect_ok "$CARREL" thaw "$USER_A"
expect_ok "$CARREL" kill "$USER_A"
session_cut a

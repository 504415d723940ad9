# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# memory_nodes, io_max and io_weight: in the kernel's files, in force, lifted, and refused where this host can't.
# timeout: 150
. "$CHECK_SOURCE/tests/host/lib.sh"
CPUSET=$(cgroup_version cpuset)

# held CONTROLLER FILE: what the kernel holds user A to; nothing where there is no slice.
held()
{
	local dir
	dir=$(slice_dir "$1" "$UID_A")
	[ -z "$dir" ] || cat "$dir/$2"
}

limit_of()
{
	"$CARREL" show --json "$USER_A" | jq -c ".limits.$1"
}

NODES=$(sed -n 's/^Mems_allowed_list:.//p' /proc/self/status)

case_ "memory_nodes: held, shown, lifted by reload and by the next login"
if [ -n "$CPUSET" ]; then
	policy_write '[default]' 'memory_nodes = 0'
	session_start s in "$USER_A"
	expect_equal "$(held cpuset cpuset.mems)" 0 "cpuset.mems"
	expect_output "Mems_allowed_list:	0" session_do s grep Mems_allowed_list /proc/self/status
	expect_equal "$(limit_of memory_nodes)" '"0"' "as shown"
	expect_grep '^memory_nodes +0$' "$CARREL" show "$USER_A"
	# What a reload must write back is seen by the text that a restart of the list would leave.
	policy_default
	expect_ok "$CARREL" reload
	expect_output "Mems_allowed_list:	$NODES" session_do s grep Mems_allowed_list /proc/self/status
	policy_write '[default]' 'memory_nodes = 0' "[user $USER_A]" 'memory_nodes = max'
	expect_output "Mems_allowed_list:	$NODES" ssh_in "$USER_A" grep Mems_allowed_list /proc/self/status
	session_end s
else
	policy_write '[default]' 'memory_nodes = 0'
	log_mark
	expect_fail ssh_in "$USER_A" true
	expect_log 'memory_nodes can.t be enforced'
fi

case_ "memory_nodes: one that the host lacks refuses the login, and carrel check says so"
policy_write '[default]' 'memory_nodes = 0,900'
log_mark
expect_status 254 ssh_in "$USER_A" true
expect_log 'memory_nodes can.t be enforced'
expect_status 1 "$CARREL" check
grep -q "carrel.conf:2: memory_nodes can't be enforced" <<<"$OUT$ERR" || fail_ "check: $(said)"
expect_grep 'memory_nodes (is enforced in|can.t be enforced)' "$CARREL" doctor

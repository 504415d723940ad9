# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# init: plain
# The host tests once more where they meet cgroup v2 and nobody owns it: a guest without systemd.
. "$CHECK_SOURCE/tests/guest/lib.sh"

case_ "the host's cgroups are v2, and nobody's"
expect_equal "$(stat -f -c %T /sys/fs/cgroup)" cgroup2fs "/sys/fs/cgroup"
expect_nofile /run/systemd/system
expect_equal "$(cgroup_version memory)" 2 "the memory controller's version"
case_end
# Each result of theirs is one of ours.
cd "$CHECK_SOURCE/tree" && unset CHECK_FILE CHECK_SOURCE CHECK_PREFIX
# shellcheck disable=SC2086
tests/host/run ${GUEST_HOST_TESTS:-10 35 50 62} 2>&1 | tee /guest/host.out | while IFS= read -r line; do
	case $line in 'ok '* | 'not ok '* | 'skip '*) echo "$line" >>"$CHECK_RESULTS" ;; esac
	printf '%s\n' "$line"
done
grep -q '^host: [0-9]* passed' /guest/host.out || exit 1

# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# THREATS case 67: rootless podman builds and runs in a login's sandbox by the policy's defaults, as it does outside.
. "$CHECK_SOURCE/tests/guest/lib.sh"

policy_write '[default]' 'memory_max = 500M'
grep -q "^$USER_A:" /etc/subuid || echo "$USER_A:700000:65536" | tee -a /etc/subuid >>/etc/subgid
install -d -m 755 /guest/image && install -m 755 /bin/busybox /guest/image/busybox
# No network in a guest: an image of one file.
printf 'FROM scratch\nCOPY busybox /bin/busybox\n' >/guest/image/Containerfile
build='podman build -q --network=none -t tiny /guest/image'
run='podman run --rm --network=none tiny /bin/busybox'
job() { pgrep -u "$USER_A" -x -f '/bin/busybox sleep 4006'; }
job_gone() { ! job; }

case_ "case 67: podman builds and runs outside"
session_start a out "$USER_A"
expect_ok session_do a "$build"
expect_grep '^container 0$' session_do a "$run sh -c 'echo container \$(busybox id -u)'"
session_do a 'podman rmi -af >/dev/null 2>&1; pkill podman; pkill catatonit'
session_end a

case_ "case 67: and inside, with the container within the user's limits"
session_start a in "$USER_A"
expect_ok session_do a "$build"
expect_grep '^container 0$' session_do a "$run sh -c 'echo container \$(busybox id -u)'"
session_do a "$run sleep 4006 >/dev/null 2>&1 &"
wait_until 60 job || fail_ "the container does not stay"
for pid in $(job); do
	[[ $(place_of "$pid") == "/user.slice/user-$UID_A.slice/"* ]] || fail_ "$pid is in $(place_of "$pid")"
	expect_differ "$(ns_of "$pid" pid)" "$(ns_of "$(sandbox sshd init_pid)" pid)" "its pid namespace"
done

case_ "case 67: it ends with the login"
session_end a
wait_until 20 job_gone || fail_ "it goes on: $(job)"
ssh_out "$USER_A" 'podman unshare rm -rf ~/.local/share/containers; pkill podman; pkill catatonit' >/dev/null 2>&1
rm -rf "/home/$USER_A"/{.local,.config/containers}

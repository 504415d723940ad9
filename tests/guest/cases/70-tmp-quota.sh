# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1091,SC2154
# tmp_store = disk with sizes: a project quota holds them, where the file system has such.
. "$CHECK_SOURCE/tests/guest/lib.sh"

as_alice()
{
	"$CARREL" run --user "$USER_A" -- bash -c "$*"
}

sizes()
{
	policy_write '[host]' 'tmp_root = /srv/quota/tmp' 'cgroup = none' '[default]' 'tmp_store = disk' "$@"
}

gone()
{
	[ -z "$(ls -A /srv/quota/tmp)" ]
}

truncate -s 200M /guest/quota.img
mkfs.ext4 -q -O quota,project -E quotatype=prjquota /guest/quota.img
mkdir -p /srv/quota
# As carrel.conf(5) says.
echo '/srv/quota/tmp/{,**} rwk,' >>/etc/apparmor.d/local/carrel
apparmor_parser -r /etc/apparmor.d/carrel
mount -o loop,prjquota /guest/quota.img /srv/quota

case_ "the file system has project quotas, and carrel check sees it"
expect_grep prjquota grep /srv/quota /proc/mounts
sizes 'tmp_size = 8M' 'tmp_inodes = 100'
expect_ok "$CARREL" check

case_ "tmp_size holds for all private directories of the user together"
expect_ok as_alice 'head -c 6M /dev/zero >/tmp/six && df --output=size -m /tmp | tail -1 | grep -q -w 8'
expect_grep 'quota exceeded' as_alice 'head -c 6M /dev/zero >/tmp/six; head -c 4M /dev/zero >/var/tmp/four'
expect_fail as_alice 'head -c 6M /dev/zero >/tmp/six; head -c 4M /dev/zero >/var/tmp/four'
expect_ok as_alice 'head -c 7M /dev/zero >/tmp/seven'

case_ "tmp_inodes holds as well"
expect_grep 'quota exceeded' as_alice 'for i in {1..200}; do : >/tmp/$i; done'
expect_grep '^(8|9)[0-9]$' as_alice 'for i in {1..200}; do : >/var/tmp/$i; done 2>/dev/null; ls /var/tmp | wc -l'

case_ "two sessions share the quota, another user has one of their own, the last login sets it"
rm -f /guest/quota.over
as_alice 'head -c 6M /dev/zero >/tmp/six; until [ -e /guest/quota.over ]; do sleep 0.2; done' &
session=$!
wait_until 10 test -e /srv/quota/tmp/$UID_A/shared/tmp/six
expect_fail as_alice 'head -c 4M /dev/zero >/tmp/four'
expect_ok "$CARREL" run --user "$USER_B" -- bash -c 'head -c 6M /dev/zero >/tmp/six'
sizes 'tmp_size = 24M' 'tmp_inodes = max'
expect_ok as_alice 'rm -f /tmp/four; head -c 10M /dev/zero >/tmp/ten && ls /tmp/six'
sizes 'tmp_size = max' 'tmp_inodes = max'
expect_ok as_alice 'rm -f /tmp/ten; head -c 30M /dev/zero >/tmp/thirty'
touch /guest/quota.over
wait $session

case_ "a directory that its owner has taken out of the project is removed like any other"
sizes 'tmp_size = 8M' 'tmp_inodes = 100'
expect_ok as_alice 'mkdir -p /tmp/out/side && touch /tmp/out/side/f && chattr -p 7 /tmp/out/side /tmp/out'
wait_until 10 no_sandbox
wait_until 10 gone || fail_ "left: $(find /srv/quota/tmp | head -3)"

case_end
umount /srv/quota
sed -i '/quota/d' /etc/apparmor.d/local/carrel
apparmor_parser -r /etc/apparmor.d/carrel

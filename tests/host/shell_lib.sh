# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# What the tests of carrel-shell (95 and on) share. Sourced after lib.sh.
#
#   shell_users          A's login shell is carrel-shell, B's stays bash; neither passes pam_carrel on `out`
#   as_a ARG...          carrel-shell with these arguments as A, by hand, with a plain environment
#   both TEXT            A (carrel-shell) and B (bash) run TEXT by ssh: same status, same output
#   expect_confined CMD  CMD runs CONFINED and says so
#   expect_refused ERE CMD...   126, nothing on stdout, one line on stderr that matches
#   CONFINED             a shell command that prints "confined" in a sandbox, or what is wrong with it
#   a_gone               no process of A is left
SHELL_PATH=$CHECK_PREFIX/bin/carrel-shell
HOST_MARK=/tmp/of-the-host
NO_RIGHTS='0000000000000000 0000000000000000 0000000000000000 0000000000000000 1 '
CONFINED="ls $HOST_MARK 2>/dev/null; ls -d /proc/$$ 2>/dev/null; rights=\$(awk '/^(CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):/ {
	printf \$2 \" \" }' /proc/self/status); [ \"\$rights\" = '${NO_RIGHTS% }' ] || [ \"\$rights\" = '$NO_RIGHTS' ] && echo confined"

shell_users()
{
	usermod -s "$SHELL_PATH" "$USER_A"
	: >"$HOST_MARK"
}

as_a()
{
	setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups env -i "HOME=/home/$USER_A" PATH="$PATH" \
		USER="$USER_A" "$SHELL_PATH" "$@"
}

both()
{
	local status out
	run_ ssh_out "$USER_B" "$1"
	status=$STATUS out=$OUT$ERR
	run_ ssh_out "$USER_A" "$1"
	[ "$STATUS" = "$status" ] && [ "${OUT//$USER_A/$USER_B}$ERR" = "$out" ] ||
		fail_ "$(brief "$1"): bash: status $status, $(brief "$out"); carrel-shell: $(said)"
}

expect_confined()
{
	run_ "$@" "$CONFINED"
	[ "$STATUS" = 0 ] && [ "$OUT" = confined ] || fail_ "not confined: $(said)"
}

expect_refused()
{
	local wanted=$1
	shift
	run_ "$@"
	[ "$STATUS" = 126 ] && [ -z "$OUT" ] && [ "$(wc -l <<<"$ERR")" = 1 ] && grep -q -E -e "^carrel-shell: .*$wanted" <<<"$ERR" ||
		fail_ "$(brief "$@"): no refusal with '$wanted': $(said)"
}

a_gone()
{
	user_gone "$UID_A"
}

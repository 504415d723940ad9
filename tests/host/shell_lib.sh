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
#   talk WANTED TYPED...  an interactive login of A at a terminal: wait for WANTED (for half a second, when that is
#                        ''), then type TYPED, and so on; what the terminal showed is in $SCRATCH/talk, the client's
#                        pid in talk_pid
#   talk_end             log it out, by an end of input; sets TALK_STATUS
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

talk()
{
	local wanted fd out=$SCRATCH/talk
	rm -f "$out" "$SCRATCH/talk.in" && mkfifo "$SCRATCH/talk.in"
	ssh -F "$SSH_CONFIG" "$USER_A@out" -tt "PS1='ready> ' exec \$SHELL --norc -i" <"$SCRATCH/talk.in" >"$out" 2>&1 &
	talk_pid=$!
	exec {fd}>"$SCRATCH/talk.in"
	while [ $# -ge 2 ]; do
		wanted=$1
		[ -n "$wanted" ] || sleep 0.5
		wait_until 5 grep -q -a -e "$wanted" "$out" || {
			fail_ "no '$wanted' on the terminal: $(brief "$(tail -c 300 "$out" | tr -d '\0')")"
			kill -9 "$talk_pid"
			break
		}
		printf '%b' "$2" >&"$fd"
		shift 2
	done
	talk_fd=$fd
}

talk_end()
{
	exec {talk_fd}>&-
	wait "$talk_pid" 2>/dev/null
	TALK_STATUS=$?
}

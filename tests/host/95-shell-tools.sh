# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# timeout: 240
# Programs that live on a login shell, over a real sshd, without pam_carrel: what goes through comes out byte for
# byte, and what they run is confined.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/shell_lib.sh"
shell_users
home=/home/$USER_A
rsh="ssh -F $SSH_CONFIG"

need() # PROGRAM...
{
	local program
	for program; do
		command -v "$program" >/dev/null || skip_ "$program is not installed"
	done
	[ -z "$CASE_SKIP" ]
}

# Bytes of all kinds, a large file, a sparse one, links, names, modes, times.
tree=$SCRATCH/tree
mkdir -p "$tree/sub/empty" && head -c 5000000 /dev/urandom >"$tree/large"
for ((i = 0; i < 256; i++)); do printf "\\x$(printf %x $i)"; done >"$tree/bytes"
truncate -s 3M "$tree/sparse" && printf end >>"$tree/sparse"
echo x >"$tree/sub/"$'a name\twith \\ "quotes" and\nlines' && ln -s ../large "$tree/sub/link" && ln "$tree/bytes" "$tree/hard"
chmod 640 "$tree/bytes" && chmod 700 "$tree/sub" && find "$tree" -exec touch -h -d '2001-02-03 04:05:06' {} +
listing()
{
	(cd "$1" && find . -mindepth 1 -printf '%P %y %m %s %T@ %l %n\n' | sort && find . -type f -exec sha256sum {} + | sort)
}
listing "$tree" >"$SCRATCH/wanted"
same_tree() # DIRECTORY WHAT
{
	listing "$1" >"$SCRATCH/got"
	cmp -s "$SCRATCH/wanted" "$SCRATCH/got" || fail_ "$2: $(brief "$(diff "$SCRATCH/wanted" "$SCRATCH/got" | head -5)")"
	rm -rf "$1"
}

case_ "tar through pipes, there and back"
tar -C "$tree" -cf - . | $rsh "$USER_A@out" 'mkdir there && tar -C there -xpf -' || fail_ "there: status ${PIPESTATUS[*]}"
mkdir "$SCRATCH/back" && $rsh "$USER_A@out" 'tar -C there -cf - .' | tar -C "$SCRATCH/back" -xpf - || fail_ "back: status ${PIPESTATUS[*]}"
same_tree "$SCRATCH/back" tar
# Into the sandbox's /tmp, which nobody else has.
tar -C "$tree" -cf - . | $rsh "$USER_A@out" 'mkdir /tmp/t && tar -C /tmp/t -xf - && cat /tmp/t/large' | cmp -s - "$tree/large" || fail_ "by /tmp"
expect_nofile /tmp/t

case_ "rsync, there and back, and in place"
expect_ok rsync -aH -e "$rsh" "$tree/" "$USER_A@out:there2"
printf changed | dd of="$home/there2/large" bs=1 seek=70000 conv=notrunc status=none
touch "$home/there2/stray"
expect_ok rsync -aH --checksum --inplace --delete -e "$rsh" "$tree/" "$USER_A@out:there2"
mkdir "$SCRATCH/back" && expect_ok rsync -aHS -e "$rsh" "$USER_A@out:there2/" "$SCRATCH/back"
same_tree "$SCRATCH/back" rsync
rm -rf "$home/there" "$home/there2"
# rsync's own firejail command: the options of the other side.
expect_nogrep of-the-host rsync --rsync-path="ls /tmp; rsync" -e "$rsh" "$USER_A@out:/tmp/" --list-only
expect_grep of-the-host rsync -e "$rsh" "$USER_B@out:/tmp/" --list-only

case_ "sftp and scp, by the server that the login shell runs"
sshd_start external "$SERVICE_OUT" "Subsystem sftp $(command -v /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server \
	/usr/lib/ssh/sftp-server | head -n 1)"
mkdir "$SCRATCH/back"
expect_ok sftp -q -p -F "$SSH_CONFIG" -b - "$USER_A@external" <<<"put $tree/large up
put $tree/bytes /tmp/up
get /tmp/up $SCRATCH/back/bytes
get up $SCRATCH/back/large
rename up up2
rm up2"
cmp -s "$tree/large" "$SCRATCH/back/large" && cmp -s "$tree/bytes" "$SCRATCH/back/bytes" || fail_ "sftp"
expect_nofile /tmp/up
expect_nofile "$home/up2"
for old in -O -s; do
	rm -f "$SCRATCH/back/large"
	expect_ok scp $old -q -p -F "$SSH_CONFIG" "$tree/large" "$tree/bytes" "$USER_A@external:"
	expect_ok scp $old -q -p -F "$SSH_CONFIG" "$USER_A@external:large" "$SCRATCH/back/"
	cmp -s "$tree/large" "$SCRATCH/back/large" && cmp -s "$tree/bytes" "$home/bytes" || fail_ "scp $old"
done
rm -rf "$SCRATCH/back" "$home"/{large,bytes}

case_ "git: push, clone, fetch"
if need git; then
	export GIT_SSH_COMMAND=$rsh GIT_CONFIG_GLOBAL=/dev/null
	git=(git -C "$SCRATCH/repository" -c user.name=a -c user.email=a@b)
	expect_ok ssh_out "$USER_A" 'git init -q --bare repo'
	git init -q -b main "$SCRATCH/repository" && cp "$tree/large" "$tree/bytes" "$SCRATCH/repository/" && "${git[@]}" add . && "${git[@]}" commit -q -m one
	expect_ok "${git[@]}" push -q "$USER_A@out:repo" main
	expect_ok git clone -q -b main "$USER_A@out:repo" "$SCRATCH/clone"
	expect_output "$("${git[@]}" rev-parse HEAD)" git -C "$SCRATCH/clone" rev-parse HEAD
	expect_ok git -C "$SCRATCH/clone" fsck --strict
	expect_ok cmp "$tree/large" "$SCRATCH/clone/large"
	"${git[@]}" commit -q --allow-empty -m two && expect_ok "${git[@]}" push -q "$USER_A@out:repo" main
	expect_ok git -C "$SCRATCH/clone" pull -q --ff-only
	expect_output two git -C "$SCRATCH/clone" log -1 --format=%s
	# A repository's hooks run where everything of the login does.
	printf '#!/bin/sh\nls /tmp >&2\n' >"$home/repo/hooks/update" && chmod 755 "$home/repo/hooks/update"
	"${git[@]}" commit -q --allow-empty -m three
	expect_nogrep of-the-host "${git[@]}" push -q "$USER_A@out:repo" main
	expect_fail git clone -q "$USER_A@out:none" "$SCRATCH/none"
	unset GIT_SSH_COMMAND
	rm -rf "$home/repo"
fi

case_ "borg: a repository, an archive, and what is in it"
if need borg; then
	export BORG_RSH=$rsh BORG_BASE_DIR=$SCRATCH/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
	repo=ssh://$USER_A@out$home/borg
	expect_ok borg init -e none "$repo"
	(cd "$tree" && borg create "$repo::one" .) || fail_ "borg create"
	expect_ok borg check --verify-data "$repo"
	mkdir "$SCRATCH/back" && (cd "$SCRATCH/back" && borg extract --sparse "$repo::one") || fail_ "borg extract"
	same_tree "$SCRATCH/back" borg
	# The other side's /tmp is the sandbox's, and gone with it.
	expect_ok borg init -e none "ssh://$USER_A@out/tmp/borg"
	expect_nofile /tmp/borg
	rm -rf "$home/borg"
fi

case_ "vi's :!sh and :sh"
if need vi; then
	echo first >"$home/text" && chown "$USER_A:" "$home/text"
	talk 'ready> ' 'TERM=vt100 vi -u NONE ~/text\n' 'first' ':!sh\r' '[$#] *$' \
		"ls $HOST_MARK; echo in-\$0-$$; exit 3\n" "in-sh-$$" '' 'returned 3' "\r:!echo \$SHELL-$$\r" \
		"/bin/bash-$$" '\r:r !echo from-$0\r' 'from-/bin/bash' '' \
		'' ':wq\r' 'written' 'exit 8\n'
	talk_end
	expect_equal "$TALK_STATUS" 8 status
	! grep -q -a "^$HOST_MARK" "$SCRATCH/talk" || fail_ "unconfined: $(brief "$(tail -c 300 "$SCRATCH/talk")")"
	expect_output $'first\nfrom-/bin/bash' cat "$home/text"
	rm -f "$home/text" "$home"/.text.sw* "$home/.viminfo"
fi

# multiplexer START ANSWER...: a shell in it is confined, and has its terminal; then more of talk's pairs, until it
# is left.
multiplexer()
{
	talk 'ready> ' "stty rows 30 cols 90; $1\n" 'inside> ' "ls $HOST_MARK; echo \$TERM-\$((2 * $$))\n" \
		"\(screen\|tmux\)[-.a-z0-9]*-$((2 * $$))" 'stty size; tty\n' '\(29\|30\) 90' \
		'perl -e "\$| = 1; print qq(run), qq(ning\\\\n); sleep 61"\n' 'running' '\003' '' 'echo "st$?atus"\n' 'st130atus' "${@:2}" 'exit 7\n'
	talk_end
	expect_equal "$TALK_STATUS" 7 status
	! grep -q -a "^$HOST_MARK" "$SCRATCH/talk" || fail_ "unconfined: $(brief "$(tail -c 300 "$SCRATCH/talk")")"
	wait_until 3 a_gone || fail_ "left over: $(user_pids "$UID_A")"
}

case_ "tmux inside: two panes, and detached"
if need tmux; then
	multiplexer "PS1='inside> ' tmux -f /dev/null new 'bash --norc'" \
		'tmux split-window -dh "sleep 9"; tmux list-panes\n' '1: .4[0-9]x29' '\002d' 'detached'
fi

case_ "screen inside: two windows, and left"
if need screen; then
	# What is waited for must not be on the terminal before: the end of the second window is the first one's beginning.
	multiplexer "export SCREENDIR=\$HOME/.screen; PS1='inside> ' screen -c /dev/null bash --norc" '\001c' \
		'' 'echo "in-$WINDOW-now"\n' 'in-1-now' '\001w' '1\*\$ bash' 'exec echo "gone-$((40 + 2))"\n' 'gone-42' '' \
		'' '' '' 'echo "in-$WINDOW-now"\n' 'in-0-now' 'exit\n' 'terminating'
fi

case_ "mosh: by itself its server ends with the login; with pam_carrel and on_logout = linger it stays"
if need mosh; then
	start='LANG=C.UTF-8 mosh-server new -s -- sleep 66'
	expect_grep 'MOSH CONNECT' ssh_out "$USER_B" "$start"
	sleep 1
	! user_gone "$UID_B" || fail_ "outside it does not stay"
	for pid in $(user_pids "$UID_B"); do kill "$pid"; done
	expect_grep 'MOSH CONNECT' ssh_out "$USER_A" "$start"
	wait_until 3 a_gone || fail_ "left over: $(user_pids "$UID_A")"
	policy_write '[default]' 'instance = user' 'on_logout = linger'
	run_ timeout 60 script -qec "stty rows 30 cols 90; env LANG=C.UTF-8 TERM=xterm mosh --ssh='$rsh' '$USER_A@in' -- \
		sh -c 'ls $HOST_MARK; echo \$((2 * $$))-\$SHELL; sleep 1; exit'" /dev/null </dev/null
	grep -q "$((2 * $$))-/bin/bash" <<<"$OUT" && ! grep -q '/tmp/of-the-host$' <<<"$OUT" || fail_ "$(brief "$(tail -c 400 <<<"$OUT")")"
	policy_default
	wait_until 10 a_gone || fail_ "left over: $(user_pids "$UID_A")"
	wait_until 10 no_sandbox || fail_ "a sandbox is left"
fi
rm -f "$HOST_MARK"

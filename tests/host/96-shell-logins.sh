# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# timeout: 240
# The ways to carrel-shell: su, cron's SHELL, forced commands, and command lines that mean to fool it.
. "$CHECK_SOURCE/tests/host/lib.sh"
. "$CHECK_SOURCE/tests/host/shell_lib.sh"
shell_users
home=/home/$USER_A

case_ "su, with and without -, with arguments"
expect_confined su - "$USER_A" -c
expect_output 'bash' su "$USER_A" -c 'echo $0'
expect_output "-bash $home" su - "$USER_A" -c 'echo $0 $PWD'
expect_status 33 su - "$USER_A" -c 'exit 33'
expect_output "one two" su "$USER_A" -c 'echo $1 $2' -- x one two
run_ script -qec "su - $USER_A -c 'echo on \$(tty); exit 4'" /dev/null </dev/null
expect_equal "$STATUS" 4 "status at a terminal ($(said))"
grep -q 'on /dev/pts' <<<"$OUT" || fail_ "$(said)"

case_ "su at a terminal: ^Z stops it for root's shell, fg goes on"
cat >"$SCRATCH/jobs" <<END
exec 2>&1; set -m
su - $USER_A --session-command 'kill -TSTP 0; echo went on'
echo "stopped \$?"
fg >/dev/null
echo "end \$?"
END
run_ script -qec "bash $SCRATCH/jobs" /dev/null </dev/null
grep -q 'stopped 1[45]' <<<"$OUT" && grep -q 'went on' <<<"$OUT" && grep -q 'end 0' <<<"$OUT" || fail_ "$(said)"

case_ "cron's SHELL, vi's :!sh, script, tmux inside"
mkdir -m 1730 "$SCRATCH/crontabs"
expect_output confined setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups env -i SHELL="$SHELL_PATH" \
	HOME="$home" PATH="$PATH" sh -c '$SHELL -c "$1"' - "$CONFINED"
both 'SHELL=$SHELL; $SHELL -c "echo from \$SHELL"'
run_ ssh_out "$USER_A" -tt "script -qec 'echo in-script; tty' /dev/null"
grep -q in-script <<<"$OUT" && grep -q /dev/pts <<<"$OUT" || fail_ "script: $(said)"
if command -v tmux >/dev/null; then
	expect_output from-tmux ssh_out "$USER_A" "tmux new-session -d 'echo from-tmux >~/tmux; sleep 5' &&
		for i in 1 2 3 4 5 6 7 8 9; do [ -s ~/tmux ] || sleep 0.2; done; cat ~/tmux; rm ~/tmux"
fi
wait_until 3 a_gone || fail_ "left over: $(user_pids "$UID_A")"

case_ "ForceCommand and command="
sshd_start forced "$SERVICE_OUT" "ForceCommand $SHELL_PATH"
run_ ssh_to forced "$USER_B" "$CONFINED; echo \"\$0 \${SSH_ORIGINAL_COMMAND-unset}\""
expect_equal "$OUT" $'confined\nbash unset' "forced command"
expect_status 17 ssh_to forced "$USER_B" 'exit 17'
run_ ssh_to forced "$USER_B" -tt <<<$'echo "login $0"\nexit 6'
expect_equal "$STATUS" 6 "status"
grep -q 'login -bash' <<<"$OUT" || fail_ "$(said)"
cp -p "$CHECK_PREFIX/keys/authorized_keys" "$SCRATCH/keys"
sed "s|^|command=\"$SHELL_PATH\" |" "$SCRATCH/keys" >"$CHECK_PREFIX/keys/authorized_keys"
expect_output "confined" ssh_out "$USER_B" "$CONFINED"
cp -p "$SCRATCH/keys" "$CHECK_PREFIX/keys/authorized_keys"
# Another forced command runs in the sandbox of the login shell, whatever was asked for.
sshd_start fixed "$SERVICE_OUT" 'ForceCommand echo fixed; id -u'
expect_output "fixed"$'\n'"$UID_A" ssh_to fixed "$USER_A" 'echo mine'

case_ "the firejail command and its relatives"
# Whatever it looks like: it runs in the sandbox, and does what bash does with it.
commands=(
	'scp x; ls /tmp' "sftp-server; ls $HOST_MARK" "scp -f /tmp/of-the-host; ls /tmp" $'scp\nls /tmp' "rsync --server; ls /tmp"
	"'scp' ; ls /tmp" '"scp" x;ls /tmp' 'ls$IFS/tmp' '$(echo ls) /tmp' '`echo ls` /tmp' 'ls /tmp #scp' '{ ls,/tmp; }'
	'eval ls /tmp' 'exec ls /tmp' 'bash -c "ls /tmp"' "sh -c 'exec sh -c \"ls /tmp\"'" $'\tls /tmp' ' ls /tmp' 'ls /tmp &&:' ';ls /tmp'
	'ls /tmp|cat' 'ls</dev/null /tmp' "-c 'ls /tmp'" '--init-file /tmp/x; ls /tmp' 'command -p ls /tmp' 'env ls /tmp' 'ls /t?p'
	"internal-sftp; ls /tmp" '/usr/lib/openssh/sftp-server -e; ls /tmp' $'git-upload-pack x\x01; ls /tmp' 'borg serve; ls /tmp')
seen=0
for command in "${commands[@]}"; do
	run_ ssh_out "$USER_B" "$command" </dev/null
	! grep -q of-the-host <<<"$OUT" || seen=$((seen + 1))
	status=$STATUS
	run_ ssh_out "$USER_A" "$command" </dev/null
	! grep -q of-the-host <<<"$OUT" || fail_ "unconfined: $(brief "$command"): $(said)"
	case $STATUS in 126 | 255) [ "$STATUS" = "$status" ] || fail_ "$(brief "$command"): not run: $(said)" ;; esac
done
[ $seen -ge 25 ] || fail_ "only $seen of ${#commands[@]} show the host's /tmp outside"
# As SSH_ORIGINAL_COMMAND of a forced carrel-shell.
for command in "${commands[@]:0:12}"; do
	run_ ssh_to forced "$USER_B" "$command" </dev/null
	! grep -q of-the-host <<<"$OUT" && [ "$STATUS" != 126 ] || fail_ "forced: $(brief "$command"): $(said)"
done
# By hand, with argv and SSH_ORIGINAL_COMMAND as hostile as can be.
for name in scp sftp-server -scp -carrel-shell carrel-shell bash -bash -rbash internal-sftp '' - -- '-c' 'scp x' /bin/bash; do
	run_ env -i HOME="$home" SSH_ORIGINAL_COMMAND='scp x' setpriv --reuid "$UID_A" --regid "$UID_A" --init-groups \
		perl -e 'my ($path, @command) = @ARGV; exec { $path } @command' "$SHELL_PATH" "$name" -c "$CONFINED"
	expect_equal "$STATUS:$OUT" 0:confined "with the name '$name' ($ERR)"
done
run_ as_a -c "$CONFINED" -c 'echo second'
expect_equal "$OUT" confined "-c twice"
run_ as_a -c '' -c "ls $HOST_MARK"
expect_equal "$STATUS:$OUT" 0: "-c with nothing"
run_ as_a --noprofile --norc -c "$CONFINED"
expect_equal "$OUT" confined "options before -c"
run_ as_a -s <<<"$CONFINED"
expect_equal "$OUT" confined "commands from stdin"
rm -f "$HOST_MARK"

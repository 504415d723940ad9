# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by run: what valgrind can run, for what the sanitizers don't see: memory that was never written.
# The programs are built without sanitizers; the PID 1s and, where it is not itself looked at, the helper
# are those of the sanitize build.
#
# valgrind carries out the system calls that it knows; others fail with ENOSYS, and it says so. Debian
# 12's and 13's do not know what makes a sandbox: then unstable's is fetched (fetch-valgrind), and the
# two calls that no valgrind knows are put in other words (valgrind_calls.c). Where one is still missing, and
# that ends a case, it counts as skipped, and names the call. clone(CLONE_VM | CLONE_VFORK) it takes for
# fork.
# shellcheck disable=SC2154 # run's variables

# As <linux/unistd.h> numbers them on every architecture.
declare -A CALLS=([424]=pidfd_send_signal [428]=open_tree [429]=move_mount [430]=fsopen [431]=fsconfig
	[432]=fsmount [434]=pidfd_open [435]=clone3 [436]=close_range [437]=openat2 [442]=mount_setattr)

# Own errors and definite leaks fail it; what is still reachable at the end is none.
VALGRIND_OPTIONS=(-q --vgdb=no --suppressions="$PWD/tests/sanitize/valgrind.supp" --error-exitcode=99 --leak-check=full --show-leak-kinds=definite
	--errors-for-leak-kinds=definite --log-file="$RUN/valgrind.%p")

# Does it know fsopen(2), which came with 3.25 together with the rest of the mount calls?
knows_mounts() { # VALGRIND
	local version
	version=$("$1" --version 2>/dev/null) || return 1
	version=${version#valgrind-}
	printf '3.25\n%s\n' "$version" | sort -CV
}

# VALGRIND: how to run it, with an environment that goes into no helper. The machine's own where that is
# new enough, or where no other can be had.
choose_valgrind() {
	local fetched=$BUILD/valgrind
	VALGRIND=(valgrind "${VALGRIND_OPTIONS[@]}")
	if knows_mounts valgrind; then
		return
	fi
	if ! tests/sanitize/fetch-valgrind "$fetched" >"$BUILD/fetch-valgrind.log" 2>&1; then
		sed 's/^/    /' "$BUILD/fetch-valgrind.log"
		return
	fi
	VALGRIND=(env VALGRIND_LIB="$fetched/usr/libexec/valgrind" "$fetched/usr/bin/valgrind.bin"
		"${VALGRIND_OPTIONS[@]}")
}

checked() { # COMMAND...
	timeout 120 "${VALGRIND[@]}" "$@" >"$BUILD/out" 2>&1 </dev/null
}

checked_caller() { # STEP...
	checked "$BUILD/plain/tests/host/pam_steps" "$@"
}

checked_carrel() {
	checked "$BUILD/plain/carrel" "$@"
}

# A helper's last look at its leaks comes after all that leftovers() sees; its program is valgrind.
helpers_end() {
	local try
	for ((try = 0; try < 100; try++)); do
		grep -lsF "$BUILD/plain/carrel-session" /proc/[0-9]*/cmdline >/dev/null || return 0
		sleep 0.1
	done
	echo "a helper under valgrind is still there"
	return 1
}

# Memory errors in any process's log. A tree below /tmp is not there in a sandbox, and its debug info neither.
memory_errors() {
	! grep -hE '^==[0-9]+== .' "$RUN"/valgrind.* 2>/dev/null |
		grep -vE '^==[0-9]+== (Warning: |warning: connection to image| *no debug info loaded)' | head -n 60 | sed 's/^/    /' | grep .
}

missing_calls() {
	local number
	for number in $(sed -n 's/.*unhandled .* syscall: \([0-9]*\).*/\1/p' "$RUN"/valgrind.* 2>/dev/null |
		sort -u); do
		echo "${CALLS[$number]:-system call} ($number)"
	done | paste -sd ' '
}

memcheck() { # NAME FUNCTION
	local bad=0 errors=0 missing
	rm -f "$RUN"/valgrind.*
	"$2" >"$BUILD/said" || bad=1
	[ -z "$held" ] || release 2>/dev/null
	leftovers && helpers_end || errors=1
	memory_errors || errors=1
	missing=$(missing_calls)
	if [ $errors -eq 1 ]; then
		cat "$BUILD/said"
		not_ok "valgrind: $1"
	elif [ $bad -eq 0 ]; then
		ok "valgrind: $1"
	elif [ -n "$missing" ]; then
		skip "valgrind: $1: $("${VALGRIND[@]}" --version) does not have $missing"
	else
		cat "$BUILD/said"
		not_ok "valgrind: $1"
	fi
	reports || not_ok "valgrind: $1: a sanitizer's report"
	rm -f "$RUN"/valgrind.*
}

# The module --------------------------------------------------------------------------------------

mem_session() {
	policy </dev/null
	exits 0 checked_caller "start=carrel-sanitize-mem:$ALICE" open run=true close end &&
		says 1 'open: PAM_SUCCESS' && says 1 'close: PAM_SUCCESS'
}

mem_refusals() {
	policy </dev/null
	exits 0 checked_caller "start=carrel-sanitize-mem-option:$ALICE" open end &&
		says 1 'open: PAM_SESSION_ERR' &&
		exits 0 checked_caller "start=carrel-sanitize-mem-missing:$ALICE" open close end &&
		says 1 'open: PAM_SESSION_ERR' &&
		exits 0 checked_caller "start=carrel-sanitize-mem-permit:$ALICE" open close end &&
		says 1 'open: PAM_SUCCESS' &&
		exits 0 checked_caller start=carrel-sanitize-mem:carrel-san-nobody open end &&
		says 1 'open: PAM_SESSION_ERR' &&
		exits 0 checked_caller "start=carrel-sanitize-mem:$ALICE" thread open end &&
		says 1 'open: PAM_SESSION_ERR'
}

# With everything that changes what the module does; the policy is the helper's alone otherwise.
mem_everything() {
	everything_policy
	exits 0 checked_caller "start=carrel-sanitize-mem:$ALICE" tty=pts/7 rhost=192.0.2.1 open \
		run=true silent_child close end &&
		says 1 'open: PAM_SUCCESS' && says 1 'close: PAM_SUCCESS'
}

# The caller dies in the session: the warden is left to end it.
mem_killed_caller() {
	policy </dev/null
	checked_caller "start=carrel-sanitize-mem:$ALICE" open suicide 2>/dev/null
	says 1 'open: PAM_SUCCESS'
}

# Refused after the fork, so that there is something to undo.
mem_late_refusals() {
	echo "bind = $PREFIX/nothing/here:$PREFIX/target" | policy
	exits 0 checked_caller "start=carrel-sanitize-mem:$ALICE" open close end &&
		says 1 'open: PAM_SESSION_ERR' &&
		exits 0 checked_caller "start=carrel-sanitize-mem-killed:$ALICE" open end &&
		says 1 'open: PAM_SESSION_ERR' &&
		exits 0 checked_caller "start=carrel-sanitize-mem-hanging:$ALICE" open end &&
		says 1 'open: PAM_SESSION_ERR'
}

mem_root() {
	exits 0 checked_caller start=carrel-sanitize-mem:root open close end && says 1 'open: PAM_SUCCESS'
}

# The helper --------------------------------------------------------------------------------------

helped() { # STEP...
	timeout 60 "$BUILD/plain/tests/host/pam_steps" "start=carrel-sanitize-mem-helper:$ALICE" "$@" \
		>"$BUILD/out" 2>&1 </dev/null
}

everything_policy() {
	policy <<-END
		namespaces = mount pid ipc uts cgroup
		hostname = %u.%h
		hide_homes = yes
		hide = $PREFIX/hidden
		read_only = $PREFIX/readonly
		bind = $PREFIX/source:$PREFIX/target:ro
		tmp_noexec = yes
		no_new_privs = yes
		capabilities = setuid setgid setpcap kill
		memory_max = 512M
		pids_max = 200
		cpu_max = 150%
		cpu_weight = 50
		sessions_max = 5
	END
}

mem_helper_session() {
	policy </dev/null
	helped open run=true close end
	says 1 'open: PAM_SUCCESS' && says 1 'close: PAM_SUCCESS'
}

mem_helper_everything() {
	everything_policy
	helped tty=pts/7 rhost=192.0.2.1 open run=true close end
	says 1 'open: PAM_SUCCESS' && says 1 'run: exit 0' && says 1 'close: PAM_SUCCESS'
}

# The leader ends without a close; a client asks meanwhile.
mem_helper_attends() {
	local good=0
	policy </dev/null
	hold mem-helper suicide || return 1
	exits 0 checked_carrel list && says 1 "$ALICE" || good=1
	release 2>/dev/null
	return $good
}

mem_helper_ignores() {
	echo 'sandbox = no' | policy
	helped open run=true close end
	says 1 'open: PAM_SUCCESS' && says 1 'run: exit 0'
}

mem_helper_refusals() {
	echo "bind = $PREFIX/nothing/here:$PREFIX/target" | policy
	helped open close end
	says 1 'open: PAM_SESSION_ERR' || return 1
	printf 'namespaces = ipc\nhide = /opt\n' | policy
	helped open close end
	says 1 'open: PAM_SESSION_ERR' || return 1
	echo 'sessions_max = 1' | policy
	helped open run=true close end
	says 1 'open: PAM_SUCCESS' || return 1
	printf 'memory_max = lots\nnonsense\n[user\n[host]\nhide = x y\n' | policy
	helped open run=true close end
	says 1 'open: PAM_SUCCESS' || return 1
	echo 'sessions_max = 1' | policy
	hold mem-helper close end || return 1
	helped open close end
	says 1 'open: PAM_SESSION_ERR' && says 1 'as many sessions open' || return 1
	release
	says 1 'close: PAM_SUCCESS'
}

mem_helper_usage() {
	exits 2 checked "$BUILD/plain/carrel-session" nonsense && says 1 '^usage:'
}

# A killed warden, whose caller has been killed too: nobody else is there to sweep up.
mem_sweep() {
	local pid
	policy </dev/null
	hold plain || return 1
	for pid in $(processes_of "$PREFIX/libexec" "$BUILD/asan"); do
		kill -KILL "$pid"
	done
	wait "$held" 2>/dev/null
	held=
	[ -n "$(find "$RUN/carrel" -type s)" ] || return 1
	exits 0 checked "$BUILD/plain/carrel-session" --sweep
}

# carrel ------------------------------------------------------------------------------------------

mem_check() {
	policy <<-END
		hide = $PREFIX/hidden /nonexistent
		cpus = 0
		pids_max = 10k
		[uid 1-999]
		sandbox = no
		[group $ALICE, service cron]
		capabilities = none
		no_new_privs = yes
	END
	exits 0 checked_carrel check && exits 0 checked_carrel check --json || return 1
	printf 'memory_max = lots\nhide = a b\n[user]\nhide\n[default]\nhide = /a\nhide = /b\n' \
		>"$PREFIX/bad.conf"
	exits 1 checked_carrel check "$PREFIX/bad.conf"
}

mem_explain() {
	policy <<-END
		hide = $PREFIX/hidden
		[group $ALICE]
		tmp_noexec = yes
	END
	exits 0 checked_carrel explain "$ALICE" && exits 0 checked_carrel explain --json -s cron "$ALICE" &&
		exits 1 checked_carrel explain carrel-san-nobody
}

mem_list() {
	local good=0
	policy </dev/null
	exits 0 checked_carrel list && hold plain close end || return 1
	exits 0 checked_carrel list --namespaces && says 1 "$ALICE" &&
		exits 0 checked_carrel list --json && says 1 "$ALICE" || good=1
	release
	return $good
}

mem_doctor() {
	policy </dev/null
	checked_carrel doctor
	[ $? -le 1 ] && [ -s "$BUILD/out" ]
}

mem_run() {
	policy </dev/null
	exits 0 checked_carrel run -u "$ALICE" -- true
}

# Would an error in the helper be seen, whose standard error is /dev/null? See valgrind_calls.c.
mem_canary() { # LETTER REGEX
	local found=1
	rm -f "$RUN"/valgrind.*
	policy </dev/null
	echo "$1" >"$RUN/canary"
	helped open run=true close end
	rm -f "$RUN/canary"
	leftovers && helpers_end && grep -qE "$2" "$RUN"/valgrind.* && found=0
	if [ $found -eq 0 ]; then
		ok "valgrind: canary: $2"
	elif [ -n "$(missing_calls)" ]; then
		skip "valgrind: canary: $2: $("${VALGRIND[@]}" --version) does not have $(missing_calls)"
	else
		not_ok "valgrind: canary: no report of $2"
	fi
	rm -f "$RUN"/valgrind.*
}

# carrel-shell --------------------------------------------------------------------------------------

# What stays outside, PID 1 before its exec, and the shell before its own are forks of one process. Its output
# is a pipe, whose end it waits for.
checked_shell() {
	chmod 1777 "$RUN"
	timeout 120 setpriv --reuid "$ALICE" --regid "$ALICE" --init-groups env -i "PATH=$PATH" "${VALGRIND[@]}" \
		"$BUILD/plain/carrel-shell-main" "$@" 2>&1 </dev/null | cat >"$BUILD/out"
	return "${PIPESTATUS[0]}"
}

mem_shell_refusals() {
	echo 'sessions_max = 3' | policy
	exits 126 checked_shell -c 'echo ran' && says 1 '^carrel-shell: sessions_max' || return 1
	echo 'memory_max = lots' | policy
	exits 126 checked_shell -c 'echo ran' || return 1
	echo "bind = $PREFIX/nothing:$PREFIX/target" | policy
	exits 126 checked_shell -c 'echo ran' && says 1 '^carrel-shell: bind' || return 1
	echo 'sandbox = no' | policy
	exits 5 checked_shell -c 'exit 5'
}

mem_shell() {
	policy </dev/null
	exits 0 checked_shell -c 'echo $(ls /tmp | wc -l) $(awk "/^CapBnd|^NoNewPrivs/ { print \$2 }" /proc/self/status)' &&
		says 1 '^0 0000000000000000 1$' || return 1
	exits 7 checked_shell -c 'sleep 0.2; exit 7' && exits 143 checked_shell -c 'kill -TERM $$' || return 1
	echo 'namespaces = mount ipc' | policy
	exits 3 checked_shell -c 'exit 3'
}

mem_shell_everything() {
	shell_policy
	exits 0 checked_shell -c "cat $PREFIX/target/file; ls $PREFIX/home; (sleep 0.3; echo late) &" &&
		says 1 '^bound' && says 1 "^$ALICE" && says 1 '^late'
}

# Would it be seen in carrel-shell, and in its PID 1?
mem_canary_shell() { # LETTER
	rm -f "$RUN"/valgrind.*
	policy </dev/null
	echo "$1" >"$RUN/canary"
	checked_shell -c true
	rm -f "$RUN/canary"
	if grep -q 'depends on uninitialised value' "$RUN"/valgrind.*; then
		ok "valgrind: canary of carrel-shell: $1"
	else
		not_ok "valgrind: canary of carrel-shell: $1: no report"
	fi
	rm -f "$RUN"/valgrind.*
}

memcheck_units() {
	local program name
	for program in "$BUILD"/plain/tests/unit/test_*; do
		name=${program##*/}
		[[ $name != *.* ]] || continue
		if [ "$name" = test_policy_memory ]; then
			skip "valgrind: $name: it puts a malloc of its own in the place of valgrind's"
			continue
		fi
		mem_unit() { exits 0 checked "$program"; }
		memcheck "$name" mem_unit
	done
}

memcheck_cases() {
	local module=$BUILD/plain/pam_carrel.so
	if ! command -v valgrind >/dev/null; then
		not_ok 'valgrind: it is not installed'
		return
	fi
	choose_valgrind
	helper_script checked "exec ${VALGRIND[*]} $BUILD/plain/carrel-session \"\$@\""
	service mem "$module" timeout=60
	service mem-option "$module" timeout=0
	service mem-missing "$module" helper=/nonexistent/carrel-session
	service mem-permit "$module" helper=/nonexistent/carrel-session on_failure=permit
	service mem-killed "$module" "helper=$PREFIX/killed"
	service mem-hanging "$module" timeout=2 "helper=$PREFIX/hanging"
	service mem-helper "$module" timeout=60 "helper=$PREFIX/checked"
	mem_canary v 'depends on uninitialised value'
	mem_canary p 'depends on uninitialised value'
	mem_canary l 'are definitely lost'
	memcheck_units
	memcheck 'the module: refusals' mem_refusals
	memcheck 'the module: root' mem_root
	memcheck 'the module: a session' mem_session
	memcheck 'the module: a session with everything' mem_everything
	memcheck 'the module: a caller that is killed' mem_killed_caller
	memcheck 'the module: refused by the helper, or without one' mem_late_refusals
	memcheck "the helper's usage" mem_helper_usage
	memcheck 'the helper: a sweep' mem_sweep
	memcheck 'the helper: a session' mem_helper_session
	memcheck 'the helper: a session with everything' mem_helper_everything
	memcheck 'the helper: asked, and its leader killed' mem_helper_attends
	memcheck 'the helper: a login that is left alone' mem_helper_ignores
	memcheck 'the helper: refusals' mem_helper_refusals
	mem_canary_shell v
	mem_canary_shell p
	memcheck 'carrel-shell: refusals, left alone' mem_shell_refusals
	memcheck 'carrel-shell: a login' mem_shell
	memcheck 'carrel-shell: a login with everything' mem_shell_everything
	memcheck 'carrel check' mem_check
	memcheck 'carrel explain' mem_explain
	memcheck 'carrel list' mem_list
	memcheck 'carrel doctor' mem_doctor
	memcheck 'carrel run' mem_run
}

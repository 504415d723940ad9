# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by run: what valgrind can run, for what the sanitizers don't see: memory that was never written.
# The programs are built without sanitizers; the PID 1s and, where it is not itself looked at, the helper
# are those of the sanitize build.
#
# valgrind carries out the system calls that it knows; others fail with ENOSYS, and it says so. Where that
# ends a case it counts as skipped, and names the call. clone(CLONE_VM | CLONE_VFORK) it takes for fork.
# shellcheck disable=SC2154 # run's variables

# As <linux/unistd.h> numbers them on every architecture.
declare -A CALLS=([424]=pidfd_send_signal [428]=open_tree [429]=move_mount [430]=fsopen [431]=fsconfig
	[432]=fsmount [434]=pidfd_open [435]=clone3 [436]=close_range [437]=openat2 [442]=mount_setattr)

# Own errors and definite leaks fail it; what is still reachable at the end is none.
VALGRIND=(valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite
	--errors-for-leak-kinds=definite --log-file="$RUN/valgrind.%p")

checked() { # COMMAND...
	timeout 120 "${VALGRIND[@]}" "$@" >"$BUILD/out" 2>&1 </dev/null
}

checked_caller() { # STEP...
	checked "$BUILD/plain/tests/host/pam_steps" "$@"
}

checked_carrel() {
	checked "$BUILD/plain/carrel" "$@"
}

# Memory errors in any process's log.
memory_errors() {
	! grep -hE '^==[0-9]+== .' "$RUN"/valgrind.* 2>/dev/null |
		grep -vE '^==[0-9]+== Warning: ' | head -n 60 | sed 's/^/    /' | grep .
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
	leftovers || errors=1
	memory_errors || errors=1
	missing=$(missing_calls)
	if [ $errors -eq 1 ]; then
		cat "$BUILD/said"
		not_ok "valgrind: $1"
	elif [ $bad -eq 0 ]; then
		ok "valgrind: $1"
	elif [ -n "$missing" ]; then
		skip "valgrind: $1: $(valgrind --version) does not have $missing"
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

mem_root() {
	exits 0 checked_caller start=carrel-sanitize-mem:root open close end && says 1 'open: PAM_SUCCESS'
}

# The helper --------------------------------------------------------------------------------------

mem_helper_session() {
	policy </dev/null
	timeout 60 "$BUILD/plain/tests/host/pam_steps" "start=carrel-sanitize-mem-helper:$ALICE" open \
		run=true close end >"$BUILD/out" 2>&1 </dev/null
	says 1 'open: PAM_SUCCESS' && says 1 'close: PAM_SUCCESS'
}

mem_helper_usage() {
	exits 2 checked "$BUILD/plain/carrel-session" nonsense && says 1 '^usage:'
}

# A killed warden, whose caller has been killed too: nobody else is there to sweep up.
mem_sweep() {
	local pid
	policy </dev/null
	hold plain sleep=60000 || return 1
	for pid in $(processes_of "$PREFIX/libexec" "$BUILD/asan"); do
		kill -KILL "$pid"
	done
	wait "$held" 2>/dev/null
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
	exits 0 checked_carrel list && hold plain sleep=6000 close end || return 1
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

# carrel-shell: what it does without namespaces, which valgrind has not the calls for.
checked_shell() {
	chmod 1777 "$RUN"
	timeout 120 setpriv --reuid "$ALICE" --regid "$ALICE" --init-groups env -i "PATH=$PATH" "${VALGRIND[@]}" \
		"$BUILD/plain/carrel-shell-main" "$@" >"$BUILD/out" 2>&1 </dev/null
}

mem_shell() {
	echo 'sessions_max = 3' | policy
	exits 126 checked_shell -c 'echo ran' && says 1 '^carrel-shell: sessions_max' || return 1
	echo 'memory_max = lots' | policy
	exits 126 checked_shell -c 'echo ran' || return 1
	echo 'sandbox = no' | policy
	exits 5 checked_shell -c 'exit 5'
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
	helper_script checked "exec ${VALGRIND[*]} $BUILD/plain/carrel-session \"\$@\""
	service mem "$module" timeout=60
	service mem-option "$module" timeout=0
	service mem-missing "$module" helper=/nonexistent/carrel-session
	service mem-permit "$module" helper=/nonexistent/carrel-session on_failure=permit
	service mem-helper "$module" timeout=60 "helper=$PREFIX/checked"
	memcheck_units
	memcheck 'the module: refusals' mem_refusals
	memcheck 'the module: root' mem_root
	memcheck 'the module: a session' mem_session
	memcheck "the helper's usage" mem_helper_usage
	memcheck 'the helper: a sweep' mem_sweep
	memcheck 'the helper: a session' mem_helper_session
	memcheck 'carrel-shell' mem_shell
	memcheck 'carrel check' mem_check
	memcheck 'carrel explain' mem_explain
	memcheck 'carrel list' mem_list
	memcheck 'carrel doctor' mem_doctor
	memcheck 'carrel run' mem_run
}

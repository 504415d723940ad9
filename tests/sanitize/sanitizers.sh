# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by run: everything under the sanitizers. A case passes when it does what is wanted, leaves no
# report in $RUN and nothing of its sandboxes. Leaks are looked for at the end of every process, the
# warden too.
# shellcheck disable=SC2154 # run's variables

caller() { # STEP...
	timeout 60 "$BUILD/asan/caller" "$@" >"$BUILD/out" 2>&1 </dev/null
}

carrel() {
	timeout 60 "$CARREL" "$@" >"$BUILD/out" 2>&1 </dev/null
}

# That many lines of the last output match.
says() { # COUNT REGEX
	local count
	count=$(grep -cE -- "$2" "$BUILD/out")
	[ "$count" -eq "$1" ] && return 0
	echo "wanted $1 lines of '$2', not $count, in:"
	sed 's/^/    /' "$BUILD/out"
	return 1
}

exits() { # STATUS COMMAND...
	local wanted=$1 status
	shift
	"$@"
	status=$?
	[ "$status" -eq "$wanted" ] && return 0
	echo "wanted status $wanted, not $status, of: $*"
	sed 's/^/    /' "$BUILD/out"
	return 1
}

# A session of alice's that lives until release, and does these steps then. try and memcheck release one that
# the case left.
held=
hold() { # SERVICE STEP...
	local service=$1
	shift
	: >"$BUILD/held"
	rm -f "$RUN/go"
	mkfifo "$RUN/go"
	# Who opens a FIFO for reading waits for somebody who writes.
	timeout 300 "$BUILD/asan/caller" "start=carrel-sanitize-$service:$ALICE" open say=held "openfd=$RUN/go" \
		"$@" >"$BUILD/held" 2>&1 </dev/null &
	held=$!
	while kill -0 "$held" 2>/dev/null && ! grep -q '^held' "$BUILD/held"; do
		sleep 0.05
	done
	grep -q 'open: PAM_SUCCESS' "$BUILD/held" || {
		echo 'the held session did not open:'
		cat "$BUILD/held"
		return 1
	}
}

release() {
	local go
	exec {go}<>"$RUN/go"
	wait "$held"
	exec {go}>&-
	held=
	cp "$BUILD/held" "$BUILD/out"
}

# Of the helpers, or PID 1s, of held sessions; there must be one.
signal_all() { # SIGNAL PROGRAM
	local pid count=0
	for pid in $(processes_of "$PREFIX/libexec"); do
		[[ $(readlink "/proc/$pid/exe") == */"$2" ]] && kill "-$1" "$pid" && count=$((count + 1)) && signalled=$pid
	done
	[ $count -gt 0 ] || {
		echo "there is no $2"
		return 1
	}
}

reports() {
	local report found=0
	for report in "$RUN"/report.*; do
		[ -e "$report" ] || continue
		found=1
		head -n 40 "$report" | sed 's/^/    /'
		rm -f "$report"
	done
	return $found
}

try() { # NAME FUNCTION
	local bad=0
	"$2" || bad=1
	[ -z "$held" ] || release
	leftovers || bad=1
	reports || bad=1
	if [ "$bad" -eq 0 ]; then ok "sanitizers: $1"; else not_ok "sanitizers: $1"; fi
}

# Does a report arrive from the helper, of which nothing else does?
canary() { # LETTER REGEX
	local found=1
	echo "$1" >"$RUN/canary"
	caller "start=carrel-sanitize-plain:$ALICE" open close end
	for _ in $(seq 30); do
		grep -qE "$2" "$RUN"/report.* 2>/dev/null && break
		sleep 0.1
	done
	rm -f "$RUN/canary"
	grep -lE "$2" "$RUN"/report.* >/dev/null 2>&1 && found=0
	leftovers || found=1
	rm -f "$RUN"/report.*
	if [ $found -eq 0 ]; then ok "canary: $2"; else not_ok "canary: no report of $2"; fi
}

sanitizer_unit_tests() {
	local log=$BUILD/unit.log line left
	"${MAKE:-make}" -j2 BUILD="$BUILD/asan" "${PATHS[@]}" SANITIZE="$SANITIZERS" LDFLAGS= \
		check-unit >"$log" 2>&1
	grep -E '^(not )?ok ' "$log" | sed 's/ok /ok sanitizers: unit: /'
	line=$(grep -E '^unit: [0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	if [ -z "$line" ]; then
		tail -n 20 "$log"
		not_ok 'sanitizers: the unit tests did not count to their end'
		return
	fi
	grep -q '^not ok' "$log" && grep -vE '^(ok|gcc|cc|ar) ' "$log" | tail -n 60
	# shellcheck disable=SC2001
	passed=$((passed + $(sed 's/^unit: \([0-9]*\) passed.*/\1/' <<<"$line")))
	failed=$((failed + $(sed 's/.* \([0-9]*\) failed.*/\1/' <<<"$line")))
	left=$(sed -n 's/.* \([0-9]*\) skipped.*/\1/p' <<<"$line")
	[ "${left:-0}" -gt 0 ] || return
	echo "ok sanitizers: unit: $left cases of a malloc that fails, which the sanitizer has replaced # SKIP"
	skipped=$((skipped + left))
}

# The login ---------------------------------------------------------------------------------------

case_cycles() {
	local i steps=()
	for ((i = 0; i < 10; i++)); do
		steps+=("start=carrel-sanitize-plain:$ALICE" open 'run=true' close end)
	done
	caller "${steps[@]}" && says 10 'open: PAM_SUCCESS' && says 10 'close: PAM_SUCCESS' &&
		says 10 'run: exit 0' && caller "${steps[@]}" && says 10 'open: PAM_SUCCESS'
}

case_everything() {
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
		proc = own
		memory_max = 512M
		pids_max = 200
		cpu_max = 150%
		cpu_weight = 50
		oom_score_adj = 100
		sessions_max = 5
	END
	local inside="case \$(hostname) in $ALICE.*) ;; *) exit 11 ;; esac
		[ ! -e $PREFIX/hidden/file ] || exit 12
		! touch $PREFIX/readonly/file 2>/dev/null || exit 13
		[ \"\$(cat $PREFIX/target/file)\" = bound ] || exit 14
		[ ! -e $PREFIX/home/$BOB ] || exit 15
		grep -q 'NoNewPrivs:.*1' /proc/self/status || exit 16
		cp /bin/true /tmp/true && ! /tmp/true 2>/dev/null || exit 17"
	caller "start=carrel-sanitize-debug:$ALICE" tty=pts/7 rhost=192.0.2.1 open "run=$inside" close end &&
		says 1 'open: PAM_SUCCESS' && says 1 'run: exit 0' && says 1 'close: PAM_SUCCESS'
}

case_namespaces_few() {
	printf 'namespaces = ipc\nprivate_tmp = no\n' | policy
	caller "start=carrel-sanitize-plain:$ALICE" open run=true close end && says 1 'open: PAM_SUCCESS'
}

case_sections() {
	policy <<-END
		[user $BOB]
		sandbox = no
		[user $BOB, service carrel-sanitize-other]
		sandbox = yes
		tmp_noexec = yes
		[group $ALICE]
		pids_max = 50
	END
	caller "start=carrel-sanitize-plain:$BOB" open run=true close end && says 1 'open: PAM_SUCCESS' &&
		caller "start=carrel-sanitize-other:$BOB" open run=true close end && says 1 'open: PAM_SUCCESS'
}

case_last_accepted() {
	policy </dev/null
	caller "start=carrel-sanitize-plain:$ALICE" open close end && says 1 'open: PAM_SUCCESS' || return 1
	printf 'memory_max = lots\nnonsense\n[user\n[host]\nhide = x y\n' | policy
	caller "start=carrel-sanitize-plain:$ALICE" open run=true close end && says 1 'open: PAM_SUCCESS'
}

case_refused_policy() {
	rm -rf "$STATE"
	printf 'memory_max = lots\n[group\n' | policy
	caller "start=carrel-sanitize-plain:$ALICE" open close end
	says 1 'open: PAM_SESSION_ERR'
}

case_contradiction() {
	printf 'namespaces = ipc\nhide = /opt\n' | policy
	caller "start=carrel-sanitize-plain:$ALICE" open close end
	says 1 'open: PAM_SESSION_ERR'
}

case_no_policy() {
	rm -f "$POLICY"
	rm -rf "$STATE"
	caller "start=carrel-sanitize-plain:$ALICE" open close end
	says 1 'open: PAM_SESSION_ERR'
}

# What can't be mounted fails in PID 1, and is said by the helper.
case_failing_mount() {
	echo "bind = $PREFIX/nothing/here:$PREFIX/target" | policy
	caller "start=carrel-sanitize-plain:$ALICE" open close end
	says 1 'open: PAM_SESSION_ERR'
}

case_sessions_max() {
	echo 'sessions_max = 1' | policy
	hold plain close end || return 1
	caller "start=carrel-sanitize-plain:$ALICE" open close end
	says 1 'open: PAM_SESSION_ERR' && says 1 'as many sessions open' || return 1
	release
	says 1 'close: PAM_SUCCESS'
}

case_ignored() {
	echo 'sandbox = no' | policy
	caller "start=carrel-sanitize-plain:$ALICE" open run=true close end && says 1 'open: PAM_SUCCESS' &&
		caller start=carrel-sanitize-plain:root open close end && says 1 'open: PAM_SUCCESS'
}

case_callers() {
	policy </dev/null
	# exit_child ends inside the sandbox, where /proc/self is not that of the process.
	ASAN_OPTIONS=detect_leaks=0 caller "start=carrel-sanitize-plain:$ALICE" block ignore open \
		silent_child exit_child run=true close end && says 1 'open: PAM_SUCCESS' || return 1
	caller "start=carrel-sanitize-plain:carrel-san-nobody" open end
	says 1 'open: PAM_SESSION_ERR' || return 1
	caller "start=carrel-sanitize-plain:$ALICE" thread open end
	says 1 'open: PAM_SESSION_ERR' || return 1
	caller "start=carrel-sanitize-plain:$ALICE" open open close close end
	says 1 'open: PAM_SUCCESS' && says 1 'open: PAM_SESSION_ERR'
}

# The caller ends inside, without a close: its own leak check has no /proc/self there.
case_no_close() {
	policy </dev/null
	ASAN_OPTIONS=detect_leaks=0 caller "start=carrel-sanitize-plain:$ALICE" open exit=0 &&
		says 1 'open: PAM_SUCCESS' || return 1
	caller "start=carrel-sanitize-plain:$ALICE" open suicide 2>/dev/null
	says 1 'open: PAM_SUCCESS'
}

case_option() {
	caller "start=carrel-sanitize-option:$ALICE" open end
	says 1 'open: PAM_SESSION_ERR'
}

case_missing() {
	caller "start=carrel-sanitize-missing:$ALICE" open end
	says 1 'open: PAM_SESSION_ERR' || return 1
	caller "start=carrel-sanitize-permit:$ALICE" open run=true close end && says 1 'open: PAM_SUCCESS'
}

case_killed() {
	caller "start=carrel-sanitize-killed:$ALICE" open end
	says 1 'open: PAM_SESSION_ERR'
}

case_hanging() {
	caller "start=carrel-sanitize-hanging:$ALICE" open end
	says 1 'open: PAM_SESSION_ERR'
}

case_warden_killed() {
	policy </dev/null
	hold plain close end && signal_all KILL carrel-session || return 1
	# Until it is dead its socket takes what close_session says, and nobody has what is left swept up.
	while grep -qs '^State:.[^ZX]' "/proc/$signalled/status"; do sleep 0.05; done
	release
	# close_session finds nobody, and has what was left swept up.
	says 1 'close: '
}

case_init_killed() {
	policy </dev/null
	hold plain close end && signal_all KILL carrel-init || return 1
	release
	says 1 'close: '
}

case_warden_term() {
	policy </dev/null
	hold plain close end && signal_all TERM carrel-session || return 1
	release
	says 1 'close: '
}

case_many_at_once() {
	local i pids=()
	policy </dev/null
	for ((i = 0; i < 8; i++)); do
		timeout 60 "$BUILD/asan/caller" "start=carrel-sanitize-plain:$ALICE" open run=true \
			sleep=$((i * 20)) close end >"$BUILD/many.$i" 2>&1 </dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
	cat "$BUILD"/many.* >"$BUILD/out"
	rm -f "$BUILD"/many.*
	says 8 'open: PAM_SUCCESS' && says 8 'close: PAM_SUCCESS'
}

# The helper by hand ------------------------------------------------------------------------------

case_helper_usage() {
	exits 2 eval '"$PREFIX/libexec/carrel/carrel-session" nonsense >"$BUILD/out" 2>&1 </dev/null' &&
		says 1 '^usage:'
}

case_sweep() {
	exits 0 eval '"$PREFIX/libexec/carrel/carrel-session" --sweep >"$BUILD/out" 2>&1 </dev/null'
}

# carrel ------------------------------------------------------------------------------------------

case_check() {
	policy </dev/null
	exits 0 carrel check && exits 0 carrel check --json && exits 0 carrel check --syntax || return 1
	printf 'memory_max = lots\nhide = a b\n[user]\n' >"$PREFIX/bad.conf"
	exits 1 carrel check "$PREFIX/bad.conf" && exits 1 carrel check --json "$PREFIX/bad.conf" &&
		exits 1 carrel check --syntax "$PREFIX/bad.conf" &&
		exits 1 carrel check "$PREFIX/none.conf"
}

case_explain() {
	policy <<-END
		hide = $PREFIX/hidden
		cpus = 0
		[group $ALICE]
		capabilities = none
		no_new_privs = yes
	END
	exits 0 carrel explain "$ALICE" && says 1 '^ *capabilities' && exits 0 carrel explain --json "$ALICE" &&
		exits 0 carrel explain -s cron "$BOB" && exits 0 carrel explain root &&
		exits 1 carrel explain carrel-san-nobody
}

case_list() {
	policy </dev/null
	hold debug close end || return 1
	exits 0 carrel list && says 1 "$ALICE" && exits 0 carrel list --namespaces && says 1 "$ALICE" &&
		exits 0 carrel list --json && says 1 "$ALICE" || return 1
	release
	exits 0 carrel list && says 0 "$ALICE"
}

case_run() {
	policy </dev/null
	exits 0 carrel run -u "$ALICE" -- true && exits 7 carrel run -u "$ALICE" -- sh -c 'exit 7' &&
		exits 127 carrel run -u "$ALICE" -s cron -- /nonexistent || return 1
	# Of a shell that a signal ends: as shells say it.
	exits 143 carrel run -u "$ALICE" -- sh -c 'kill -TERM $$' || return 1
	carrel run -u carrel-san-nobody -- true && return 1
	echo 'memory_max = lots' | policy
	rm -rf "$STATE"
	carrel run -u "$ALICE" -- true && return 1
	return 0
}

case_run_terminal() {
	policy </dev/null
	script -qec "$CARREL run -u $ALICE -- tty" "$BUILD/typescript" >"$BUILD/out" 2>&1 </dev/null &&
		says 1 /dev/pts
}

case_doctor() {
	policy </dev/null
	# What it finds is the host's; that it ends with a verdict is ours.
	carrel doctor
	[ $? -le 1 ] && [ -s "$BUILD/out" ] || return 1
	carrel doctor --json
	[ $? -le 1 ] && says 1 '^[[{]'
}

case_command_line() {
	exits 0 carrel --help && exits 0 carrel --version && exits 0 carrel check --help || return 1
	carrel
	[ $? -ne 0 ] || return 1
	carrel frobnicate && return 1
	carrel run -u && return 1
	carrel explain && return 1
	carrel list --frobnicate && return 1
	return 0
}

# carrel-shell ------------------------------------------------------------------------------------

# As alice, who must be able to leave a report.
as_alice() { # COMMAND...
	chmod 1777 "$RUN"
	timeout 60 setpriv --reuid "$ALICE" --regid "$ALICE" --init-groups env -i "HOME=$PREFIX/home/$ALICE" \
		"PATH=$PATH" "$@" >"$BUILD/out" 2>&1 </dev/null
}

carrel_shell() {
	as_alice "$PREFIX/bin/carrel-shell" "$@"
}

shell_policy() {
	policy <<-END
		namespaces = mount pid ipc uts cgroup
		hostname = %u
		hide = $PREFIX/hidden /nonexistent
		read_only = $PREFIX/readonly
		bind = $PREFIX/source:$PREFIX/target:ro
		hide_homes = yes
		no_new_privs = yes
		oom_score_adj = 5
	END
}

case_shell() {
	policy </dev/null
	exits 0 carrel_shell -c 'readlink /proc/self/ns/user' && says 1 '^user:' && says 0 "$(readlink /proc/self/ns/user | tr -d '[]')" &&
		exits 7 carrel_shell -c 'exit 7' && exits 143 carrel_shell -c 'kill -TERM $$' || return 1
	shell_policy
	exits 0 carrel_shell -c "cat $PREFIX/target/file; ls $PREFIX/home; echo 'exec > >(sleep 0.2; cat)'" &&
		says 1 '^bound' && says 1 "^$ALICE" || return 1
	echo 'namespaces = mount ipc' | policy
	exits 3 carrel_shell -c 'exit 3'
}

case_shell_refusals() {
	echo 'sessions_max = 3' | policy
	exits 126 carrel_shell -c 'echo ran' && says 1 '^carrel-shell: sessions_max' || return 1
	echo 'memory_max = lots' | policy
	exits 126 carrel_shell -c 'echo ran' && says 1 '^carrel-shell: the policy' || return 1
	echo "bind = $PREFIX/nothing:$PREFIX/target" | policy
	exits 126 carrel_shell -c 'echo ran' && says 1 '^carrel-shell: bind' || return 1
	echo 'shell = /bin/cat' | policy
	exits 126 carrel_shell -c 'echo ran' && says 1 'not in /etc/shells' || return 1
	echo 'sandbox = no' | policy
	exits 5 carrel_shell -c 'exit 5'
}

sanitizer_cases() {
	policy </dev/null
	canary o heap-buffer-overflow
	canary u 'signed integer overflow'
	canary l 'detected memory leaks'
	try '20 cycles' case_cycles
	try 'a policy with everything' case_everything
	try 'few namespaces' case_namespaces_few
	try 'sections by user, group and service' case_sections
	try 'a refused policy, with one accepted before' case_last_accepted
	try 'a refused policy, with none' case_refused_policy
	try 'a policy that contradicts itself' case_contradiction
	try 'no policy' case_no_policy
	try 'a mount that fails' case_failing_mount
	try 'sessions_max' case_sessions_max
	try 'left alone, and root' case_ignored
	try 'callers of all kinds' case_callers
	try 'a caller that never closes' case_no_close
	try 'a bad option' case_option
	try 'a missing helper' case_missing
	try 'a helper that is killed' case_killed
	try 'a helper that hangs' case_hanging
	try 'a warden that is killed' case_warden_killed
	try 'a PID 1 that is killed' case_init_killed
	try 'a warden told to end' case_warden_term
	try 'eight at once' case_many_at_once
	try "the helper's usage" case_helper_usage
	try 'a sweep' case_sweep
	try 'carrel check' case_check
	try 'carrel explain' case_explain
	try 'carrel list' case_list
	try 'carrel run' case_run
	if command -v script >/dev/null; then
		try 'carrel run on a terminal' case_run_terminal
	else
		skip 'sanitizers: carrel run on a terminal: there is no script(1) to make one'
	fi
	try 'carrel-shell' case_shell
	try 'carrel-shell: refusals, left alone' case_shell_refusals
	try 'carrel doctor' case_doctor
	try "carrel's command line" case_command_line
}

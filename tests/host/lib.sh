# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2120
# What the host tests are written with. A test file is tests/host/NN-name.sh and starts with
#	. "$CHECK_SOURCE/tests/host/lib.sh"
# Its time limit is 120 s unless it has a line "# timeout: SECONDS"; twice that, and more on a loaded machine,
# is what it gets. It runs as root on the stage (see
# run and stage.sh): a private mount namespace with its own /etc, /dev, /home, /tmp, /var/tmp, shared
# inside itself; "the host" in the tests is this stage. Afterwards nothing may be left over
# (leftovers.sh): no process below the stage, mount, IPC object, cgroup, file in /tmp and its like.
#
# Variables: CHECK_PREFIX, POLICY, STATE, LIBEXEC, CARREL, MODULE, CARREL_RUN_DIR (the product's paths)
#   USER_A UID_A, USER_B UID_B (two users, homes in /home); uids up to CHECK_UID+9 are free for more
#   SERVICE_IN, SERVICE_OUT (PAM services of the two sshds), SSH_CONFIG, SCRATCH (emptied for each file)
#   TESTS (compiled programs: pam_steps, ...), CHECK_LOG (what was sent to syslog), PLAIN (1: no product)
#
# Cases
#   case_ NAME              start a case; the one before is counted and printed
#   skip_ REASON            this case can't run here
#   fail_ WHY               this case has failed (goes on; the first reason is printed with the name)
#   note_ TEXT              a line of detail
# Expectations: each runs CMD and sets OUT, ERR, STATUS. Never inside $( ) or a pipe.
#   run_ CMD...             just run it
#   expect_ok CMD...  expect_fail CMD...  expect_status N CMD...
#   expect_output TEXT CMD...             status 0 and exactly this on stdout (trailing newlines cut)
#   expect_grep ERE CMD...  expect_nogrep ERE CMD...      in stdout or stderr; any status
#   expect_equal GOT WANTED WHAT  expect_differ A B WHAT  expect_file PATH  expect_nofile PATH
#   expect_denied SSH_IN|SESSION_DO...    it runs in there, and fails (not by ssh's 255 or 254, without a session)
#   expect_blocked USER CMD...            outside it succeeds, inside it fails (not by ssh's 255 or 254)
#   wait_until SECONDS CMD...             poll CMD until it succeeds; 1 when it never did (on a loaded
#                                         machine it waits longer: see patience)
# Logins
#   ssh_in USER CMD...  ssh_out USER CMD...   through the sshd with our PAM line, and without
#   ssh_to HOST USER CMD...                   HOST: in, out, or one that sshd_start made
#   scp, sftp, rsync: use -F "$SSH_CONFIG" and USER@HOST:
#   session_start NAME HOST USER [SSHOPT...]  a login that stays: a shell that waits for commands
#   session_do NAME CMD...                    run CMD in it; prints its output, returns its status
#   session_end NAME  session_cut NAME        log out; kill -9 the client
#   session_client NAME                       the pid of its ssh client
#   SESSION_WAIT=30                           seconds that session_do waits for a line
#   SESSION_ENV=...                           prefix for the remote shell, e.g. "exec env X=1"
# Servers
#   sshd_start NAME SERVICE [CONFIG_LINE...]  one more sshd; ssh_to NAME then reaches it
#   sshd_stop NAME  sshd_pid NAME  sshd_port NAME         (stopped by itself at the end of the file)
#   free_port                                 a port of 127.0.0.1 that nobody listens on
# PAM
#   pam_write SERVICE [LINE...]               /etc/pam.d/SERVICE: permit, and these session lines after
#   pam_line [OPTION...]                      our session line, for pam_write
#   pam_in [OPTION...]                        our line's options for SERVICE_IN
#   (/etc/pam.d, passwd, group and shadow are put back before each file: change them as you like)
#   steps STEP...                             run pam_steps (see src/pam_steps.c)
# Policy
#   policy_write [LINE...]                    replace carrel.conf (from stdin without arguments)
#   policy_default                            what each file starts with: [default] and nothing in it
#   policy_forget                             remove the last accepted policy
# Log
#   log_mark                                  forget what was logged so far
#   log_since                                 what was logged since
#   expect_log ERE  expect_nolog ERE          a line "FACILITY.SEVERITY ..." (waits up to 3 s)
# Product's processes (pids as the host has them)
#   warden_pids  init_pids                    all of this run's; no_sandbox: true when there is none
#   exes                                      "PID PROGRAM" of every process of the machine
#   ns_of PID KIND                            e.g. ns_of $$ mnt -> mnt:[4026531841]
#   slice_dir CONTROLLER UID                  the user's slice where that controller lives, "" if none
#   cgroup_version CONTROLLER                 1, 2 or "" (not there)
#   user_pids UID                             processes with that real uid
#   user_gone UID  slice_gone CONTROLLER UID  true when there is none, for wait_until

set -u
shopt -s nullglob
PATH=$PATH:/usr/sbin:/sbin
POLICY=$CHECK_PREFIX/etc/carrel/carrel.conf
STATE=$CHECK_PREFIX/var/lib/carrel
LIBEXEC=$CHECK_PREFIX/libexec/carrel
CARREL=$CHECK_PREFIX/bin/carrel
MODULE=$CHECK_PREFIX/security/pam_carrel.so
CARREL_RUN_DIR=$CHECK_RUN/carrel
TESTS=$CHECK_PREFIX/tests
SCRATCH=$CHECK_PREFIX/scratch
SSH_CONFIG=$CHECK_PREFIX/ssh_config
PLAIN=$CHECK_PLAIN
OUT='' ERR='' STATUS=0

# --- cases

CASE='' CASE_WHY='' CASE_SKIP=''

# result WORD NAME [WHY]: one line for the reader and for the count.
result()
{
	local line="$1 $2${3:+: $3}"
	line=${line//$'\n'/ | }
	echo "$line"
	echo "$line" >>"$CHECK_RESULTS"
}

case_end()
{
	[ -n "$CASE" ] || return 0
	if [ -n "$CASE_WHY" ]; then
		result "not ok" "$CHECK_FILE: $CASE" "$CASE_WHY"
	elif [ -n "$CASE_SKIP" ]; then
		result skip "$CHECK_FILE: $CASE" "$CASE_SKIP"
	else
		result ok "$CHECK_FILE: $CASE"
	fi
	CASE='' CASE_WHY='' CASE_SKIP=''
}

case_()
{
	case_end
	CASE=$1
}

skip_()
{
	CASE_SKIP=${CASE_SKIP:-$*}
}

note_()
{
	printf '    %s\n' "$*"
}

fail_()
{
	if [ -z "$CASE_WHY" ]; then
		CASE_WHY="$* (line ${BASH_LINENO[${#BASH_LINENO[@]} - 2]})"
	else
		note_ "also: $* (line ${BASH_LINENO[${#BASH_LINENO[@]} - 2]})"
	fi
}

# --- expectations

run_()
{
	"$@" >"$SCRATCH/.out" 2>"$SCRATCH/.err"
	STATUS=$?
	# NUL bytes can't be kept in a variable; what needs them looks at the file.
	OUT=$(tr -d '\0' <"$SCRATCH/.out")
	ERR=$(tr -d '\0' <"$SCRATCH/.err")
}

# How many times longer than usual things may take now: 1 on an idle machine, at most 6.
patience()
{
	local load _
	read -r load _ </proc/loadavg
	load=$((1 + ${load%.*} / (2 * $(nproc))))
	echo $((load < 6 ? load : 6))
}

brief()
{
	local text="$*"
	text=${text//$'\n'/ | }
	printf '%s' "${text:0:160}"
}

said()
{
	# A refused login: the reason is in the log alone.
	[ "$STATUS" != 254 ] || printf '%s; ' "$(grep -o 'refused: .*' "$CHECK_LOG" | tail -n1)"
	brief "status $STATUS${OUT:+, stdout: $OUT}${ERR:+, stderr: $ERR}"
}

expect_ok()
{
	run_ "$@"
	[ "$STATUS" = 0 ] || fail_ "$(brief "$@"): $(said)"
}

expect_fail()
{
	run_ "$@"
	[ "$STATUS" != 0 ] || fail_ "$(brief "$@"): succeeded, $(said)"
}

expect_status()
{
	local wanted=$1
	shift
	run_ "$@"
	[ "$STATUS" = "$wanted" ] || fail_ "$(brief "$@"): expected status $wanted, $(said)"
}

expect_output()
{
	local wanted=$1
	shift
	run_ "$@"
	[ "$STATUS" = 0 ] && [ "$OUT" = "$wanted" ] ||
		fail_ "$(brief "$@"): expected '$(brief "$wanted")', $(said)"
}

expect_grep()
{
	local wanted=$1
	shift
	run_ "$@"
	grep -q -E -e "$wanted" <<<"$OUT"$'\n'"$ERR" ||
		fail_ "$(brief "$@"): no '$wanted' in: $(said)"
}

expect_nogrep()
{
	local unwanted=$1
	shift
	run_ "$@"
	! grep -q -E -e "$unwanted" <<<"$OUT"$'\n'"$ERR" ||
		fail_ "$(brief "$@"): '$unwanted' in: $(said)"
}

expect_equal()
{
	[ "$1" = "$2" ] || fail_ "${3:-value}: expected '$(brief "$2")', got '$(brief "$1")'"
}

expect_differ()
{
	[ "$1" != "$2" ] || fail_ "${3:-values}: both are '$(brief "$1")'"
}

expect_file()
{
	[ -e "$1" ] || fail_ "$1 does not exist"
}

expect_nofile()
{
	[ ! -e "$1" ] || fail_ "$1 exists"
}

expect_denied()
{
	run_ "$@"
	# 255 is ssh's own, 254 a login without a session: nothing was tried then.
	case $STATUS in 0 | 254 | 255) fail_ "$(brief "$@"): $(said)" ;; esac
}

expect_blocked()
{
	local user=$1
	shift
	run_ ssh_out "$user" "$@"
	[ "$STATUS" = 0 ] || fail_ "outside it does not succeed: $(brief "$@"): $(said)"
	expect_denied ssh_in "$user" "$@"
}

# Times are those of an idle machine.
wait_until()
{
	local end=$((SECONDS + $1 * $(patience) + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# --- logins

ssh_to()
{
	ssh -F "$SSH_CONFIG" "$2@$1" "${@:3}"
}

ssh_in()
{
	ssh_to in "$@"
}

ssh_out()
{
	ssh_to out "$@"
}

declare -A session_in session_out session_pid
session_count=0
SESSION_ENV='exec'

session_start()
{
	local name=$1 host=$2 user=$3 fifo=$SCRATCH/.session.$1 fd
	rm -f "$fifo.in" "$fifo.out"
	mkfifo "$fifo.in" "$fifo.out" || return 1
	(
		# Sessions hold each other's pipes open otherwise, and never see their end.
		for fd in "${session_in[@]}" "${session_out[@]}"; do exec {fd}>&-; done
		exec ssh -F "$SSH_CONFIG" "${@:4}" "$user@$host" "$SESSION_ENV bash -s" \
			<"$fifo.in" >"$fifo.out" 2>&1
	) &
	session_pid[$name]=$!
	exec {fd}>"$fifo.in"
	session_in[$name]=$fd
	exec {fd}<"$fifo.out"
	session_out[$name]=$fd
	session_do "$name" : >"$SCRATCH/.session.started" || {
		fail_ "session $name of $user@$host: $(brief "$(cat "$SCRATCH/.session.started")")"
		return 1
	}
}

session_do()
{
	local name=$1 line mark="=end-$((++session_count))-$BASHPID="
	shift
	# In a subshell: it is the one to die of SIGPIPE when the session has gone.
	(printf '{ %s\n} </dev/null 2>&1; printf "\\n%s%%d\\n" $?\n' "$*" "$mark" >&"${session_in[$name]}") \
		2>/dev/null || return 254
	while IFS= read -r -t "${SESSION_WAIT:-30}" line <&"${session_out[$name]}"; do
		case $line in "$mark"*) return "${line#"$mark"}" ;; esac
		printf '%s\n' "$line"
	done
	return 254
}

session_client()
{
	echo "${session_pid[$1]}"
}

session_forget()
{
	local fd
	fd=${session_in[$1]} && exec {fd}>&-
	fd=${session_out[$1]} && exec {fd}<&-
	wait "${session_pid[$1]}" 2>/dev/null
	unset "session_in[$1]" "session_out[$1]" "session_pid[$1]"
}

session_end()
{
	[ -n "${session_pid[$1]:-}" ] || return 0
	(echo exit >&"${session_in[$1]}") 2>/dev/null
	session_forget "$1"
}

session_cut()
{
	kill -9 "${session_pid[$1]}" 2>/dev/null
	session_forget "$1"
}

# --- servers

free_port()
{
	local port
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		(exec {fd}<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# The PAM service of sshd is its name, up to OpenSSH 9.7; after that it is an option.
sshd_config()
{
	local name=$1 service=$2
	cat <<-END
		ListenAddress 127.0.0.1
		HostKey $CHECK_PREFIX/keys/host
		PidFile $CHECK_PREFIX/log/$name.pid
		AuthorizedKeysFile $CHECK_PREFIX/keys/authorized_keys
		StrictModes no
		UsePAM yes
		PermitRootLogin yes
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		X11Forwarding yes
		AcceptEnv LANG TEST_*
		PrintMotd no
		PrintLastLog no
		UseDNS no
		MaxStartups 300
		MaxSessions 60
		LogLevel VERBOSE
	END
	printf '%s\n' "${@:3}"
	printf '%s\n' "${@:3}" | grep -q '^Subsystem' || echo "Subsystem sftp internal-sftp"
	if "$CHECK_PREFIX/bin/$service" -T -o PAMServiceName=x -f /dev/null >/dev/null 2>&1; then
		echo "PAMServiceName $service"
	fi
}

sshd_start()
{
	local name=$1 service=$2 base=$CHECK_PREFIX/log/$1 port
	[ -e "$CHECK_PREFIX/bin/$service" ] ||
		cp "$(command -v sshd)" "$CHECK_PREFIX/bin/$service" || return 1
	sshd_config "$@" >"$base.conf"
	rm -f "$base.pid"
	for _ in 1 2 3 4 5; do
		port=$(free_port)
		"$CHECK_PREFIX/bin/$service" -f "$base.conf" -E "$base.log" -p "$port" </dev/null || continue
		wait_until 5 test -s "$base.pid" && break
	done
	[ -s "$base.pid" ] || return 1
	sshd_port_set "$name" "$port"
	[ -z "${CHECK_FILE:-}" ] || sshds_started+=("$name")
}
sshds_started=()

sshd_port_set()
{
	local file=$CHECK_PREFIX/ssh_hosts
	sed -i "/^Host $1\$/,+3d" "$file"
	printf 'Host %s\n\tHostName 127.0.0.1\n\tHostKeyAlias %s\n\tPort %s\n' "$1" "$1" "$2" >>"$file"
}

sshd_port()
{
	sed -n "/^Host $1\$/,+3s/.*Port //p" "$CHECK_PREFIX/ssh_hosts"
}

sshd_pid()
{
	cat "$CHECK_PREFIX/log/$1.pid"
}

sshd_stop()
{
	local pid
	pid=$(sshd_pid "$1") && kill "$pid"
	wait_until 5 test ! -e "/proc/$pid"
}

# --- PAM

pam_write()
{
	local service=$1
	shift
	{
		echo "auth required pam_permit.so"
		echo "account required pam_permit.so"
		echo "password required pam_deny.so"
		echo "session required pam_permit.so"
		printf '%s\n' "$@"
	} >"$SCRATCH/.pam" && chmod 644 "$SCRATCH/.pam" && mv "$SCRATCH/.pam" "/etc/pam.d/$service"
}

pam_line()
{
	if [ "$PLAIN" = 1 ]; then
		echo "session required pam_permit.so"
	else
		echo "session required $MODULE $*"
	fi
}

pam_in()
{
	pam_write "$SERVICE_IN" "$(pam_line "$@")"
}

pam_reset()
{
	local saved=$CHECK_PREFIX/stage/saved
	rm -rf /etc/pam.d/* && cp -a "$saved/pam.d/." /etc/pam.d/
	cp -a "$saved"/{passwd,group,shadow,gshadow,subuid,subgid} /etc/ 2>/dev/null
	pam_write "$SERVICE_OUT"
	pam_in
}

steps()
{
	"$TESTS/pam_steps" "$@"
}

# slow_nss MS STEP...: where the groups of a user take so long to be found.
slow_nss()
{
	strace -qq -o /dev/null -P /etc/group -e trace=openat -e "inject=openat:delay_enter=${1}000:when=1" \
		"$TESTS/pam_steps" "${@:2}"
}

# --- policy

policy_write()
{
	local new=$POLICY.new.$BASHPID
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@" >"$new"
	else
		cat >"$new"
	fi
	chown root:root "$new" && chmod 644 "$new" && mv "$new" "$POLICY"
}

policy_default()
{
	policy_write '[default]'
}

policy_forget()
{
	rm -f "$STATE/policy"
}

# What every test file starts from; run calls it.
files_reset()
{
	rm -rf "$SCRATCH" && mkdir -m 711 "$SCRATCH"
	mkdir -p "${POLICY%/*}/carrel.conf.d"
	rm -f "${POLICY%/*}"/carrel.conf.d/* "$POLICY".new*
	policy_default
	policy_forget
	pam_reset
}

# --- log

LOG_AT=0

log_mark()
{
	LOG_AT=$(stat -c %s "$CHECK_LOG")
}

log_since()
{
	tail -c +$((LOG_AT + 1)) "$CHECK_LOG"
}

log_has()
{
	log_since | grep -q -E -e "$1"
}

expect_log()
{
	wait_until 3 log_has "$1" ||
		fail_ "no '$1' in the log: $(brief "$(log_since | grep -i carrel | tail -1)")"
}

expect_nolog()
{
	sleep 0.3
	! log_has "$1" || fail_ "'$1' in the log: $(brief "$(log_since | grep -E -e "$1" | head -1)")"
}

# --- the product's processes

# "PID PROGRAM" of every process. One process does it: a readlink for each took seconds on a loaded machine.
exes()
{
	find /proc/[0-9]*/exe -maxdepth 0 -printf '%h %l\n' 2>/dev/null | cut -c7-
}

exe_pids()
{
	local pid exe
	exes | while read -r pid exe; do
		[ "$exe" != "$1" ] || echo "$pid"
	done
}

warden_pids()
{
	exe_pids "$LIBEXEC/carrel-session"
}

init_pids()
{
	exe_pids "$LIBEXEC/carrel-init"
}

no_sandbox()
{
	[ -z "$(warden_pids)$(init_pids)" ]
}

ns_of()
{
	readlink "/proc/$1/ns/$2"
}

user_pids()
{
	ps -eo pid=,ruid= | awk -v uid="$1" '$2 == uid { print $1 }'
}

user_gone()
{
	[ -z "$(user_pids "$1")" ]
}

slice_gone()
{
	[ -z "$(slice_dir "$1" "$2")" ]
}

cgroup_version()
{
	if awk -v c="$1" '{ n = split($4, o, ","); for (i in o) if (o[i] == c) f = 1 } END { exit !f }' \
		<(grep ' cgroup ' /proc/mounts); then
		echo 1
	elif cgroup2_mount "$1" >/dev/null; then
		echo 2
	fi
}

cgroup2_mount()
{
	local mount
	mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$mount" ] && grep -q -w "$1" "$mount/cgroup.controllers" && echo "$mount"
}

slice_dir()
{
	local mount dir
	case $(cgroup_version "$1") in
	1) mount=$(awk -v c="$1" '$3 == "cgroup" { n = split($4, o, ",");
		for (i = 1; i <= n; i++) if (o[i] == c) { print $2; exit } }' /proc/mounts) ;;
	2) mount=$(cgroup2_mount "$1") ;;
	*) return ;;
	esac
	dir=$mount/carrel.slice/user-$2.slice
	[ -d "$dir" ] && echo "$dir"
}

# --- the end of a test file

lib_end()
{
	local status=$? name
	[ "$status" = 0 ] || [ -z "$CASE" ] || fail_ "interrupted"
	case_end
	for name in "${!session_pid[@]}"; do
		kill "${session_pid[$name]}" 2>/dev/null
	done
	for name in "${sshds_started[@]}"; do
		sshd_stop "$name"
	done
	exit "$status"
}
[ -z "${CHECK_FILE:-}" ] || [ "$CHECK_FILE" = shell ] || {
	trap lib_end EXIT
	trap 'exit 143' TERM INT
}

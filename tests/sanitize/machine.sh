# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by run: the builds, the prefix, users and PAM services of `make sanitize`, and how they go away,
# also those of a run that was aborted. Everything goes by a name that is only ours.
# shellcheck disable=SC2154 # run's variables

PREFIX=/opt/carrel-sanitize
RUN=/run/carrel-sanitize
STATE=$PREFIX/var/lib/carrel
ALICE=carrel-san-alice
BOB=carrel-san-bob
PAM=/etc/pam.d/carrel-sanitize
CARREL=$PREFIX/bin/carrel
POLICY=$PREFIX/etc/carrel/carrel.conf
PATHS=(PREFIX="$PREFIX" SYSCONFDIR="$PREFIX/etc" LOCALSTATEDIR="$PREFIX/var" RUNSTATEDIR="$RUN"
	LIBEXECDIR="$PREFIX/libexec" BINDIR="$PREFIX/bin" MANDIR="$PREFIX/man" PAMDIR="$PREFIX/security"
	DESTDIR= CC="$CC" OPT='-O1 -g')
SANITIZERS='-fsanitize=address,undefined -fno-sanitize-recover=all'

die() {
	echo "sanitize: $*" >&2
	exit 1
}

# Processes that run a program below one of the directories.
processes_of() { # DIRECTORY...
	local pid target directory
	find /proc/[0-9]*/exe -maxdepth 0 -printf '%h %l\n' 2>/dev/null | while read -r pid target; do
		for directory in "$@"; do
			[[ $target != "$directory"/* ]] || echo "${pid#/proc/}"
		done
	done
}

# The users' slices, in each hierarchy.
slices() {
	local user uid mount
	for user in "$ALICE" "$BOB"; do
		uid=$(id -u "$user" 2>/dev/null) || continue
		for mount in $(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts); do
			[ -d "$mount/carrel.slice/user-$uid.slice" ] &&
				echo "$mount/carrel.slice/user-$uid.slice"
		done
	done
}

clean() {
	local pid slice user
	for pid in $(processes_of "$PREFIX" "$BUILD"); do
		kill -KILL "$pid" 2>/dev/null
	done
	for user in "$ALICE" "$BOB"; do
		for pid in $(id -u "$user" >/dev/null 2>&1 && ps -o pid= -u "$user"); do
			kill -KILL "$pid" 2>/dev/null
		done
	done
	sleep 0.3
	for slice in $(slices); do
		rmdir "$slice" "${slice%/*}" 2>/dev/null
	done
	for user in "$ALICE" "$BOB"; do
		id "$user" >/dev/null 2>&1 && userdel "$user"
	done
	rm -rf --one-file-system "$PREFIX" "$RUN"
	rm -f "$PAM"-*
}

at_exit() {
	trap - EXIT INT TERM HUP
	clean
	rm -f /run/carrel-sanitize.lock
}

service() { # NAME MODULE-ARGUMENTS...
	local name=$1
	shift
	printf 'account required pam_permit.so\nsession required %s\nsession required pam_permit.so\n' \
		"$*" >"$PAM-$name"
}

helper_script() { # NAME TEXT
	printf '#!/bin/sh\n%s\n' "$2" >"$PREFIX/$1"
	chmod 0755 "$PREFIX/$1"
}

policy() { # of [default], from standard input
	{
		printf '[host]\nhome_roots = %s/home\n[default]\ntmp_size = 16M\n' "$PREFIX"
		cat
	} >"$POLICY"
}

setup() {
	local user
	[ "$(id -u)" = 0 ] || die 'root is needed: it makes users, namespaces and cgroups'
	exec {lock_fd}>/run/carrel-sanitize.lock
	flock -w 10 "$lock_fd" || die 'another run is under way'
	trap at_exit EXIT
	trap 'exit 130' INT TERM HUP
	clean
	mkdir -p "$BUILD" "$RUN" "$PREFIX/home" || exit 1
	for user in "$ALICE" "$BOB"; do
		useradd -M -d "$PREFIX/home/$user" -s /bin/sh -p '*' "$user" || exit 1
		mkdir "$PREFIX/home/$user" && chown "$user:" "$PREFIX/home/$user"
	done
	mkdir "$PREFIX/hidden" "$PREFIX/readonly" "$PREFIX/source" "$PREFIX/target"
	echo hidden >"$PREFIX/hidden/file"
	echo bound >"$PREFIX/source/file"
	chmod 1777 "$PREFIX/readonly"
}

services() {
	local module=$PREFIX/security/pam_carrel.so
	helper_script killed 'kill -KILL $$'
	helper_script hanging 'exec sleep 30'
	service plain "$module" timeout=20
	service other "$module"
	service option "$module" frobnicate
	service missing "$module" helper=/nonexistent/carrel-session
	service permit "$module" helper=/nonexistent/carrel-session on_failure=permit
	service killed "$module" "helper=$PREFIX/killed"
	service hanging "$module" timeout=1 "helper=$PREFIX/hanging"
	service debug "$module" debug timeout=20
}

# The programs are always linked anew: with a report.o of now.
build_sanitized() {
	local build=$BUILD/asan
	mkdir -p "$build" || return 1
	# shellcheck disable=SC2086 # flags
	{
		rm -f "$build/carrel" "$build/carrel-session" "$build/carrel-shell-main" "$build/pam_carrel.so" &&
			"$CC" $SANITIZERS -O1 -g -fPIC -Wall -Wextra -D_GNU_SOURCE \
				-DSANITIZE_DIR="\"$RUN\"" -c -o "$build/report.o" \
				tests/sanitize/report.c &&
			"$CC" $SANITIZERS -O1 -g -D_GNU_SOURCE -o "$build/caller" \
				tests/host/src/pam_steps.c "$build/report.o" -lpam -lpthread &&
			"${MAKE:-make}" -j2 BUILD="$build" "${PATHS[@]}" SANITIZE="$SANITIZERS" \
				LDFLAGS="$build/report.o" install
	} >"$BUILD/asan.log" 2>&1 || return 1
	services
}

# Dynamic, since valgrind replaces malloc only in a shared C library; unit tests too. The programs are
# always linked anew: with a valgrind_calls.o of now.
build_plain() {
	local build=$BUILD/plain
	mkdir -p "$build" || return 1
	{
		rm -f "$build/carrel" "$build/carrel-session" "$build/carrel-shell-main" "$build/pam_carrel.so" &&
			"$CC" -O1 -g -fPIC -Wall -Wextra -D_GNU_SOURCE \
				-DSANITIZE_DIR="\"$RUN\"" -c -o "$build/valgrind_calls.o" \
				tests/sanitize/valgrind_calls.c &&
			"${MAKE:-make}" -j2 BUILD="$build" "${PATHS[@]}" SANITIZE= STATIC_HELPER= \
				LDFLAGS="-Wl,--wrap=syscall $build/valgrind_calls.o" all &&
			"${MAKE:-make}" -j2 BUILD="$build" "${PATHS[@]}" SANITIZE= STATIC_HELPER= \
				LDFLAGS= "$build/tests/host/pam_steps" check-unit
	} >"$BUILD/plain.log" 2>&1
}

# Whatever is left of a case after its processes had time to end.
leftovers() {
	local try left
	for ((try = 0; try < 100; try++)); do
		left=$(processes_of "$PREFIX/libexec" | sed 's/^/process /')$(slices)
		left+=$(find "$RUN/carrel" -mindepth 1 2>/dev/null)
		[ -n "$left" ] || return 0
		sleep 0.1
	done
	echo "left over: $left"
	return 1
}

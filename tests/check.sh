#!/bin/bash
# SPDX-License-Identifier: MIT
# make check: every stage in turn, each a make target whose last line counts its cases; the sum is the
# last line here. A stage that does not count to its end is itself a failure.
set -u
passed=0
failed=0
skipped=0
logs=${BUILD:-build}/check-logs
mkdir -p "$logs"

stage() { # NAME make-arguments
	local name=$1 log start line
	shift
	log=$logs/$name.log
	start=$SECONDS
	echo "== $name"
	make -s --no-print-directory "$@" 2>&1 </dev/null | tee "$log" | grep --line-buffered -vE '^([a-z]+: )?ok |^gcc |^clang |^cc ' || true
	local status=${PIPESTATUS[0]}
	line=$(grep -E '^[a-z]+: [0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
	if [ -z "$line" ]; then
		echo "not ok $name: it did not count to its end (status $status); see $log"
		failed=$((failed + 1))
		return
	fi
	local p f s
	p=$(sed -E 's/^[a-z]+: ([0-9]+) passed.*/\1/' <<<"$line")
	f=$(sed -E 's/.* ([0-9]+) failed.*/\1/' <<<"$line")
	s=$(sed -nE 's/.* ([0-9]+) skipped.*/\1/p' <<<"$line")
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + ${s:-0}))
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
		echo "not ok $name: status $status without a failed case"
		failed=$((failed + 1))
	fi
	echo "   ($((SECONDS - start)) s)"
}

stage shape check-shape WERROR=1
stage compilers check-compilers
stage unit check-unit WERROR=1
stage fuzz fuzz-smoke
stage analyze analyze
stage host check-host
stage guest check-guest
stage sanitize sanitize
stage packages check-packages

if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]

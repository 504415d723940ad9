# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# timeout: 120
# The admin's window as a whole: every option is completed and in the manual, and so is every JSON key.
. "$CHECK_SOURCE/tests/host/lib.sh"

if [ "$PLAIN" = 1 ]; then
	case_ "the admin's window"
	skip_ "there is no product"
	exit
fi

manual=$CHECK_SOURCE/man/carrel.8
verbs=$("$CARREL" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')

# What bash would offer after these words.
offered()
{
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _carrel; printf "%s\n" "${COMPREPLY[@]}"' \
		- "$CHECK_SOURCE/packaging/completions/carrel" "$CARREL" "$@" 2>&1
}

case_ "completion offers every verb, and the manual has each"
[ "$(wc -w <<<"$verbs")" -ge 14 ] || fail_ "verbs: $verbs"
expect_equal "$(offered '' | grep -v '^-' | sort | tr '\n' ' ')" "$(sort <<<"$verbs" | tr '\n' ' ')" "verbs"
for verb in $verbs; do
	grep -q "^\.Cm $verb\$\|^\.Cm .*\b$verb\b" "$manual" || fail_ "$verb is not in carrel(8)"
done

case_ "completion offers every option of every verb, and the manual has each"
for verb in $verbs; do
	options=$("$CARREL" "$verb" --help | grep -o -E -e '--[a-z]+' | sort -u | grep -v -x -e --help)
	for option in $options --help; do
		offered "$verb" -- | grep -q -x -e "$option" || fail_ "carrel $verb $option is not completed"
	done
	for option in $options; do
		sed -n "/^\.Ss .*\b$verb\b/,/^\.S[sh] /p" "$manual" | grep -q -e "-${option#--}\b" ||
			fail_ "carrel $verb $option is not in carrel(8)"
	done
	for option in $(offered "$verb" --); do
		"$CARREL" "$verb" --help | grep -q -e "$option" || [ "$option" = -- ] || [ "$option" = --help ] ||
			fail_ "carrel $verb has no $option"
	done
done

case_ "completion offers users and ids of live sandboxes"
policy_write '[default]' 'namespaces = mount pid ipc uts' 'memory_max = 256M' 'pids_max = 100' 'cpu_max = 150%'
session_start s in "$USER_A"
id=$("$CARREL" list --json | jq -r '.[0].id')
for verb in show enter freeze thaw kill; do
	expect_equal "$(offered $verb '' | sort | tr '\n' ' ')" "$id $USER_A " "after $verb"
done
expect_equal "$(offered show "${USER_A:0:4}")" "$USER_A" "the beginning of a name"

case_ "a user's name that is a command is completed, and neither run nor left to be run"
# shellcheck disable=SC2016 # as it is
printf '#!/bin/sh\ncat <<"END"\nID USER\n%d-1 $(touch${IFS}%s/hit)\nEND\n' "$UID_B" "$SCRATCH" >"$SCRATCH/carrel"
chmod 755 "$SCRATCH/carrel"
expect_equal "$(CARREL=$SCRATCH/carrel offered kill '$')" "\\\$\\(touch\\\$\\{IFS\\}$SCRATCH/hit\\)" "after kill"
expect_equal "$(CARREL=$SCRATCH/carrel offered kill "$UID_B")" "$UID_B-1" "an id"
expect_nofile "$SCRATCH/hit"
expect_equal "$(offered explain "$USER_B")" "$USER_B" "after explain"
expect_equal "$(offered run --user "$USER_B")" "$USER_B" "after run --user"
offered explain --service '' | grep -q -x -e "$SERVICE_IN" || fail_ "no services"

case_ "every key of --json is in carrel(8)"
keys=0
for words in "check" "explain $USER_A" "list --namespaces" "show $USER_A" "doctor" "status"; do
	# shellcheck disable=SC2086 # words
	run_ "$CARREL" ${words%% *} --json $(cut -s -d' ' -f2- <<<"$words")
	# explain has an object whose keys are those of the policy, which carrel.conf(5) has.
	for key in $(jq -r '[.. | objects | keys[]] | unique[]' <<<"$OUT"); do
		keys=$((keys + 1))
		grep -q -w -e "$key" "$manual" "$CHECK_SOURCE/man/carrel.conf.5" || fail_ "${words%% *}: $key"
	done
done
[ "$keys" -gt 60 ] || fail_ "only $keys keys: nothing was tested"
session_end s

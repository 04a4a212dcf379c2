#!/bin/sh
# Runs checks one after the other until one fails, and lists at the end what was not run.
#
#   tests/checks.sh 'COMMAND'…
#
# A check that cannot run on this machine exits with 77 (tests/not_run.sh). A caller that runs
# several of these names a file in $NOT_RUN, and prints the list itself.
set -eu

mine=
if [ -z "${NOT_RUN-}" ]; then
    NOT_RUN=$(mktemp)
    export NOT_RUN
    mine=$NOT_RUN
    trap 'rm -f "$mine"' EXIT
fi
for check in "$@"; do
    code=0
    sh -c "$check" || code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 77 ] || exit "$code"
done
if [ -n "$mine" ] && [ -s "$mine" ]; then
    echo "NOT RUN on this machine (REQUIRE=1 makes each a failure):"
    while IFS= read -r line; do echo "  $line"; done <"$mine"
fi

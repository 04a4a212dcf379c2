#!/bin/sh
# Format and vet of the Go module. A machine without Go cannot run it (tests/not_run.sh).
set -eu
cd "$(dirname "$0")"
. ../not_run.sh
command -v go >/dev/null 2>&1 || not_run "tests/interop/lint.sh: no Go to check tests/interop with"
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "gofmt: $unformatted" >&2; exit 1; }
go vet ./...

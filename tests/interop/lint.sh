#!/bin/sh
# Format and vet of the Go module. Only `make interop` and `make bench` need Go, so a machine
# without it says so and goes on.
set -eu
cd "$(dirname "$0")"
if ! command -v go >/dev/null 2>&1; then
    echo "no Go here: tests/interop is not vetted"
    exit 0
fi
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "gofmt: $unformatted" >&2; exit 1; }
go vet ./...

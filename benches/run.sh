#!/usr/bin/env bash
# Everything that `make bench` prints, each figure beside a peer or a target in the same run.
#
# The machine may be shared and noisy: quote ratios and medians, not single runs. All traffic stays
# on loopback, and what is started here is ended here.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
if ! command -v go > /dev/null; then
    echo "make bench needs Go: go-spiffe is the peer" >&2
    exit 2
fi
bin=$(mktemp -d "${TMPDIR:-/tmp}/anchorwatch-bench.XXXXXX")
trap 'rm -rf "$bin"' EXIT
(cd tests/interop && go build -o "$bin/" ./cmd/serve ./cmd/poll)

step() { printf '\n== %s\n\n' "$*"; }

cargo bench -p anchorwatch --locked --quiet --no-run
# The client on one core, the server on the other, where there are two.
pin=()
if command -v taskset > /dev/null && (($(nproc) > 1)); then pin=(taskset -c 0); fi

step "one poll"
"${pin[@]}" cargo bench -p anchorwatch --locked --quiet --bench poll -- "$bin"
step "ten thousand trust domains"
cargo bench -p anchorwatch --locked --quiet --bench fleet
step "a scrape"
cargo bench -p anchorwatch --locked --quiet --bench scrape
step "a start"
cargo bench -p anchorwatch --locked --quiet --bench store
step "the pure parts"
cargo bench -p anchorwatch --locked --quiet --bench core -- --quiet
step "judging a poll (limits: unchanged 5 us, a change of 8 authorities 50 us, 400 authorities 2 ms)"
cargo bench -p anchorwatch --locked --quiet --bench judge -- --quiet

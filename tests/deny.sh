#!/bin/sh
# Holds the dependencies to deny.toml. Advisories need a database from the network and are checked
# where it can be had: `cargo deny check advisories`.
set -eu
if ! command -v cargo-deny >/dev/null 2>&1; then
    echo "cargo-deny is not here. Install it, then run again: cargo install --locked cargo-deny" >&2
    exit 1
fi
exec cargo deny --log-level warn check bans licenses sources

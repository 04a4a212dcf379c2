#!/usr/bin/env bash
# Builds the static binary from what .dockerignore leaves of the source, and prints where it lies.
#
#   tests/packages/binary.sh
#
# Where the toolchain's musl target cannot be had, glibc is linked statically instead: the image's
# final stage is then tested and its own build is not, which counts as not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${CARGO_TARGET_DIR:-$root/target}
context=$build/packages/context
target=$(uname -m)-unknown-linux-musl

# Every pattern but the comments and the leading `*` is a `!PATH` that is let in.
mapfile -t allowed < <(sed -n 's/^!//p' "$root/.dockerignore")
if grep -v -e '^#' -e '^!' -e '^\*$' "$root/.dockerignore" >&2; then
    echo "binary.sh reads only a list of what is let in" >&2
    exit 1
fi
mkdir -p "$build/packages"
exec {lock}>"$build/packages/lock"
flock "$lock"
rm -rf "$context"
mkdir "$context"
(cd "$root" && cp --archive --parents "${allowed[@]}" "$context")

if ! rustc --print target-libdir --target "$target" | xargs test -d; then
    rustup target add "$target" >&2 || true
fi
if rustc --print target-libdir --target "$target" | xargs test -d && command -v musl-gcc >/dev/null; then
    :
else
    . "$root/tests/not_run.sh"
    not_run_part "tests/packages/binary.sh: no musl toolchain; glibc is linked statically instead of the image's own build"
    target=$(uname -m)-unknown-linux-gnu
    export RUSTFLAGS="-C target-feature=+crt-static"
fi
(cd "$context" && CARGO_TARGET_DIR=$build nice "${CARGO:-cargo}" build --locked --release --quiet --target "$target") >&2
echo "$build/$target/release/anchorwatch"

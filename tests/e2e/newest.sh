#!/usr/bin/env bash
# Builds the newest Prometheus and Alertmanager that Go's module proxy has, and runs with them every
# test that calls them: first on the PATH, and of the versions that stand here, or not at all.
#
#   tests/e2e/newest.sh
#
# A release is named once, by its version and the checksum of its module, which holds the go.sum of
# all it is built from. To take the next one: its version, then what this says that the checksum is.
set -euo pipefail

# MODULE VERSION CHECKSUM TAGS: Prometheus asks no cloud whom it is to scrape here.
prometheus=(github.com/prometheus/prometheus v0.316.0 h1:f1GRFerhTMKQma+awCoC9T820ecWeGSdF+xAlMHzZzM= remove_all_sd)
alertmanager=(github.com/prometheus/alertmanager v0.34.2 h1:4oOnHs4J41X9n+7MucFjA3I5i5MtasjWTnIY27q5Qkw= '')

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${CARGO_TARGET_DIR:-$root/target}/newest
command -v go >/dev/null || { echo "make e2e-newest needs Go: it builds Prometheus and Alertmanager" >&2; exit 2; }
# What this machine sets for other builds has no say, but for where modules come from.
export GOFLAGS='' GOWORK=off CGO_ENABLED=0
mkdir -p "$build"
build=$(cd "$build" && pwd)
exec {lock}>"$build/lock"
flock "$lock"

# provide MODULE VERSION CHECKSUM TAGS NAME=COMMAND…: puts the module's commands into $made, under
# these names, unless they are there.
provide() {
    local module=$1 version=$2 checksum=$3 tags=$4 folder=$build/${1##*/}-$2-$(go env GOVERSION)
    shift 4
    made=$folder/bin
    local latest
    latest=$(cd "$build" && go list -m -f '{{.Version}}' "$module@latest" 2>/dev/null) || latest=unknown
    [ "$latest" = "$version" ] || echo "$module $version is taken; the newest is $latest"
    [ ! -e "$folder/done" ] || return 0
    rm -rf "$folder"
    mkdir -p "$made"
    echo "building $module $version"
    local told sum
    told=$(cd "$build" && go mod download -json "$module@$version") ||
        { echo "$told" | sed -n 's/^\t"Error": //p' >&2; echo "cannot get $module $version" >&2; exit 1; }
    sum=$(echo "$told" | sed -n 's/^\t"Sum": "\(.*\)",\{0,1\}$/\1/p')
    [ "$sum" = "$checksum" ] ||
        { echo "the checksum of $module $version is $sum, and not $checksum" >&2; exit 1; }
    cp -R "$(echo "$told" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')" "$folder/source"
    chmod -R u+w "$folder/source"
    # A module of Alertmanager lacks its page, and does not compile without one.
    mkdir -p "$folder/source/ui/app/dist"
    echo 'This build has no page.' >"$folder/source/ui/app/dist/index.html"
    local pair release
    release=$(cat "$folder/source/VERSION")
    for pair in "$@"; do
        (cd "$folder/source" && nice go build -mod=readonly -trimpath -tags "$tags" -o "$made/${pair%%=*}" \
            -ldflags "-s -w -X github.com/prometheus/common/version.Version=$release" "./cmd/${pair#*=}") ||
            { echo "cannot build ${pair#*=} of $module $version" >&2; exit 1; }
    done
    cp "$folder/source/VERSION" "$folder/version"
    rm -rf "$folder/source"
    touch "$folder/done"
}

# first RELEASE NAME…: these programs are found first in $made, and are of this release.
first() {
    local release=$1 name said
    shift
    PATH=$made:$PATH
    for name in "$@"; do
        [ "$(command -v "$name")" = "$made/$name" ] || { echo "$name is not that of $made" >&2; exit 1; }
        said=$("$name" --version 2>&1 | head -n 1)
        [[ $said == *" version $release "* ]] || { echo "$name is not of $release: $said" >&2; exit 1; }
        echo "$said, $(go env GOVERSION)"
    done
}

provide "${prometheus[@]}" prometheus=prometheus promtool=promtool
first "$(cat "$made/../version")" prometheus promtool
provide "${alertmanager[@]}" prometheus-alertmanager=alertmanager amtool=amtool
first "$(cat "$made/../version")" prometheus-alertmanager amtool
export PATH
exec {lock}>&-

cd "$root"
cargo=("${CARGO:-cargo}" test --locked)
"${cargo[@]}" --test e2e -- --nocapture
"${cargo[@]}" --test alerts --test dashboards --test metrics_contract --test web_config

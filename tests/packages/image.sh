#!/usr/bin/env bash
# The image without Docker: builds its binary, takes the Dockerfile's last stage by hand into an
# empty folder, and runs what it says in there, as its user, in a network of its own.
#
#   tests/packages/image.sh
#
# As root the process has the image's user; else it is root in a namespace, and nobody outside.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

for tool in curl ip openssl readelf unshare; do
    command -v "$tool" >/dev/null || { echo "image.sh needs $tool" >&2; exit 2; }
done
if [ "${1-}" != inside ]; then
    binary=$("$here/binary.sh")
    if [ "$(id -u)" -eq 0 ]; then map=(); else map=(--map-root-user); fi
    exec unshare "${map[@]}" --net --pid --fork --kill-child "$0" inside "$binary" "$(id -u)"
fi
binary=$2 caller=$3
ip link set lo up

lab=$(mktemp -d "${TMPDIR:-/tmp}/anchorwatch-image.XXXXXX")
declare -a started=()
clean_up() {
    local process
    for process in "${started[@]}"; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$lab"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
chmod 0755 "$lab"

fail() {
    echo "  FAIL  $*" >&2
    [ ! -s "$lab/log" ] || sed 's/^/        /' "$lab/log" >&2
    exit 1
}
ok() { echo "  ok    $*"; }
# until WHAT COMMAND…: for what comes soon or not at all.
until_so() {
    local what=$1 tries=0
    shift
    until "$@" >"$lab/until.out" 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "never: $what: $(cat "$lab/until.out")"
        sleep 0.1
    done
    ok "$what"
}

# ── what the build stage leaves ────────────────────────────────────────────

readelf --program-headers --wide "$binary" | grep -q INTERP && fail "the binary wants a loader"
readelf --dynamic --wide "$binary" | grep -q NEEDED && fail "the binary wants libraries"
ok "the binary is static: $(stat --format=%s "$binary") bytes"
mkdir "$lab/build" "$lab/build/state"
sh "$root/packaging/image/root.sh" "$binary" "$lab/build/root-of-image"

# ── the last stage, as the Dockerfile says ─────────────────────────────────

image=$lab/image
mkdir -m 0755 "$image"
declare -a environment=() entrypoint=() command=() health=()
user= volume= port=
# words JSON: the words of an exec form, one a line.
words() { grep -o '"[^"]*"' <<<"$1" | tr -d '"'; }
while read -r instruction rest; do
    case $instruction in
    FROM) [ "$rest" = scratch ] || fail "the last stage is not empty: $rest" ;;
    LABEL) ;;
    COPY)
        owner=
        for word in $rest; do
            case $word in
            --from=build) ;;
            --chown=*) owner=${word#--chown=} ;;
            --*) fail "image.sh does not know $word" ;;
            esac
        done
        read -r from to <<<"$(sed 's/--[^ ]* *//g' <<<"$rest")"
        mkdir -p "$image$to"
        cp --archive "$lab/build$from." "$image$to"
        if [ -n "$owner" ] && [ "$caller" -eq 0 ]; then chown --recursive "$owner" "$image$to"; fi
        ;;
    ENV) environment+=("$rest") ;;
    USER) user=$rest ;;
    VOLUME) volume=$rest ;;
    EXPOSE) port=$rest ;;
    HEALTHCHECK) mapfile -t health < <(words "${rest#*CMD }") ;;
    ENTRYPOINT) mapfile -t entrypoint < <(words "$rest") ;;
    CMD) mapfile -t command < <(words "$rest") ;;
    *) fail "image.sh does not know $instruction" ;;
    esac
done < <(sed -e '1,/^FROM scratch$/{/^FROM scratch$/!d}' -e '/^#/d' -e '/^$/d' "$root/Dockerfile" | sed -e ':a' -e '/\\$/N; s/\\\n//; ta')

[[ $user =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || fail "the user is not numeric: $user"
[ -d "$image$volume" ] || fail "nothing lies at the volume $volume"
ok "laid out: $(cd "$image" && find . -type f | sort | tr '\n' ' ')"

if [ "$caller" -eq 0 ]; then enter=("$(command -v chroot)" --userspec="$user" "$image"); else enter=("$(command -v chroot)" "$image"); fi
in_image() { (exec env --ignore-environment "${environment[@]}" "${enter[@]}" "$@"); }
start() {
    # Without `exec`, a signal would reach a shell that waits for the daemon.
    (exec env --ignore-environment "${environment[@]}" "${enter[@]}" "${entrypoint[@]}" "${command[@]}") >"$lab/log" 2>&1 &
    daemon=$!
    started+=("$daemon")
}

# ── a partner behind a Web PKI certificate that the image's bundle vouches for ──

mkdir "$lab/partner"
(
    cd "$lab/partner"
    openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj /CN=root -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -noenc -subj /CN=partner -keyout key.pem -out request.pem
    printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' >extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -days 1 -extfile extensions -out cert.pem
    cp "$root/tests/data/bundles/a_bundle_of_spire_is_read_in_full.json" bundle.json
) >"$lab/log" 2>&1 || fail "openssl"
(cd "$lab/partner" && exec openssl s_server -accept 127.0.0.1:8443 -cert cert.pem -key key.pem -WWW -quiet) >"$lab/partner.log" 2>&1 &
started+=($!)

cat >"$image/etc/anchorwatch/anchorwatch.yaml" <<'YAML'
defaults: {poll_interval: 1s, timeout: 2s}
federates_with:
  partner.example:
    bundle_endpoint_url: https://127.0.0.1:8443/bundle.json
    bundle_endpoint_profile: {https_web: {}}
    baseline: trust_on_first_use
YAML

# ── run ────────────────────────────────────────────────────────────────────

in_image "${entrypoint[@]}" --version >"$lab/log" 2>&1 || fail "--version"
ok "$(head -1 "$lab/log")"
in_image "${entrypoint[@]}" config check >"$lab/log" 2>&1 || fail "config check"
ok "config check"
if in_image "${health[@]}" >"$lab/log" 2>&1; then fail "healthy, and nothing runs"; fi

start
until_so "the health check passes: ${health[*]}" in_image "${health[@]}"
until_so "ready on port $port" curl --fail --silent "http://127.0.0.1:$port/-/ready"

# It keeps to the roots of the image: the partner's is not among them yet.
source_says() { curl --silent "http://127.0.0.1:$port/metrics" | grep -e "$1"; }
until_so "an unknown root is refused" source_says '^anchorwatch_source_up.* 0'
cat "$lab/partner/ca.pem" >>"$image/etc/ssl/certs/ca-certificates.crt"
kill -TERM "$daemon"
wait "$daemon" || fail "it does not end well"
start
until_so "https_web is verified by the CA bundle" source_says '^anchorwatch_source_up.* 1'

owner=$(stat --format=%u "$image$volume/anchorwatch.sqlite" 2>/dev/null | head -1)
[ "$caller" -ne 0 ] || [ "$owner" = "${user%:*}" ] || fail "the store is of ${owner:-nobody}"
ok "the store is the image's user's"
kill -TERM "$daemon"
wait "$daemon" || fail "it does not end well"
ok "it ends well"

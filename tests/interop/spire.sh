#!/usr/bin/env bash
# Tries anchorwatch as an operator would, against two real SPIRE servers that
# federate with each other: scheduled rotations, a forced one with a revocation,
# planted keys, and a server that is killed and comes back without its keys.
#
#   tests/interop/spire.sh [--minutes N] [--keep]
#
# spire-server is taken from the PATH; without one the script says so and ends
# well. anchorwatch is $ANCHORWATCH, else the newest build under target/. Go
# builds the helpers beside this script.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
minutes=6
keep=false

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    echo "  --minutes N   how long to run in all: 4 or more (default 6)"
    echo "  --keep        keep the directory with logs, databases and the store"
}

while (($# > 0)); do
    case $1 in
        --minutes) minutes=${2:?--minutes needs a number}; shift 2 ;;
        --keep) keep=true; shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "spire.sh: unknown argument: $1" >&2; usage >&2; exit 2 ;;
    esac
done
if [[ ! $minutes =~ ^[0-9]+$ ]] || ((minutes < 4)); then
    echo "spire.sh: --minutes: a whole number from 4 up" >&2
    exit 2
fi

if ! command -v spire-server > /dev/null; then
    echo "spire.sh: no spire-server on the PATH, nothing was tried"
    exit 0
fi

find_anchorwatch() {
    local build target=${CARGO_TARGET_DIR:-$root/target}
    for build in release debug; do
        if [[ -x $target/$build/anchorwatch ]]; then
            echo "$target/$build/anchorwatch"
            return
        fi
    done
}
anchorwatch=${ANCHORWATCH:-$(find_anchorwatch)}
if [[ -z $anchorwatch ]]; then
    echo "spire.sh: no anchorwatch: run cargo build, or set ANCHORWATCH" >&2
    exit 2
fi
if ! command -v go > /dev/null; then
    echo "spire.sh: no go on the PATH to build the helpers with" >&2
    exit 2
fi

# ── what runs, and how it ends ─────────────────────────────────────────────

lab=$(mktemp -d "${TMPDIR:-/tmp}/anchorwatch-spire.XXXXXX")
declare -A pid=()      # name → process
declare -A api=()      # trust domain → port of the server API
declare -A endpoint=() # trust domain → port of the bundle endpoint
failures=0

# stop NAME SIGNAL: ends one of our processes and waits for it; its exit code is the result.
stop() {
    local process=${pid[$1]:-} code=0
    [[ -n $process ]] || return 0
    unset "pid[$1]"
    kill "-$2" "$process" 2> /dev/null || true
    wait "$process" 2> /dev/null || code=$?
    echo "exit code $code"
    return "$code"
}

clean_up() {
    local name
    for name in "${!pid[@]}"; do
        stop "$name" KILL > /dev/null || true
    done
    if $keep; then
        echo "kept: $lab"
    else
        rm -rf "$lab"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { printf '\n[%3ds] %s\n' "$SECONDS" "$*"; }

die() {
    echo "spire.sh: $*" >&2
    tail -n 20 "$lab"/*.log >&2 || true
    exit 1
}

# expect WHAT COMMAND…: a command that must succeed.
expect() {
    local what=$1
    shift
    if "$@" > "$lab/expect.out" 2>&1; then
        echo "  ok    $what"
    else
        echo "  FAIL  $what"
        sed 's/^/        /' "$lab/expect.out"
        failures=$((failures + 1))
    fi
}

# within SECONDS COMMAND…: repeats a command until it succeeds or the time is over.
within() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < until)) || return 1
        sleep 1
    done
}

# exits CODES COMMAND…: the command's exit code is one of CODES ("0|1").
exits() {
    local code=0
    "${@:2}" || code=$?
    echo "exit code $code, wanted $1"
    [[ "|$1|" == *"|$code|"* ]]
}

# sleep_to PERCENT: sleeps until that share of the whole time has passed.
sleep_to() {
    local rest=$((minutes * 60 * $1 / 100 - SECONDS))
    ((rest <= 0)) || sleep "$rest"
}

port_in_use() { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000)) # below the ephemeral range
        if [[ " ${api[*]:-} ${endpoint[*]:-} " != *" $port "* ]] && ! port_in_use "$port"; then
            echo "$port"
            return
        fi
    done
}

# ── SPIRE ──────────────────────────────────────────────────────────────────

# spire DOMAIN COMMAND…: a command of the server of that domain.
spire() { spire-server "${@:2}" -socketPath "$lab/$1/api.sock"; }

server_id() { echo "spiffe://$1/spire/server"; }

endpoint_url() { echo "https://127.0.0.1:${endpoint[$1]}"; }

start_server() {
    mkdir -p "$lab/$1"
    SPIRE_DIR=$lab/$1 SPIRE_API_PORT=${api[$1]} SPIRE_BUNDLE_PORT=${endpoint[$1]} \
        spire-server run -config "$here/spire/${1%%.*}.conf" -expandEnv >> "$lab/$1.log" 2>&1 &
    pid[$1]=$!
    within 20 spire "$1" healthcheck > /dev/null 2>&1 || die "the SPIRE server of $1 did not start"
}

show_bundle() { spire "$1" bundle show -format spiffe; }

# federate ONE OTHER: ONE begins to poll OTHER's bundle endpoint.
federate() {
    show_bundle "$2" > "$lab/$2.json"
    spire "$1" federation create -trustDomain "$2" \
        -bundleEndpointURL "$(endpoint_url "$2")" -bundleEndpointProfile https_spiffe \
        -endpointSpiffeID "$(server_id "$2")" \
        -trustDomainBundlePath "$lab/$2.json" -trustDomainBundleFormat spiffe > /dev/null
}

refresh() { spire "$1" federation refresh -id "$2"; }

# jwt_authority DOMAIN STATE: the key ID of the active, prepared or old JWT authority.
jwt_authority() {
    spire "$1" localauthority jwt show -output json |
        sed -n 's/.*"'"$2"'":{"authority_id":"\([^"]*\)".*/\1/p'
}

prepare_jwt() {
    spire "$1" localauthority jwt prepare -output json |
        sed -n 's/.*"authority_id":"\([^"]*\)".*/\1/p'
}

# go_spiffe DOMAIN: the domain's endpoint as go-spiffe reads it, bootstrapped from its last bundle file.
go_spiffe() {
    "$lab/bin/poll" --trust-domain "$1" --url "$(endpoint_url "$1")" --profile https_spiffe \
        --endpoint-id "$(server_id "$1")" --bootstrap "$lab/$1.json"
}

# fingerprint_of DOMAIN KID
fingerprint_of() {
    show_bundle "$1" > "$lab/$1.json"
    go_spiffe "$1" | sed -n 's/.*"fingerprint":"\([^"]*\)","kid":"'"$2"'".*/\1/p'
}

# plant KIND FLAG…: appends an authority to domain-a's own bundle and gives its fingerprint.
plant() {
    "$lab/bin/append" --socket "$lab/$a/api.sock" --kind "$@" |
        sed -n 's/.*"fingerprint":"\([^"]*\)".*/\1/p'
}

# ── anchorwatch ────────────────────────────────────────────────────────────

write_config() {
    cat > "$lab/anchorwatch.yaml" << EOF
store:
  path: $lab/store
admin_socket: $lab/anchorwatch.sock
defaults:
  poll_interval: 3s
  timeout: 5s
  max_jwt_svid_ttl: 30s
  max_x509_svid_ttl: 30s
  clock_skew: 5s
  replica_lag: 10s
  consumers: [{cache: 30s}]
federates_with:
EOF
    local domain
    for domain in "$a" "$b"; do
        cat >> "$lab/anchorwatch.yaml" << EOF
  $domain:
    bundle_endpoint_url: $(endpoint_url "$domain")
    bundle_endpoint_profile:
      https_spiffe:
        endpoint_spiffe_id: $(server_id "$domain")
    bootstrap_bundle_path: $lab/$domain.json
EOF
    done
}

# watch COMMAND…: an anchorwatch command under our configuration.
watch() { "$anchorwatch" "$1" --config.file="$lab/anchorwatch.yaml" "${@:2}"; }

# Not through watch: a function in the background is a shell of its own, and $! would be that.
start_anchorwatch() {
    "$anchorwatch" run --config.file="$lab/anchorwatch.yaml" \
        --web.listen-address="127.0.0.1:$web_port" >> "$lab/anchorwatch.log" 2>&1 &
    pid[anchorwatch]=$!
}

# http PATH: a page of the daemon, with its status line.
http() (
    exec 3<> "/dev/tcp/127.0.0.1/$web_port"
    printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&3
    cat <&3
)

ready() { [[ $(http /-/ready 2> /dev/null) == "HTTP/1."?" 200"* ]]; }

# same_keys DOMAIN [REMOVED]: anchorwatch knows the keys that the server lists, and no others,
# and lists REMOVED as removed.
same_keys() {
    show_bundle "$1" > "$lab/now.json"
    watch authorities --output json > "$lab/authorities.json" &&
        "$lab/bin/compare" --trust-domain "$1" --bundle "$lab/now.json" \
            --authorities "$lab/authorities.json" --removed "${2:-}"
}

# says KIND WORDS: an open finding of this kind has these words.
says() { { watch findings --kind "$1" --output json || true; } | grep -qF "$2"; }
# quiet: nothing critical is to be said.
quiet() { exits "0|1" watch findings; }

events_mention() { watch events --output json | grep -F "$1"; }

# ── the trial ──────────────────────────────────────────────────────────────

a=domain-a.example
b=domain-b.example
for domain in "$a" "$b"; do
    api[$domain]=$(free_port)
    endpoint[$domain]=$(free_port)
done
web_port=$(free_port)

(cd "$here" && go build -o "$lab/bin/" ./cmd/...)
SECONDS=0

say "two SPIRE servers ($(spire-server --version 2>&1)), federated with each other"
start_server "$a"
start_server "$b"
federate "$a" "$b"
federate "$b" "$a"
expect "$a reads $b's bundle" refresh "$a" "$b"
expect "$b reads $a's bundle" refresh "$b" "$a"

say "anchorwatch watches both"
write_config
expect "the configuration is sound" watch config check
start_anchorwatch
expect "it becomes ready" within 10 ready
expect "it knows the keys of $a" within 15 same_keys "$a"
expect "it knows the keys of $b" within 15 same_keys "$b"
expect "check finds nothing worse than a warning" exits "0|1" watch check

say "rotations: a new pair of keys every 120 s ($a) and 90 s ($b)"
sleep_to 45
expect "the keys of $a are followed" within 15 same_keys "$a"
expect "the keys of $b are followed" within 15 same_keys "$b"
expect "rotations are no reason to page" quiet

say "$a: a JWT key is prepared out of turn, activated, and the old one revoked"
forced=$(prepare_jwt "$a")
sleep 15
spire "$a" localauthority jwt activate -authorityID "$forced" > /dev/null ||
    [[ $(jwt_authority "$a" active) == "$forced" ]] || # a scheduled activation came first
    die "$forced was not activated"
old=$(jwt_authority "$a" old)
revoked=$(fingerprint_of "$a" "$old")
expect "the old key is published until its revocation" within 15 same_keys "$a"
spire "$a" localauthority jwt taint -authorityID "$old" > /dev/null
sleep 6
spire "$a" localauthority jwt revoke -authorityID "$old" > /dev/null
expect "the revoked key $revoked is known as removed" within 15 same_keys "$a" "$revoked"
expect "the taint is a hidden change" within 6 says hidden_change "$a"
expect "its removal is early" within 6 says early_removal "${revoked:7:16}"
expect "tokens in flight are at risk" within 6 says in_flight_risk "${revoked:7:16}"

say "$a: someone with the admin socket plants a JWT key and a ten-year root"
planted_key=$(plant jwt --ttl 6m --kid planted)
planted_root=$(plant x509)
expect "the planted keys are known" within 15 same_keys "$a"
expect "the planted key is unexpected" within 6 says unexpected_authority "$planted_key"
expect "the planted root is unexpected" within 6 says unexpected_authority "$planted_root"
expect "an event shows the key $planted_key" events_mention "$planted_key"
expect "an event shows the root $planted_root" events_mention "$planted_root"
expect "show describes the key" watch show "$planted_key"

say "$b is killed and comes back without its keys"
show_bundle "$b" > "$lab/$b.json"
stop "$b" KILL > /dev/null || true
sleep 5
start_server "$b"
expect "go-spiffe is locked out" exits 1 go_spiffe "$b"
expect "$a is locked out" exits 1 refresh "$a" "$b"
sleep 8
expect "check says that something is wrong" exits "1|2" watch check
expect "the endpoint is unauthenticated" within 6 says endpoint_unauthenticated "$b"
show_bundle "$b" > "$lab/$b.json"
expect "rebootstrap is accepted" watch rebootstrap "$b" "$lab/$b.json" \
    --by spire.sh --reason "the server lost its keys"
spire "$a" bundle set -format spiffe -id "spiffe://$b" -path "$lab/$b.json" > /dev/null
expect "$a reads $b's bundle again" refresh "$a" "$b"
expect "anchorwatch knows the new keys of $b" within 20 same_keys "$b"

say "rotations go on"
sleep_to 92
expect "the keys of $a are followed" within 15 same_keys "$a" "$revoked"
expect "the keys of $b are followed" within 15 same_keys "$b"

say "what the operator sees at the end"
for command in check authorities events; do
    echo
    echo "\$ anchorwatch $command"
    watch "$command" || echo "(exit code $?)"
done

say "the end"
http /metrics > "$lab/metrics.txt"
expect "/metrics names both domains" grep -q "^anchorwatch_.*$b" "$lab/metrics.txt"
expect "the daemon ends well on SIGTERM" stop anchorwatch TERM
expect "the store keeps the keys of $a" same_keys "$a" "$revoked"
expect "the store keeps the keys of $b" same_keys "$b"
expect "the store's chain of events is whole" watch store verify

echo
if ((failures > 0)); then
    echo "$failures failed"
    exit 1
fi
echo "all held"

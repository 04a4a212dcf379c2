#!/usr/bin/env bash
# Lets anchorwatch and go-spiffe read each other's endpoints, and compares what both read, key by
# key; then compares what anchorwatch says that go-spiffe does with odd documents with what it does.
#
#   tests/interop/run.sh
#
# anchorwatch is $ANCHORWATCH, else the build under target/debug. Everything stays on loopback; what
# is started here is ended here, by its process ID.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
anchorwatch=${ANCHORWATCH:-${CARGO_TARGET_DIR:-$root/target}/debug/anchorwatch}
if ! command -v go > /dev/null; then
    echo "make interop needs Go" >&2
    exit 2
fi

lab=$(mktemp -d "${TMPDIR:-/tmp}/anchorwatch-interop.XXXXXX")
declare -a started=()
clean_up() {
    local process
    for process in "${started[@]}"; do
        kill "$process" 2> /dev/null || true
        wait "$process" 2> /dev/null || true
    done
    rm -rf "$lab"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

failures=0
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

# field NAME FILE: a text field of a one-line JSON object.
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$2"; }

(cd "$here" && go build -o "$lab/bin/" ./cmd/...)

# ── anchorwatch reads go-spiffe ────────────────────────────────────────────

# serve KEY_TYPE: go-spiffe's federation handler, and what it says of itself in $lab/KEY_TYPE.json.
serve() {
    mkdir -p "$lab/$1"
    mkfifo "$lab/$1/in"
    "$lab/bin/serve" --dir "$lab/$1" --key-type "$1" < "$lab/$1/in" > "$lab/$1.json" &
    started+=($!)
    exec {hold}> "$lab/$1/in"
    for _ in $(seq 100); do
        [[ -s $lab/$1.json ]] && return
        sleep 0.1
    done
    echo "serve did not start" >&2
    exit 1
}

# configure KEY_TYPE PROFILE BOOTSTRAP: a configuration with that one relationship.
configure() {
    local told=$lab/$1.json folder=$lab/$1-$2
    rm -rf "$folder" && mkdir -p "$folder"
    {
        echo "store: {path: $folder/store}"
        echo "federates_with:"
        echo "  $(field trust_domain "$told"):"
        if [[ $2 == https_spiffe ]]; then
            echo "    bundle_endpoint_url: $(field https_spiffe_url "$told")"
            echo "    bundle_endpoint_profile: {https_spiffe: {endpoint_spiffe_id: $(field endpoint_spiffe_id "$told")}}"
            echo "    bootstrap_bundle_path: $(field "$3" "$told")"
        else
            echo "    bundle_endpoint_url: $(field https_web_url "$told")"
            echo "    bundle_endpoint_profile: {https_web: {}}"
            echo "    ca_file: $(field web_ca "$told")"
            echo "    baseline: trust_on_first_use"
        fi
    } > "$folder/anchorwatch.yaml"
    echo "$folder/anchorwatch.yaml"
}

# ours CONFIG: what anchorwatch has on record, after one poll.
ours() {
    "$anchorwatch" check --config.file="$1" > /dev/null &&
        "$anchorwatch" authorities --config.file="$1" --output json
}

# theirs KEY_TYPE PROFILE: what go-spiffe reads.
theirs() {
    local told=$lab/$1.json
    local -a proof=(--profile https_web --url "$(field https_web_url "$told")" --web-ca "$(field web_ca "$told")")
    if [[ $2 == https_spiffe ]]; then
        proof=(--profile https_spiffe --url "$(field https_spiffe_url "$told")"
            --endpoint-id "$(field endpoint_spiffe_id "$told")" --bootstrap "$(field bootstrap "$told")")
    fi
    "$lab/bin/poll" --trust-domain "$(field trust_domain "$told")" "${proof[@]}"
}

# both_read KEY_TYPE PROFILE BOOTSTRAP
both_read() {
    local config
    config=$(configure "$1" "$2" "$3")
    ours "$config" > "$lab/ours.json" && theirs "$1" "$2" > "$lab/theirs.json" &&
        "$lab/bin/compare" --trust-domain "$(field trust_domain "$lab/$1.json")" \
            --polled "$lab/theirs.json" --authorities "$lab/ours.json"
}

echo "anchorwatch reads go-spiffe's federation handler, as go-spiffe itself does:"
for key_type in ec-p256 rsa-2048; do
    serve "$key_type"
    expect "$key_type over https_spiffe, bootstrapped by a SPIFFE bundle" both_read "$key_type" https_spiffe bootstrap
    expect "$key_type over https_spiffe, bootstrapped by PEM" both_read "$key_type" https_spiffe bootstrap_pem
    expect "$key_type over https_web, by its own CA file" both_read "$key_type" https_web bootstrap
done

# ── go-spiffe reads anchorwatch's demo ─────────────────────────────────────

"$anchorwatch" demo --for 60s --web.listen-address 127.0.0.1:0 > "$lab/demo.out" 2>&1 &
started+=($!)
for _ in $(seq 100); do
    grep -q '^metrics: ' "$lab/demo.out" && break
    sleep 0.1
done
# The configuration that the demo prints stands before its first empty line.
sed '/^$/q' "$lab/demo.out" > "$lab/demo.yaml"

# of DOMAIN KEY: a value of that relationship in the demo's configuration.
of() {
    sed -n "/^  $1:/,/^  [a-z]/p" "$lab/demo.yaml" | sed -n 's/^ *'"$2"': *"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p'
}

# same_as_demo DOMAIN: go-spiffe reads the keys that the demo's daemon has on record. The domain
# rotates meanwhile, so a reading between two others that agree is what counts.
same_as_demo() {
    local domain=$1 before after
    for _ in $(seq 20); do
        before=$("$anchorwatch" authorities --config.file="$lab/demo.yaml" --trust-domain "$domain" --output json)
        "$lab/bin/poll" --trust-domain "$domain" --profile https_spiffe \
            --url "$(of "$domain" bundle_endpoint_url)" --endpoint-id "$(of "$domain" endpoint_spiffe_id)" \
            --bootstrap "$(of "$domain" bootstrap_bundle_path)" \
            > "$lab/theirs.json" || return 1
        sleep 1.2
        after=$("$anchorwatch" authorities --config.file="$lab/demo.yaml" --trust-domain "$domain" --output json)
        if [[ $before == "$after" ]]; then
            echo "$after" > "$lab/ours.json"
            "$lab/bin/compare" --trust-domain "$domain" --polled "$lab/theirs.json" --authorities "$lab/ours.json"
            return
        fi
    done
    echo "it never stood still"
    return 1
}

echo "go-spiffe reads the demo's endpoints, as the demo's daemon does:"
for domain in healthy careless attacked; do
    expect "$domain.demo.example" same_as_demo "$domain.demo.example"
done

# ── what go-spiffe would take ──────────────────────────────────────────────

# linted DOMAIN: what lint says of the demo's endpoint, asked over https_spiffe.
linted() {
    local domain=$1
    "$anchorwatch" lint --trust-domain "$domain" --endpoint-spiffe-id "$(of "$domain" endpoint_spiffe_id)" \
        --bootstrap "$(of "$domain" bootstrap_bundle_path)" "$(of "$domain" bundle_endpoint_url)"
}

echo "lint has nothing to say of the demo's endpoints:"
for domain in healthy careless attacked; do
    expect "$domain.demo.example" linted "$domain.demo.example"
done

# agreed SEED: go-spiffe does with the corpus, the recordings and 5,000 documents that are mutated
# from them what anchorwatch's profile says, keys and all. A program that is built with the newest
# Go holds http and https URLs to one colon; this module names an older one, which does not.
agreed() {
    rm -rf "$lab/docs"
    "$lab/bin/consume" --write "$lab/docs" --mutated 5000 --seed "$1" \
        "$root"/tests/data/bundles/*.json "$root"/tests/data/bundles/*.bin "$root"/tests/data/spire/*.observations.jsonl
    # Most of them are refused, which is exit code 2.
    "$anchorwatch" lint --consumer go-spiffe --output json "$lab/docs" > "$lab/lint.json" || (($? == 2))
    GODEBUG=urlstrictcolons=1 "$lab/bin/consume" --read "$lab/docs" --lint "$lab/lint.json"
}

echo "go-spiffe takes and keeps what anchorwatch says that it does ($(go version | cut -d ' ' -f 3)):"
for seed in 1 2 3 4; do
    expect "the corpus, the recordings and seed $seed" agreed "$seed"
    tail -n 1 "$lab/expect.out" | sed 's/^/        /'
done

if ((failures > 0)); then
    echo "$failures failed"
    exit 1
fi
echo "both read the same keys"

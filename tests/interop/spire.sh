#!/usr/bin/env bash
# Tries anchorwatch as an operator would, against two real SPIRE servers that
# federate with each other: scheduled rotations, a forced one with a revocation,
# planted keys, and a server that comes back without its keys on an old datastore.
#
#   tests/interop/spire.sh [--minutes N] [--keep]
#
# spire-server is taken from the PATH; without one nothing is run, and the exit
# code is 77. anchorwatch is $ANCHORWATCH, else the newest build under target/. Go
# builds the helpers beside this script, and jq reads what anchorwatch prints.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/../not_run.sh"
minutes=7
keep=false

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    echo "  --minutes N   how long to run in all: 5 or more (default 7)"
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
if [[ ! $minutes =~ ^[0-9]+$ ]] || ((minutes < 5)); then
    echo "spire.sh: --minutes: a whole number from 5 up" >&2
    exit 2
fi

if ! command -v spire-server > /dev/null; then
    not_run "tests/interop/spire.sh: no spire-server on the PATH"
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

if ! command -v jq > /dev/null; then
    echo "spire.sh: no jq on the PATH to read anchorwatch's output with" >&2
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

# sequence DOMAIN: the sequence number that its server gives its bundle.
sequence() { show_bundle "$1" | jq '.spiffe_sequence // 0'; }

# grown DOMAIN N: the sequence of the domain's bundle is N or more.
grown() { (($(sequence "$1") >= $2)); }

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

# go_spiffe_with DOMAIN FILE: the domain's endpoint as go-spiffe reads it, bootstrapped from that file.
go_spiffe_with() {
    "$lab/bin/poll" --trust-domain "$1" --url "$(endpoint_url "$1")" --profile https_spiffe \
        --endpoint-id "$(server_id "$1")" --bootstrap "$2"
}

# go_spiffe DOMAIN: the same, from its last bundle file.
go_spiffe() { go_spiffe_with "$1" "$lab/$1.json"; }

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

# kept DOMAIN: the store has every authority of it that the daemon told last. A server publishes on
# meanwhile, so its bundle is no measure for a store that nobody writes.
kept() {
    watch authorities --output json > "$lab/kept.json" &&
        jq -e -n --arg domain "$1" --slurpfile told "$lab/told.json" \
            --slurpfile kept "$lab/kept.json" '
            def of: map(select(.trust_domain == $domain) | .fingerprint);
            ($told[0] | of) as $told | $told != [] and ($told - ($kept[0] | of)) == []' > /dev/null
}

# quiet: nothing critical is to be said.
quiet() { exits "0|1" watch findings; }

# found DOMAIN KIND [JQ]: the open findings of that kind and domain for which JQ holds, as JSON.
found() {
    { watch findings --trust-domain "$1" --kind "$2" --output json || true; } |
        jq -e "map(select(${3:-true})) | if . == [] then empty else . end"
}

# at_first_poll DOMAIN FINGERPRINT BEFORE [PATTERN]: the authority is unexpected since the first poll
# that shows it, the poll before which was no later than BEFORE (in seconds since 1970), when it
# stood in the bundle already; and the evidence names this pattern.
at_first_poll() {
    local finding seen
    finding=$(found "$1" unexpected_authority ".fingerprint == \"$2\"") || return 1
    seen=$({
        watch events --authority "$2" --kind authority_introduced --output json
        watch events --authority "$2" --kind unconfirmed_authority_seen --output json
    } | jq -s 'add | sort_by(.number)[0]') || return 1
    jq -en --argjson finding "$finding" --argjson seen "$seen" --argjson before "$3" --arg pattern "${4:-}" '
        def seconds: sub("\\.[0-9]+"; "") | fromdate;
        $finding[0] as $one | ($seen.published // $seen.seen) as $bracket | {
            since: $one.since, $bracket, severity: $one.severity, evidence: $one.evidence,
            holds: ($one.since == $seen.at and $one.since == $bracket.until
                and ($bracket.after | seconds) <= $before
                and ($one.evidence | any($pattern == "" or .pattern == $pattern)))
        } | ., if .holds then empty else error("not at the first poll") end'
}

# gone_at_once DOMAIN FINGERPRINT BEFORE KIND: the removed authority has a finding of that kind, since
# the first poll without it, the poll before which was no later than BEFORE.
gone_at_once() {
    local finding gone
    finding=$(found "$1" "$4" ".fingerprint == \"$2\" or .subject == \"${2:7:16}\"") || return 1
    gone=$(watch events --authority "$2" --kind authority_removed --output json) || return 1
    jq -en --argjson finding "$finding" --argjson gone "$gone" --argjson before "$3" '
        def seconds: sub("\\.[0-9]+"; "") | fromdate;
        $gone[-1] as $event | {finding: $finding[0], removed: $event.removed,
            holds: ($finding[0].since == $event.at and ($event.removed.after | seconds) <= $before)}
        | ., if .holds then empty else error("not at once") end'
}

# rolled_back DOMAIN: the rollback is a finding since the poll that confirms the step back, one
# replica_lag after the first poll that showed it.
rolled_back() {
    local finding back confirmed
    finding=$(found "$1" rollback) || return 1
    back=$(watch events --trust-domain "$1" --kind stepped_back --output json) || return 1
    confirmed=$(watch events --trust-domain "$1" --kind step_back_confirmed --output json) || return 1
    jq -en --argjson finding "$finding" --argjson back "$back" --argjson confirmed "$confirmed" '
        def seconds: sub("\\.[0-9]+"; "") | fromdate;
        {since: $finding[0].since, evidence: $finding[0].evidence,
            first_seen: $back[-1].at, confirmed: $confirmed[-1].at, said_first_seen: $confirmed[-1].since}
        | ((.since | seconds) - (.first_seen | seconds)) as $waited
        | .holds = (.since == .confirmed and .said_first_seen == .first_seen and $waited >= 9 and $waited <= 20)
        | ., if .holds then empty else error("not one replica_lag later") end'
}

# publications: how many authorities came after the baseline.
publications() {
    watch events --kind authority_introduced --limit 10000 --output json |
        jq 'map(select(.published.after != null)) | length'
}

# nothing_critical_yet: no finding was critical, now or before.
nothing_critical_yet() {
    quiet && watch events --kind finding_raised --limit 10000 --output json |
        jq -e 'map(select(.finding.severity == "critical")) == []'
}

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

# The copy of an idle datastore: its file and what its log holds beyond it.
mkdir "$lab/copy"
cp "$lab/$b"/datastore.sqlite3* "$lab/copy/"
show_bundle "$b" > "$lab/copy.json"
copied=$(jq '.spiffe_sequence // 0' "$lab/copy.json")

say "rotations: a new pair of keys every 120 s ($a) and 90 s ($b)"
# What follows takes 165 s. What is out of turn must be far from any date of $a, and after its first
# rotation: the age of a JWT key of the first bundle is not known, so its successor is on time early.
rounds=$(((minutes * 60 - 165) / 120))
quiet_until=$((45 + 120 * rounds))
((SECONDS >= quiet_until)) || sleep $((quiet_until - SECONDS))
expect "the keys of $a are followed" within 15 same_keys "$a"
expect "the keys of $b are followed" within 15 same_keys "$b"
expect "rotations are no reason to page" nothing_critical_yet
echo "        $(publications) authorities came after the first bundles"

say "$a: someone with the admin socket plants a JWT key and a ten-year root"
planted_key=$(plant jwt --ttl 6m --kid planted)
key_planted=$(date +%s)
planted_root=$(plant x509)
root_planted=$(date +%s)
expect "the planted key is unexpected at the first poll that shows it" \
    within 20 at_first_poll "$a" "$planted_key" "$key_planted"
expect "the planted root is unexpected at the first poll that shows it" \
    within 20 at_first_poll "$a" "$planted_root" "$root_planted"
expect "the planted keys are known" within 15 same_keys "$a"
expect "an event shows the key $planted_key" events_mention "$planted_key"
expect "an event shows the root $planted_root" events_mention "$planted_root"
expect "show describes the key" watch show "$planted_key"

say "$a: a JWT key is prepared out of turn, activated, and the old one tainted and revoked"
forced=$(prepare_jwt "$a")
prepared=$(date +%s)
forced_key=$(fingerprint_of "$a" "$forced")
expect "the key $forced_key is unexpected at the first poll that shows it, as a forced rotation" \
    within 20 at_first_poll "$a" "$forced_key" "$prepared" forced_rotation
spire "$a" localauthority jwt activate -authorityID "$forced" > /dev/null ||
    [[ $(jwt_authority "$a" active) == "$forced" ]] || # a scheduled activation came first
    die "$forced was not activated"
old=$(jwt_authority "$a" old)
revoked=$(fingerprint_of "$a" "$old")
expect "the old key is published until its revocation" within 15 same_keys "$a"
spire "$a" localauthority jwt taint -authorityID "$old" > /dev/null
expect "the taint is a hidden change" within 20 found "$a" hidden_change
spire "$a" localauthority jwt revoke -authorityID "$old" > /dev/null
revocation=$(date +%s)
expect "its removal is early, at the first poll without it" \
    within 20 gone_at_once "$a" "$revoked" "$revocation" early_removal
expect "tokens in flight are at risk, since that poll" \
    within 20 gone_at_once "$a" "$revoked" "$revocation" in_flight_risk
expect "the revoked key $revoked is known as removed" within 15 same_keys "$a" "$revoked"

say "$b is stopped and comes back without its keys, on a copy of its datastore"
# A new server counts two at its start; the sequence must stay below what was seen.
expect "its sequence has outgrown the copy's, $copied" within 180 grown "$b" $((copied + 4))
expect "anchorwatch has seen that" within 15 same_keys "$b"
echo "        the sequence is $(sequence "$b")"
stop "$b" TERM > /dev/null || true
rm "$lab/$b"/datastore.sqlite3*
cp "$lab/copy/"* "$lab/$b/"
start_server "$b"
echo "        the sequence is $(sequence "$b")"
expect "the endpoint is unauthenticated, at the second poll that fails so" within 20 found "$b" endpoint_unauthenticated \
    '.evidence | any(.type == "polls_failed" and .polls == 2)'
expect "go-spiffe is locked out" exits 1 go_spiffe_with "$b" "$lab/copy.json"
expect "$a is locked out" exits 1 refresh "$a" "$b"
expect "check says that something is wrong" exits "1|2" watch check
new_key=$(fingerprint_of "$b" "$(jwt_authority "$b" active)")
# What the operator trusts: the one root that the copy did not have, which signs the endpoint.
show_bundle "$b" | jq --slurpfile past "$lab/copy.json" '.keys |= map(select(.use == "x509-svid") |
    select(.x5c[0] as $root | $past[0].keys | any(.x5c[0]? == $root) | not))' > "$lab/trusted.json"
rebootstrapped=$(date +%s)
expect "rebootstrap is accepted" watch rebootstrap "$b" "$lab/trusted.json" \
    --by spire.sh --reason "the server lost its keys" --yes
expect "the new JWT key $new_key is unexpected at the first good poll" \
    within 30 at_first_poll "$b" "$new_key" "$rebootstrapped"
expect "the sequence fell: a rollback, one replica_lag later" within 40 rolled_back "$b"
show_bundle "$b" > "$lab/$b.json"
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
watch authorities --output json > "$lab/told.json"
expect "the daemon ends well on SIGTERM" stop anchorwatch TERM
expect "the store keeps the keys of $a" kept "$a"
expect "the store keeps the keys of $b" kept "$b"
expect "the store's chain of events is whole" watch store verify

echo
if ((failures > 0)); then
    echo "$failures failed"
    exit 1
fi
echo "all held"

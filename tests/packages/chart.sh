#!/usr/bin/env bash
# Renders the chart with each file of tests/packages/values, and lets those judge what comes out
# who would read it: Kubernetes' own types, strictly; anchorwatch; promtool where it is here.
#
#   tests/packages/chart.sh
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
chart=$root/packaging/helm/anchorwatch
. "$root/tests/not_run.sh"
bundle=$root/tests/data/bundles/a_bundle_of_spire_is_read_in_full.json
command -v go >/dev/null || { echo "chart.sh needs Go: for helm, and for Kubernetes' types" >&2; exit 2; }
anchorwatch=${ANCHORWATCH:-$("$here/binary.sh")}
tools=${CARGO_TARGET_DIR:-$root/target}/packages/bin
mkdir -p "$tools"
unformatted=$(gofmt -l "$here")
[ -z "$unformatted" ] || { echo "gofmt: $unformatted" >&2; exit 1; }
(cd "$here" && go vet ./...)
(cd "$here" && go build -o "$tools/" helm.sh/helm/v3/cmd/helm ./objects)

lab=$(mktemp -d "${TMPDIR:-/tmp}/anchorwatch-chart.XXXXXX")
daemon=
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$lab"' EXIT
# No plugin, cache or cluster of the machine has a say.
export HELM_CACHE_HOME=$lab/helm HELM_CONFIG_HOME=$lab/helm HELM_DATA_HOME=$lab/helm KUBECONFIG=$lab/none

failures=0
# expect WHAT COMMAND…: a command that must succeed.
expect() {
    local what=$1
    shift
    if "$@" >"$lab/out" 2>&1; then
        echo "  ok    $what"
    else
        echo "  FAIL  $what"
        sed 's/^/        /' "$lab/out"
        failures=$((failures + 1))
    fi
}
# refuse WHAT WORDS OPTION…: options that the chart must refuse, with these words.
refuse() {
    local what=$1 words=$2
    shift 2
    if "$tools/helm" template aw "$chart" --kube-version 1.25.0 "$@" >"$lab/out" 2>&1 || ! grep -q -e "$words" "$lab/out"; then
        echo "  FAIL  refused: $what"
        sed 's/^/        /' "$lab/out"
        failures=$((failures + 1))
    else
        echo "  ok    refused: $what"
    fi
}
render() { "$tools/helm" template aw "$chart" --namespace watch "$@" >"$lab/objects.yaml"; }

for values in "$here"/values/*.yaml; do
    name=$(basename "$values" .yaml)
    options=(--values "$values")
    [ "$name" != whole ] || options+=(--set-file "files.corpus\\.bundle\\.json=$bundle")
    for version in 1.25.0 1.37.0; do
        expect "$name, Kubernetes $version: linted" "$tools/helm" lint --strict --quiet "$chart" --kube-version "$version" "${options[@]}"
        expect "$name, Kubernetes $version: rendered" render --kube-version "$version" "${options[@]}"
    done
    mkdir "$lab/$name"
    expect "$name: every object is what its type says" "$tools/objects" "$lab/$name" <"$lab/objects.yaml"
    expect "$name: anchorwatch takes the configuration" "$anchorwatch" config check "$lab/$name/anchorwatch.yaml"
done

# What the Secrets would put beside web.yaml, and the pod's own words, with its folders elsewhere.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=anchorwatch.example \
    -addext subjectAltName=DNS:anchorwatch.example -addext basicConstraints=critical,CA:FALSE \
    -keyout "$lab/whole/tls.key" -out "$lab/whole/tls.crt" 2>/dev/null
cp "$lab/whole/tls.crt" "$lab/whole/ca.crt"
expect "anchorwatch takes the web configuration" "$anchorwatch" config check --web.config.file="$lab/whole/web.yaml"
mkdir "$lab/store"
sed -i -e "s|/usr/bin/anchorwatch|$anchorwatch|; s|/etc/anchorwatch\(-web\)\{0,1\}/|$lab/whole/|; s|/var/lib/anchorwatch|$lab/store|" \
    -e 's|=:10464$|=127.0.0.1:0|' "$lab"/whole/{anchorwatch.yaml,run.words,healthy.words,ready.words}
mapfile -t run <"$lab/whole/run.words"
mapfile -t healthy <"$lab/whole/healthy.words"
mapfile -t ready <"$lab/whole/ready.words"
"$anchorwatch" "${run[@]}" >"$lab/log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
    ! "${ready[@]}" >/dev/null 2>&1 || break
    sleep 0.1
done
expect "where HTTP wants a certificate and a password, the readiness probe has its answer" "${ready[@]}"
expect "and so has the liveness probe" "${healthy[@]}"
port=$(sed -n 's/.*"http":"127\.0\.0\.1:\([0-9]*\)".*/\1/p' "$lab/log")
# answers STATUS OPTION…: what HTTP answers; 000 is nothing.
answers() {
    local status=$1
    shift
    curl --silent --show-error --cacert "$lab/whole/ca.crt" --resolve "anchorwatch.example:$port:127.0.0.1" --output "$lab/body" \
        --write-out '%{http_code}\n' "https://anchorwatch.example:$port/-/healthy" "$@" >"$lab/status" || [ "$status" = 000 ]
    grep --quiet --line-regexp "$status" "$lab/status"
}
certificate=(--cert "$lab/whole/tls.crt" --key "$lab/whole/tls.key")
expect "which who has neither has not" answers 000
expect "nor who has no password" answers 401 "${certificate[@]}"
kill "$daemon"
wait "$daemon" || true
daemon=
expect "a bootstrap bundle arrives byte by byte" cmp "$bundle" "$lab/whole/corpus.bundle.json"
expect "the link to dashboards is the operator's" grep -q 'https://grafana.company.example/d/' "$lab/whole/rules.yaml"
if command -v promtool >/dev/null; then
    expect "promtool takes the rules" promtool check rules "$lab/whole/rules.yaml"
else
    not_run_part "tests/packages/chart.sh: no promtool to check the chart's rules with"
fi
shopt -s nullglob
for dashboard in "$root"/dashboards/*.json; do
    name=$(basename "$dashboard")
    # A block of YAML has no newline at its end.
    expect "the dashboard $name arrives" cmp <(printf %s "$(cat "$dashboard")") "$lab/whole/anchorwatch-$name"
done

refuse "an unknown value" additional --set imagee.tag=1
refuse "a store elsewhere" 'store' --set config.store.path=/tmp/x
refuse "an admin socket elsewhere" 'config' --set config.admin_socket=/tmp/s
refuse "a file that would be the configuration" 'anchorwatch.yaml' --set 'files.anchorwatch\.yaml=x'
refuse "a web.yaml of whose probes nothing is known" extraArgs --set 'extraArgs[0]=--web.config.file=/x'
refuse "two files web.yaml" 'one of the two' --set web.existingSecret=x --set web.config.rate_limit.burst=1
refuse "files that no web.yaml names" web.existingSecret --set 'web.secrets[0]=x'
refuse "a monitor that cannot know whether to ask for TLS" scheme --set web.existingSecret=x --set serviceMonitor.enabled=true
refuse "two monitors" twice --set serviceMonitor.enabled=true --set podMonitor.enabled=true
[ "$failures" -eq 0 ] || { echo "$failures failed" >&2; exit 1; }

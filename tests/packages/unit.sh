#!/usr/bin/env bash
# What systemd says of the unit: that it can be loaded, and how much it may do.
#
#   tests/packages/unit.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
unit=$root/packaging/systemd/anchorwatch.service
command -v systemd-analyze >/dev/null || { echo "unit.sh needs systemd-analyze" >&2; exit 2; }
lab=$(mktemp -d "${TMPDIR:-/tmp}/anchorwatch-unit.XXXXXX")
trap 'rm -rf "$lab"' EXIT

# The binary need not be installed here.
mkdir "$lab/units"
sed "s|/usr/bin/anchorwatch|$(command -v true)|" "$unit" >"$lab/units/anchorwatch.service"
said=$(SYSTEMD_UNIT_PATH="$lab/units:" systemd-analyze verify --man=no "$lab/units/anchorwatch.service" 2>&1) || { echo "$said" >&2; exit 1; }
# An unknown key is a warning to systemd.
if grep -e anchorwatch <<<"$said"; then exit 1; fi
echo "  ok    systemd takes the unit"
# 0 is everything denied, 100 everything allowed.
systemd-analyze security --offline=yes --threshold=15 "$unit" >"$lab/security" || { cat "$lab/security" >&2; exit 1; }
echo "  ok    $(grep -o 'Overall exposure.*' "$lab/security")"
systemd-sysusers --dry-run "$root/packaging/systemd/anchorwatch.sysusers" >/dev/null 2>&1 || {
    echo "  FAIL  systemd-sysusers does not take its file" >&2
    exit 1
}
echo "  ok    systemd-sysusers takes its file"

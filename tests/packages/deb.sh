#!/usr/bin/env bash
# Builds the Debian package around the static binary, lets lintian look, and installs it on a copy
# of this machine that is thrown away: an overlay over its root, in namespaces of its own.
#
#   tests/packages/deb.sh
#
# The installation needs root: without it that part is not run, and the exit code is 77.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${CARGO_TARGET_DIR:-$root/target}
deb=$build/packages/anchorwatch.deb
. "$root/tests/not_run.sh"

if [ "${1-}" != inside ]; then
    for tool in cargo-deb dpkg-deb ip lintian; do
        command -v "$tool" >/dev/null || { echo "deb.sh needs $tool" >&2; exit 2; }
    done
    binary=$("$here/binary.sh")
    target=$(basename "$(dirname "$(dirname "$binary")")")
    rm -f "$deb"
    (cd "$root" && cargo deb --quiet --locked --no-build --no-strip --target "$target" --output "$deb") >/dev/null
    echo "  ok    built: $(dpkg-deb --show "$deb" | tr '\t' ' '), $(stat --format=%s "$deb") bytes"
    lintian --allow-root --fail-on error,warning "$deb"
    echo "  ok    lintian has neither an error nor a warning"
    [ "$(id -u)" -eq 0 ] || not_run "tests/packages/deb.sh: only root can install the package"
    lab=$(mktemp -d "${TMPDIR:-/tmp}/anchorwatch-deb.XXXXXX")
    trap 'rmdir "$lab"' EXIT
    unshare --mount --net --pid --fork --kill-child "$0" inside "$lab"
    exit
fi

# ── inside: all that is written goes to memory, and is gone at the end ─────
lab=$2
ip link set lo up
mount -t tmpfs lab "$lab"
mkdir "$lab"/{above,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$lab/above,workdir=$lab/work" overlay "$lab/root"
mount --bind /dev "$lab/root/dev"
mount -t proc proc "$lab/root/proc"
cp "$deb" "$lab/root/anchorwatch.deb"
# As a machine that systemd did not start.
mkdir -p "$lab/root/run"
mount -t tmpfs run "$lab/root/run"

on() { chroot "$lab/root" "$@"; }
as_user=(chroot "$lab/root" setpriv --reuid=anchorwatch --regid=anchorwatch --clear-groups --no-new-privs --bounding-set=-all)
fail() {
    echo "  FAIL  $*" >&2
    [ ! -s "$lab/log" ] || sed 's/^/        /' "$lab/log" >&2
    exit 1
}
quietly() { "$@" >"$lab/log" 2>&1 || fail "$*"; }
ok() { echo "  ok    $*"; }
config=/etc/anchorwatch/anchorwatch.yaml

quietly on dpkg --install /anchorwatch.deb
quietly on id anchorwatch
quietly on dpkg --verify anchorwatch
[ "$(on stat --format='%U:%G %a' "$config")" = "root:anchorwatch 640" ] || fail "$(on stat --format='%U:%G %a' "$config")"
[ -L "$lab/root/etc/systemd/system/multi-user.target.wants/anchorwatch.service" ] || fail "the unit is not enabled"
ok "installed, with its user, its configuration and its unit"

# What the unit does, by hand: its folder, its user, its command.
on install -d -m 0700 -o anchorwatch -g anchorwatch /var/lib/anchorwatch
read -r -a command < <(sed -n 's/^ExecStart=//p' "$lab/root/lib/systemd/system/anchorwatch.service" "$lab/root/usr/lib/systemd/system/anchorwatch.service" 2>/dev/null | sed 's/\$ARGS//')
quietly "${as_user[@]}" "${command[0]}" config check "$config"
# systemd's end of Type=notify: the daemon tells a socket when it is ready.
on python3 - /run/notify >"$lab/notified" <<'PYTHON' &
import os, socket, sys
end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
end.settimeout(60)
end.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
while True:
    said = end.recv(4096).decode()
    print(said, flush=True)
    if "STOPPING=1" in said:
        break
PYTHON
listener=$!
for _ in $(seq 100); do [ ! -S "$lab/root/run/notify" ] || break; sleep 0.1; done
# By `exec`, so that signals reach the daemon and no shell before it.
(export NOTIFY_SOCKET=/run/notify && exec "${as_user[@]}" "${command[@]}") >"$lab/log" 2>&1 &
daemon=$!
soon() {
    local what=$1
    shift
    for _ in $(seq 300); do
        if "$@" >/dev/null 2>&1; then ok "$what"; return; fi
        sleep 0.1
    done
    fail "never: $what"
}
soon "it tells systemd that it is ready" grep -q READY=1 "$lab/notified"
soon "it says that it is well" "${as_user[@]}" "${command[0]}" healthy --config.file="$config"
kill -HUP "$daemon"
soon "it tells systemd of a reload" grep -q RELOADING=1 "$lab/notified"
kill -TERM "$daemon"
wait "$daemon" || fail "it does not end well"
wait "$listener"
ok "it ends well, and tells systemd"

# What an operator wrote outlives a new version, and history outlives the package.
echo "# mine" >>"$lab/root$config"
on chmod 0600 "$config"
quietly on dpkg --install --force-confdef --force-confold /anchorwatch.deb
on grep -q '^# mine' "$config" || fail "the operator's configuration is lost"
[ "$(on stat --format=%a "$config")" = 600 ] || fail "the operator's mode is lost"
quietly on dpkg --purge anchorwatch
[ ! -e "$lab/root$config" ] || fail "the configuration outlives a purge"
[ -s "$lab/root/var/lib/anchorwatch/anchorwatch.sqlite" ] || fail "the history went with the package"
ok "an operator's configuration outlives a new version, and history a purge"

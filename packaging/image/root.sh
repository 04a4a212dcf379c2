#!/bin/sh
# Lays out the image's root.
#
#   packaging/image/root.sh BINARY FOLDER
set -eu
binary=$1 root=$2

mkdir -p "$root/etc/anchorwatch" "$root/etc/ssl/certs" "$root/usr/bin" "$root/var/lib"
# SQLite's temporary files, where the root may be written.
mkdir -m 1777 "$root/tmp"
install -m 0755 "$binary" "$root/usr/bin/anchorwatch"
# Where https_web looks for the platform's roots.
install -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'anchorwatch:x:65532:65532::/var/lib/anchorwatch:/sbin/nologin' >"$root/etc/passwd"
echo 'anchorwatch:x:65532:' >"$root/etc/group"

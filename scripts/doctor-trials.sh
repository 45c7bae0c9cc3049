#!/bin/sh
# Runs `shoptalk doctor` against real proxies on loopback. They are not installed by this script;
# it says what is missing.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
export PATH
missing=""
for pair in nginx:nginx caddy:caddy apache2:apache2 haproxy:haproxy openssl:openssl; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
if [ -n "$missing" ]; then
    echo "doctor-trials: missing:$missing; on Debian or Ubuntu install with: apt-get install --no-install-recommends$missing" >&2
    echo "doctor-trials: the packages start services; stop those that are not wanted" >&2
    exit 1
fi
exec "${CARGO:-cargo}" test --test proxies -- --ignored --nocapture "$@"

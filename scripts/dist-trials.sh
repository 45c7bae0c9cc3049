#!/usr/bin/env bash
# Tries what `make dist` wrote, as root, each in a root directory of its own:
#   scripts/dist-trials.sh binary   the static binary beside nothing but an empty data directory
#   scripts/dist-trials.sh image    the same in the image (with buildah), and what it declares
#   scripts/dist-trials.sh deb      install, upgrade and purge on a minimal Debian (with debootstrap)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export PATH="$PATH:/usr/sbin:/sbin"
[ "$(id -u)" = 0 ] || { echo "dist-trials: chroot needs root; run it with sudo" >&2; exit 1; }
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
dist=target/dist/shoptalk-$version-$(uname -m)
[ -e "$dist" ] || { echo "dist-trials: there is no $dist; run make dist first" >&2; exit 1; }
chroot=$(command -v chroot)
work=$(mktemp -d)
server=
# shellcheck disable=SC2329  # the trap calls it
finish() {
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

fail() { echo "dist-trials: $*" >&2; exit 1; }

# start COMMAND…: starts a server and sets `url` from its ready line.
start() {
  rm -f "$work/ready"
  mkfifo "$work/ready"
  "$@" >"$work/ready" 2>"$work/log" &
  server=$!
  read -r -t 120 url <"$work/ready" || { cat "$work/log" >&2; fail "no ready line"; }
  url=${url#listening on }
}

# Ends the server as systemd and containers do.
stop() {
  kill -TERM "$server"
  wait "$server" || { cat "$work/log" >&2; fail "the server did not end well"; }
  server=
}

json() { curl --silent --show-error --fail --header 'content-type: application/json' "$@"; }

# The life of a server whose commands are run by the words before it: `use` a message, a backup, an
# erasure that rewrites the file, a restore.
life() {
  local room token id=0190f5a2-7c1e-7000-8000-000000000001
  "$@" --version
  start "$@" serve
  "$@" health "$url"
  echo "a long password of mia" | "$@" agent add mia --password-stdin
  room=$(json --data '{"customer_name":"Ann","customer_email":"ann@example.com"}' "$url/api/chat/rooms/")
  token=$(sed 's/.*"token":"\([^"]*\)".*/\1/' <<<"$room")
  room=$(sed 's/.*"room":{[^}]*"id":"\([^"]*\)".*/\1/' <<<"$room")
  json --header "authorization: Bearer $token" --data "{\"id\":\"$id\",\"content\":\"Hello\"}" \
    "$url/api/chat/rooms/$room/messages/" >/dev/null
  "$@" backup /backups/shop.db
  "$@" verify /backups/shop.db
  "$@" export --out /backups/all.jsonl
  "$@" erase email:ann@example.com --now >/dev/null
  "$@" stats
  stop
  "$@" restore /backups/shop.db
  start "$@" serve
  "$@" health "$url"
  stop
}

binary() {
  local root=$work/binary
  mkdir -p "$root"
  install -d -o 10001 -g 10001 "$root/data" "$root/backups"
  install -m 755 "$dist" "$root/shoptalk"
  life env -i SHOPTALK_STORAGE__DATA_DIR=/data SHOPTALK_SERVER__LISTEN=127.0.0.1:0 TMPDIR=/data \
    "$chroot" --userspec=10001:10001 "$root" /shoptalk
  [ "$(ls "$root")" = "$(printf 'backups\ndata\nshoptalk')" ] || fail "more files than were there: $(ls "$root")"
}

image() {
  local store container root config
  store=(buildah --storage-driver vfs --root "$work/store" --runroot "$work/run")
  container=$("${store[@]}" from --quiet "docker-archive:$dist-image.tar")
  config=$("${store[@]}" inspect "$container" |
    node --print 'JSON.stringify(JSON.parse(require("fs").readFileSync(0)).Docker.config)')
  for words in '"User":"10001:10001"' '"Entrypoint":["/shoptalk"]' '"Cmd":["serve"]' \
    '"Test":["CMD","/shoptalk","health"]' '"Volumes":{"/data":{}}'; do
    grep -qF "$words" <<<"$config" || fail "the image lacks $words: $config"
  done
  root=$("${store[@]}" mount "$container")
  # A place for backups, as a second volume.
  install -d -o 10001 -g 10001 "$root/backups"
  life env -i SHOPTALK_STORAGE__DATA_DIR=/data SHOPTALK_SERVER__LISTEN=127.0.0.1:0 TMPDIR=/data \
    "$chroot" --userspec=10001:10001 "$root" /shoptalk
}

deb() {
  local root=$work/deb package
  package=$(ls target/dist/*.deb)
  debootstrap --variant=minbase --include=systemd stable "$root" >"$work/log" 2>&1 ||
    { tail -n 5 "$work/log" >&2; fail "debootstrap failed"; }
  cp "$package" "$root/package.deb"
  inside() { chroot "$root" "$@"; }
  inside dpkg --install /package.deb
  inside systemd-analyze verify shoptalk.service shoptalk.socket shoptalk-redirect.socket ||
    fail "the units are wrong"
  install -d -o "$(inside id -u shoptalk)" "$root/backups"
  life env -i SHOPTALK_SERVER__LISTEN=127.0.0.1:0 "$chroot" --userspec=shoptalk:shoptalk "$root" \
    /usr/bin/shoptalk --config /etc/shoptalk/shoptalk.toml
  echo "# kept" >>"$root/etc/shoptalk/shoptalk.toml"
  inside dpkg --install /package.deb
  grep -q "# kept" "$root/etc/shoptalk/shoptalk.toml" || fail "the settings were replaced"
  inside dpkg --purge shoptalk
  [ -e "$root/var/lib/shoptalk/shoptalk.db" ] || fail "a purge removed the conversations"
  [ ! -e "$root/etc/shoptalk/shoptalk.toml" ] || fail "a purge left the settings"
}

[ $# -gt 0 ] || set -- binary image deb
for trial; do
  case $trial in
    # A failure ends the script: `set -e` has no effect in a list with &&.
    binary | image | deb) "$trial"; echo "dist-trials: $trial works" ;;
    *) echo "usage: scripts/dist-trials.sh [binary|image|deb]…" >&2; exit 2 ;;
  esac
done

#!/usr/bin/env bash
# Tries what `make dist` wrote, as root, each in a root directory of its own:
#   scripts/dist-trials.sh binary   the static binary beside nothing but an empty data directory
#   scripts/dist-trials.sh image    the same in the image (with buildah), and what it declares
#   scripts/dist-trials.sh deb      install, upgrade and purge on a minimal Debian (with debootstrap)
#   scripts/dist-trials.sh units    the package's units on the same Debian, booted: systemd is process 1
# Before these words: x86_64 or aarch64, or both; without one, this machine's architecture. Programs of
# another one run in QEMU, one by one; no system boots there, so units is skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export PATH="$PATH:/usr/sbin:/sbin"
[ "$(id -u)" = 0 ] || { echo "dist-trials: chroot needs root; run it with sudo" >&2; exit 1; }
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
chroot=$(command -v chroot)
work=$(mktemp -d)
server=
# The group of processes of a booted system.
group=
# shellcheck disable=SC2329  # the trap calls it
finish() {
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  wait
  if [ -n "$group" ]; then
    # Its processes end with process 1, a moment later.
    [ -z "$server" ] || sleep 2
    find "$group" -depth -type d -exec rmdir {} \;
  fi
  rm -rf "$work"
}
trap finish EXIT

fail() { echo "dist-trials: $*" >&2; exit 1; }

# choose ARCHITECTURE: what follows is done with this one's packages.
choose() {
  arch=$1 dist=target/dist/shoptalk-$version-$1
  case $arch in x86_64) debian=amd64 ;; aarch64) debian=arm64 ;; esac
  [ -e "$dist" ] || fail "there is no $dist; run make dist ARCH=$arch first"
  "$dist" --version >/dev/null || fail "this machine runs no programs for $arch. Install qemu-user-static, and" \
    "let systemd-binfmt.service start again; without systemd:" \
    "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&" \
    "cat /usr/lib/binfmt.d/qemu-$arch.conf >/proc/sys/fs/binfmt_misc/register"
}

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

# Ends it as a crash does.
crash() {
  kill -KILL "$server"
  wait "$server" || true
  server=
}

json() { curl --silent --show-error --fail --header 'content-type: application/json' "$@"; }

# The life of a server whose commands are run by the words before it: a message, a crash after which it
# is there once, a backup, an erasure that rewrites the file, a restore.
life() {
  local room token id=0190f5a2-7c1e-7000-8000-000000000001 message
  "$@" --version
  start "$@" serve
  "$@" health "$url"
  echo "a long password of mia" | "$@" agent add mia --password-stdin
  room=$(json --data '{"customer_name":"Ann","customer_email":"ann@example.com"}' "$url/api/chat/rooms/")
  token=$(sed 's/.*"token":"\([^"]*\)".*/\1/' <<<"$room")
  room=$(sed 's/.*"room":{[^}]*"id":"\([^"]*\)".*/\1/' <<<"$room")
  message=(--header "authorization: Bearer $token" --data "{\"id\":\"$id\",\"content\":\"Hello\"}")
  json "${message[@]}" "$url/api/chat/rooms/$room/messages/" >/dev/null
  crash
  start "$@" serve
  # A client that knows nothing of the ack sends it again.
  json "${message[@]}" "$url/api/chat/rooms/$room/messages/" >/dev/null
  [ "$(json "${message[@]:0:2}" "$url/api/chat/rooms/$room/messages/" | grep -o '"content":"Hello"' | wc -l)" = 1 ] ||
    fail "after a crash the message is not there once"
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
  container=$("${store[@]}" from --quiet --arch "$debian" "docker-archive:$dist-image.tar")
  config=$("${store[@]}" inspect "$container" |
    node --print 'JSON.stringify(JSON.parse(require("fs").readFileSync(0)).Docker.config)')
  for words in '"User":"10001:10001"' '"Entrypoint":["/shoptalk"]' '"Cmd":["serve"]' \
    '"Test":["CMD","/shoptalk","health"]' '"Volumes":{"/data":{}}'; do
    grep -qF "$words" <<<"$config" || fail "the image lacks $words: $config"
  done
  [ "$("${store[@]}" inspect --format '{{.Docker.Architecture}}' "$container")" = "$debian" ] ||
    fail "the image is not for $debian"
  root=$("${store[@]}" mount "$container")
  # A place for backups, as a second volume.
  install -d -o 10001 -g 10001 "$root/backups"
  life env -i SHOPTALK_STORAGE__DATA_DIR=/data SHOPTALK_SERVER__LISTEN=127.0.0.1:0 TMPDIR=/data \
    "$chroot" --userspec=10001:10001 "$root" /shoptalk
}

# debian ROOT: a minimal Debian with the package.
debian() {
  debootstrap --arch "$debian" --variant=minbase --include=systemd stable "$1" >"$work/log" 2>&1 ||
    { tail -n 5 "$work/log" >&2; fail "debootstrap failed"; }
  cp target/dist/*_"$debian".deb "$1/package.deb"
  chroot "$1" dpkg --install /package.deb
}

deb() {
  local root=$work/deb
  debian "$root"
  inside() { chroot "$root" "$@"; }
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

# What a system finds when it boots. Runs in namespaces of its own.
mount_for_boot() {
  local node
  mount --bind "$1" "$1"
  cd "$1"
  mount -t proc proc proc
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=755 tmpfs dev
  for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
  done
  mkdir -p dev/shm dev/pts old
  mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  pivot_root . old
  umount -l old
}

# namespaces ROOT COMMAND…: the command as process 1 of a system of its own, with a network of its own.
namespaces() {
  [ -z "$group" ] || echo "$BASHPID" >"$group/cgroup.procs"
  exec unshare --mount --pid --fork --kill-child=KILL --cgroup --net --uts --ipc \
    bash -c "set -e; $(declare -f mount_for_boot); mount_for_boot \"\$1\"; shift; exec \"\$@\"" boot "$@"
}

# Sets `init`, the process 1 of the system that boots.
boot() {
  namespaces "$1" env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
    --log-target=console >"$work/log" 2>&1 </dev/null &
  server=$!
  for _ in {1..60}; do
    sleep 1
    init=$(pgrep -P "$server") || break
    # It says "degraded" if a unit of Debian, for example one for the kernel's modules, has failed.
    case $(inside systemctl is-system-running --wait 2>/dev/null) in running | degraded) return 0 ;; esac
  done
  tail -n 20 "$work/log" >&2
  fail "systemd did not boot"
}

# What systemd says of the service.
property() { inside systemctl show shoptalk --property "$1" --value; }

# has PROPERTY VALUE
has() { [ "$(property "$1")" = "$2" ] || { inside systemctl status --no-pager shoptalk >&2 || true; fail "$1 is not $2"; }; }

# socket ROOM TOKEN: a visitor's socket; prints what comes, until the server closes it. The frame of
# the first text has a mask of zeros, so that the text can be read here.
socket() {
  local hello="{\"type\":\"hello\",\"token\":\"$2\",\"tail\":50}"
  network bash -c 'exec 3<>/dev/tcp/127.0.0.1/8001
    printf "GET /ws/chat/%s/ HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" "$1" >&3
    printf "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" >&3
    printf "\r\n\x81\\x$(printf %x $((128 + ${#2})))\0\0\0\0%s" "$2" >&3
    timeout 60 cat <&3' socket "$1" "$hello"
}

units() {
  local root=$work/units url=http://127.0.0.1:8001 hierarchy init made room token main calls n sockets=()
  if [ "$arch" != "$(uname -m)" ]; then
    skipped="in QEMU's emulation of $arch no system boots"
    return
  fi
  debian "$root"
  inside() { nsenter --target "$init" --all "$@"; }
  network() { nsenter --target "$init" --net "$@"; }
  messages() { network curl --silent --show-error --fail --max-time 60 --header "authorization: Bearer $token" \
    "$url/api/chat/rooms/$room/messages/"; }

  hierarchy=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET || true)
  if [ -n "$hierarchy" ] && mkdir "$hierarchy/shoptalk-trials-$$"; then
    group=$hierarchy/shoptalk-trials-$$
  fi
  if ! (namespaces "$root" /bin/true) >"$work/log" 2>&1; then
    skipped="no system can boot here: $(tail -n 1 "$work/log")"
    return
  fi

  chroot "$root" systemctl enable shoptalk.socket shoptalk.service
  boot "$root"
  # With Type=notify this needs READY=1.
  has ActiveState active
  inside shoptalk health --config /etc/shoptalk/shoptalk.toml
  made=$(network curl --silent --show-error --fail --header 'content-type: application/json' \
    --data '{"customer_name":"Ann"}' "$url/api/chat/rooms/")
  token=$(sed 's/.*"token":"\([^"]*\)".*/\1/' <<<"$made")
  room=$(sed 's/.*"room":{[^}]*"id":"\([^"]*\)".*/\1/' <<<"$made")
  network curl --silent --show-error --fail --header 'content-type: application/json' \
    --header "authorization: Bearer $token" --output /dev/null \
    --data '{"id":"0190f5a2-7c1e-7000-8000-000000000001","content":"Hello"}' "$url/api/chat/rooms/$room/messages/"

  # A restart with open sockets: they are closed with 4001, and no call is refused meanwhile.
  main=$(property MainPID)
  for n in 1 2 3; do
    socket "$room" "$token" >"$work/socket$n" &
    sockets+=($!)
  done
  for n in 1 2 3; do
    for _ in {1..100}; do grep -aq Hello "$work/socket$n" && break; sleep 0.2; done
    grep -aq Hello "$work/socket$n" || fail "a socket did not open"
  done
  touch "$work/restarts"
  (while [ -e "$work/restarts" ]; do messages >/dev/null || exit 1; done) &
  calls=$!
  inside systemctl restart shoptalk.service
  rm "$work/restarts"
  wait "$calls" || fail "a call failed during the restart"
  wait "${sockets[@]}"
  for n in 1 2 3; do
    LC_ALL=C grep -aqP '\x88.\x0f\xa1' "$work/socket$n" || fail "a socket was not closed with 4001"
  done
  [ "$(property MainPID)" != "$main" ] || fail "nothing was restarted"

  # A server that is killed is started again; a call waits for it.
  main=$(property MainPID)
  inside systemctl kill --signal KILL shoptalk.service
  messages | grep -q Hello || fail "the message is lost"
  has ActiveState active
  has NRestarts 1
  [ "$(property MainPID)" != "$main" ] || fail "nothing was killed"

  # A wrong setting ends the start, and systemd does not try again.
  cp "$root/etc/shoptalk/shoptalk.toml" "$work/settings"
  echo "[wrong]" >>"$root/etc/shoptalk/shoptalk.toml"
  inside systemctl restart shoptalk.service 2>/dev/null && fail "a wrong setting is accepted"
  has ExecMainStatus 2
  has ActiveState failed
  cp "$work/settings" "$root/etc/shoptalk/shoptalk.toml"
  inside systemctl start shoptalk.service

  # An upgrade restarts it.
  main=$(property MainPID)
  inside dpkg --install /package.deb
  has ActiveState active
  [ "$(property MainPID)" != "$main" ] || fail "the upgrade did not restart the server"
  messages | grep -q Hello || fail "the message is lost"

  inside systemctl stop shoptalk.socket shoptalk.service
  has Result success
  has ExecMainStatus 0
  ! network curl --silent --max-time 5 --output /dev/null "$url/healthz" || fail "something listens after the stop"
  inside systemctl poweroff
  wait "$server" || true
  server=
}

architectures=() trials=()
for word; do
  case $word in
    x86_64 | aarch64) architectures+=("$word") ;;
    binary | image | deb | units) trials+=("$word") ;;
    *) echo "usage: scripts/dist-trials.sh [x86_64|aarch64]… [binary|image|deb|units]…" >&2; exit 2 ;;
  esac
done
[ ${#architectures[@]} -gt 0 ] || architectures=("$(uname -m)")
[ ${#trials[@]} -gt 0 ] || trials=(binary image deb units)
for arch in "${architectures[@]}"; do
  choose "$arch"
  for trial in "${trials[@]}"; do
    # A failure ends the script: `set -e` has no effect in a list with &&.
    skipped=
    "$trial"
    if [ -n "$skipped" ]; then echo "dist-trials: $trial is skipped ($arch), because $skipped"
    else echo "dist-trials: $trial works ($arch)"; fi
    rm -rf "${work:?}/$trial"
  done
done

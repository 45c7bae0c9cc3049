#!/usr/bin/env bash
# Tries in a real Docker engine, as root, the image that `make dist` wrote and deploy/compose.yml:
#   scripts/compose-trials.sh image     the image, with the commands of docs/production.md
#   scripts/compose-trials.sh compose   three nodes, with the commands at the top of compose.yml, and
#                                       a conversation while one part after the other is killed
# The engine is one of its own in namespaces of its own, so it takes no port, leaves nothing behind
# and reaches no registry. The images postgres:17, nats:2 and caddy:2 are stand-ins, made once of
# Debian's packages in target/stand-ins: they start the same programs in the same way.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:/usr/sbin:/sbin"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
image=$PWD/target/dist/shoptalk-$version-$(uname -m)-image.tar
stand_ins=$PWD/target/stand-ins
python=target/compose-trials/bin/python

fail() { echo "compose-trials: $*" >&2; exit 1; }

prepare() {
  local command
  [ "$(id -u)" = 0 ] || fail "an engine needs root; run it with sudo"
  [ -e "$image" ] || fail "there is no $image; run make dist first"
  for command in dockerd docker debootstrap python3; do
    command -v $command >/dev/null ||
      fail "$command is missing: apt-get install --no-install-recommends docker.io debootstrap python3-venv"
  done
  if [ ! -e "$stand_ins" ]; then
    echo "making the stand-ins from Debian's packages; this takes some minutes, once"
    rm -rf "$stand_ins.part"
    debootstrap --variant=minbase --include=postgresql-17,nats-server,caddy,docker-compose \
      trixie "$stand_ins.part" http://deb.debian.org/debian >"$work/log" 2>&1 ||
      { tail -n 5 "$work/log" >&2; fail "debootstrap failed"; }
    rm -rf "$stand_ins.part"/{var/cache/apt,var/lib/apt/lists,usr/share/doc}
    mv "$stand_ins.part" "$stand_ins"
  fi
  [ -x $python ] || python3 -m venv target/compose-trials
  target/compose-trials/bin/pip install --quiet websockets==17.4
}

# Starts the engine. All of it runs in the namespaces of `unshare`, below.
start_engine() {
  ip link set lo up
  # The visitors' machine and the name of the chat, both outside of Docker's networks.
  ip address add 203.0.113.7/32 dev lo
  echo "203.0.113.7 chat.localhost" >"$work/hosts"
  mount --bind "$work/hosts" /etc/hosts
  export DOCKER_HOST=unix://$work/socket DOCKER_CONFIG=$work/config
  install -D "$stand_ins/usr/libexec/docker/cli-plugins/docker-compose" "$work/config/cli-plugins/docker-compose"
  dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" --host "$DOCKER_HOST" \
    >"$work/log" 2>&1 &
  for _ in {1..60}; do
    docker version >/dev/null 2>&1 && break
    kill -0 $! 2>/dev/null || break
    sleep 1
  done
  docker version >/dev/null 2>&1 || { tail -n 5 "$work/log" >&2; fail "no engine can run here"; }
  docker load --quiet --input "$image"
}

stop_engine() {
  # shellcheck disable=SC2046  # one word each
  docker rm --force $(docker ps --all --quiet) >/dev/null 2>&1 || true
  kill "$(cat "$work/pid")"
  wait
}

status() { docker inspect --format '{{.State.Health.Status}}' "$1"; }
# Tries again while the server starts.
json() {
  curl --silent --fail --retry 20 --retry-delay 1 --retry-all-errors --header 'content-type: application/json' "$@"
}

# refused WORDS ARGUMENT…: a container that is run with these does not start, and says why.
refused() {
  local said
  ! said=$(timeout 60 docker run --rm --read-only --cap-drop ALL "${@:2}" "shoptalk:$version" 2>&1) || fail "it starts with ${*:2}"
  grep -qF "$1" <<<"$said" || fail "with ${*:2} it says: $said"
}

image() {
  local url=http://127.0.0.1:8001 made room token
  messages() { json --header "authorization: Bearer $token" "$url/api/chat/rooms/$room/messages/" "$@"; }
  eval "$(sed -n '/^docker run --detach /,/^  shoptalk:/p' docs/production.md)" >/dev/null
  for _ in {1..120}; do [ "$(status shoptalk)" = healthy ] && break; sleep 1; done
  [ "$(status shoptalk)" = healthy ] || { docker logs shoptalk >&2; fail "the container is $(status shoptalk)"; }
  echo "a long password of mia" | docker exec --interactive shoptalk /shoptalk agent add mia --password-stdin
  made=$(json --data '{"customer_name":"Ann"}' "$url/api/chat/rooms/")
  token=$(sed 's/.*"token":"\([^"]*\)".*/\1/' <<<"$made")
  room=$(sed 's/.*"room":{[^}]*"id":"\([^"]*\)".*/\1/' <<<"$made")
  messages --output /dev/null --data '{"id":"0190f5a2-7c1e-7000-8000-000000000001","content":"Hello"}'
  docker kill --signal KILL shoptalk >/dev/null
  docker start shoptalk >/dev/null
  messages | grep -q Hello || fail "a kill lost a message"
  # Whoever does not end in time is killed: 137.
  docker stop shoptalk >/dev/null
  [ "$(docker inspect --format '{{.State.ExitCode}}' shoptalk)" = 0 ] || fail "the server did not end by itself"
  docker start shoptalk >/dev/null
  messages | grep -q Hello || fail "a restart lost a message"
  refused "another shoptalk serves /data" --volume shoptalk:/data
  install -d -o root -m 755 "$work/foreign"
  refused "belong to user 10001" --volume "$work/foreign:/data"
}

# stand_in NAME: an image of Debian's packages and what else standard input says.
stand_in() { (echo "FROM stand-ins" && cat) | DOCKER_BUILDKIT=0 docker build --quiet --tag "$1" - 2>/dev/null; }

make_stand_ins() {
  tar -C "$stand_ins" -cf - . | docker import - stand-ins
  # As the official image: as root only to give away the volume, and while it makes the database,
  # PostgreSQL listens on nothing but its own socket.
  stand_in postgres:17 <<'DOCKERFILE'
ENV PATH=/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/bash", "-ec", "\
  chown -R postgres: $PGDATA /run/postgresql; \
  run() { setpriv --reuid=postgres --regid=postgres --clear-groups \"$@\"; }; \
  if [ ! -s $PGDATA/PG_VERSION ]; then \
    run initdb --username=$POSTGRES_USER --pwfile=$POSTGRES_PASSWORD_FILE; \
    echo 'host all all all scram-sha-256' >>$PGDATA/pg_hba.conf; \
    run pg_ctl --wait --options=\"-c listen_addresses=''\" start; \
    run createdb --username=$POSTGRES_USER $POSTGRES_DB; \
    run pg_ctl --wait --mode=fast stop; \
  fi; \
  exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -c listen_addresses='*'"]
DOCKERFILE
  stand_in nats:2 <<'DOCKERFILE'
ENTRYPOINT ["/usr/sbin/nats-server"]
DOCKERFILE
  stand_in caddy:2 <<'DOCKERFILE'
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
DOCKERFILE
}

# explain WORDS: what the last command and the containers have said.
explain() {
  cat "$work/said" >&2
  docker compose logs --no-color --tail 20 >&2
  fail "$1"
}

compose() {
  local python=$PWD/$python client=$PWD/scripts/compose-trials.py password="a long password of mia"
  make_stand_ins >/dev/null
  mkdir "$work/shop"
  cp deploy/compose.yml "$work/shop"
  cd "$work/shop"
  # Without what needs the archive or a terminal, and with a name that Caddy certifies by itself.
  sed -n 's/^#   //p' compose.yml | grep -v 'docker load\|agent add' | sed 's/chat\.example\.com/chat.localhost/' >start
  bash -e start 2>"$work/said" || explain "the nodes do not start"
  docker compose exec -T node1 /shoptalk agent add mia --password-stdin <<<"$password"
  docker compose exec -T node2 /shoptalk check >"$work/said" 2>&1 || explain "a node is set wrongly"
  "$python" "$client" chat.localhost "$password" || explain "the conversation failed"
  docker compose down --volumes >/dev/null 2>&1
}

if [ "${1-}" = inside ]; then
  work=$2
  shift 2
  start_engine
  trap stop_engine EXIT
  for trial; do
    ("$trial")
    echo "compose-trials: $trial works"
  done
else
  [ $# -gt 0 ] || set -- image compose
  for trial; do
    case $trial in image | compose) ;; *) echo "usage: scripts/compose-trials.sh [image|compose]…" >&2; exit 2 ;; esac
  done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  prepare
  unshare --net --mount --pid --fork --kill-child --mount-proc "$0" inside "$work" "$@"
fi

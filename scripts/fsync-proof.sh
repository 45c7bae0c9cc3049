#!/usr/bin/env bash
# Proves guarantee 1 of docs/protocol.md from outside the process: under strace, the server sends
# no confirmation before an fsync that followed the arrival of the message.
#
#   scripts/fsync-proof.sh [BINARY]
#
# For each message, this order of system calls must hold:
#
#   1. its text arrives on a socket             (checked over HTTP only: WebSocket clients mask it)
#   2. its text is written to a file of the data directory
#   3. an fsync or fdatasync of that file begins after that and returns 0
#   4. only then is its text or its id sent to any socket
#
# Exit status: 0 PASS, 1 FAIL, 2 the proof could not be run. Takes a few seconds, one minute at
# most. Uses a temporary directory and starts its own server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

one_by_one=8
at_once=16
by_socket=4

cannot() {
  echo "fsync-proof: $*" >&2
  exit 2
}

for tool in strace curl awk; do
  command -v "$tool" >/dev/null || cannot "$tool is missing"
done

binary="${1:-}"
target="${CARGO_TARGET_DIR:-target}"
if [ -z "$binary" ]; then
  for binary in "$target/release/shoptalk" "$target/debug/shoptalk"; do
    [ -x "$binary" ] && break
  done
fi
[ -x "$binary" ] || cannot "no binary at $binary: run cargo build, or pass a path"

dir="$(mktemp -d)"
server=""
finish() {
  if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap finish EXIT

# wait_for SECONDS COMMAND…: runs the command until it succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

# -D: strace becomes the grandchild and $! is the server, so that a signal reaches the server.
# -yy prints the names of files and sockets; -s is longer than a page of the database.
env -i PATH="$PATH" HOME="$dir" SHOPTALK_LIMITS__ENABLED=false \
  strace -D -f -ttt -yy -s 8192 -o "$dir/trace" \
  -e trace=read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,sendto,sendmsg,sendmmsg,fsync,fdatasync \
  "$binary" serve --listen 127.0.0.1:0 --data-dir "$dir/data" \
  >"$dir/stdout" 2>"$dir/stderr" &
server=$!

listening() { grep -q '^listening on ' "$dir/stdout" || ! kill -0 "$server" 2>/dev/null; }
wait_for 20 listening || true
url="$(sed -n 's/^listening on //p' "$dir/stdout")"
if [ -z "$url" ]; then
  cat "$dir/stderr" >&2
  cannot "the server did not start"
fi

field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
new_id() { cat /proc/sys/kernel/random/uuid; }

curl --silent --max-time 10 --json '{"customer_name":"Proof"}' "$url/api/chat/rooms/" >"$dir/room"
room="$(field id <"$dir/room")" || cannot "no room: $(cat "$dir/room")"
token="$(field token <"$dir/room")" || cannot "no token: $(cat "$dir/room")"

# post NUMBER: posts one message over HTTP and records its text, id and status.
post() {
  local id status
  id="$(new_id)"
  status="$(curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' \
    --header "Authorization: Bearer $token" \
    --json "{\"id\":\"$id\",\"content\":\"proof-$1-end\"}" \
    "$url/api/chat/rooms/$room/messages/")" || true
  echo "proof-$1-end $id http $status" >>"$dir/posted"
}

: >"$dir/posted"
for ((n = 1; n <= one_by_one; n++)); do post "$n"; done
# Concurrent posts share an fsync: the case that is easy to get wrong.
posts=()
for (( ; n <= one_by_one + at_once; n++)); do
  post "$n" &
  posts+=($!)
done
wait "${posts[@]}"

# If the terminal client has been built, check the acks of a socket too.
customer="$(dirname "$binary")/examples/customer"
if [ -x "$customer" ]; then
  echo "$token" >"$dir/token"
  for ((last = n + by_socket; n < last; n++)); do echo "proof-$n-end"; done >"$dir/words"
  if timeout 20 "$customer" --url "$url" --token-file "$dir/token" \
    <"$dir/words" >/dev/null 2>"$dir/customer"; then
    status=acked
  else
    status="failed"
  fi
  curl --silent --max-time 10 --header "Authorization: Bearer $token" \
    "$url/api/chat/rooms/$room/messages/?limit=200" | sed 's/{"id"/\n&/g' >"$dir/log"
  while read -r words; do
    id="$({ grep -F "$words" "$dir/log" || true; } | field id)" || id=none
    echo "$words $id socket $status" >>"$dir/posted"
  done <"$dir/words"
else
  echo "sockets are skipped: no $customer (run cargo build --example customer)"
fi

kill -TERM "$server"
gone() { ! kill -0 "$server" 2>/dev/null; }
wait_for 15 gone || echo "the server did not drain within 15 s" >&2
# strace writes its last line a moment after the server has exited.
traced() { grep -q "^$server .*+++ " "$dir/trace"; }
wait_for 5 traced || true

awk -v data="$dir/data/" '
  # First file: the posted messages.
  FNR == NR {
    count++; mark[count] = $1; id[count] = $2; way[count] = $3; status[count] = $4
    next
  }
  # Second file: the trace, in the order of the calls. A call that another thread interrupted
  # has one line for its start and one for its end.
  {
    pid = $1; time = $2; call = $0
    resumed = ($3 == "<...")
    unfinished = ($0 ~ /<unfinished \.\.\.>$/)
    name = resumed ? $4 : substr($3, 1, index($3, "(") - 1)
  }
  name == "fsync" || name == "fdatasync" {
    if (!resumed) {
      begun[pid] = FNR; file[pid] = ""
      if (match(call, /<[^>]*>/)) file[pid] = substr(call, RSTART + 1, RLENGTH - 2)
    }
    if (unfinished || index(file[pid], data) != 1 || call !~ /= 0$/) next
    syncs++
    for (n = 1; n <= count; n++)
      if (!synced[n] && written[n] && written[n] < begun[pid] && on[n] == file[pid]) {
        synced[n] = FNR; synced_at[n] = time
      }
    next
  }
  {
    if (name ~ /^(read|readv|recvfrom|recvmsg)$/) kind = "in"
    else if (call ~ /^[0-9]+ +[0-9.]+ +[a-z0-9]+\([0-9]+<(TCP|TCPv6|socket):/) kind = "out"
    else if (index(call, "<" data)) kind = "disk"
    else next
    if (!index(call, "proof-") && kind != "out") next
    for (n = 1; n <= count; n++) {
      text = index(call, mark[n])
      if (kind == "in" && text && !arrived[n]) { arrived[n] = FNR; arrived_at[n] = time }
      if (kind == "disk" && text && !written[n]) {
        written[n] = FNR; written_at[n] = time
        match(call, /<[^>]*>/); on[n] = substr(call, RSTART + 1, RLENGTH - 2)
      }
      if (kind == "out" && !sent[n] && (text || index(call, id[n]))) {
        sent[n] = FNR; sent_at[n] = time
      }
    }
  }
  END {
    printf "%-14s %-7s %-7s %11s %11s %11s\n", "message", "by", "status", "written", "synced", "sent"
    for (n = 1; n <= count; n++) {
      wrong = ""
      if (status[n] != "201" && status[n] != "acked") wrong = "not confirmed"
      else if (way[n] == "http" && !arrived[n]) wrong = "its arrival is not in the trace"
      else if (!written[n]) wrong = "its text was never written to the data directory"
      else if (way[n] == "http" && written[n] < arrived[n]) wrong = "written before it arrived"
      else if (!sent[n]) wrong = "its confirmation is not in the trace"
      else if (!synced[n]) wrong = "no fsync after it was written"
      else if (synced[n] > sent[n]) wrong = "SENT BEFORE THE FSYNC RETURNED"
      from = arrived[n] ? arrived_at[n] : written_at[n]
      printf "%-14s %-7s %-7s %8.2f ms %8.2f ms %8.2f ms  %s\n", mark[n], way[n], status[n], \
        ms(written[n], written_at[n]), ms(synced[n], synced_at[n]), ms(sent[n], sent_at[n]), wrong
      if (wrong != "") bad++
    }
    printf "%d messages, %d fsyncs of the data directory\n", count, syncs
    if (bad || !count) { printf "FAIL: %d of %d messages\n", bad, count; exit 1 }
    print "PASS: nothing was sent before the fsync that followed it"
  }
  function ms(seen, at) { return seen ? (at - from) * 1000 : -1 }
' "$dir/posted" "$dir/trace"

#!/usr/bin/env bash
# Fuzzes a server from its own OpenAPI document, with schemathesis. Needs Python 3 and access to a
# package index, or schemathesis on the PATH. EXAMPLES sets the number of examples per call (20).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

if ! command -v schemathesis >/dev/null; then
  python3 -m venv target/schemathesis
  target/schemathesis/bin/pip install --quiet schemathesis==4.32.5
  PATH="$PWD/target/schemathesis/bin:$PATH"
fi

binary=${SHOPTALK_BIN:-${CARGO_TARGET_DIR:-target}/debug/shoptalk}
password='a password for the fuzzing'
export SHOPTALK_LIMITS__ENABLED=false SHOPTALK_LOG__FILTER=warn
printf '%s' "$password" | "$binary" agent add ada --password-stdin --data-dir "$work/data" >/dev/null
"$binary" serve --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/ready" 2>"$work/log" &
server=$!
until [ -s "$work/ready" ]; do
  kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done
url=$(sed 's/^listening on //' "$work/ready")

token() { # the token in a response
  sed -E 's/.*"token":"([^"]+)".*/\1/'
}
agent=$(curl -sf "$url/api/admin/login/" -H 'content-type: application/json' \
  -d "{\"username\":\"ada\",\"password\":\"$password\"}" | token)
visitor=$(curl -sf "$url/api/chat/rooms/" -H 'content-type: application/json' -d '{}' | token)

# Calls that would sign the fuzzer out or change its password are excluded; other tests cover
# them. Checks that contradict intended behavior are excluded by name:
# positive_data_acceptance: the document cannot express that an id must exist, or that a line has
#   no control characters, so valid data may still be refused.
# unsupported_method: OPTIONS is a CORS preflight.
# ignored_auth: opening a room and signing in need no credentials.
checks=(--exclude-checks positive_data_acceptance,unsupported_method,ignored_auth)
fuzz() { # TOKEN [OPTION...]
  schemathesis run "$url/api/openapi.json" --max-examples "${EXAMPLES:-20}" --workers 2 \
    --continue-on-failure --header "Authorization: Bearer $1" "${checks[@]}" "${@:2}"
}
failed=0
fuzz "$visitor" --include-path-regex '^/api/chat/' --exclude-path /api/chat/logout || failed=1
fuzz "$agent" --include-path-regex '^/api/admin/' --exclude-path /api/admin/logout \
  --exclude-path /api/admin/me --exclude-path '/api/admin/agents/{id}' || failed=1
if grep -q panicked "$work/log"; then
  cat "$work/log" >&2
  failed=1
fi
curl -sf "$url/readyz" >/dev/null || failed=1
exit "$failed"

#!/usr/bin/env bash
# Generates a Python client from the server's OpenAPI document with openapi-python-client and uses
# it to call the server. Needs Python 3 and access to a package index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

venv=target/python-client
if [ ! -x $venv/bin/openapi-python-client ]; then
  python3 -m venv $venv
  $venv/bin/pip install --quiet openapi-python-client==0.29.1 mypy==2.4.1
fi
PATH="$PWD/$venv/bin:$PATH"

binary=${SHOPTALK_BIN:-${CARGO_TARGET_DIR:-target}/debug/shoptalk}
export SHOPTALK_LOG__FILTER=warn
"$binary" serve --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/ready" 2>"$work/log" &
server=$!
until [ -s "$work/ready" ]; do
  kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done
url=$(sed 's/^listening on //' "$work/ready")

openapi-python-client generate --url "$url/api/openapi.json" --meta none \
  --output-path "$work/shoptalk_client" --fail-on-warning
python -m compileall -q "$work/shoptalk_client"
cat >"$work/talk.py" <<'PYTHON'
import sys
from typing import cast
from uuid import uuid4

from shoptalk_client import AuthenticatedClient, Client
from shoptalk_client.api.visitor import list_own_messages, open_chat, post_own_message
from shoptalk_client.models import MessageList, OpenAnswer, OpenRequest, PostAnswer, PostRequest

url = sys.argv[1]
# The generator treats the optional credential as required.
stranger = cast(AuthenticatedClient, Client(base_url=url))
opened = open_chat.sync(client=stranger, body=OpenRequest(customer_name="Zoe"))
assert isinstance(opened, OpenAnswer), opened
assert isinstance(opened.token, str)
client = AuthenticatedClient(base_url=url, token=opened.token)
message = PostRequest(id=uuid4(), content="Is it blue?")
posted = post_own_message.sync(opened.room.id, client=client, body=message)
assert isinstance(posted, PostAnswer), posted
page = list_own_messages.sync(opened.room.id, client=client)
assert isinstance(page, MessageList), page
assert [entry.content for entry in page.results] == ["Is it blue?"], page
print("a generated client opened a chat, posted and read")
PYTHON
(cd "$work" && mypy --strict --follow-imports=silent talk.py && python talk.py "$url")

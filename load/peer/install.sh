#!/bin/sh
# Installs what the peer needs, here and nowhere else: its packages, and a Node of its own where
# the machine's is too old for node:sqlite. Without npm the peer is left out.
set -eu
cd "$(dirname "$0")"

if ! command -v npm >/dev/null; then
  echo "npm is missing, so the peer is left out; install Node 22.13 or newer with npm to measure it" >&2
  exit 0
fi
suits='const [major, minor] = process.versions.node.split(".").map(Number);
process.exit(major > 22 || (major === 22 && minor >= 13) ? 0 : 1)'
if [ ! -d node_modules/socket.io ]; then
  npm ci --no-audit --no-fund || exit 0
fi
if ! node -e "$suits" && [ ! -x node_modules/node/bin/node ]; then
  npm install --no-save --no-audit --no-fund node@22 || exit 0
fi

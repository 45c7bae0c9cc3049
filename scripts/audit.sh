#!/usr/bin/env bash
# Checks the dependencies for known vulnerabilities, against a local clone of the RustSec advisory
# database (https://github.com/rustsec/advisory-db). The database is not downloaded or updated.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "$#" -ne 1 ] || [ ! -d "$1/crates" ]; then
  echo "usage: scripts/audit.sh DATABASE   (a clone of the RustSec advisory database)" >&2
  exit 2
fi
database=$(cd "$1" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The name under which cargo-deny keeps its own clone of that database.
mkdir "$work/databases"
ln -s "$database" "$work/databases/advisory-db-3157b0e258782691"
sed "s|^\[advisories\]|&\ndb-path = \"$work/databases\"|" deny.toml >"$work/deny.toml"
# Fetch all crates of the lock file, so that cargo-deny can run offline.
cargo fetch --locked --quiet
cargo deny --offline --config "$work/deny.toml" check advisories

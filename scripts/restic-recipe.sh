#!/usr/bin/env bash
# Tries the off-site recipe of docs/operations.md with a throwaway repository: a backup goes into
# restic, the data directory is lost, and what restic brings back is restored. Needs restic
# (apt-get install restic) and a built binary; says so and ends well without restic.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v restic >/dev/null; then
  echo "skipped: restic is not installed (apt-get install restic)"
  exit 0
fi
shoptalk=${SHOPTALK_BIN:-${CARGO_TARGET_DIR:-target}/debug/shoptalk}
if [ ! -x "$shoptalk" ]; then
  echo "$shoptalk is missing: build it first with cargo build" >&2
  exit 1
fi
shoptalk=$(realpath "$shoptalk")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RESTIC_REPOSITORY="$work/repository" RESTIC_PASSWORD=throwaway RESTIC_CACHE_DIR="$work/cache"
data="$work/data"
printf 'correct horse battery\n' | "$shoptalk" agent add mia --password-stdin --data-dir "$data"

# The recipe: one file, made while the server runs, then handed to restic.
mkdir -m 0700 "$work/outgoing"
restic init --quiet
"$shoptalk" backup "$work/outgoing/shoptalk.db" --data-dir "$data"
cp "$data/backups/erasures.jsonl" "$work/outgoing/" 2>/dev/null || true
restic backup --quiet "$work/outgoing"
restic forget --quiet --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --prune
restic check --quiet --read-data

# The disk is lost.
rm -rf "$data" "$work/outgoing"
restic restore latest --quiet --target "$work/back"
found=$(find "$work/back" -name shoptalk.db)
"$shoptalk" verify "$found"
"$shoptalk" restore "$found" --data-dir "$data"
"$shoptalk" agent list --data-dir "$data" | grep -q mia
echo "the recipe works: $(restic version)"

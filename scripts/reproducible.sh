#!/usr/bin/env bash
# Shows that `make dist` gives the same bytes wherever it runs: here, and in a clone of the present
# commit in another directory. Prints what differs.
#   scripts/reproducible.sh [x86_64|aarch64]…   without an argument for this machine's architecture
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
here=$PWD

if [ -n "$(git status --porcelain)" ]; then
  echo "reproducible.sh: there are changes that are not committed; a clone would not have them" >&2
  exit 1
fi
other=$(mktemp -d)
trap 'rm -rf "$other"' EXIT

scripts/dist.sh "$@"
git clone --quiet . "$other/elsewhere"
# The commands that dist.sh has installed here need not be compiled a second time.
(cd "$other/elsewhere" && PATH="$PATH:$here/target/tools/bin" scripts/dist.sh "$@")
diff target/dist/SHA256SUMS "$other/elsewhere/target/dist/SHA256SUMS" || {
  echo "reproducible.sh: these files differ" >&2
  exit 1
}
echo "the same bytes from two directories"

#!/usr/bin/env bash
# Compares the cost of a message in the stores of two or more builds. The builds take turns, so
# that other load on the machine affects all of them:
#
#   scripts/store-turns.sh ROUNDS LOAD_BINARY... [-- ARGUMENTS of `shoptalk-load store`]
#
# A load binary contains the store that it was built with: keep target/release/shoptalk-load from
# before a change, build, and pass both. Prints the median of each figure.
set -euo pipefail

rounds=${1:?pass the number of rounds}
shift
binaries=()
while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
  binaries+=("$1")
  shift
done
[ "$#" -eq 0 ] || shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for round in $(seq "$rounds"); do
  for at in "${!binaries[@]}"; do
    echo "round $round of $rounds: ${binaries[$at]}" >&2
    "${binaries[$at]}" --scratch "${SCRATCH:-.}" store "$@" | grep '^{' >>"$work/$at"
  done
done
python3 - "$work" "${binaries[@]}" <<'PYTHON'
import json, statistics, sys
work, *binaries = sys.argv[1:]
figures = []
for at in range(len(binaries)):
    values = {}
    for line in open(f"{work}/{at}"):
        row = json.loads(line)
        values.setdefault(f"{row['figure']} ({row['unit']})", []).append(row["value"])
    figures.append(values)
print("| figure |", " | ".join(binaries), "|\n| --- |", " | ".join("---:" for _ in binaries), "|")
for figure in figures[0]:
    cells = []
    for values in figures:
        of = values.get(figure, [])
        spread = f" ({min(of):,.1f}-{max(of):,.1f})" if len(of) > 1 else ""
        cells.append(f"{statistics.median(of):,.1f}{spread}" if of else "")
    print(f"| {figure} |", " | ".join(cells), "|")
PYTHON

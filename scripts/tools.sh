#!/bin/sh
# Installs into target/tools what is missing of the cargo commands that targets of the Makefile use:
#   scripts/tools.sh deny|deb|cyclonedx …
# One that is in the PATH already is used as it is.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:$PWD/target/tools/bin"

version() {
  case $1 in
    deny) echo 0.20.2 ;;
    deb) echo 3.8.0 ;;
    cyclonedx) echo 0.5.9 ;;
    *) echo "usage: scripts/tools.sh deny|deb|cyclonedx …" >&2; exit 2 ;;
  esac
}

for name; do
  version=$(version "$name")
  command -v "cargo-$name" >/dev/null && continue
  echo "installing cargo-$name $version into target/tools; this takes some minutes, once" >&2
  "${CARGO:-cargo}" install --locked --quiet --root target/tools "cargo-$name@$version" || {
    echo "cargo-$name could not be installed, see above; install it by hand and run this again" >&2
    exit 1
  }
done

#!/bin/sh
# Writes the fixtures of import-django anew: tests/django/generate.py, run by a Django of its own.
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}/django
if [ ! -x "$target/venv/bin/python" ]; then
    python3 -m venv "$target/venv"
    "$target/venv/bin/pip" install --quiet 'Django==5.2.*' argon2-cffi
fi
rm -rf "$target/out"
PYTHONDONTWRITEBYTECODE=1 "$target/venv/bin/python" tests/django/generate.py --out "$target/out"
cp "$target/out/shop.jsonl" "$target/out/shop.sql" tests/django/fixtures/

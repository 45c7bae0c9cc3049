#!/bin/sh
# Imports a large chat that Django itself has made: on SQLite directly, and from MariaDB and PostgreSQL
# by dumpdata. The three have to be equal; an import that was killed again and again has to be equal as
# well; a second run changes nothing. Both servers run in a throwaway directory, on loopback.
#
#   scripts/django-million.sh [MESSAGES [ROOMS [KILLS]]]     default: 1000000 50000 50
#
# Needs python3 with venv, PostgreSQL's and MariaDB's programs, and a release build. Some ten minutes.
set -eu
cd "$(dirname "$0")/.."
messages=${1:-1000000}
rooms=${2:-50000}
kills=${3:-50}
target=${CARGO_TARGET_DIR:-target}
shoptalk=$(realpath "${SHOPTALK_BIN:-$target/release/shoptalk}")
venv=$target/django-million
if [ ! -x "$venv/bin/python" ]; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet 'Django==5.2.*' argon2-cffi 'psycopg[binary]' PyMySQL
fi
python=$(realpath -s "$venv/bin/python")
work=$(mktemp -d)
chmod 711 "$work"
postgres_pid='' mariadb_pid=''
end() {
	for pid in $postgres_pid $mariadb_pid; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

for directory in /usr/lib/postgresql/*/bin; do
	[ ! -d "$directory" ] || PATH=$directory:$PATH
done
free_port() {
	"$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
# Servers refuse to run as root.
as_other() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}
wait_until() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { echo "not ready: $*" >&2; exit 1; }
		sleep 0.1
	done
}
make_other_directory() {
	mkdir "$1"
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$1"
}

start_postgresql() {
	make_other_directory "$work/pg"
	postgres_port=$(free_port)
	as_other initdb -D "$work/pg/data" -U shop -A trust -E UTF8 >"$work/initdb.log"
	as_other postgres -D "$work/pg/data" -p "$postgres_port" -h 127.0.0.1 -k "$work/pg" >"$work/postgres.log" 2>&1 &
	postgres_pid=$!
	wait_until pg_isready -h 127.0.0.1 -p "$postgres_port"
	createdb -h 127.0.0.1 -p "$postgres_port" -U shop shop
}
start_mariadb() {
	make_other_directory "$work/maria"
	mariadb_port=$(free_port)
	as_other mariadb-install-db --no-defaults --datadir="$work/maria/data" --auth-root-authentication-method=normal \
		>"$work/install-db.log" 2>&1
	as_other mariadbd --no-defaults --datadir="$work/maria/data" --socket="$work/maria/socket" --port="$mariadb_port" \
		--bind-address=127.0.0.1 --character-set-server=utf8mb4 --collation-server=utf8mb4_bin --max-allowed-packet=256M >"$work/mariadb.log" 2>&1 &
	mariadb_pid=$!
	sql() { mariadb --no-defaults -S "$work/maria/socket" -u root -e "$1"; }
	wait_until sql 'SELECT 1'
	sql "CREATE DATABASE shop; CREATE USER shop@127.0.0.1; CREATE USER shop@localhost;
		GRANT ALL ON shop.* TO shop@127.0.0.1; GRANT ALL ON shop.* TO shop@localhost"
}
generate() {
	engine=$1
	shift
	began=$(date +%s)
	ONLY_JSONL=1 PYTHONDONTWRITEBYTECODE=1 "$python" tests/django/generate.py --out "$work/$engine" --engine "$engine" \
		--rooms "$rooms" --messages "$messages" "$@"
	echo "made by Django on $engine in $(($(date +%s) - began)) s"
}
import() {
	"$shoptalk" import-django "$1" --agents --data-dir "$2" 2>>"$work/progress.log"
}
# What was imported, as text. Visitors get ids of their own in each import: they are numbered in order.
export_to() {
	"$shoptalk" export --data-dir "$1" 2>>"$work/progress.log" | "$python" -c '
import json, sys
numbers = {}
def number(of):
    return numbers.setdefault(of, len(numbers))
for line in sys.stdin:
    row = json.loads(line)
    if row["type"] == "visitor":
        continue
    if row["type"] == "room":
        row["visitor_id"] = number(row["visitor_id"])
    if row["type"] == "agent":
        row["id"] = number(row["id"])
        row["created_at"] = None
    print(json.dumps(row, sort_keys=True))
' | sort >"$2"
}

start_postgresql
start_mariadb
generate sqlite
generate postgresql --port "$postgres_port"
generate mysql --port "$mariadb_port"

for source in sqlite/shop.sqlite3 sqlite/shop.jsonl postgresql/shop.jsonl mysql/shop.jsonl; do
	name=$(echo "$source" | tr / -)
	began=$(date +%s%N)
	import "$work/$source" "$work/$name.data" >"$work/$name.report"
	echo "$source: imported in $((($(date +%s%N) - began) / 1000000)) ms: $(tail -n 1 "$work/$name.report")"
	export_to "$work/$name.data" "$work/$name.txt"
	cmp "$work/sqlite-shop.sqlite3.txt" "$work/$name.txt"
done
echo "equal: $(wc -l <"$work/sqlite-shop.sqlite3.txt") lines each"

import "$work/sqlite/shop.sqlite3" "$work/sqlite-shop.sqlite3.data" | tail -n 1
export_to "$work/sqlite-shop.sqlite3.data" "$work/again.txt"
cmp "$work/sqlite-shop.sqlite3.txt" "$work/again.txt"
echo "a second run changed nothing"

killed=0
while [ $killed -lt "$kills" ]; do
	"$shoptalk" import-django "$work/sqlite/shop.sqlite3" --agents --data-dir "$work/killed.data" >"$work/killed.log" 2>&1 &
	pid=$!
	# From the start to somewhat more than an even share of the whole.
	sleep "$("$python" -c "import random; print(random.uniform(0.05, 0.6))")"
	if kill -9 "$pid" 2>/dev/null; then
		killed=$((killed + 1))
	fi
	wait "$pid" 2>/dev/null && break
done
import "$work/sqlite/shop.sqlite3" "$work/killed.data" >"$work/resumed.report"
export_to "$work/killed.data" "$work/killed.txt"
cmp "$work/sqlite-shop.sqlite3.txt" "$work/killed.txt"
echo "killed $killed times and resumed: equal"

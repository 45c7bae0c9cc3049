#!/bin/sh
# Runs tests repeatedly under load or with a slow disk, and prints one line per run: green, or red
# with the names of the failed tests. A test that fails here depends on the speed of the machine.
#
#   scripts/stress.sh loaded RUNS [COMMAND...]     beside one busy process per core
#   scripts/stress.sh slow-sync RUNS [COMMAND...]  each fsync and fdatasync takes 20 ms longer
#   scripts/stress.sh plain RUNS [COMMAND...]      without load or delays
#
# The default COMMAND is `cargo test --no-fail-fast`. Its output is kept in
# target/stress/MODE-RUN.log. The exit code is the number of red runs.
set -eu
cd "$(dirname "$0")/.."

usage() {
	sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

[ $# -ge 2 ] || usage
mode=$1
runs=$2
shift 2
case $mode in loaded | slow-sync | plain) ;; *) usage ;; esac
case $runs in '' | *[!0-9]*) usage ;; esac
if [ $# -eq 0 ]; then
	set -- cargo test --no-fail-fast
	# Compile first, without stress.
	cargo test --no-run
fi

logs=target/stress
mkdir -p "$logs"
work=$(mktemp -d)
busy=''
end() {
	for pid in $busy; do
		kill "$pid" 2>/dev/null || :
	done
	rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

case $mode in
loaded)
	cores=$(nproc)
	while [ "$cores" -gt 0 ]; do
		sh -c 'while :; do :; done' &
		busy="$busy $!"
		cores=$((cores - 1))
	done
	;;
slow-sync)
	${CC:-cc} -shared -fPIC -O1 -Wall -Wextra -Werror -o "$work/slow_sync.so" \
		scripts/slow_sync.c -ldl
	;;
esac

red=0
run=1
while [ "$run" -le "$runs" ]; do
	log=$logs/$mode-$run.log
	began=$(date +%s)
	: >"$work/syncs"
	if [ "$mode" = slow-sync ]; then
		set +e
		LD_PRELOAD=$work/slow_sync.so SLOW_SYNC_COUNT=$work/syncs "$@" >"$log" 2>&1
		code=$?
		set -e
		slowed=", $(wc -c <"$work/syncs") syncs slowed"
	else
		set +e
		"$@" >"$log" 2>&1
		code=$?
		set -e
		slowed=''
	fi
	took="$(($(date +%s) - began)) s$slowed"
	if [ "$code" -eq 0 ]; then
		echo "$mode $run: green in $took"
	else
		red=$((red + 1))
		names=$(sed -n 's/^test \(.*[^ ]\) *\.\.\. FAILED$/\1/p' "$log" | sort -u | paste -sd, | sed 's/,/, /g')
		echo "$mode $run: red in $took: ${names:-exit code $code, $(tail -n 1 "$log")}"
	fi
	run=$((run + 1))
done
exit "$red"

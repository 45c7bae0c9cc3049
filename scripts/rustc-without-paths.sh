#!/bin/sh
# What `make dist` has cargo run in place of rustc: rustc, which leaves the paths of this machine out of
# what it compiles. In RUSTFLAGS, the same would make the binary depend on those paths again: cargo
# names its files after a hash of the flags, and with LTO the order of those names is the order of
# the code.
compiler=$1
shift
exec "$compiler" "$@" --remap-path-prefix="$DIST_CARGO_HOME=/cargo" --remap-path-prefix="$DIST_ROOT=/shoptalk"

#!/usr/bin/env bash
# Writes everything that is published of a version into target/dist, as `make dist` does:
#   the binary, static, for any Linux of this machine's architecture; the same in an archive with
#   man pages, completions and units; a Debian package; a container image; a bill of materials; and
#   SHA256SUMS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:$PWD/target/tools/bin" LC_ALL=C TZ=UTC
umask 022

arch=$(uname -m)
target=$arch-unknown-linux-musl
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
name=shoptalk-$version-$arch
out=target/dist
# What goes into several packages.
parts=target/dist-parts

# Names all that is missing, with the command that installs it.
preflight() {
  local missing=()
  command -v musl-gcc >/dev/null || missing+=("musl-gcc, which compiles SQLite: apt-get install musl-tools")
  command -v buildah >/dev/null || missing+=("buildah, which makes the image: apt-get install --no-install-recommends buildah")
  [ -e "$(rustc --print target-libdir --target "$target")" ] ||
    missing+=("Rust's target $target: rustup target add $target")
  [ -n "${SOURCE_DATE_EPOCH-}" ] || git rev-parse --quiet --verify HEAD >/dev/null ||
    missing+=("a commit, whose time the files get; or set SOURCE_DATE_EPOCH")
  [ ${#missing[@]} = 0 ] && return
  printf 'make dist: missing on this machine:\n' >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
}

# Paths of this machine are not part of the binary, nor is the time: crates that were built for
# another commit are used again, and some keep SOURCE_DATE_EPOCH.
build() {
  local cargo_home=${CARGO_HOME:-$HOME/.cargo}
  export CARGO_INCREMENTAL=0
  CARGO_ENCODED_RUSTFLAGS="" RUSTC_WRAPPER=$PWD/scripts/rustc-without-paths.sh DIST_CARGO_HOME=$cargo_home DIST_ROOT=$PWD \
    CFLAGS="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$PWD=/shoptalk" \
    SOURCE_DATE_EPOCH=0 CARGO_TARGET_DIR=target "${CARGO:-cargo}" build --release --locked --target "$target" -p shoptalk --bin shoptalk
  rm -rf "$out" "$parts"
  mkdir -p "$out" "$parts"/{bin,man,completions,units}
  install -m 755 "target/$target/release/shoptalk" "$parts/bin/shoptalk"
}

write_parts() {
  local shell unit
  "$parts/bin/shoptalk" man-pages "$parts/man"
  for shell in bash zsh fish; do
    "$parts/bin/shoptalk" completions $shell >"$parts/completions/shoptalk.$shell"
  done
  # Packages put the binary where those of the system are.
  for unit in shoptalk.service shoptalk.socket shoptalk-redirect.socket; do
    sed 's|/usr/local/bin/|/usr/bin/|' "deploy/$unit" >"$parts/units/$unit"
  done
}

# pack DIR NAME…: a tar file whose bytes depend on the contents alone.
pack() {
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX \
    --format=gnu -C "$1" -cf - "${@:2}"
}

write_archive() {
  local root=$parts/archive/$name
  mkdir -p "$root/deploy"
  cp "$parts/bin/shoptalk" LICENSE README.md CHANGELOG.md config/default.toml "$root"
  cp -R "$parts/man" "$parts/completions" "$root"
  cp -R deploy/*.{service,socket,toml,yml,json} deploy/proxies "$root/deploy"
  pack "$parts/archive" "$name" | gzip -9n >"$out/$name.tar.gz"
  cp "$parts/bin/shoptalk" "$out/$name"
}

write_deb() {
  CARGO_TARGET_DIR=target cargo deb --quiet --no-build --no-strip --locked --target "$target" --output "$out/"
}

write_sbom() {
  "${CARGO:-cargo}" cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --target "$target"
  node scripts/sbom.mjs shoptalk.cdx.json >"$out/$name.cdx.json"
  rm shoptalk.cdx.json client/shoptalk-client.cdx.json load/shoptalk-load.cdx.json \
    local-servers/shoptalk-local-servers.cdx.json
}

write_image() {
  local context=$parts/image store work
  mkdir -p "$context/data"
  cp "$parts/bin/shoptalk" "$context"
  work=$(mktemp -d)
  # shellcheck disable=SC2064  # the directory of now
  trap "rm -rf '$work'" EXIT
  store=(buildah --storage-driver vfs --root "$work/root" --runroot "$work/run")
  "${store[@]}" build --quiet --format docker --isolation chroot --timestamp "$SOURCE_DATE_EPOCH" \
    --file deploy/Dockerfile --tag "shoptalk:$version" "$context" >/dev/null
  "${store[@]}" push --quiet "shoptalk:$version" "docker-archive:$work/image.tar:shoptalk:$version"
  mkdir "$work/image"
  tar -xf "$work/image.tar" -C "$work/image"
  node scripts/image.mjs "$work/image"
  (cd "$work/image" && pack . -- *) >"$out/$name-image.tar"
}

preflight
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
scripts/tools.sh deb cyclonedx
build
write_parts
write_archive
write_deb
write_sbom
write_image
(cd "$out" && sha256sum -- * >"../SHA256SUMS" && mv ../SHA256SUMS .)
ls -l "$out"

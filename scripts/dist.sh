#!/usr/bin/env bash
# Writes everything that is published of a version into target/dist, as `make dist` does:
#   scripts/dist.sh [x86_64|aarch64]…   without an argument for this machine's architecture
# For each architecture: the binary, static, for any Linux; the same in an archive with man pages,
# completions and units; a Debian package; a container image; a bill of materials. And SHA256SUMS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:$PWD/target/tools/bin" LC_ALL=C TZ=UTC
umask 022

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
out=target/dist
# What goes into several packages of one architecture.
parts=target/dist-parts

# choose ARCHITECTURE: what follows is done for this one.
choose() {
  arch=$1 target=$1-unknown-linux-musl name=shoptalk-$version-$1
  case $arch in
    x86_64) debian=amd64 ;;
    aarch64) debian=arm64 ;;
    *) echo "usage: scripts/dist.sh [x86_64|aarch64]…, not $arch" >&2; exit 2 ;;
  esac
  # For another architecture than this machine's: Debian's cross compiler with the headers of musl,
  # which are different ones for each architecture; and an emulator.
  foreign=
  emulator=()
  [ "$arch" = "$(uname -m)" ] && return
  foreign=1
  compiler=$arch-linux-gnu-gcc
  specs=/usr/lib/$arch-linux-musl/musl-gcc.specs
  emulator=("qemu-$arch-static")
}

missing=()
# Records that $1 is missing if the command after it fails.
need() { "${@:2}" >/dev/null || missing+=("$1"); }

# Names all that is missing, with the command that installs it.
preflight() {
  need "buildah, which makes the image: apt-get install --no-install-recommends buildah" command -v buildah
  for arch; do
    choose "$arch"
    need "Rust's target $target: rustup target add $target" test -e "$(rustc --print target-libdir --target "$target")"
    if [ -z "$foreign" ]; then
      need "musl-gcc, which compiles SQLite: apt-get install musl-tools" command -v musl-gcc
      continue
    fi
    need "$compiler, which compiles SQLite: apt-get install gcc-${arch/_/-}-linux-gnu" command -v "$compiler"
    need "$specs, with musl's headers: dpkg --add-architecture $debian && apt-get update && apt-get install musl-dev:$debian" \
      test -e "$specs"
    need "${emulator[0]}, which runs the binary to write its man pages: apt-get install qemu-user-static" \
      command -v "${emulator[0]}"
  done
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
  local cargo_home=${CARGO_HOME:-$HOME/.cargo} key=${target//-/_} cross=()
  export CARGO_INCREMENTAL=0
  # The linker is given musl's libraries by rustc, which has its own.
  [ -z "$foreign" ] || cross=("CC_$key=$compiler -specs=$specs" "AR_$key=$arch-linux-gnu-ar" "CARGO_TARGET_${key^^}_LINKER=$compiler")
  env "${cross[@]}" CARGO_ENCODED_RUSTFLAGS="" RUSTC_WRAPPER=$PWD/scripts/rustc-without-paths.sh DIST_CARGO_HOME=$cargo_home DIST_ROOT=$PWD \
    CFLAGS="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$PWD=/shoptalk" \
    SOURCE_DATE_EPOCH=0 CARGO_TARGET_DIR=target "${CARGO:-cargo}" build --release --locked --target "$target" -p shoptalk --bin shoptalk
}

write_parts() {
  local shell unit
  rm -rf "$parts"
  mkdir -p "$parts"/{bin,man,completions,units}
  install -m 755 "target/$target/release/shoptalk" "$parts/bin/shoptalk"
  "${emulator[@]}" "$parts/bin/shoptalk" man-pages "$parts/man"
  for shell in bash zsh fish; do
    "${emulator[@]}" "$parts/bin/shoptalk" completions $shell >"$parts/completions/shoptalk.$shell"
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

# A shell of its own, whose end removes its files.
write_image() (
  local context=$parts/image store work
  mkdir -p "$context/data"
  cp "$parts/bin/shoptalk" "$context"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  store=(buildah --storage-driver vfs --root "$work/root" --runroot "$work/run")
  "${store[@]}" build --quiet --format docker --isolation chroot --arch "$debian" --timestamp "$SOURCE_DATE_EPOCH" \
    --file deploy/Dockerfile --tag "shoptalk:$version" "$context" >/dev/null
  "${store[@]}" push --quiet "shoptalk:$version" "docker-archive:$work/image.tar:shoptalk:$version"
  mkdir "$work/image"
  tar -xf "$work/image.tar" -C "$work/image"
  node scripts/image.mjs "$work/image"
  (cd "$work/image" && pack . -- *) >"$out/$name-image.tar"
)

[ $# -gt 0 ] || set -- "$(uname -m)"
preflight "$@"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
scripts/tools.sh deb cyclonedx
for arch; do
  choose "$arch"
  build
done
rm -rf "$out"
mkdir -p "$out"
for arch; do
  choose "$arch"
  write_parts
  write_archive
  write_deb
  write_sbom
  write_image
done
(cd "$out" && sha256sum -- * >"../SHA256SUMS" && mv ../SHA256SUMS .)
ls -l "$out"

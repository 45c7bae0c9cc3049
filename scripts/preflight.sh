#!/bin/sh
# Checks for everything that a target of the Makefile needs, before anything is built:
#   scripts/preflight.sh run|check|test
# Lists everything that is missing, with one command that installs it. Run by root on a system
# with apt, as in CI, it runs that command. What is optional is named, but nothing asks for it.
# Written in POSIX sh without other programs than those it checks for, so that it works on a
# minimal system.
set -u
cd "${0%/*}/.." || exit 2

target=${1-}
case $target in
  run | check | test) ;;
  *) echo "usage: scripts/preflight.sh run|check|test" >&2; exit 2 ;;
esac

# setting KEY FILE: the value of the first line `KEY = "VALUE"` or `"KEY": "VALUE"` of the file.
setting() {
  while IFS= read -r row; do
    case $row in
      "$1 = \""* | *"\"$1\": \""*)
        row=${row#*"$1"}
        row=${row#*[=:] \"}
        echo "${row%%\"*}"
        return ;;
    esac
  done <"$2"
}
rust_version=$(setting rust-version Cargo.toml)
toolchain=$(setting channel rust-toolchain.toml)
node_range=$(setting node web/package.json)

# Whether version $1 is at least $2. Both are dotted numbers, which may have a suffix.
at_least() {
  left=$1. right=$2.
  while [ -n "$right" ]; do
    a=${left%%.*} b=${right%%.*}
    a=${a%%[!0-9]*} b=${b%%[!0-9]*}
    [ "${a:-0}" -gt "${b:-0}" ] && return 0
    [ "${a:-0}" -lt "${b:-0}" ] && return 1
    left=${left#*.} right=${right#*.}
  done
}

# Whether version $1 is in an npm range made of `^` and `>=`, such as `^20.19.0 || >=24.0.0`.
in_range() {
  for part in $2; do
    case $part in
      '>='*) at_least "$1" "${part#>=}" && return 0 ;;
      '^'*)
        part=${part#^}
        [ "${1%%.*}" = "${part%%.*}" ] && at_least "$1" "$part" && return 0 ;;
    esac
  done
  return 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Records that $1 is missing, and why it is needed.
missing() {
  lacks="$lacks $1 "
  list="$list$(printf '  %-9s %s' "$1" "$2")
"
}
lacks_any() {
  for name; do
    case $lacks in *" $name "*) return 0 ;; esac
  done
  return 1
}

find_missing() {
  lacks='' list=''
  hash -r
  has make || missing make "runs the targets"
  has git || missing git "fetches the sources and their updates"
  # The preprocessor finds the headers of the C library only if they are there.
  if ! has cc; then missing cc "compiles the bundled SQLite"
  elif ! echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1; then
    missing headers "the C library's headers, needed to compile SQLite"
  fi
  # rustup may download the toolchain here, and reports it.
  if ! has rustc; then missing rustc "compiles the server: $rust_version or newer"
  elif ! rust=$(rustc --version); then missing rustc "does not start; $rust_version or newer is required"
  else
    rust=${rust#rustc }
    at_least "${rust%% *}" "$rust_version" ||
      missing rustc "$rust_version or newer is required, found ${rust%% *}"
  fi
  has cargo || missing cargo "builds the server"
  if ! has node; then missing node "builds the pages: $node_range"
  else
    node=$(node --version) || node='one that does not start'
    in_range "${node#v}" "$node_range" ||
      missing node "$node_range is required, found $node"
  fi
  has npm || missing npm "installs the packages that build the pages"
  [ "$target" = run ] && return
  cargo fmt --version >/dev/null 2>&1 || missing rustfmt "checks the format of the sources"
  cargo clippy --version >/dev/null 2>&1 || missing clippy "checks the sources"
  [ "$target" = check ] && return
  [ -x "${CHROMIUM:-/usr/bin/chromium}" ] ||
    missing chromium "runs the browser tests; expected at ${CHROMIUM:-/usr/bin/chromium}, or set CHROMIUM"
}

# Says which tests are left out on this machine. Nothing else depends on what they need.
name_optional() {
  [ "$target" = test ] || return 0
  optional=''
  # Debian has PostgreSQL's programs outside PATH, and some users have no /usr/sbin there.
  for initdb in "${SHOPTALK_POSTGRES_BIN:-/usr/lib/postgresql}"/initdb \
    "${SHOPTALK_POSTGRES_BIN:-/usr/lib/postgresql}"/*/bin/initdb; do
    [ -x "$initdb" ] && break
  done
  [ -x "$initdb" ] || has initdb || optional="$optional postgresql"
  [ -x "${SHOPTALK_NATS_SERVER:-/usr/sbin/nats-server}" ] || has nats-server ||
    optional="$optional nats-server"
  [ -x /usr/sbin/dovecot ] || has dovecot || optional="$optional dovecot-imapd"
  [ -z "$optional" ] || echo "make test: left out, the tests that need$optional (optional;" \
    "Debian's packages have these names)" >&2
}

add_step() { line="${line:+$line && }$1"; }

# Sets `line` to one shell command that installs what is missing.
write_command() {
  line='' packages='' headers='' system=''
  root=$([ "$(id -u)" = 0 ] || echo sudo)
  for system in apt-get dnf pacman apk brew ''; do
    [ -n "$system" ] && has "$system" && break
  done
  case $system in
    apt-get) headers=libc6-dev ;;
    dnf) headers=glibc-devel ;;
    apk) headers=musl-dev ;;
  esac
  lacks_any make && packages="$packages make"
  lacks_any git && packages="$packages git"
  lacks_any cc headers && packages="$packages gcc${headers:+ $headers}"
  lacks_any node && ! has node && packages="$packages nodejs"
  lacks_any npm && packages="$packages npm"
  lacks_any chromium && packages="$packages chromium"
  lacks_any rustc cargo rustfmt clippy && ! has rustup && ! has curl &&
    packages="$packages curl ca-certificates"
  if [ -n "$packages" ]; then
    case $system in
      apt-get) install="apt-get update && apt-get install -y --no-install-recommends$packages" ;;
      dnf) install="dnf install -y$packages" ;;
      pacman) install="pacman -Sy --needed$packages" ;;
      apk) install="apk add$packages" ;;
      brew)
        root=''
        # The command line tools bring the compiler, its headers, make and git.
        lacks_any make git cc headers && add_step "xcode-select --install"
        install=''
        lacks_any node npm && install="brew install node"
        lacks_any chromium && install="${install:+$install && }brew install --cask chromium" ;;
      *) install="YOUR PACKAGE MANAGER install$packages" root='' ;;
    esac
    if [ -z "$root" ]; then [ -z "$install" ] || add_step "$install"
    elif ! has sudo; then add_step "su -c '$install'"
    else
      # Each part of the command needs sudo.
      case $install in *' && '*) install="${install%% && *} && sudo ${install#* && }" ;; esac
      add_step "sudo $install"
    fi
  fi
  # Distributions ship old versions of Node; the npm package `node` contains the binary.
  if lacks_any node && [ "$system" != brew ] && { has node || old_packages; }; then
    if [ "$(id -u)" = 0 ]; then add_step "npm install -g node@22"
    else
      # shellcheck disable=SC2016  # for the reader's shell to expand
      add_step 'npm install -g --prefix ~/.local node@22 && export PATH=~/.local/bin:"$PATH"'
    fi
  fi
  if lacks_any rustc cargo rustfmt clippy; then
    if has rustup; then
      add_step "rustup toolchain install $toolchain --profile minimal -c rustfmt -c clippy"
    else
      add_step "curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --default-toolchain $toolchain"
      add_step ". \"${CARGO_HOME:-\$HOME/.cargo}/env\""
    fi
  fi
}

# Whether the system's package of Node is too old, as far as known.
old_packages() {
  [ "$system" = apt-get ] || return 1
  while IFS= read -r row; do
    case $row in VERSION_ID=*) row=${row#*=\"} && release=${row%\"*} ;; ID=*) name=${row#ID=} ;; esac
  done </etc/os-release
  case $name in
    debian) ! at_least "${release:-99}" 13 ;;
    *) ! at_least "${release:-99}" 25.10 ;;
  esac
}

find_missing
[ -z "$list" ] && { name_optional; exit; }
write_command
if [ "$(id -u)" = 0 ] && has apt-get; then
  echo "make $target: installing what is missing:" >&2
  printf '%s\n%s\n\n' "$list" "  $line" >&2
  (export DEBIAN_FRONTEND=noninteractive && eval "$line") >/dev/null
  find_missing
  [ -z "$list" ] && { name_optional; exit; }
  write_command
fi
{
  printf 'make %s: missing on this machine:\n\n%s\n' "$target" "$list"
  printf 'To install it, run:\n\n  %s\n\n' "$line"
} >&2
exit 1

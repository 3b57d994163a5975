#!/bin/sh
# Sets up an environment for Pratique: the apt packages that are missing, the hashed lock, our own code.
#   install.sh run|dev   set it up to run Pratique, or to work on it; says what it installs; idempotent
#   install.sh bin       print the folder that has `pratique` and the tools
#   install.sh tree      print the folder that tests and benchmarks run in
#   install.sh back      bring the records in docs/ back from that folder, where it is another than this
set -eu
umask 022
cd "$(dirname "$0")"
here=$(pwd -P)
python=/usr/bin/python3

root() { [ "$(id -u)" = 0 ]; }

# As root, processes drop to uids of their own, and the sandbox daemon runs our code as root: code and
# environment must be readable by all and writable by root alone.
fit_for_root() {
  [ -z "$(find proxy analyzer policies models -name __pycache__ -prune -o \( ! -uid 0 -o -perm -0002 \
    -o ! -perm -0004 -o -perm -0020 ! -gid 0 -o -type d ! -perm -0001 \) -print -quit)" ] || return 1
  [ ! -d .venv ] || [ -L .venv ] || [ "$(stat -c %u .venv)" = 0 ] || return 1
  folder=$here
  while :; do
    [ -z "$(find "$folder" -maxdepth 0 \( ! -uid 0 -o ! -perm -0005 \
      -o ! -perm -1000 \( -perm -0002 -o -perm -0020 ! -gid 0 \) \) -print)" ] || return 1
    [ "$folder" != / ] || return 0
    folder=$(dirname "$folder")
  done
}

if root && ! fit_for_root; then
  place=/opt/pratique/$(printf %s "$here" | sha256sum | cut -c1-12)
  tree=$place/tree
  env=$place/env
else
  tree=$here
  env=$here/.venv
fi

# Tests of the pages drive it. Ubuntu has it as a snap alone, which no test can start; there they skip.
browser() { ! grep -qs '^ID=debian$' /etc/os-release || echo " chromium"; }

case ${1:-run} in
  run) lock=requirements.lock more="" ;;
  dev) lock=requirements-dev.lock more="nginx-light curl openssl wrk$(browser)" ;;
  bin) echo "$env/bin"; exit 0 ;;
  tree) echo "$tree"; exit 0 ;;
  back)
    [ "$tree" != "$here" ] || exit 0
    for page in bench.json proofs; do
      [ ! -e "$tree/docs/$page" ] || cp -r "$tree/docs/$page" docs/
    done
    chown -R --reference=install.sh docs
    exit 0 ;;
  *) echo "usage: install.sh run|dev|bin|tree|back" >&2; exit 64 ;;
esac
flavour=${1:-run}

exec 9<install.sh
flock -n 9 || { echo "This folder is being set up already; waiting for that."; flock 9; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { # what the command says matters only when it fails
  "$@" >"$log" 2>&1 || { cat "$log" >&2; echo "This failed: $*" >&2; exit 1; }
}

lacking() {
  for package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf ' %s' "$package"
  done
}

# Without the first two there is nothing to build on, and no box to read a package in.
needed=$(lacking python3-venv bubblewrap)
# libfaketime: the second start of a package has a clock that is weeks ahead and runs fast.
# shellcheck disable=SC2086  # a list of words is meant
wanted=$(lacking python3-bpfcc libgomp1 libfaketime $more)
if [ -n "$needed$wanted" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "This is neither Debian nor Ubuntu. Install what these packages hold:$needed$wanted"
  elif root; then
    echo "Installing with apt:$needed$wanted"
    apt-get update -qq >/dev/null 2>&1 || echo "apt-get update failed; going on with the lists that are there."
    # A fresh machine's own upgrades may hold apt's lock for minutes.
    # shellcheck disable=SC2086  # the same
    DEBIAN_FRONTEND=noninteractive quietly apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends \
      $needed $wanted
  else
    echo "These packages are missing; as root they are installed by themselves (sudo make …), else run"
    echo "  sudo apt-get update && sudo apt-get install$needed$wanted"
    if [ -n "$needed" ]; then
      echo "There is no going on without$needed."
      exit 1
    fi
    echo "Going on without them."
  fi
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  { echo "$python is older than 3.11; Debian 12 and Ubuntu 24.04 have newer ones."; exit 1; }

digest() { sha256sum | cut -c1-64; }

# The copy that root runs: all but what was built here, with .git, which tests ask for the list of files.
sync_tree() {
  want=$(find . \( -path ./.venv -o -path ./var -o -path ./.git/objects -o -name __pycache__ -o -name '.*_cache' \
    -o -name .hypothesis \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | digest)
  [ "$(cat "$place/tree.stamp" 2>/dev/null)" != "$want" ] || return 0
  echo "This folder is not root's alone, or not readable by all: root runs a copy of it, $tree"
  rm -rf "$tree.new"
  mkdir -p "$tree.new"
  tar -cf - --exclude=./.venv --exclude=./var --exclude=__pycache__ --exclude=.hypothesis --exclude='.*_cache' . |
    tar -xf - --no-same-owner --no-same-permissions -C "$tree.new"
  chmod -R u=rwX,go=rX "$tree.new"
  [ ! -d "$tree/var" ] || mv "$tree/var" "$tree.new/"
  rm -rf "$tree"
  mv "$tree.new" "$tree"
  echo "$want" >"$place/tree.stamp"
}

if [ "$tree" != "$here" ]; then
  sync_tree
  # For whoever types .venv/bin/pratique; a user's own environment stays as it is.
  if [ -L .venv ] || [ ! -e .venv ]; then ln -sfn "$env" .venv; fi
else
  case $(readlink .venv) in /opt/pratique/*) rm .venv ;; esac
fi

# Else every start of every process compiles all of our modules anew, where whoever runs it may not write
# here, or Python is told not to (PYTHONDONTWRITEBYTECODE).
compile_tree() {
  folders="proxy analyzer policies models"
  [ "$flavour" = run ] || folders="$folders tests bench"
  # shellcheck disable=SC2086  # a list of words is meant
  (cd "$tree" && quietly "$env/bin/python" -m compileall -q $folders)
}

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
stamp=$env/.pratique-$flavour
want=$( { cat "$lock" install.sh pyproject.toml; echo "$version $tree"; } | digest)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
  echo "The environment $env is up to date."
  compile_tree
  exit 0
fi
if [ ! -d "$env/lib/python$version" ] || ! "$env/bin/python" -m pip --version >/dev/null 2>&1; then
  echo "Making the environment $env from $python"
  rm -rf "$env"
  quietly "$python" -m venv "$env"
fi
echo "Installing the $(grep -c '^[a-z].*==' "$lock") pinned packages of $lock; a minute or two the first time"
quietly "$env/bin/python" -m pip install --require-hashes --requirement "$lock"
quietly "$env/bin/python" -m pip install --no-deps --no-build-isolation --no-index --editable "$tree"
compile_tree
echo "$want" >"$stamp"
echo "Ready: $env/bin/pratique"

#!/bin/sh
# Sets up .venv beside this file: what Debian or Ubuntu packages are missing, then the hashed lock.
# Idempotent; says what it installs. `install.sh run` or `install.sh dev`.
set -eu
cd "$(dirname "$0")"
flavour=${1:-run}
case $flavour in
  run) lock=requirements.lock; packages="python3-venv python3-bpfcc bubblewrap libgomp1" ;;
  dev) lock=requirements-dev.lock; packages="python3-venv python3-bpfcc bubblewrap libgomp1 wrk" ;;
  *) echo "usage: install.sh run|dev" >&2; exit 64 ;;
esac
python=/usr/bin/python3
root() { [ "$(id -u)" = 0 ]; }

missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if root; then
    echo "Installing with apt:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086 - a list of words is meant
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  else
    echo "These packages are missing:$missing"
    echo "  sudo apt-get install$missing"
    "$python" -c 'import ensurepip' 2>/dev/null || { echo "Without python3-venv there is nothing to build on; run the line above first."; exit 1; }
    echo "Going on without them: packages will be read but not run, so nothing scores above MONITOR."
  fi
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$python is older than 3.11; Debian 12 and Ubuntu 24.04 have newer ones."; exit 1; }

# As root, the processes drop to uids of their own and the sandbox daemon runs our code as root: the
# environment must be readable by all and writable by root alone. A checkout that is not, is copied.
place=.venv
editable=yes
if root && ! "$python" - <<'PY'
import os, pathlib, sys
here = pathlib.Path.cwd().resolve()
chain = [here, *here.parents]
sys.exit(not all(p.stat().st_uid == 0 and p.stat().st_mode & 0o005 == 0o005 and not p.stat().st_mode & 0o002 for p in chain if str(p) != "/tmp"))
PY
then
  place=/opt/pratique/$(printf %s "$PWD" | sha256sum | cut -c1-12)
  editable=no
  echo "This folder is not root's or not readable by all: the environment goes to $place (.venv points there)."
  mkdir -p "$(dirname "$place")"
  [ -L .venv ] || rm -rf .venv
  ln -sfn "$place" .venv
fi

stamp=$place/.pratique-$flavour
want=$(cat "$lock" install.sh pyproject.toml | sha256sum | cut -c1-64)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && [ "$editable" = yes ]; then
  echo "The environment $place is up to date."
  exit 0
fi
if [ ! -x "$place/bin/python" ]; then
  echo "Making the environment $place from $python"
  rm -rf "$place"
  "$python" -m venv "$place"
fi
if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
  echo "Installing the $(grep -c '^[a-z].*==' "$lock") pinned packages of $lock"
  "$place/bin/python" -m pip install --quiet --require-hashes --requirement "$lock"
fi
if [ "$editable" = yes ]; then
  "$place/bin/python" -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
else
  copy=$(mktemp -d)
  cp -r proxy analyzer policies models pyproject.toml README.md "$copy"
  "$place/bin/python" -m pip install --quiet --no-deps --no-build-isolation --no-index --force-reinstall "$copy"
  rm -rf "$copy"
fi
echo "$want" > "$stamp"
echo "Ready: $place/bin/pratique"

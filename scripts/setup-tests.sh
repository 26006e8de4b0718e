#!/usr/bin/env bash
# Installs what `npm test` needs: node modules, a Kafka from Maven Central, redis-server, kcat and a headless Chromium from
# Debian, Feast in a venv, a second Node for the smoke test. Quick if all is installed. Prints what cannot be installed; the
# tests that need it are skipped with that reason (and fail with CI=true).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="$root/.cache"
feast_version='feast[redis]==0.67.*'
node_versions=(22 24)
cd "$root"
mkdir -p "$cache"

node scripts/install.mjs

apt_install() {
  local policy=/usr/sbin/policy-rc.d made='' status=0
  if [[ "$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "setup: cannot install $* without root and apt" >&2
    return 0
  fi
  echo "setup: installing $*" >&2
  # policy-rc.d answering 101 keeps Debian from starting a packaged service on its usual port.
  if [[ ! -e "$policy" ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1
  fi
  { apt-get install -y -qq "$@" || { apt-get update -qq && apt-get install -y -qq "$@"; }; } \
    >"$cache/apt.log" 2>&1 </dev/null || status=1
  [[ -z "$made" ]] || rm -f "$policy"
  [[ "$status" == 0 ]] || {
    echo "setup: apt-get could not install $*:" >&2
    tail -n 5 "$cache/apt.log" >&2
  }
}

packages=()
command -v redis-server >/dev/null || packages+=(redis-server)
command -v kcat >/dev/null || packages+=(kcat)
# For promtool.
command -v promtool >/dev/null || packages+=(prometheus)
command -v java >/dev/null || packages+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || packages+=(maven)
command -v chromium-headless-shell chromium chromium-browser google-chrome >/dev/null ||
  packages+=(chromium-headless-shell)
[[ ${#packages[@]} == 0 ]] || apt_install "${packages[@]}"

# The oldest Python that the pinned Feast runs on is 3.10.
find_python() {
  local candidate
  for candidate in python3.11 python3.12 python3.10 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

install_feast() {
  local python
  [[ -f "$cache/feast/.complete" && "$(cat "$cache/feast/.complete")" == "$feast_version" ]] && return 0
  if ! python="$(find_python)"; then
    apt_install python3 python3-venv
    python="$(find_python)" || {
      echo 'setup: no Python 3.10 or newer: Feast is not installed' >&2
      return 0
    }
  fi
  echo "setup: installing $feast_version (once, a minute or two)" >&2
  rm -rf "$cache/feast"
  if ! "$python" -m venv "$cache/feast" >"$cache/feast.log" 2>&1; then
    apt_install python3-venv
    rm -rf "$cache/feast"
    "$python" -m venv "$cache/feast" >"$cache/feast.log" 2>&1 || {
      tail -n 3 "$cache/feast.log" >&2
      return 0
    }
  fi
  if "$cache/feast/bin/python" -m pip install -q "$feast_version" >>"$cache/feast.log" 2>&1 </dev/null &&
    "$cache/feast/bin/python" -c 'import feast' >>"$cache/feast.log" 2>&1; then
    echo "$feast_version" >"$cache/feast/.complete"
  else
    echo 'setup: Feast could not be installed:' >&2
    tail -n 5 "$cache/feast.log" >&2
  fi
}

# npm's `node` package carries the other Node versions as platform packages.
install_node() {
  local prefix="$cache/node$1"
  [[ -x "$prefix/node_modules/.bin/node" ]] && "$prefix/node_modules/.bin/node" --version >/dev/null 2>&1 && return 0
  echo "setup: installing Node $1 (once)" >&2
  rm -rf "$prefix"
  mkdir -p "$prefix"
  npm install --no-save --no-audit --no-fund --loglevel=error --prefix "$prefix" "node@$1" \
    >"$cache/node$1.log" 2>&1 </dev/null || {
    echo "setup: Node $1 could not be installed:" >&2
    tail -n 3 "$cache/node$1.log" >&2
  }
}

install_feast
for version in "${node_versions[@]}"; do install_node "$version"; done

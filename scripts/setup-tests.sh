#!/usr/bin/env bash
# Installs what `npm test` needs: node modules; Kafka and a schema registry from Maven Central; redis-server, kcat, mosquitto
# and a headless Chromium from Debian; Feast and Confluent's serializers from PyPI, each in a venv; other versions of Node for
# the smoke test. Quick if all is installed. Prints what cannot be installed; the
# tests that need it are skipped with that reason (and fail with CI=true).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="$root/.cache"
# With what the notebook needs, which a test executes.
feast_version='feast[redis,duckdb,grpcio]==0.67.* nbclient==0.11.* ipykernel==7.* matplotlib==3.11.*'
# The newest that runs on Java 17.
apicurio_version='3.0.9'
serializers='confluent-kafka[avro,json,protobuf,schemaregistry]==2.16.*'
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
# The broker of the MQTT tests; Debian has it outside of a user's path.
PATH="$PATH:/usr/sbin" command -v mosquitto >/dev/null || packages+=(mosquitto)
# Prometheus with promtool, Alertmanager with amtool: for monitoring/ (test/monitoring/).
command -v promtool >/dev/null || packages+=(prometheus)
command -v amtool >/dev/null || packages+=(prometheus-alertmanager)
command -v java >/dev/null || packages+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || packages+=(maven)
command -v protoc >/dev/null || packages+=(protobuf-compiler)
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

# Whether the folder $1 of the cache holds $2, whole.
is_installed() { [[ -f "$cache/$1/.complete" && "$(cat "$cache/$1/.complete")" == "$2" ]]; }

# Installs the requirements $2, separated by spaces, the first of which imports as $3, into a virtual environment of its own, $1.
install_python() {
  local folder="$cache/$1" log="$cache/$1.log" python requirements
  read -ra requirements <<<"$2"
  is_installed "$1" "$2" && return 0
  if ! python="$(find_python)"; then
    apt_install python3 python3-venv
    python="$(find_python)" || {
      echo "setup: no Python 3.10 or newer: $2 is not installed" >&2
      return 0
    }
  fi
  echo "setup: installing $2 (once, up to two minutes)" >&2
  rm -rf "$folder"
  if ! "$python" -m venv "$folder" >"$log" 2>&1; then
    apt_install python3-venv
    rm -rf "$folder"
    "$python" -m venv "$folder" >"$log" 2>&1 || {
      tail -n 3 "$log" >&2
      return 0
    }
  fi
  if "$folder/bin/python" -m pip install -q "${requirements[@]}" >>"$log" 2>&1 </dev/null &&
    "$folder/bin/python" -c "import $3" >>"$log" 2>&1; then
    echo "$2" >"$folder/.complete"
  else
    echo "setup: $2 could not be installed:" >&2
    tail -n 5 "$log" >&2
  fi
}

# Apicurio serves Confluent's REST API as well; it is one jar with its libraries beside it.
install_registry() {
  local folder="$cache/apicurio" log="$cache/apicurio.log"
  local artifact="io.apicurio:apicurio-registry-app:$apicurio_version:tar.gz:all"
  is_installed apicurio "$apicurio_version" && return 0
  echo "setup: installing the schema registry Apicurio $apicurio_version (once)" >&2
  rm -rf "$folder"
  mkdir -p "$folder"
  if mvn -q -B dependency:copy -Dartifact="$artifact" -DoutputDirectory="$folder" >"$log" 2>&1 </dev/null &&
    tar -xzf "$folder/"*.tar.gz -C "$folder" >>"$log" 2>&1; then
    rm -f "$folder/"*.tar.gz
    echo "$apicurio_version" >"$folder/.complete"
  else
    echo 'setup: the schema registry could not be installed:' >&2
    tail -n 5 "$log" >&2
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

install_python feast "$feast_version" feast
install_registry
install_python serializers "$serializers" confluent_kafka
for version in "${node_versions[@]}"; do install_node "$version"; done

#!/usr/bin/env bash
# Starts, stops and shows the Kafka and Redis of the tests, without containers.
#
#   scripts/services.sh start|stop|status [kafka] [redis] [--fresh]
#
# `start` starts only services that do not answer, and waits until they do; `stop` stops only services that `start` started.
# --fresh deletes the data of a service before starting it. `start` exits with 3 and prints the reason if a service cannot
# run here. For a second pair beside the shared one, set SERVICES_DIR, KAFKA_PORT (the controller uses the next port) and
# REDIS_PORT. KAFKA_KIND=secured starts a Kafka with ACLs and logins at KAFKA_SASL_PORT. Each user's password is
# secret-<user>: admin (all rights) and u0 to u99 log in with PLAIN, scram256 and scram512 with SCRAM. KAFKA_PORT needs no
# login and allows everything. With KAFKA_TLS_DIR, a folder with ca.crt and the keys and certificates server.pem, expired.pem
# and other-host.pem, there are five more listeners from KAFKA_TLS_PORT on (scripts/kafka/tls.properties.in says which), and
# tokens signed by a key of KAFKA_JWKS_URL log in with OAUTHBEARER.
# KAFKA_KIND=node starts node KAFKA_NODE of the cluster of three whose controllers are
# KAFKA_VOTERS (id@host:port,…); the nodes must be started side by side, each with a SERVICES_DIR of its own.
# KAFKA_HOST and KAFKA_NETNS place it in a network namespace. KAFKA_VERSION starts another version than that of scripts/kafka/pom.xml.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
dir="${SERVICES_DIR:-$root/.cache/services}"
kafka_version="${KAFKA_VERSION:-}"
libs="$root/.cache/kafka/libs${kafka_version:+-$kafka_version}"
kafka_port="${KAFKA_PORT:-19092}"
redis_port="${REDIS_PORT:-16379}"
kafka_kind="${KAFKA_KIND:-plain}"
kafka_host="${KAFKA_HOST:-127.0.0.1}"
sasl_port="${KAFKA_SASL_PORT:-19095}"
tls_port="${KAFKA_TLS_PORT:-19096}"
tls_dir="${KAFKA_TLS_DIR:-}"
jwks_url="${KAFKA_JWKS_URL:-}"

usage() { sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

kafka_up() { node "$root/scripts/kafka/ready.mjs" "$kafka_host" "$kafka_port"; }

redis_up() {
  local answer=''
  exec 5<>"/dev/tcp/127.0.0.1/$redis_port" || return 1
  printf 'PING\r\n' >&5
  read -r -t 3 answer <&5 || true
  exec 5>&-
  [[ "$answer" == +PONG* ]]
} 2>/dev/null

# Runs "$1" up to $2 times, four times a second; stops early if the process with the pid file $3 dies.
wait_for() {
  local attempt
  for ((attempt = 0; attempt < $2; attempt++)); do
    "$1" && return 0
    kill -0 "$(cat "$3")" 2>/dev/null || return 1
    sleep 0.25
  done
  return 1
}

install_packages() {
  [[ "$(id -u)" == 0 ]] && command -v apt-get >/dev/null || return 1
  # policy-rc.d answering 101 keeps Debian from starting the package's own service on its usual port.
  local policy=/usr/sbin/policy-rc.d made=''
  if [[ ! -e "$policy" ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1
  fi
  local status=0
  { apt-get install -y -qq "$@" || { apt-get update -qq && apt-get install -y -qq "$@"; }; } \
    >>"$dir/apt.log" 2>&1 </dev/null || status=1
  [[ -z "$made" ]] || rm -f "$policy"
  return "$status"
}

skip() {
  echo "services: $1 skipped: $2" >&2
  missing=1
}

fetch_kafka() {
  local wanted version=()
  [[ -z "$kafka_version" ]] || version=("-Dkafka.version=$kafka_version")
  wanted="$(cksum <"$root/scripts/kafka/pom.xml")"
  [[ -f "$libs/.complete" && "$(cat "$libs/.complete")" == "$wanted" ]] && return 0
  if ! command -v mvn >/dev/null; then
    echo 'services: installing maven' >&2
    install_packages maven || return 1
  fi
  echo 'services: fetching Kafka from Maven Central (about 60 MB, once)' >&2
  # Whole at once: another clone may use the same folder.
  local fetched="$libs.$$"
  rm -rf "$fetched"
  mkdir -p "$fetched"
  mvn -q -B -f "$root/scripts/kafka/pom.xml" dependency:copy-dependencies \
    "-DoutputDirectory=$fetched" ${version[@]+"${version[@]}"} </dev/null >"$dir/maven.log" 2>&1 || {
    tail -n 5 "$dir/maven.log" >&2
    rm -rf "$fetched"
    return 1
  }
  echo "$wanted" >"$fetched/.complete"
  rm -rf "$libs"
  mv "$fetched" "$libs"
}

have_java() {
  command -v java >/dev/null &&
    [[ "$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')" -ge 17 ]]
}

kafka_settings() {
  local files=("$root/scripts/kafka/server.properties.in") users='' user
  if [[ "$kafka_kind" == secured ]]; then
    # If a setting has two lines, the later one counts.
    files+=("$root/scripts/kafka/secured.properties.in")
    [[ -z "$tls_dir" ]] || files+=("$root/scripts/kafka/tls.properties.in")
    for user in admin u{0..99}; do users+="user_$user=\"secret-$user\" "; done
  elif [[ "$kafka_kind" == node ]]; then
    files+=("$root/scripts/kafka/node.properties.in")
  fi
  sed -e "s|@DIR@|$1|" -e "s|@HOST@|$kafka_host|g" -e "s|@PORT@|$kafka_port|" -e "s|@CONTROLLER_PORT@|$((kafka_port + 1))|" \
    -e "s|@SASL_PORT@|$sasl_port|" -e "s|@PLAIN_USERS@|$users|" \
    -e "s|@TLS_DIR@|$tls_dir|" -e "s|@JWKS_URL@|$jwks_url|" \
    -e "s|@TLS_PORT_0@|$tls_port|" -e "s|@TLS_PORT_1@|$((tls_port + 1))|" -e "s|@TLS_PORT_2@|$((tls_port + 2))|" \
    -e "s|@TLS_PORT_3@|$((tls_port + 3))|" -e "s|@TLS_PORT_4@|$((tls_port + 4))|" \
    -e "s|@NODE@|${KAFKA_NODE:-1}|" -e "s|@VOTERS@|${KAFKA_VOTERS:-}|" "${files[@]}"
}

start_kafka() {
  if kafka_up; then
    echo "kafka: answers on 127.0.0.1:$kafka_port already"
    return
  fi
  if ! have_java; then
    echo 'services: installing a Java 17 runtime' >&2
    install_packages openjdk-17-jre-headless || install_packages default-jre-headless || true
    have_java || {
      skip kafka 'no Java 17, and it cannot be installed without root and apt (set TEST_KAFKA_BROKERS to use another Kafka)'
      return
    }
  fi
  fetch_kafka || {
    skip kafka 'its jars cannot be fetched from Maven Central (is mvn installed?)'
    return
  }
  local home="$dir/kafka-$kafka_port"
  [[ "$fresh" == 0 ]] || rm -rf "$home"
  mkdir -p "$home"
  kafka_settings "$home" >"$home/server.properties"
  local format=(--cluster-id sensoriumTestsAAAAAAAA --config "$home/server.properties")
  [[ "$kafka_kind" != secured ]] || format+=(
    --add-scram 'SCRAM-SHA-256=[name=scram256,password=secret-scram256]'
    --add-scram 'SCRAM-SHA-512=[name=scram512,password=secret-scram512]')
  local heap=768m
  [[ "$kafka_kind" != node ]] || heap=384m
  local java=(java "-Xmx$heap" -XX:+UseSerialGC -cp "$libs/*"
    "-Dlog4j2.configurationFile=$root/scripts/kafka/log4j2.properties"
    "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=$jwks_url")
  if [[ ! -f "$home/data/meta.properties" ]]; then
    "${java[@]}" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format "${format[@]}" \
      >"$home/format.log" 2>&1 || {
      cat "$home/format.log" >&2
      return 1
    }
  fi
  local within=()
  [[ -z "${KAFKA_NETNS:-}" ]] || within=(ip netns exec "$KAFKA_NETNS")
  setsid nohup ${within[@]+"${within[@]}"} "${java[@]}" kafka.Kafka "$home/server.properties" \
    >"$home/server.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/kafka-$kafka_port.pid"
  wait_for kafka_up 240 "$dir/kafka-$kafka_port.pid" || {
    echo 'services: kafka did not come up:' >&2
    tail -n 20 "$home/server.log" >&2
    stop_one "kafka-$kafka_port"
    return 1
  }
  echo "kafka: started on $kafka_host:$kafka_port"
}

start_redis() {
  if redis_up; then
    echo "redis: answers on 127.0.0.1:$redis_port already"
    return
  fi
  command -v redis-server >/dev/null || {
    echo 'services: installing redis-server' >&2
    install_packages redis-server || {
      skip redis 'redis-server is not installed, and it cannot be installed without root and apt (set TEST_REDIS_URL to use another Redis)'
      return
    }
  }
  local home="$dir/redis-$redis_port"
  [[ "$fresh" == 0 ]] || rm -rf "$home"
  mkdir -p "$home"
  setsid nohup redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$home" \
    --save '' --appendonly no >"$home/server.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/redis-$redis_port.pid"
  wait_for redis_up 40 "$dir/redis-$redis_port.pid" || {
    echo 'services: redis did not come up:' >&2
    tail -n 20 "$home/server.log" >&2
    return 1
  }
  echo "redis: started on 127.0.0.1:$redis_port"
}

# Ends the process recorded by `start` as $1, if it is still the same process.
stop_one() {
  local file="$dir/$1.pid" pid attempt
  [[ -f "$file" ]] || return 0
  pid="$(cat "$file")"
  rm -f "$file"
  grep -qE 'kafka|redis-server' "/proc/$pid/cmdline" 2>/dev/null ||
    ps -p "$pid" -o args= 2>/dev/null | grep -qE 'kafka|redis-server' || return 0
  kill "$pid" 2>/dev/null || return 0
  for ((attempt = 0; attempt < 60; attempt++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.25
  done
  kill -9 "$pid" 2>/dev/null || true
  echo "$1: stopped"
}

status_one() {
  local state='not running'
  if "$1_up"; then state='answers'; fi
  [[ ! -f "$dir/$1-$2.pid" ]] || state="$state (started here, pid $(cat "$dir/$1-$2.pid"))"
  echo "$1: 127.0.0.1:$2 $state"
}

command="${1:-}"
[[ $# == 0 ]] || shift
fresh=0
missing=0
wanted=()
for argument in "$@"; do
  case "$argument" in
    --fresh) fresh=1 ;;
    kafka | redis) wanted+=("$argument") ;;
    *) usage >&2 && exit 2 ;;
  esac
done
[[ ${#wanted[@]} -gt 0 ]] || wanted=(kafka redis)

mkdir -p "$dir"
# Two concurrent starts must not both format and start a broker. Without flock (macOS) this is not prevented.
exec 9>"$dir/lock"
if command -v flock >/dev/null; then flock 9; fi

for service in "${wanted[@]}"; do
  port="$kafka_port"
  [[ "$service" == kafka ]] || port="$redis_port"
  case "$command" in
    start) "start_$service" ;;
    stop) stop_one "$service-$port" ;;
    status) status_one "$service" "$port" ;;
    *) usage >&2 && exit 2 ;;
  esac
done
[[ "$missing" == 0 ]] || exit 3

#!/usr/bin/env bash
# `npm run test:versions [-- VERSION…]`: runs the contract suite of the log, the commit protocol
# through a faulty network and the main job against each supported version of Kafka. Brokers are
# fetched once and kept in .cache/kafka/. Its last line is `N passed, N failed`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

versions=("$@")
[[ ${#versions[@]} -gt 0 ]] || versions=(4.0.2 4.3.0)
suites=(test/log/kafka/kafka-log test/log/kafka/transactional-ids test/proxy/commit-faults test/integration/main-job)

node scripts/build.mjs || exit 1
folder="$(mktemp -d)"
counts="$folder/counts"
status=0 passed=0 failed=0
port=21920

for version in "${versions[@]}"; do
  port=$((port + 2))
  export SERVICES_DIR="$folder/$version" KAFKA_PORT="$port" KAFKA_VERSION="$version"
  echo "== Kafka $version"
  more_passed=0 more_failed=1
  : >"$counts"
  if scripts/services.sh start kafka; then
    TEST_KAFKA_BROKERS="127.0.0.1:$port" TEST_COUNTS="$counts" \
      node node_modules/vitest/vitest.mjs run --project integration "${suites[@]}" </dev/null
    read -r more_passed more_failed _ <"$counts" || true
    scripts/services.sh stop kafka
  fi
  echo "Kafka $version: $more_passed passed, $more_failed failed"
  [[ "$more_failed" == 0 && "$more_passed" != 0 ]] || status=1
  passed=$((passed + more_passed)) failed=$((failed + more_failed))
done

rm -rf "$folder"
printf '\n%s passed, %s failed\n' "$passed" "$failed"
exit "$status"

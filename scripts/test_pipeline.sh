#!/bin/sh
# Tests a pipeline that runs elsewhere on KAFKA_BROKERS: checks it, sends readings for half a minute, shows its progress.
# Uses `doctor`, `produce` and `inspect`; options go to `produce` (for example --sensors 50 --rate 10).
set -eu
cd "$(dirname "$0")/.."
if [ -z "${KAFKA_BROKERS:-}" ]; then
  echo 'test_pipeline: set KAFKA_BROKERS (and REDIS_URL) to those of the pipeline' >&2
  exit 2
fi
node scripts/install.mjs >&2
node scripts/build.mjs >&2
node dist/main.js doctor
node dist/main.js produce --duration 30 "$@"
node dist/main.js inspect
node dist/main.js dlq list --limit 5

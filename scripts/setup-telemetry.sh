#!/usr/bin/env bash
# Installs what `npm run test:telemetry` needs, outside the tree, from Go modules: VictoriaLogs, which takes log lines by
# Elasticsearch's bulk API, and Jaeger. Prints the folder. Quick if both are there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

go_tool victoria-logs github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs v1.52.1

# Jaeger's module replaces another one, so it builds in its own folder alone.
jaeger_version=v1.76.0
if ! has jaeger "$jaeger_version"; then
  echo "setup: building jaeger $jaeger_version (once, some minutes)" >&2
  module="$(cd "$tools" && go mod download -json "github.com/jaegertracing/jaeger@$jaeger_version" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')"
  (cd "$module" && go build -ldflags='-s -w' -o "$tools/jaeger" ./cmd/all-in-one) >&2
  echo "$jaeger_version" >"$tools/jaeger.version"
fi

echo "$tools"

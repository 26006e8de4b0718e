#!/usr/bin/env bash
# Installs what `npm run test:deploy` needs, outside the tree: helm, built from its Go module (minutes, once); schemas of
# Kubernetes, from a Python package; those of KEDA, the Prometheus operator and Compose, from their Go modules. Prints the
# folder. Quick if all is installed.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

kubernetes_validate=1.37.0
schemas="$tools/schemas"
mkdir -p "$schemas"

go_tool helm helm.sh/helm/v3/cmd/helm v3.20.2

if ! has venv "$kubernetes_validate"; then
  echo "setup: installing kubernetes-validate $kubernetes_validate" >&2
  rm -rf "$tools/venv"
  python3 -m venv "$tools/venv"
  "$tools/venv/bin/python" -m pip install -q "kubernetes-validate==$kubernetes_validate" jsonschema pyyaml >&2
  echo "$kubernetes_validate" >"$tools/venv.version"
fi

# Takes one file out of a Go module: MODULE VERSION PATH NAME.
schema() {
  local zip
  [[ -s "$schemas/$4" && "$(cat "$schemas/$4.version" 2>/dev/null)" == "$2" ]] && return 0
  zip="$(cd "$tools" && go mod download -json "$1@$2" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["Zip"])')"
  python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
    "$zip" "$1@$2/$3" >"$schemas/$4"
  echo "$2" >"$schemas/$4.version"
}
schema github.com/kedacore/keda/v2 v2.21.0 config/crd/bases/keda.sh_scaledobjects.yaml ScaledObject.yaml
schema github.com/prometheus-operator/prometheus-operator v0.85.0 \
  example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml ServiceMonitor.yaml
schema github.com/compose-spec/compose-go/v2 v2.16.2 schema/compose-spec.json compose-spec.json

echo "$tools"

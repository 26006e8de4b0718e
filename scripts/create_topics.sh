#!/bin/sh
# Creates missing topics: short for `node dist/main.js topics create` (see its --help).
set -eu
cd "$(dirname "$0")/.."
node scripts/install.mjs >&2
node scripts/build.mjs >&2
exec node dist/main.js topics create "$@"

#!/bin/sh
# Creates the topics that are missing: a door to `node dist/main.js topics create` (--help there).
set -eu
cd "$(dirname "$0")/.."
node scripts/install.mjs >&2
node scripts/build.mjs >&2
exec node dist/main.js topics create "$@"

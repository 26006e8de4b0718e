#!/bin/sh
# `npm start`: installs and builds if needed, then execs the program, so that signals reach it directly.
set -eu
cd "$(dirname "$0")/.."
node scripts/install.mjs
node scripts/build.mjs
exec node dist/main.js "$@"

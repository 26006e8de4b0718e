#!/usr/bin/env bash
# `npm test`: installs the services of the tests, builds, and runs every test. Its last line is
# `N passed, N failed[, N skipped]`.
# Arguments go to vitest: `npm test -- test/services`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

counts="$(mktemp)"
trap 'rm -f "$counts"' EXIT
status=0
passed=0 failed=0 skipped=0

# Runs vitest with the arguments and adds its counts; a run that ends without counts is itself a failure.
run() {
  local code=0 more_passed=0 more_failed=0 more_skipped=0
  : >"$counts"
  TEST_COUNTS="$counts" node node_modules/vitest/vitest.mjs run --passWithNoTests "$@" </dev/null || code=$?
  read -r more_passed more_failed more_skipped <"$counts" || true
  [[ "$code" == 0 || "$more_failed" != 0 ]] || more_failed=1
  [[ "$more_failed" == 0 ]] || status=1
  passed=$((passed + more_passed)) failed=$((failed + more_failed)) skipped=$((skipped + more_skipped))
}

{ scripts/setup-tests.sh && node scripts/build.mjs; } || {
  echo 'test: set-up or build failed; nothing was run'
  printf '\n0 passed, 1 failed\n'
  exit 1
}
run --project unit "$@"
# These tests mostly wait for processes they start, so more of them run at once than there are cores.
run --project integration --maxWorkers=4 "$@"

line="$passed passed, $failed failed"
[[ "$skipped" == 0 ]] || line="$line, $skipped skipped"
printf '\n%s\n' "$line"
[[ "$passed" != 0 ]] || status=1
exit "$status"

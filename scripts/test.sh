#!/usr/bin/env bash
# Every test. With CI=true the real parts are installed first and a missing one
# is a failure; otherwise tests that need one are skipped in a visible line.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${CI:-}" = true ]; then
  scripts/parts.sh
else
  missing=$(scripts/parts.sh --missing)
  [ -z "$missing" ] || echo "test: SKIPPED are the tests that need these, which make parts installs: $missing"
fi
race=-race
if ! command -v "$(go env CC)" >/dev/null 2>&1 || [ "$(go env CGO_ENABLED)" = 0 ]; then
  race=
  echo "test: no C compiler, so without the race detector (make parts installs one)"
fi
# The whole daemon in a synctest bubble makes the race detector's own runtime
# crash now and then (Go 1.26), so these two are run without it. What they run
# is under it in every other package.
bubbles='envoyd/internal/e2e/(counters|outage)$'
status=0
go list ./... | grep -vE "$bubbles" | xargs go test $race -timeout 20m || status=$?
go list ./... | grep -E "$bubbles" | xargs go test -timeout 20m || status=$?
# Each parser of outside bytes; make fuzz does it for ten minutes each.
scripts/fuzz.sh 30s || status=$?
exit "$status"

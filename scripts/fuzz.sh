#!/usr/bin/env bash
# Fuzzes each parser of outside bytes for the time given (default 10m), two at a
# time, so that `make test` can afford it. A finding is printed; what it was
# found with is kept by go test under the package's testdata/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10m}
grep -rEl --include='*_test.go' '^func Fuzz' internal cmd | xargs -n1 dirname | sort -u | while read -r dir; do
  go test "./$dir" -list '^Fuzz' | grep '^Fuzz' | sed "s|^|$dir $time |"
done | xargs -P 2 -L 1 bash -c '
  echo "fuzz: $0 $2 for $1"
  log=$(mktemp)
  if ! go test "./$0" -run "^\$" -fuzz "^$2\$" -fuzztime "$1" -parallel 1 >"$log" 2>&1 </dev/null; then
    cat "$log"; rm -f "$log"; exit 255
  fi
  rm -f "$log"'

#!/usr/bin/env bash
# Fuzzes each parser of outside bytes for the time given (default 10m), three at a
# time, so that `make test` can afford it. A finding is printed; what it was
# found with is kept by go test under the package's testdata/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
export time=${1:-10m}

# Go before 1.27 now and then calls the end of the time itself a failure
# (golang/go#75804). Such a run has nothing else to say and wrote no input.
ended() {
  ! grep -qE 'Failing input|panic|hung or terminated' "$1" &&
    [ "$(sed -n '/^--- FAIL/,$p' "$1" | sed -n 2p)" = '    context deadline exceeded' ]
}

one() { # package, target
  local log
  log=$(mktemp)
  echo "fuzz: $1 $2 for $time"
  if ! go test "./$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 1s -parallel 1 >"$log" 2>&1 </dev/null && ! ended "$log"; then
    cat "$log"
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
export -f one ended

grep -rEl --include='*_test.go' '^func Fuzz' internal cmd | xargs -n1 dirname | sort -u | while read -r dir; do
  go test "./$dir" -list '^Fuzz' | grep '^Fuzz' | sed "s|^|$dir |"
done | xargs -P 3 -L 1 bash -c 'one "$0" "$1"'
